package sync

import (
	"context"
	"errors"
	"slices"
	"time"

	"go.uber.org/zap"
	"golang.org/x/sync/errgroup"

	"dossiersync/store"
	"dossiersync/store/dossier"
	"dossiersync/sync/source"
)

const (
	// lookedAtOnce is how many records are read at the same time. The source's own limits apply too.
	lookedAtOnce = 4
	// absencesAtOnce is how many absences are taken from the store at a time.
	absencesAtOnce = 100
)

// settle decides on absences: items that are stored and that the source no longer shows, and items
// that are hidden and whose mark the source no longer has, although the source stated neither (I5,
// I6). Each record is read by its id. The confirmed absences of a type are then judged together:
// the items are removed, or shown; or held, if they pass a limit.
//
// Records that are missing from a list are settled only if this run has listed their type
// completely, by all its searches. A list of an earlier run is not used.
func (s *slice) settle(ctx context.Context) (more bool, err error) {
	st := s.syncer.store
	if s.claim.Run.Scope.Client != "" {
		return false, nil
	}
	waiting, err := s.outstanding(ctx)
	if err != nil || !waiting.Absences {
		return false, err
	}
	s.changed()
	if s.claim.Run.Scope.Approve {
		if err := st.ApproveHolds(ctx, s.claim, s.claim.Run.Scope.Stream); err != nil {
			return false, err
		}
	}
	listed, err := st.Censuses(ctx, s.claim.Run.ID)
	if err != nil {
		return false, err
	}
	if err := st.SettleAbsences(ctx, s.claim); err != nil {
		return false, err
	}
	types, err := st.AbsentTypes(ctx, s.tenant.ID)
	if err != nil {
		return false, err
	}
	for _, stream := range dossier.Streams() {
		for _, t := range types {
			if t.Stream != stream || s.claim.Run.Scope.Stream != "" && s.claim.Run.Scope.Stream != stream {
				continue
			}
			whole := slices.Contains(s.listedWhole(stream, listed), t.Type)
			if more, err := s.settleType(ctx, t, whole); more || err != nil {
				return more, err
			}
		}
		// The items of a client that is held, or was removed just now, are not judged themselves.
		if stream == dossier.StreamClients {
			if err := st.SettleAbsences(ctx, s.claim); err != nil {
				return false, err
			}
		}
	}
	if err := st.NoteHeldClients(ctx, s.claim); err != nil {
		return false, err
	}
	return false, s.countUnsettled(ctx)
}

// countUnsettled counts the held items, and the records of which the source did not say whether
// they exist.
func (s *slice) countUnsettled(ctx context.Context) error {
	held, err := s.syncer.store.HeldRemovals(ctx, s.tenant.ID)
	if err != nil {
		return err
	}
	s.compared.held = 0
	for _, h := range held {
		s.compared.held += h.Items
	}
	s.compared.unsure, err = s.syncer.store.UnsureAbsences(ctx, s.claim)
	return err
}

// settleType reads the records of the type's absences, and then removes, shows or holds the items.
func (s *slice) settleType(ctx context.Context, t store.AbsentType, listed bool) (more bool, err error) {
	for {
		held, err := s.holdBeyondLimits(ctx, t)
		if err != nil || held {
			return false, err
		}
		suspects, err := s.syncer.store.Suspects(ctx, s.claim, t, listed, absencesAtOnce)
		if err != nil {
			return false, err
		}
		if len(suspects) == 0 {
			break
		}
		if err := s.look(ctx, t, suspects); err != nil {
			return false, err
		}
		if s.timeIsUp() {
			return true, nil
		}
	}
	for _, reveals := range []bool{false, true} {
		if more, err := s.carryOut(ctx, t, reveals); more || err != nil {
			return more, err
		}
	}
	return false, nil
}

// holdBeyondLimits holds the type's removals, its reveals or its deletions, if the confirmed ones
// pass a limit. It reports whether it has held all that was left.
func (s *slice) holdBeyondLimits(ctx context.Context, t store.AbsentType) (bool, error) {
	st, isHeld, all := s.syncer.store, false, true
	for _, reveals := range []bool{false, true} {
		tally, err := st.Tally(ctx, s.claim, t, reveals)
		if err != nil {
			return false, err
		}
		for _, rule := range s.rulesPassed(t, tally, reveals) {
			n, err := st.HoldAbsences(ctx, s.claim, t, reveals, rule)
			if err != nil {
				return false, err
			}
			s.log.Warn("the source lacks more than is removed or shown without an operator; the items are held",
				zap.String("stream", string(t.Stream)), zap.String("type", t.Type), zap.Bool("reveals", reveals),
				zap.String("rule", string(rule)), zap.Int64("items", n))
			isHeld = true
		}
		if isHeld {
			if tally, err = st.Tally(ctx, s.claim, t, reveals); err != nil {
				return false, err
			}
		}
		all = all && tally.Suspects == 0 && tally.Confirmed+tally.Named == 0
	}
	return isHeld && all, nil
}

