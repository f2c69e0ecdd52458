package sync_test

import (
	"slices"

	"dossiersync/store"
	"dossiersync/store/dossier"
)

// ledger keeps what a replica removed, and what it revealed, although the source had not stated
// it, in order to check the limits of I5 and I6. It goes by what readers saw before and after each
// run, and by what the source answered meanwhile.
type ledger struct {
	day               int
	removed, revealed map[string]inference // by id: what readers lack, or see, now
	// The types of all items that were shown today, without those that the source stated to be
	// hidden, and of all that were marked.
	shown, marked map[string]string
	once          map[string]bool // items that a mark hid, and that were not withdrawn since
}

// inference is one item that was removed or revealed.
type inference struct {
	typ string
	day int
}

func newLedger() ledger {
	return ledger{removed: make(map[string]inference), revealed: make(map[string]inference),
		shown: make(map[string]string), marked: make(map[string]string), once: make(map[string]bool)}
}

// tomorrow begins a day.
func (l *ledger) tomorrow() {
	l.day++
	clear(l.shown)
	clear(l.marked)
}

// countSince counts the inferences of the type from a day on.
func countSince(list map[string]inference, typ string, day int) (n int) {
	for _, i := range list {
		if i.typ == typ && i.day >= day {
			n++
		}
	}
	return n
}

// note notes which items are shown, and which are marked.
func (l *ledger) note(s snapshot) {
	for id, r := range s.rows {
		switch {
		case r.State == string(dossier.StateShown):
			l.shown[id] = r.Type
			delete(l.removed, id)
		case r.isMarked():
			l.marked[id] = r.Type
			delete(l.revealed, id)
		}
	}
}

// had counts the items of each type.
func had(types map[string]string) map[string]int {
	n := make(map[string]int)
	for _, typ := range types {
		n[typ]++
	}
	return n
}

func (r row) isMarked() bool {
	return r.State == string(dossier.StateHidden) && dossier.Reason(r.Reason).IsMark()
}

// wantOnlyStatedChanges checks that nothing was removed from readers, or shown to them, that the
// source had not stated, beyond the limits of I5 and I6.
func (x *execution) wantOnlyStatedChanges(before, after snapshot) {
	l := &x.ledger
	l.note(before)
	parts, types := make(map[[2]string]*partChange), make(map[string]bool)
	for id, was := range before.rows {
		is := after.rows[id]
		switch {
		case was.State != string(dossier.StateShown) || is.State == string(dossier.StateShown):
		case isOfClients(id) && after.clients[was.Client].State != string(dossier.StateShown):
			delete(l.shown, id) // it goes with its client, which counts itself
		case x.isStated(was, is):
			delete(l.shown, id)
			changeOf(parts, was).stated++
		default:
			if !x.source.answersOf(id).looked {
				x.failf("%s was removed, %s, although the source was not asked for it", id, is.Reason)
			}
			l.removed[id] = inference{was.Type, l.day}
			types[was.Type] = true
			changeOf(parts, was).inferred++
		}
	}
	began, revealed := had(l.shown), x.revealed(after)
	l.note(after)
	if x.approved {
		return
	}
	x.wantLimitsKept(began, types, revealed)
	for part, change := range parts {
		left := 0
		for _, r := range after.rows {
			if r.State == string(dossier.StateShown) && r.Client == part[0] && r.Part == part[1] {
				left++
			}
		}
		isShown := after.clients[part[0]].State == string(dossier.StateShown)
		if part[1] != "" && isShown && left == 0 && change.stated == 0 && change.inferred >= 5 {
			x.failf("all %d %s of %s were removed without an operator", change.inferred, part[1], part[0])
		}
	}
}

// partChange is how many items left one client's part in a run.
type partChange struct{ stated, inferred int }

func changeOf(parts map[[2]string]*partChange, r row) *partChange {
	part := [2]string{r.Client, r.Part}
	if parts[part] == nil {
		parts[part] = new(partChange)
	}
	return parts[part]
}

