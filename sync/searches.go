package sync

import (
	"context"

	"dossiersync/store"
	"dossiersync/sync/source"
)

// searches are a source's searches, by which a reconcile and a verification both find out whether
// a record that the source has is still among what the organisation shares.
type searches struct {
	types    []source.Type
	byClient map[store.TypeID]bool // types that can only be searched client by client
	search   func(context.Context, source.Query) (source.Page, error)
}

// found is the result of searching for one record.
type found int

const (
	foundUnclear found = iota // a search failed, or found other records
	foundBySome               // a search finds it, or searches for all records of its type
	foundByNone               // none of the searches for its type finds it
)

// find searches for a record by its id, with each of the searches for its type.
func (s searches) find(ctx context.Context, a store.Absence) (found, error) {
	for _, t := range s.types {
		if t.Stream != a.Stream || t.Name != a.Ref.Type {
			continue
		}
		if t.Query == "" {
			return foundBySome, nil
		}
		page, err := s.searchByID(ctx, t, a)
		if localFailure(err) != nil {
			return foundUnclear, nil
		}
		if err != nil {
			return foundUnclear, err
		}
		for _, it := range page.Items {
			if it.Ref == a.Ref {
				return foundBySome, nil
			}
		}
		if len(page.Items) > 0 { // the source ignored the id
			return foundUnclear, nil
		}
	}
	return foundByNone, nil
}

// searchByID searches for the record, among its client's only if the source insists on a client.
func (s searches) searchByID(ctx context.Context, t source.Type, a store.Absence) (source.Page, error) {
	q := source.Query{Type: t, ID: a.Ref.ID}
	if !s.byClient[typeID(t)] {
		page, err := s.search(ctx, q)
		if source.KindOf(err) != source.Unsupported || a.Client == "" {
			return page, err
		}
	}
	q.Client = a.Client
	return s.search(ctx, q)
}
