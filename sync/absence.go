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
	// removedFreely is how many inferred removals of a stream in 24 hours are
	// never held (I5).
	removedFreely = 20
	// confirmAtOnce is how many absentees are read at once. The source has limits
	// of its own.
	confirmAtOnce = 4
	bite          = 100
)

// settleAbsences reads by their ids the items of a stream that are absent, and
// removes those that are gone, unless they are more than the brake allows.
//
// Only those of types that were listed whole, in this run, by all their searches:
// what an earlier run found or confirmed says nothing without a list of today.
func (r *slice) settleAbsences(ctx context.Context, stream dossier.Stream, types []string) (more bool, err error) {
	st := r.syncer.store
	b, err := st.Brake(ctx, r.claim, stream)
	if err != nil || b.Suspects+b.Confirmed+b.Held == 0 {
		return false, err
	}
	allowed := r.allowed(b)
	switch approved := r.claim.Run.Scope.Approve; {
	case approved:
		allowed = b.Suspects + b.Confirmed + b.Held
	case b.Held > 0 && b.Suspects+b.Confirmed+b.Held > allowed:
		return false, r.hold(ctx, stream)
	}
	if b.Held > 0 {
		if err := st.ReleaseAbsences(ctx, r.claim, stream); err != nil {
			return false, err
		}
	}
	confirmed := b.Confirmed
	for {
		if confirmed > allowed {
			return false, r.hold(ctx, stream)
		}
		suspects, err := st.Suspects(ctx, r.claim, stream, types, bite)
		if err != nil {
			return false, err
		}
		if len(suspects) == 0 {
			break
		}
		n, err := r.confirm(ctx, suspects)
		if err != nil {
			return false, err
		}
		confirmed += n
		if r.timeIsUp() {
			return true, nil
		}
	}
	if r.claim.Run.Scope.Approve && confirmed > r.allowed(b) {
		if err := st.NoteApproval(ctx, r.claim, stream, confirmed); err != nil {
			return false, err
		}
	}
	return r.removeConfirmed(ctx, stream, types)
}

// allowed returns how many of a stream may be removed now without an operator.
func (r *slice) allowed(b store.Brake) int64 {
	return max(int64(r.tenant.MaxRemoved*float64(b.Shown+b.Removed)), removedFreely) - b.Removed
}

func (r *slice) hold(ctx context.Context, stream dossier.Stream) error {
	r.log.Warn("more is absent from the source than may be removed without an operator; it is held",
		zap.String("stream", string(stream)))
	return r.syncer.store.HoldAbsences(ctx, r.claim, stream)
}

// confirm reads the suspects, and returns how many of them are gone.
func (r *slice) confirm(ctx context.Context, suspects []store.Absence) (gone int64, err error) {
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(confirmAtOnce)
	found := make([]presence, len(suspects))
	for i, a := range suspects {
		g.Go(func() (err error) {
			defer recovered(&err)
			found[i], err = r.look(gctx, a)
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return 0, err
	}
	st := r.syncer.store
	for i, a := range suspects {
		var err error
		switch p := found[i]; {
		case p.gone:
			gone++
			err = st.ConfirmAbsence(ctx, r.claim, a.Key)
		case p.unsure:
			err = st.MarkAbsenceUnsure(ctx, r.claim, a.Key)
		default:
			if id, ok := r.runType(a.Stream, a.Ref.Type); ok {
				err = r.applyRead(ctx, id, p.item)
			}
			err = errors.Join(err, st.EndAbsence(ctx, r.claim, a.Key))
		}
		if err != nil {
			return 0, err
		}
	}
	return gone, nil
}

// presence is what a direct look at a record has shown.
type presence struct {
	gone   bool
	unsure bool // the source could not say: 401, 403 and 5xx confirm nothing
	item   dossier.Item
}

// look reads one record. One that is there, and could be shown or has been, but
// that no search for its type finds any more, has left what the organisation
// shares.
func (r *slice) look(ctx context.Context, a store.Absence) (presence, error) {
	r.asking()
	item, err := r.tenant.Source.Read(ctx, a.Stream, a.Ref)
	r.headway()
	f, failed := errors.AsType[*source.Failure](err)
	switch {
	case failed && f.Kind == source.NotFound:
		return presence{gone: true}, nil
	case failed && !concernsAll(f):
		return presence{unsure: true}, nil
	case err != nil:
		return presence{}, err
	case item.State != dossier.StateShown && !item.EnvelopeRead:
		return presence{item: item}, nil
	}
	left, sure, err := r.leftSearches(ctx, a)
	return presence{gone: left && sure, unsure: !sure, item: item}, err
}

// leftSearches reports whether none of the searches for the record's type finds
// it. It is not sure where one of them failed, or where they find nothing at all
// and no operator has approved.
func (r *slice) leftSearches(ctx context.Context, a store.Absence) (left, sure bool, err error) {
	for _, t := range r.types {
		if t.Stream != a.Stream || t.Type != a.Ref.Type {
			continue
		}
		typ, ok := r.sourceType(t.TypeID)
		if !ok || typ.Query == "" {
			return false, true, nil // it searches for all of them
		}
		page, err := r.search(ctx, source.Query{Type: typ, Client: r.clientFor(t, a), ID: a.Ref.ID})
		f, failed := errors.AsType[*source.Failure](err)
		switch {
		case failed && !concernsAll(f):
			return false, false, nil
		case err != nil:
			return false, false, err
		}
		for _, it := range page.Items {
			if it.Ref == a.Ref {
				return false, true, nil
			}
		}
		if len(page.Items) > 0 {
			return false, false, nil // it searched for something else
		}
	}
	// Searches that find nothing at all say nothing of any one record: perhaps we may
	// not see what they find any more.
	if r.claim.Run.Scope.Approve {
		return true, true, nil
	}
	sure, err = r.syncer.store.HasListed(ctx, r.claim, a.Stream, a.Ref.Type)
	return sure, sure, err
}

// clientFor returns whom a search for the absentee has to name: nobody, unless the
// source can only be searched by client.
func (r *slice) clientFor(t store.RunType, a store.Absence) string {
	if t.ByClient {
		return a.Client
	}
	return ""
}

// removeConfirmed removes what was confirmed to be gone.
func (r *slice) removeConfirmed(ctx context.Context, stream dossier.Stream, types []string) (more bool, err error) {
	for {
		gone, err := r.syncer.store.ConfirmedAbsences(ctx, r.tenant.ID, stream, types, bite)
		if err != nil || len(gone) == 0 {
			return false, err
		}
		byType := make(map[string][]dossier.Item)
		for _, a := range gone {
			byType[a.Ref.Type] = append(byType[a.Ref.Type], dossier.Item{
				Ref: a.Ref, Stream: stream, State: dossier.StateWithdrawn, Reason: dossier.WithdrawnAbsent})
		}
		for name, items := range byType {
			id, ok := r.runType(stream, name)
			if !ok {
				return false, nil
			}
			if _, err := r.applyBatch(ctx, store.Batch{Kind: store.BatchAbsences, Type: id, Items: items}); err != nil {
				return false, err
			}
		}
		if r.timeIsUp() {
			return true, nil
		}
	}
}
