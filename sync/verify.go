package sync

import (
	"context"
	"errors"
	"fmt"
	"time"

	"dossiersync/store"
	"dossiersync/store/dossier"
	"dossiersync/sync/render"
	"dossiersync/sync/source"
)

// VerifyRequest asks for a comparison of a tenant's replica with its source, item by item. It
// changes neither.
type VerifyRequest struct {
	Tenant string
	Client string // only this client's dossier
	Sample int    // only so many clients' dossiers, drawn at random; 0: everything
	// Keep is how many differences are returned one by one; the others are only counted.
	Keep int
}

// Verified is the result of a verification.
type Verified struct {
	Compared    int64                          `json:"compared"`    // distinct items of the source
	Quarantined int64                          `json:"quarantined"` // of those, the ones that cannot be read
	Counts      map[store.DifferenceKind]int64 `json:"counts"`
	Differences []store.Difference             `json:"differences"` // the first of them
	// Unread lists source types that could not be read, with the reason.
	Unread map[string]string `json:"unread,omitempty"`
}

// IsAlike reports whether everything could be read and nothing differs.
func (v *Verified) IsAlike() bool { return len(v.Counts) == 0 && len(v.Unread) == 0 }

// Verify compares source and replica. A difference counts only if it is still there at a second
// look, since either side may have moved on meanwhile.
func (s *Syncer) Verify(ctx context.Context, req VerifyRequest) (_ *Verified, err error) {
	t, ok := s.tenants[req.Tenant]
	if !ok {
		return nil, fmt.Errorf("tenant %s is not configured", req.Tenant)
	}
	v := &verification{syncer: s, tenant: t, render: render.New(t.ID, t.Location, t.Rules), keep: req.Keep,
		byClient: make(map[store.TypeID]bool),
		out:      &Verified{Counts: make(map[store.DifferenceKind]int64), Unread: make(map[string]string)}}
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
		if err := v.compareDossier(ctx, client); err != nil {
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
	byClient    map[store.TypeID]bool // types that can only be searched client by client
	keep        int
	out         *Verified
}

// compareDossier compares everything of one client, or of all clients if client is empty.
func (v *verification) compareDossier(ctx context.Context, client string) error {
	var types []source.Type
	for _, t := range v.description.Types {
		if client == "" || isReadByClient(t.Stream) {
			types = append(types, t)
		}
	}
	for _, t := range types {
		err := v.compareType(ctx, t, client)
		if f := localFailure(err); f != nil {
			v.out.Unread[t.Name] = f.Error()
		} else if err != nil {
			return err
		}
	}
	// Absent items come last, because an item that one search does not find may be found by
	// another search of its type.
	done := make(map[string]bool)
	for _, t := range types {
		if _, unread := v.out.Unread[t.Name]; unread || done[t.Name] {
			continue
		}
		done[t.Name] = true
		if err := v.compareAbsent(ctx, t, client); err != nil {
			return err
		}
	}
	return nil
}

// compareType compares what a search finds, client by client if the source insists on that.
func (v *verification) compareType(ctx context.Context, t source.Type, client string) error {
	err := v.compareSearch(ctx, t, client)
	if source.KindOf(err) != source.Unsupported || client != "" || !t.Stream.OfClients() {
		return err
	}
	v.byClient[typeID(t)] = true
	for after := ""; ; {
		clients, err := v.syncer.store.ShownClients(ctx, v.tenant.ID, after, clientsAtOnce)
		if err != nil || len(clients) == 0 {
			return err
		}
		for _, client := range clients {
			after = client
			if err := v.compareSearch(ctx, t, client); err != nil {
				return err
			}
		}
	}
}

// compareSearch compares what a search finds, in parts if the source fails on the whole.
func (v *verification) compareSearch(ctx context.Context, t source.Type, client string) error {
	habits, of, now := v.syncer.habits[v.tenant.ID], searched{typeID(t), client != ""}, clock(v.description)
	for from := (time.Time{}); ; {
		begin, to := limited(habits.width(of), from, endOfTime, now)
		q := source.Query{Type: t, Client: client, From: begin, To: to}
		if to.Equal(endOfTime) {
			q.To = time.Time{}
		}
		err := v.comparePages(ctx, q)
		switch {
		case err == nil && q.To.IsZero():
			return nil
		case err == nil:
			from = to
			continue
		case !fails(err):
			return err
		}
		if to.After(now) {
			to = now
		}
		width := nextWidth(begin, to)
		if width == 0 || !answersRecent(ctx, v.tenant.Source, q, now) {
			return err
		}
		habits.narrow(of, width)
	}
}

// comparePages compares what a query finds, page by page.
func (v *verification) comparePages(ctx context.Context, q source.Query) error {
	links := make(map[string]struct{})
	for range maxPages {
		page, err := v.tenant.Source.Search(ctx, q)
		if err != nil {
			return err
		}
		if err := v.compareItems(ctx, q.Type, page.Items); err != nil {
			return err
		}
		if _, again := links[page.Next]; page.Next == "" || again {
			return nil // records that a circle leaves out are read by their ids
		}
		links[page.Next] = struct{}{}
		q.Next = page.Next
	}
	return nil
}

func (v *verification) compareItems(ctx context.Context, t source.Type, items []dossier.Item) error {
	found, err := v.store.Compare(ctx, typeID(t), withDigest(items, v.render.Digest), false)
	if err != nil {
		return err
	}
	v.out.Compared += found.Compared
	v.out.Quarantined += found.Quarantined
	for _, d := range found.Differences {
		if _, err := v.lookAgain(ctx, t, d); err != nil {
			return err
		}
	}
	return nil
}

// lookAgain reads the record by its id, counts the difference if there still is one, and reports
// whether there is.
func (v *verification) lookAgain(ctx context.Context, t source.Type, d store.Difference) (differs bool, err error) {
	item, err := v.tenant.Source.Read(ctx, t.Stream, d.Ref)
	f := localFailure(err)
	switch {
	case f != nil && f.Kind == source.NotFound:
		if d.Kind == store.DifferenceMissing || d.Kind == store.DifferenceHidden {
			return false, nil // it was deleted meanwhile, and is not shown
		}
		d.Kind, d.Reason = store.DifferenceAbsent, ""
	case f != nil:
		// The record cannot be read by its id: the search's answer stands.
	case err != nil:
		return false, err
	default:
		items := withDigest([]dossier.Item{item}, v.render.Digest)
		found, err := v.store.Compare(ctx, typeID(t), items, true)
		if err != nil || len(found.Differences) == 0 {
			return false, err
		}
		d = found.Differences[0]
	}
	v.count(d)
	return true, nil
}

func (v *verification) count(d store.Difference) {
	v.out.Counts[d.Kind]++
	if len(v.out.Differences) < v.keep {
		v.out.Differences = append(v.out.Differences, d)
	}
}

// compareAbsent looks at the items of a type that are shown here and that no search has found.
func (v *verification) compareAbsent(ctx context.Context, t source.Type, client string) error {
	for after := ""; ; {
		list, err := v.store.Absent(ctx, typeID(t), client, after, absencesAtOnce)
		if err != nil || len(list) == 0 {
			return err
		}
		for _, a := range list {
			after = a.Key
			if err := v.lookForAbsent(ctx, t, a); err != nil {
				return err
			}
		}
	}
}

// lookForAbsent counts a difference if the source does not have the item, has it otherwise, or has
// it where none of the type's searches finds it.
func (v *verification) lookForAbsent(ctx context.Context, t source.Type, a store.Absence) error {
	d := store.Difference{Stream: a.Stream, Ref: a.Ref, Kind: store.DifferenceAbsent}
	differs, err := v.lookAgain(ctx, t, d)
	if err != nil || differs {
		return err
	}
	by := searches{types: v.description.Types, byClient: v.byClient, search: v.tenant.Source.Search}
	found, err := by.find(ctx, a)
	if err == nil && found == foundByNone {
		v.count(d)
	}
	return err
}