// rulesPassed returns the rules by which removals, or reveals, of the type are to be held.
func (s *slice) rulesPassed(t store.AbsentType, tally store.Tally, reveals bool) (rules []store.HoldRule) {
	approved := s.claim.Run.Scope.Approve && !reveals
	rule := limits{maxRemoved: s.tenant.MaxRemoved, stream: t.Stream}.passed(tally, reveals)
	switch {
	case rule != "" && !approved:
		rules = append(rules, rule)
	case tally.Refused > 0:
		rules = append(rules, store.HeldRefused)
	}
	if tally.Shown >= manyShown && 2*tally.Named >= tally.Shown && !approved {
		rules = append(rules, store.HeldDeletions)
	}
	return rules
}

// limits decides how much of a type may be removed or revealed by inference.
type limits struct {
	maxRemoved float64 // a fraction of what is shown
	stream     dossier.Stream
}

const (
	removedFreely  = 20 // removals of a type in 24 hours that are never too many by number
	revealedFreely = 20
	// A client takes a whole dossier along, so fewer clients are removed without an operator.
	clientsFreely      = 3
	clientsFreelyOfFew = 1
	fewClients         = 20
)

// passed returns the limit that the confirmed absences pass; empty: none.
func (l limits) passed(t store.Tally, reveals bool) store.HoldRule {
	if t.Confirmed == 0 {
		return ""
	}
	before, day, week := t.Shown+t.LastDay, t.Confirmed+t.LastDay, t.Confirmed+t.LastWeek
	if reveals {
		switch {
		case before >= 3 && day >= before:
			return store.HeldEveryMark
		case day > max(revealedFreely, before/100):
			return store.HeldReveals
		}
		return ""
	}
	free := int64(removedFreely)
	if l.stream == dossier.StreamClients {
		if free = clientsFreely; before < fewClients {
			free = clientsFreelyOfFew
		}
	}
	most := max(int64(l.maxRemoved*float64(before)), free)
	switch {
	case before >= 2 && 2*day >= before:
		return store.HeldHalf
	case day > most:
		return store.HeldDay
	case week > 3*most:
		return store.HeldWeek
	case t.EmptiesPart:
		return store.HeldPart
	}
	return ""
}

