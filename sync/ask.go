package sync

import (
	"context"

	"dossiersync/store"
	"dossiersync/store/dossier"
	"dossiersync/sync/source"
)

// search asks the source for a page.
func (s *slice) search(ctx context.Context, q source.Query) (source.Page, error) {
	s.countRequest()
	page, err := s.tenant.Source.Search(ctx, q)
	s.headway()
	return page, err
}

// read asks the source for one record by its id.
func (s *slice) read(ctx context.Context, stream dossier.Stream, ref dossier.Ref) (dossier.Item, error) {
	s.countRequest()
	item, err := s.tenant.Source.Read(ctx, stream, ref)
	s.headway()
	return item, err
}

// sourceType returns the source's type with the id, if the source still has it.
func (s *slice) sourceType(id store.TypeID) (source.Type, bool) {
	for _, t := range s.description.Types {
		if typeID(t) == id {
			return t, true
		}
	}
	return source.Type{}, false
}

// runType returns the id of a type that the run reads, and by which a record of the stream can be
// stored.
func (s *slice) runType(stream dossier.Stream, name string) (store.TypeID, bool) {
	for _, t := range s.types {
		if t.Stream == stream && t.Type == name {
			return t.TypeID, true
		}
	}
	return store.TypeID{}, false
}

func typeID(t source.Type) store.TypeID {
	return store.TypeID{Stream: t.Stream, Type: t.Name, Query: t.Query}
}
