package sync_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/google/go-cmp/cmp"

	"dossiersync/store"
	"dossiersync/store/dossier"
)

// check checks what must hold after every run, whatever its outcome. began is what the source had
// when the run began.
func (x *execution) check(run store.Run, scope store.Scope, began map[string]entry) {
	before, after := x.last, takeSnapshot(x)
	x.last = after
	for id, c := range after.clients {
		if c.Change <= before.clients[id].Change && before.dossier(id) != after.dossier(id) {
			x.failf("the dossier of %s has changed, but its change number has not:\n%s\nbefore:\n%s",
				id, after.dossier(id), before.dossier(id))
		}
	}
	if scope.DryRun && !x.resumed {
		if diff := cmp.Diff(before.visible(), after.visible()); diff != "" {
			x.failf("a dry run made changes: %s", diff)
		}
	}
	x.wantOnlyAllowedContent(after)
	x.wantNoOlderVersions(before, after)
	x.wantOnlyStatedChanges(before, after)
	x.wantHeldListed(run, scope, after)
	x.wantGrantsKept(after)
	x.wantTrueCursors(before, after, began, run)
}

// wantOnlyAllowedContent checks that readers see only content that could be shown at some time, and
// that was the same client's (I6, I7).
func (x *execution) wantOnlyAllowedContent(snap snapshot) {
	for id, s := range snap.visible() {
		ok := func(e entry) bool { return e.client == s.Client }
		if _, was := x.model.findShown(s.Says, ok); !was {
			x.failf("%s is shown as %s, which the source never showed", id, s)
		}
		if goal, _, _ := strings.Cut(s.Goal, " by "); id[0] == 'p' && goal != "" {
			if _, was := x.model.findShown(goal, ok); !was {
				x.failf("%s is shown with another client's goal: %s", id, s)
			}
		}
		if owner := snap.clients[s.Client]; s.Client != "" && owner.State != string(dossier.StateShown) {
			x.failf("%s is shown, although its client %s is %s", id, s.Client, owner.State)
		}
	}
}

// wantNoOlderVersions checks that no item has become older within an epoch (I4).
func (x *execution) wantNoOlderVersions(before, after snapshot) {
	for id, was := range before.rows {
		is := after.rows[id]
		if is.Epoch == was.Epoch && was.Updated != nil && (is.Updated == nil || is.Updated.Before(*was.Updated)) {
			x.failf("%s went back from version %s to %s", id, was.Version, is.Version)
		}
	}
}

// wantTrueCursors checks that records which a cursor has passed in this run, and which did not
// change during the run, are stored as the source has them (I3).
func (x *execution) wantTrueCursors(before, after snapshot, began map[string]entry, run store.Run) {
	c := x.source.special
	if x.narrowed || c.cached || c.empty || c.shuffled && x.source.fakeSource.behaviour.noTotals {
		return // the source's answers were wrong
	}
	short, byClient := make(map[string]bool), make(map[string]bool)
	for _, t := range run.Types {
		short[t.Type], byClient[t.Type] = t.Short, t.ByClient
	}
	for id, e := range began {
		name := typeOf(id).Name
		upto, was := after.cursors[name], before.cursors[name]
		passed := upto != nil && !e.updated.After(*upto) &&
			(was == nil || upto.After(*was) && e.updated.After(was.Add(-x.tenant.Overlap)))
		changed := x.model.records[id] != e
		if !passed || changed || e.left || e.quiet || e.late || short[name] {
			continue
		}
		is, known := after.rows[id]
		switch {
		case after.quarantine[id]:
		case byClient[name] && after.clients[e.client].State != string(dossier.StateShown): // it was not asked for
		case after.absences[id].ID != "": // what the source has now lacks something
		case !known:
			x.failf("the cursor is at %s, and %s of %s is not here", clock(*upto), id, clock(e.updated))
		case is.Updated == nil || is.Updated.Before(e.updated):
			x.failf("the cursor is at %s, and %s of %s is as of %s", clock(*upto), id, clock(e.updated), is.Updated)
		case !is.Updated.Equal(e.updated):
		case is.Version != fmt.Sprint(e.version):
			x.failf("the cursor is at %s, and %s is version %s, not %d", clock(*upto), id, is.Version, e.version)
		case is.State == string(dossier.StateShown) && (e.hidden != "" || is.Client != e.client):
			x.failf("%s is shown of %q, although it is %s of %q", id, is.Client, e.hidden, e.client)
		}
	}
}

