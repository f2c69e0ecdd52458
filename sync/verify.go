package sync

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"dossiersync/store"
	"dossiersync/store/dossier"
	"dossiersync/sync/render"
	"dossiersync/sync/source"
)

// VerifyRequest asks for a comparison of a tenant's replica with its source, item
// by item. It changes neither.
type VerifyRequest struct {
	Tenant string
	Client string // only this client's dossier
	Sample int    // only so many clients' dossiers, drawn at random; 0: everything
	// Keep is how many differences are told one by one; the rest is only counted.
	Keep int
}

// Verified says what a verification came to.
type Verified struct {
	Compared    int64                          `json:"compared"`    // distinct items of the source
	Quarantined int64                          `json:"quarantined"` // of them, that cannot be read
	Counts      map[store.DifferenceKind]int64 `json:"counts"`
	Differences []store.Difference             `json:"differences"` // the first of them
	// Unread lists source types that could not be read, with the reason.
	Unread map[string]string `json:"unread,omitempty"`
}

// IsAlike reports whether nothing differs, as far as could be told.
func (v *Verified) IsAlike() bool { return len(v.Counts) == 0 && len(v.Unread) == 0 }

// Verify compares source and replica. A difference counts only if it is still
// there at a second look, since either may have moved on meanwhile.
func (s *Syncer) Verify(ctx context.Context, req VerifyRequest) (_ *Verified, err error) {
	t, ok := s.tenants[req.Tenant]
	if !ok {
		return nil, fmt.Errorf("tenant %s is not configured", req.Tenant)
	}
	v := &verification{syncer: s, tenant: t, render: render.New(t.ID, t.Location, t.Rules), keep: req.Keep,
		out: &Verified{Counts: make(map[store.DifferenceKind]int64), Unread: make(map[string]string)}}
	if v.description, err = t.Source.Describe(ctx); err != nil {
		return nil, err
	}
	if v.store, err = s.store.Verify(ctx, t.ID, v.render); err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, v.store.Close()) }()
	clients := []string{""} // all
	switch {
	case req.Client != "":
		clients = []string{req.Client}
	case req.Sample > 0:
		if clients, err = v.store.SampleClients(ctx, req.Sample); err != nil {
			return nil, err
		}
	}
	for _, client := range clients {
		if err := v.dossier(ctx, client); err != nil {
			return nil, err
		}
	}
	return v.out, nil
}

type verification struct {
	syncer      *Syncer
	tenant      *Tenant
	store       *store.Verification
	render      *render.Renderer
	description source.Description
	keep        int
	counted     int // differences
	out         *Verified
}

// dossier compares everything of one client, or of all where client is empty.
func (v *verification) dossier(ctx context.Context, client string) error {
	for _, t := range v.description.Types {
		if client != "" && t.Stream != dossier.StreamClients && !t.Stream.OfClients() {
			continue
		}
		err := v.listing(ctx, t, client)
		if source.KindOf(err) == source.Unsupported && client == "" && t.Stream.OfClients() {
			err = v.byClient(ctx, t)
		}
		if f, ok := errors.AsType[*source.Failure](err); ok && !concernsAll(f) {
			v.out.Unread[t.Name] = f.Error()
			continue
		}
		if err != nil {
			return err
		}
	}
	// Only now: what one search does not find another may.
	done := make(map[string]bool)
	for _, t := range v.description.Types {
		if _, unread := v.out.Unread[t.Name]; unread || done[t.Name] || client != "" && t.Stream != dossier.StreamClients && !t.Stream.OfClients() {
			continue
		}
		done[t.Name] = true
		if err := v.absent(ctx, t, client); err != nil {
			return err
		}
	}
	return nil
}

// byClient compares a type that can only be searched client by client.
func (v *verification) byClient(ctx context.Context, t source.Type) error {
	for after := ""; ; {
		clients, err := v.syncer.store.ShownClients(ctx, v.tenant.ID, after, clientsAtOnce)
		if err != nil || len(clients) == 0 {
			return err
		}
		for _, client := range clients {
			after = client
			if err := v.listing(ctx, t, client); err != nil {
				return err
			}
		}
	}
}