// look reads the suspects by their ids and stores the result. An absence that an operator has
// approved, and that the read confirms, is carried out at once.
func (s *slice) look(ctx context.Context, t store.AbsentType, suspects []store.Absence) error {
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(lookedAtOnce)
	found := make([]presence, len(suspects))
	for i, a := range suspects {
		g.Go(func() (err error) {
			defer recovered(&err)
			found[i], err = s.lookAt(gctx, a)
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return err
	}
	var approved []store.Absence
	for i, a := range suspects {
		if a.Approved && found[i].absent {
			approved = append(approved, a)
		} else if err := s.notePresence(ctx, a, found[i]); err != nil {
			return err
		}
	}
	return s.carryOutEach(ctx, t, approved)
}

func (s *slice) notePresence(ctx context.Context, a store.Absence, p presence) error {
	st := s.syncer.store
	switch {
	case p.absent:
		return st.ConfirmAbsence(ctx, s.claim, a.Key)
	case p.unsure:
		return st.MarkAbsenceUnsure(ctx, s.claim, a.Key, p.refused)
	}
	var err error
	if id, ok := s.runType(a.Stream, a.Ref.Type); ok {
		err = s.applyRead(ctx, id, p.item)
	}
	return errors.Join(err, st.EndAbsence(ctx, s.claim, a.Key))
}

// presence is what reading a record by its id has shown: the absence is confirmed, that is unsure,
// or item is the record's present state.
type presence struct {
	absent  bool
	unsure  bool // 401, 403 and 5xx confirm nothing
	refused bool // 401 or 403
	item    dossier.Item
}

// lookAt reads one record. A missing record is absent if the source does not have it, or if none
// of the type's searches finds it although they find others. A missing member is absent if the
// record still comes without it.
func (s *slice) lookAt(ctx context.Context, a store.Absence) (presence, error) {
	item, err := s.read(ctx, a.Stream, a.Ref)
	f := localFailure(err)
	switch {
	case f != nil && f.Kind == source.NotFound:
		return presence{absent: a.Missing != dossier.MissingMark}, nil
	case f != nil:
		return presence{unsure: true, refused: f.Kind == source.Unauthorized}, nil
	case err != nil:
		return presence{}, err
	case a.Missing == dossier.MissingMark:
		return presence{absent: item.State == dossier.StateShown, item: item}, nil
	case item.Missing != "":
		return presence{absent: true, item: item}, nil
	case a.Missing != dossier.MissingRecord, item.State != dossier.StateShown && !item.EnvelopeRead:
		return presence{item: item}, nil
	}
	found, err := s.searches().find(ctx, a)
	if err != nil {
		return presence{}, err
	}
	if found != foundByNone {
		return presence{unsure: found == foundUnclear, item: item}, nil
	}
	// Searches that find nothing at all prove nothing about one record: perhaps we have lost the
	// right to see what they find. An operator's approval overrules that.
	listed := s.claim.Run.Scope.Approve || a.Approved
	if !listed {
		listed, err = s.syncer.store.HasListed(ctx, s.claim, a.Stream, a.Ref.Type)
	}
	return presence{absent: listed, unsure: !listed, item: item}, err
}

// carryOut removes the type's items whose absence is confirmed, or reveals those whose mark is.
func (s *slice) carryOut(ctx context.Context, t store.AbsentType, reveals bool) (more bool, err error) {
	for {
		list, err := s.syncer.store.ConfirmedAbsences(ctx, s.claim, t, reveals, absencesAtOnce)
		if err != nil || len(list) == 0 {
			return false, err
		}
		if err := s.carryOutEach(ctx, t, list); err != nil {
			return false, err
		}
		if s.timeIsUp() {
			return true, nil
		}
	}
}

// carryOutEach applies what absences come to: a missing record is withdrawn; a record without a
// member is read once more and stored as it is.
func (s *slice) carryOutEach(ctx context.Context, t store.AbsentType, list []store.Absence) error {
	id, ok := s.runType(t.Stream, t.Type)
	if !ok || len(list) == 0 {
		return nil
	}
	var gone, deleted []dossier.Item
	for _, a := range list {
		if a.Named && a.Missing == dossier.MissingRecord {
			deleted = append(deleted, deletion(t.Stream, a.Ref, time.Time{}))
			continue
		}
		if a.Missing == dossier.MissingRecord {
			gone = append(gone, dossier.Item{
				Ref: a.Ref, Stream: t.Stream, State: dossier.StateWithdrawn, Reason: dossier.WithdrawnAbsent})
			continue
		}
		if err := s.settleMember(ctx, id, a); err != nil {
			return err
		}
	}
	if len(deleted) > 0 {
		if err := s.applyDeletions(ctx, id, deleted...); err != nil {
			return err
		}
	}
	if len(gone) == 0 {
		return nil
	}
	return s.withdraw(ctx, id, gone...)
}

// withdraw removes items whose absence was confirmed and judged.
func (s *slice) withdraw(ctx context.Context, id store.TypeID, items ...dossier.Item) error {
	_, err := s.applyBatch(ctx, store.Batch{Kind: store.BatchAbsences, Type: id, Items: items})
	return err
}

// settleMember stores a record as it is although it lacks a member.
func (s *slice) settleMember(ctx context.Context, id store.TypeID, a store.Absence) error {
	item, err := s.read(ctx, a.Stream, a.Ref)
	f := localFailure(err)
	switch {
	case f != nil && f.Kind == source.NotFound && a.Missing != dossier.MissingMark:
		item = dossier.Item{Ref: a.Ref, Stream: a.Stream, State: dossier.StateWithdrawn, Reason: dossier.WithdrawnAbsent}
	case f != nil:
		return s.syncer.store.MarkAbsenceUnsure(ctx, s.claim, a.Key, f.Kind == source.Unauthorized)
	case err != nil:
		return err
	}
	if item.State == dossier.StateWithdrawn {
		return s.withdraw(ctx, id, item)
	}
	_, err = s.applyBatch(ctx, store.Batch{Kind: store.BatchSettled, Type: id, Items: []dossier.Item{item}})
	return errors.Join(err, s.syncer.store.EndAbsence(ctx, s.claim, a.Key))
}

// searches returns the searches by which this slice finds a record.
func (s *slice) searches() searches {
	byClient := make(map[store.TypeID]bool)
	for _, t := range s.types {
		byClient[t.TypeID] = t.ByClient
	}
	return searches{types: s.description.Types, byClient: byClient, search: s.search}
}