// isStated reports whether the source, or another rule of this program, stated that the item is not
// to be shown any more.
func (x *execution) isStated(was, is row) bool {
	a := x.source.answersOf(was.ID)
	if is.Client != was.Client && is.Client != "" {
		return a.clients[is.Client]
	}
	switch reason := dossier.Reason(is.Reason); reason {
	case dossier.HiddenClientHidden, dossier.HiddenUnknownClient, dossier.WithdrawnPurged:
		return was.Client != was.ID // it goes with its client, which counts itself
	case dossier.HiddenSuperseded:
		return true
	case dossier.HiddenQuarantined:
		return a.bad || len(a.clients) > 0
	case dossier.WithdrawnDeleted:
		return a.deleted
	default:
		return a.said[reason]
	}
}

// revealed checks that an item that was once hidden for a mark is shown only after the source was
// asked for it and showed it without that mark, or after the tenant's rule ended. It returns the
// types of which items were revealed.
func (x *execution) revealed(after snapshot) map[string]bool {
	l := &x.ledger
	types := make(map[string]bool)
	for id, r := range after.rows {
		switch {
		case r.isMarked():
			l.once[id] = true
		case r.State == string(dossier.StateWithdrawn):
			delete(l.once, id)
		case r.State != string(dossier.StateShown) || !l.once[id]:
		case x.ruleEnded:
			delete(l.once, id)
		case !x.source.answersOf(id).unmarked:
			x.failf("%s was hidden for a mark, and is shown although the source was not asked for it", id)
		default:
			delete(l.once, id)
			l.revealed[id] = inference{r.Type, l.day}
			types[r.Type] = true
		}
	}
	return types
}

// wantLimitsKept checks the limits of a day and a week for the types of which the run removed or
// revealed items. They are counted more generously than the engine does: what readers lack now,
// against all that they saw today. began is what was shown today before the run, by type.
func (x *execution) wantLimitsKept(began map[string]int, removed, revealed map[string]bool) {
	l := &x.ledger
	shown, marked := had(l.shown), had(l.marked)
	for typ := range removed {
		had, day, week := shown[typ], countSince(l.removed, typ, l.day), countSince(l.removed, typ, l.day-6)
		freely := 20
		if typ == patients.Name {
			if freely = 3; had < 20 {
				freely = 1
			}
		}
		most := max(int(x.tenant.MaxRemoved*float64(had)), freely)
		if day > most || week > 3*most || began[typ] >= 2 && 2*day >= had {
			x.failf("%d of %d %s were removed without an operator today, and %d this week: %v",
				day, had, typ, week, l.removed)
		}
	}
	for typ := range revealed {
		had, day := marked[typ], countSince(l.revealed, typ, l.day)
		if day > max(20, had/100) || had >= 3 && day >= had {
			x.failf("%d of %d marked %s were shown without an operator: %v", day, had, typ, l.revealed)
		}
	}
}

// wantHeldListed checks, after a reconcile that compared everything during a mishap, that all that
// readers still see and the source does not show is held.
func (x *execution) wantHeldListed(run store.Run, scope store.Scope, after snapshot) {
	m := x.source.mishap
	narrows := m.empty || m.unseen != "" || m.client != "" || m.criterion != ""
	if scope.Only != store.StepReconcile || x.faulty || x.resumed || !narrows || x.source.special != (modelBehaviour{
		feed: x.source.special.feed, gone: x.source.special.gone, short: x.source.special.short}) ||
		m.pages > 0 || m.refusing || m.forbidden != "" || x.source.behaviour.circle > 0 || run.Outcome == nil {
		return
	}
	if slices.ContainsFunc(run.Types, func(t store.RunType) bool { return t.Failure != nil || t.Short }) {
		return
	}
	for id, r := range after.rows {
		e, exists := x.model.records[id]
		if r.State != string(dossier.StateShown) || exists && m.shows(e) {
			continue
		}
		if a := after.absences[id]; a.State != "held" && a.State != "kept" {
			x.failf("%s is shown here and not there, and is not held: %+v", id, a)
		}
	}
}

// wantGrantsKept checks that no grant was touched unless its client was merged (I5a).
func (x *execution) wantGrantsKept(after snapshot) {
	for _, id := range []string{"c1", "c2", "c3"} {
		merged := slices.ContainsFunc(x.model.history[id],
			func(e entry) bool { return e.hidden == dossier.HiddenMerged })
		if got := after.grants[id]; got != "accepted" && !merged {
			x.failf("the grant on %s is %s", id, got)
		}
		if void := after.clients[id].Void; void != "" {
			x.failf("the grants on %s do not count any more: %s", id, void)
		}
	}
}