// listing compares what a search finds, page by page.
func (v *verification) listing(ctx context.Context, t source.Type, client string) error {
	q := source.Query{Type: t, Client: client}
	links := make(map[string]struct{})
	for range maxPages {
		page, err := v.tenant.Source.Search(ctx, q)
		if err != nil {
			return err
		}
		if err := v.compare(ctx, t, page.Items); err != nil {
			return err
		}
		if _, again := links[page.Next]; page.Next == "" || again {
			return nil // what a circle leaves out, the second look finds
		}
		links[page.Next] = struct{}{}
		q.Next = page.Next
	}
	return nil
}

func (v *verification) compare(ctx context.Context, t source.Type, items []dossier.Item) error {
	found, err := v.store.Compare(ctx, typeID(t), v.digested(items), false)
	if err != nil {
		return err
	}
	v.out.Compared += found.Compared
	v.out.Quarantined += found.Quarantined
	for _, d := range found.Differences {
		if err := v.lookAgain(ctx, t, d); err != nil {
			return err
		}
	}
	return nil
}

// digested returns the items with the hashes that they are stored with.
func (v *verification) digested(items []dossier.Item) []dossier.Item {
	items = slices.Clone(items)
	for i := range items {
		items[i].Hash = items[i].Hash.Mix(v.render.Digest)
	}
	return items
}

// lookAgain reads the record by its id, and counts the difference if it is still
// one.
func (v *verification) lookAgain(ctx context.Context, t source.Type, d store.Difference) error {
	item, err := v.tenant.Source.Read(ctx, t.Stream, d.Ref)
	f, failed := errors.AsType[*source.Failure](err)
	switch {
	case failed && f.Kind == source.NotFound:
		if d.Kind == store.DifferenceMissing || d.Kind == store.DifferenceHidden {
			return nil // it is gone meanwhile
		}
		d.Kind, d.Reason = store.DifferenceAbsent, ""
	case failed && !concernsAll(f):
		// It cannot be read by itself: what the search said stands.
	case err != nil:
		return err
	default:
		found, err := v.store.Compare(ctx, typeID(t), v.digested([]dossier.Item{item}), true)
		if err != nil || len(found.Differences) == 0 {
			return err
		}
		d = found.Differences[0]
	}
	v.count(d)
	return nil
}

func (v *verification) count(d store.Difference) {
	v.counted++
	v.out.Counts[d.Kind]++
	if len(v.out.Differences) < v.keep {
		v.out.Differences = append(v.out.Differences, d)
	}
}

// absent looks at what is shown here and no search has found.
func (v *verification) absent(ctx context.Context, t source.Type, client string) error {
	for after := ""; ; {
		list, err := v.store.Absent(ctx, typeID(t), client, after, bite)
		if err != nil || len(list) == 0 {
			return err
		}
		for _, a := range list {
			after = a.Key
			d := store.Difference{Stream: a.Stream, Ref: a.Ref, Kind: store.DifferenceAbsent}
			counted := v.counted
			if err := v.lookAgain(ctx, t, d); err != nil {
				return err
			}
			if v.counted > counted {
				continue
			}
			left, err := v.leftSearches(ctx, a)
			if err != nil {
				return err
			}
			if left {
				v.count(d)
			}
		}
	}
}

// leftSearches reports whether the record, which is there, is found by none of the
// searches for its type any more: it has left what the organisation shares.
func (v *verification) leftSearches(ctx context.Context, a store.Absence) (bool, error) {
	for _, t := range v.description.Types {
		if t.Stream != a.Stream || t.Name != a.Ref.Type {
			continue
		}
		if t.Query == "" {
			return false, nil // it searches for all of them
		}
		page, err := v.tenant.Source.Search(ctx, source.Query{Type: t, ID: a.Ref.ID})
		if source.KindOf(err) == source.Unsupported {
			page, err = v.tenant.Source.Search(ctx, source.Query{Type: t, Client: a.Client, ID: a.Ref.ID})
		}
		if f, ok := errors.AsType[*source.Failure](err); ok && !concernsAll(f) {
			return false, nil // it cannot be told
		}
		if err != nil || len(page.Items) > 0 {
			return false, err
		}
	}
	return true, nil
}

func typeID(t source.Type) store.TypeID {
	return store.TypeID{Stream: t.Stream, Type: t.Name, Query: t.Query}
}
