package sync

import (
	"context"
	"errors"

	"go.uber.org/zap"
	"golang.org/x/sync/errgroup"

	"dossiersync/store"
	"dossiersync/store/dossier"
	"dossiersync/sync/source"
)

const (
	// removedFreely is how many inferred removals of a stream in 24 hours are never held (I5).
	removedFreely = 20
	// confirmedAtOnce is how many suspects are read at the same time. The source's own limits
	// come on top.
	confirmedAtOnce = 4
	// absencesAtOnce is how many absences are taken from the store at a time.
	absencesAtOnce = 100
)

// settleAbsences reads the stream's suspects by their ids and removes those that are gone, unless
// they are more than the brake allows. A suspect is an item that the census lacks.
//
// It settles only types that this run has listed completely by all their searches. An absence that
// an earlier run found is not used without a complete list of this run.
func (s *slice) settleAbsences(ctx context.Context, stream dossier.Stream, types []string) (more bool, err error) {
	st, approved := s.syncer.store, s.claim.Run.Scope.Approve
	b, err := st.Brake(ctx, s.claim, stream)
	absent := b.Suspects + b.Confirmed + b.Held
	if err != nil || absent == 0 {
		return false, err
	}
	allowed := s.allowed(b)
	if approved {
		allowed = absent
	}
	if b.Held > 0 && absent > allowed {
		return false, s.hold(ctx, stream)
	}
	if b.Held > 0 {
		if err := st.ReleaseAbsences(ctx, s.claim, stream); err != nil {
			return false, err
		}
	}
	confirmed := b.Confirmed
	for {
		if confirmed > allowed {
			return false, s.hold(ctx, stream)
		}
		suspects, err := st.Suspects(ctx, s.claim, stream, types, absencesAtOnce)
		if err != nil {
			return false, err
		}
		if len(suspects) == 0 {
			break
		}
		n, err := s.confirm(ctx, suspects)
		if err != nil {
			return false, err
		}
		confirmed += n
		if s.timeIsUp() {
			return true, nil
		}
	}
	if approved && confirmed > s.allowed(b) {
		if err := st.NoteApproval(ctx, s.claim, stream, confirmed); err != nil {
			return false, err
		}
	}
	return s.removeConfirmed(ctx, stream, types)
}

// allowed returns how many items of a stream may be removed now without an operator.
func (s *slice) allowed(b store.Brake) int64 {
	return max(int64(s.tenant.MaxRemoved*float64(b.Shown+b.Removed)), removedFreely) - b.Removed
}

// hold keeps the stream's absent items as they are until an operator approves their removal.
func (s *slice) hold(ctx context.Context, stream dossier.Stream) error {
	s.log.Warn("more items are absent from the source than may be removed without an operator; they are held",
		zap.String("stream", string(stream)))
	return s.syncer.store.HoldAbsences(ctx, s.claim, stream)
}

// confirm reads the suspects, records the results, and returns how many suspects are gone.
func (s *slice) confirm(ctx context.Context, suspects []store.Absence) (gone int64, err error) {
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(confirmedAtOnce)
	found := make([]presence, len(suspects))
	for i, a := range suspects {
		g.Go(func() (err error) {
			defer recovered(&err)
			found[i], err = s.look(gctx, a)
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return 0, err
	}
	for i, a := range suspects {
		if err := s.notePresence(ctx, a, found[i]); err != nil {
			return 0, err
		}
		if found[i].gone {
			gone++
		}
	}
	return gone, nil
}

func (s *slice) notePresence(ctx context.Context, a store.Absence, p presence) error {
	st := s.syncer.store
	switch {
	case p.gone:
		return st.ConfirmAbsence(ctx, s.claim, a.Key)
	case p.unsure:
		return st.MarkAbsenceUnsure(ctx, s.claim, a.Key)
	}
	var err error
	if id, ok := s.runType(a.Stream, a.Ref.Type); ok {
		err = s.applyRead(ctx, id, p.item)
	}
	return errors.Join(err, st.EndAbsence(ctx, s.claim, a.Key))
}

// presence is what reading a suspect by its id has shown: it is gone, that is unsure, or item is
// its present state.
type presence struct {
	gone   bool
	unsure bool // 401, 403 and 5xx confirm nothing
	item   dossier.Item
}

// look reads one suspect. It is gone if the source does not have it, or if it could be shown but
// none of the type's searches finds it any more, so that it has left what the organisation shares.
func (s *slice) look(ctx context.Context, a store.Absence) (presence, error) {
	item, err := s.read(ctx, a.Stream, a.Ref)
	f := localFailure(err)
	switch {
	case f != nil && f.Kind == source.NotFound:
		return presence{gone: true}, nil
	case f != nil:
		return presence{unsure: true}, nil
	case err != nil:
		return presence{}, err
	case item.State != dossier.StateShown && !item.EnvelopeRead:
		return presence{item: item}, nil
	}
	found, err := s.searches().find(ctx, a)
	if err != nil {
		return presence{}, err
	}
	if found != foundByNone {
		return presence{unsure: found == foundUnclear, item: item}, nil
	}
	// If the searches of a type find nothing at all, they prove nothing about one record: the
	// source may no longer let us see that type. An operator's approval overrules that.
	listed := s.claim.Run.Scope.Approve
	if !listed {
		listed, err = s.syncer.store.HasListed(ctx, s.claim, a.Stream, a.Ref.Type)
	}
	return presence{gone: listed, unsure: !listed, item: item}, err
}

// removeConfirmed removes the items of the types that are confirmed to be gone.
func (s *slice) removeConfirmed(ctx context.Context, stream dossier.Stream, types []string) (more bool, err error) {
	for {
		gone, err := s.syncer.store.ConfirmedAbsences(ctx, s.tenant.ID, stream, types, absencesAtOnce)
		if err != nil || len(gone) == 0 {
			return false, err
		}
		byType := make(map[string][]dossier.Item)
		for _, a := range gone {
			byType[a.Ref.Type] = append(byType[a.Ref.Type], dossier.Item{
				Ref: a.Ref, Stream: stream, State: dossier.StateWithdrawn, Reason: dossier.WithdrawnAbsent})
		}
		for name, items := range byType {
			id, ok := s.runType(stream, name)
			if !ok {
				return false, nil
			}
			b := store.Batch{Kind: store.BatchAbsences, Type: id, Items: items}
			if _, err := s.applyBatch(ctx, b); err != nil {
				return false, err
			}
		}
		if s.timeIsUp() {
			return true, nil
		}
	}
}

// searches returns the searches by which this slice finds a record.
func (s *slice) searches() searches {
	byClient := make(map[store.TypeID]bool)
	for _, t := range s.types {
		byClient[t.TypeID] = t.ByClient
	}
	return searches{types: s.description.Types, byClient: byClient, search: s.search}
}