func clock(t time.Time) string { return t.UTC().Format("15:04:05.000") }

// settle stops the faults, does one run and one reconcile, and checks that the replica equals the
// source (I1), except for what is held because the source has really lost it, or has really taken
// its mark away. An operator approves that, and then nothing differs.
func (x *execution) settle() {
	x.source.calm = true
	x.pending = nil
	x.setBehaviour(x.header)
	x.model.advance(x.model.newest().Sub(x.model.now) + x.tenant.Lag + x.tenant.Overlap + time.Minute)
	x.runAndReconcile("reconcile")
	x.wantEqual()
	if len(x.last.absences) > 0 {
		x.text = "the approval"
		x.approveAll()
		x.runAndReconcile("reconcile approve")
		x.wantEqual()
	}
	if len(x.last.absences) > 0 {
		x.failf("still missing are %v", x.last.absences)
	}
	x.text = "once more"
	change := x.last.change
	x.executeRun(parseLine("run full"))
	x.wantEqual()
	if x.last.change != change {
		x.failf("reading everything again made changes: change number %d, before %d", x.last.change, change)
	}
	x.wantCounts()
}

// wantCounts checks that the source's counts agree with the replica after a reconcile.
func (x *execution) wantCounts() {
	const q = `
		SELECT coalesce(string_agg(type || ' ' || difference, ', '), '')
		FROM run_types
		WHERE run = (SELECT max(id) FROM runs) AND difference <> 0`
	var differ string
	if err := x.replica.Pool().QueryRow(x.ctx, q).Scan(&differ); err != nil {
		x.t.Fatalf("%v", err)
	}
	if differ != "" {
		x.failf("the counts differ from the replica: %s", differ)
	}
}

func (x *execution) runAndReconcile(reconcile string) {
	for round := 0; ; round++ {
		x.executeRun(parseLine("finish"))
		epoch := x.last.epoch
		x.text = "the last run"
		x.executeRun(parseLine("run"))
		if x.last.epoch == epoch {
			x.text = "the last " + reconcile
			x.executeRun(parseLine(reconcile))
		}
		if x.last.epoch == epoch {
			return
		}
		// A reconcile has only now found that the source was restored: the new epoch needs another
		// round.
		if round > 0 {
			x.failf("new epochs begin without end")
		}
	}
}

// approveAll approves whatever is held, as an operator.
func (x *execution) approveAll() {
	holds, err := x.replica.Holds(x.ctx, tenant)
	if err != nil {
		x.t.Fatalf("%v", err)
	}
	for _, h := range holds {
		if h.Items == 0 {
			x.failf("a hold has no items: %+v", h)
		}
		_, err := x.replica.DecideHold(x.ctx, store.HoldDecision{Tenant: tenant, Hold: h.ID, State: store.HoldApproved,
			By: "anna", Note: "test", Seen: h.Items})
		if err != nil {
			x.t.Fatalf("%v", err)
		}
	}
	x.approved = true
}

