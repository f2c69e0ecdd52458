package sync

import (
	"context"
	"fmt"
	"time"

	"go.uber.org/zap"

	"dossiersync/store"
	"dossiersync/sync/source"
)

// clientsAtOnce is how many clients are taken from the register at a time.
const clientsAtOnce = 100

// goByClient reports whether t, which the source could not search as a whole because of err, is
// read client by client from now on. It tries a search for one client first.
func (s *slice) goByClient(ctx context.Context, t *store.RunType, err error) (bool, error) {
	refused := source.KindOf(err) == source.Unsupported
	if !refused || !t.Stream.OfClients() || t.ByClient || s.claim.Run.Scope.Client != "" {
		return false, nil
	}
	typ, ok := s.sourceType(t.TypeID)
	if !ok {
		return false, nil
	}
	some, err := s.syncer.store.ShownClients(ctx, s.tenant.ID, "", 1)
	if err != nil || len(some) == 0 {
		return false, err
	}
	if _, err := s.search(ctx, source.Query{Type: typ, Client: some[0], Envelope: true}); err != nil {
		if localFailure(err) != nil {
			err = nil // the type cannot be read either way
		}
		return false, err
	}
	s.log.Info("the source lets this type be searched client by client only", zap.String("type", t.Type))
	t.ByClient = true
	return true, s.syncer.store.SetByClient(ctx, s.claim, t.TypeID)
}

// readByClient reads a type client by client, each from where that client's cursor stands, and
// then moves the type's own cursor. If some clients' records cannot be read, the others are read,
// and the type fails.
func (s *slice) readByClient(ctx context.Context, t *store.RunType) error {
	st := s.syncer.store
	if !s.dry() {
		if err := st.BeginCursor(ctx, s.claim, t.TypeID); err != nil {
			return err
		}
	}
	var failed failedClients
	for after := ""; ; {
		clients, err := st.ClientsToRead(ctx, s.claim, t.TypeID, after, clientsAtOnce)
		if err != nil {
			return err
		}
		if len(clients) == 0 {
			break
		}
		if more, err := s.readClients(ctx, t, clients, &failed); more || err != nil {
			return err
		}
		after = clients[len(clients)-1].Client
	}
	if !s.dry() { // earlier slices have failed clients too
		var err error
		if failed.clients, err = st.FailedClients(ctx, s.claim, t.TypeID); err != nil {
			return err
		}
	}
	if failed.clients > 0 {
		return failed.failure(t)
	}
	t.Upto, t.Done = &t.To, true
	return s.apply(ctx, t.TypeID, nil, &store.Drained{Upto: t.To, Last: true})
}

// failedClients are the clients whose records of a type could not be read.
type failedClients struct {
	clients int64
	example *source.Failure // of one of them
}

func (f failedClients) failure(t *store.RunType) error {
	cause := f.example
	if cause == nil { // it was in an earlier slice
		cause = &source.Failure{Kind: source.Invalid, Act: "search " + t.Type}
	}
	return &source.Failure{Kind: source.Invalid, Act: "read " + t.Type,
		Err: fmt.Errorf("the records of %s could not be read: %w", count(f.clients, "client"), cause)}
}

// readClients reads the type for each of the clients, and notes those that fail. It reports more
// when the slice's time is up.
func (s *slice) readClients(
	ctx context.Context, t *store.RunType, clients []store.ClientCursor, failed *failedClients,
) (more bool, err error) {
	for _, c := range clients {
		err := s.readClient(ctx, t, c)
		if f := clientFailure(ctx, err); f != nil {
			failed.example, err = f, nil
			failed.clients++
			if !s.dry() {
				err = s.syncer.store.MarkClientFailed(ctx, s.claim, t.TypeID, c.Client)
			}
		}
		if err != nil {
			return false, err
		}
		if s.timeIsUp() {
			return true, nil
		}
	}
	return false, nil
}

func (s *slice) readClient(ctx context.Context, t *store.RunType, c store.ClientCursor) error {
	var from time.Time
	if t.From != nil && c.Upto != nil {
		from = *c.Upto
		if t.To.Before(from) { // the source's clock was put back
			from = t.To
		}
		from = from.Add(-s.tenant.Overlap)
	}
	w, err := s.newHistory(t, c.Client, from)
	if err != nil {
		return err
	}
	drained, err := w.drain(ctx)
	if err != nil {
		return err
	}
	t.Short = t.Short || drained.Short
	if s.dry() {
		return nil
	}
	return s.syncer.store.MarkClientRead(ctx, s.claim, t.TypeID, c.Client)
}

// listByClient lists a type for a census client by client, as far as the slice's time allows.
func (s *slice) listByClient(ctx context.Context, c *store.Census, t *store.RunType) error {
	for {
		clients, err := s.syncer.store.ShownClients(ctx, s.tenant.ID, c.Client, clientsAtOnce)
		if err != nil {
			return err
		}
		if len(clients) == 0 {
			t.Done = true
			return s.list(ctx, c.TypeID, nil, &store.Drained{Upto: t.To, Last: true})
		}
		for _, client := range clients {
			if err := s.listClient(ctx, c, t, client); err != nil || s.timeIsUp() {
				return err
			}
		}
	}
}

func (s *slice) listClient(ctx context.Context, c *store.Census, t *store.RunType, client string) error {
	w, err := s.newClientCensus(t, client)
	if err != nil {
		return err
	}
	if err := w.readWhole(ctx); err != nil {
		return err
	}
	c.Client = client
	return s.syncer.store.MarkClientListed(ctx, s.claim, c.TypeID, client)
}
