package fhir

import (
	"dossiersync/store"
	"dossiersync/sync/source"
)

var _ source.Identifier = (*Source)(nil)

// Identify implements [source.Identifier].
func (s *Source) Identify(stream store.Stream, kind string, raw []byte) (store.Ref, bool) {
	t, ok := s.typeOf(stream, kind)
	if !ok {
		return store.Ref{}, false
	}
	it := s.mapper.item(&resource{limits: s.limits}, t, raw, true)
	return it.Ref, it.ID != ""
}