// wantEqual checks that the replica equals the source.
func (x *execution) wantEqual() {
	snap := x.last
	o := oracle{model: x.model, shown: snap.visible(), snapshot: snap}
	for id, a := range snap.absences {
		if !o.isTrue(a) {
			x.failf("%s counts as missing, although it is there: %+v", id, a)
		}
	}
	want := o.visible()
	if diff := cmp.Diff(want, o.shown); diff != "" {
		x.failf("readers do not see what the source shows (-want +got):\n%s", diff)
	}
	wantClients, gotClients := make(map[string]clientRow), maps.Clone(snap.clients)
	for id, e := range x.model.records {
		if id[0] != 'c' {
			continue
		}
		r := clientRow{ID: id, State: string(dossier.StateHidden), Change: snap.clients[id].Change}
		switch s := o.effective(id); {
		case s != nil:
			r.State, r.Name, r.Deceased = string(dossier.StateShown), s.marker, s.deceased
		case e.hidden == dossier.HiddenMerged && !e.isBad():
			r.Into = e.into
		case e.hidden == dossier.WithdrawnInError && !e.isBad():
			r.State = string(dossier.StateWithdrawn)
		case e.isBad():
			r.State, r.Into = snap.clients[id].State, snap.clients[id].Into
		}
		r.Void = snap.clients[id].Void
		if e.isBad() && snap.clients[id].ID == "" {
			continue
		}
		wantClients[id] = r
	}
	for id, a := range snap.absences {
		if _, ok := x.model.records[id]; !ok && id[0] == 'c' && a.Missing == string(dossier.MissingRecord) {
			wantClients[id] = snap.clients[id]
		}
	}
	for id, c := range gotClients { // the register may keep clients that the source no longer has
		if _, ok := x.model.records[id]; !ok && c.State != string(dossier.StateShown) {
			delete(gotClients, id)
		}
	}
	if diff := cmp.Diff(wantClients, gotClients); diff != "" {
		x.failf("the register of clients is not the source's (-want +got):\n%s", diff)
	}
	wantContacts, wantBad := make(map[string]string), make(map[string]bool)
	for id, s := range want {
		if id[0] == 'k' {
			wantContacts[id] = s.Client
		}
	}
	if diff := cmp.Diff(wantContacts, snap.contacts); diff != "" {
		x.failf("the register of contacts is not the source's (-want +got):\n%s", diff)
	}
	for id, e := range x.model.records {
		if e.isBad() && !e.left {
			wantBad[id] = true
		}
	}
	gotBad := maps.Clone(snap.quarantine)
	// Whether a record that no search finds is read by its id is not predictable.
	maps.DeleteFunc(gotBad, func(id string, _ bool) bool { return x.model.records[id].left })
	if diff := cmp.Diff(wantBad, gotBad); diff != "" {
		x.failf("the quarantine does not hold the unreadable records (-want +got):\n%s", diff)
	}
	if snap.outstanding != "" || len(snap.owed) > 0 {
		x.failf("left undone: %s; histories of %v", snap.outstanding, snap.owed)
	}
	o.wantRefs(x)
}

// oracle computes what the source would show.
type oracle struct {
	model    *model
	shown    map[string]readerView // what the replica shows
	snapshot snapshot
}

// valid returns what readers would see of the record if nothing replaced it; nil: nothing. If its
// newest body cannot be read, they may see an older version, as long as the envelope allows the
// record to be shown for the same client.
func (o oracle) valid(id string) *entry {
	e, ok := o.model.records[id]
	if a, isMissing := o.snapshot.absences[id]; isMissing && o.isTrue(a) {
		return o.held(id, a)
	}
	if !ok || e.hidden != "" || e.left || e.bad == badEnvelope {
		return nil
	}
	if isOfClients(id) && o.valid(e.client) == nil {
		return nil
	}
	if e.bad == "" {
		return &e
	}
	return o.lastShown(id, e.client)
}

// lastShown returns the version of the client's record that readers see.
func (o oracle) lastShown(id, client string) *entry {
	is, here := o.shown[id]
	if !here {
		return nil
	}
	if was, ok := o.model.findShown(is.Says, func(was entry) bool { return was.client == client }); ok {
		return &was
	}
	return nil
}

// isTrue reports whether the source really does not show what the absence is of: the record, its
// content, or its mark.
func (o oracle) isTrue(a absenceRow) bool {
	e, exists := o.model.records[a.ID]
	if a.Missing == string(dossier.MissingMark) {
		return exists && e.hidden == "" && !e.isBad()
	}
	return !exists || e.left || e.hidden == dossier.HiddenEmpty
}

