package sync

import (
	"context"
	"errors"
	"fmt"

	"go.uber.org/zap"

	"dossiersync/store"
	"dossiersync/sync/source"
)

// clientsAtOnce is how many clients are taken from the register in one go.
const clientsAtOnce = 100

// goByClient reports whether t, which the source will not let us search as a
// whole, can be read client by client instead. It finds out by trying one.
func (r *slice) goByClient(ctx context.Context, t *store.RunType, err error) (bool, error) {
	if source.KindOf(err) != source.Unsupported || !t.Stream.OfClients() || t.ByClient || r.claim.Run.Scope.Client != "" {
		return false, nil
	}
	typ, ok := r.sourceType(t.TypeID)
	if !ok {
		return false, nil
	}
	some, err := r.syncer.store.ShownClients(ctx, r.tenant.ID, "", 1)
	if err != nil || len(some) == 0 {
		return false, err
	}
	if _, err := r.search(ctx, source.Query{Type: typ, Client: some[0], Envelope: true}); err != nil {
		if f, ok := errors.AsType[*source.Failure](err); ok && !concernsAll(f) {
			return false, nil
		}
		return false, err
	}
	r.log.Info("the source lets this type be searched client by client only", zap.String("type", t.Type))
	t.ByClient = true
	return true, r.syncer.store.SetByClient(ctx, r.claim, t.TypeID)
}

// readByClient reads a type client by client, from where each was read last, and
// then moves the type's own cursor. A client whose records cannot be read keeps
// none of the others waiting.
func (r *slice) readByClient(ctx context.Context, t *store.RunType) error {
	st := r.syncer.store
	if !r.dry() {
		if err := st.BeginCursor(ctx, r.claim, t.TypeID); err != nil {
			return err
		}
	}
	var failed int64
	var first *source.Failure
	for after := ""; ; {
		list, err := st.ClientsToRead(ctx, r.claim, t.TypeID, after, clientsAtOnce)
		if err != nil {
			return err
		}
		if len(list) == 0 {
			break
		}
		for _, c := range list {
			after = c.Client
			err := r.readClient(ctx, t, c)
			f, isFailure := errors.AsType[*source.Failure](err)
			if isFailure && ctx.Err() == nil && !concernsAll(f) && f.Kind != source.Unauthorized {
				first = f
				if r.dry() {
					failed++
				} else if err := st.MarkClientFailed(ctx, r.claim, t.TypeID, c.Client); err != nil {
					return err
				}
			} else if err != nil {
				return err
			}
			if r.timeIsUp() {
				return nil
			}
		}
	}
	if !r.dry() {
		var err error
		if failed, err = st.FailedClients(ctx, r.claim, t.TypeID); err != nil {
			return err
		}
	}
	if failed > 0 && first == nil {
		first = &source.Failure{Kind: source.Invalid, Act: "search " + t.Type}
	}
	if failed > 0 {
		return &source.Failure{Kind: source.Invalid, Act: "read " + t.Type,
			Err: fmt.Errorf("the records of %s could not be read: %w", count(failed, "client"), first)}
	}
	t.Upto, t.Done = &t.To, true
	return r.apply(ctx, t.TypeID, nil, &store.Drained{Upto: t.To, Last: true})
}

func (r *slice) readClient(ctx context.Context, t *store.RunType, c store.ClientCursor) error {
	w, err := r.newWindow(t)
	if err != nil {
		return err
	}
	w.client, w.whole, w.uncut = c.Client, true, true
	if t.From != nil && c.Upto != nil {
		w.from = c.Upto.Add(-r.tenant.Overlap)
		if t.To.Before(*c.Upto) { // the source's clock was put back
			w.from = t.To.Add(-r.tenant.Overlap)
		}
	}
	drained, err := w.read(ctx)
	if err != nil {
		return err
	}
	t.Short = t.Short || drained.Short
	if r.dry() {
		return nil
	}
	return r.syncer.store.MarkClientRead(ctx, r.claim, t.TypeID, c.Client)
}

// listByClient lists a type for a census client by client, as far as time allows.
func (r *slice) listByClient(ctx context.Context, c *store.Census, t *store.RunType) error {
	for {
		clients, err := r.syncer.store.ShownClients(ctx, r.tenant.ID, c.Client, clientsAtOnce)
		if err != nil {
			return err
		}
		if len(clients) == 0 {
			t.Done = true
			return r.list(ctx, c.TypeID, nil, &store.Drained{Upto: t.To, Last: true})
		}
		for _, client := range clients {
			w, err := r.newWindow(t)
			if err != nil {
				return err
			}
			w.client, w.whole, w.uncut, w.census = client, true, true, true
			drained, err := w.read(ctx)
			if err == nil && drained.Short {
				err = &source.Failure{Kind: source.Invalid, Act: "list " + c.Type,
					Err: errors.New("fewer records came than the source had counted")}
			}
			if err != nil {
				return err
			}
			if err := r.syncer.store.MarkClientListed(ctx, r.claim, c.TypeID, client); err != nil {
				return err
			}
			c.Client = client
			if r.timeIsUp() {
				return nil
			}
		}
	}
}