// held returns what readers see of a record that is missing: what they saw before.
func (o oracle) held(id string, a absenceRow) *entry {
	client := o.shown[id].Client
	if a.Missing == string(dossier.MissingMark) || isOfClients(id) && o.valid(client) == nil {
		return nil
	}
	return o.lastShown(id, client)
}

// ids returns the ids of the records that the source has or that are held.
func (o oracle) ids() []string {
	ids := slices.Collect(maps.Keys(o.model.records))
	for id := range o.snapshot.absences {
		if _, ok := o.model.records[id]; !ok {
			ids = append(ids, id)
		}
	}
	return ids
}

// effective returns what readers see of the record; nil: nothing, for instance because another
// report replaces it.
func (o oracle) effective(id string) *entry {
	e := o.valid(id)
	if e == nil || id[0] == 'r' && o.isReplaced(*e) {
		return nil
	}
	return e
}

func (o oracle) isReplaced(e entry) bool {
	for _, id := range o.ids() {
		if id == e.id || id[0] != e.id[0] {
			continue
		}
		if by := o.valid(id); by != nil && by.replaces == e.id && by.client == e.client {
			return true
		}
	}
	return false
}

func (o oracle) visible() map[string]readerView {
	seen := make(map[string]readerView)
	for _, id := range o.ids() {
		if e := o.effective(id); e != nil {
			seen[id] = o.view(*e)
		}
	}
	return seen
}

func (o oracle) view(e entry) readerView {
	s := readerView{Client: e.client, Says: e.marker}
	switch e.id[0] {
	case 'o':
		s.Author = o.name(e.by)
	case 'g':
		s.Author = o.name(e.by)
	case 'r':
		s.Author, s.Plan, s.Goal = o.author(e.by), e.plan, e.goal
	case 'f':
		s.Author, s.Label = o.author(e.by), "Vraag niet beschikbaar"
		if q := o.found(e.plan); q != nil {
			s.Label = q.marker
		}
	case 'p':
		s.Author, s.Open = o.author(e.by), fmt.Sprint(!o.isReplaced(e))
		if g := o.found(e.goal); g != nil && g.client == e.client {
			s.Goal = g.marker
			if g.by != "" {
				s.Goal += " by " + o.name(g.by)
			}
		}
	}
	return s
}

// found is effective of a reference, which may be empty.
func (o oracle) found(id string) *entry {
	if id == "" {
		return nil
	}
	return o.effective(id)
}

// name returns the name of a nurse, or of the nurse who has a role.
func (o oracle) name(id string) string {
	e := o.found(id)
	switch {
	case e == nil:
		return ""
	case id[0] == 'o':
		return o.name(e.by)
	}
	return e.marker
}

// author returns the name and role that readers see of an author.
func (o oracle) author(id string) string {
	e := o.found(id)
	switch {
	case e == nil:
		return ""
	case id[0] == 'o':
		return o.name(e.by) + "|" + e.marker
	}
	return e.marker + "|verpleegkundige"
}

// wantRefs checks that the table of references holds what the shown items name.
func (o oracle) wantRefs(x *execution) {
	want := make(map[string][]string)
	for _, id := range o.ids() {
		e := o.effective(id)
		if e == nil {
			continue
		}
		for _, ref := range e.content().Refs() {
			want[id] = append(want[id], dossier.Key(tenant, ref))
		}
		slices.Sort(want[id])
		want[id] = slices.Compact(want[id])
	}
	got := maps.Clone(o.snapshot.refs)
	for id := range got {
		got[id] = slices.Sorted(slices.Values(got[id]))
	}
	maps.DeleteFunc(want, func(_ string, keys []string) bool { return len(keys) == 0 })
	if diff := cmp.Diff(want, got); diff != "" {
		x.failf("the references are not the source's (-want +got):\n%s", diff)
	}
}
