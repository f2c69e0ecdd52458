package fhir

import (
	"dossiersync/store/dossier"
	"dossiersync/sync/source"
)

var _ source.Identifier = (*Source)(nil)

// Identify implements [source.Identifier].
func (s *Source) Identify(stream dossier.Stream, kind string, raw []byte) (dossier.Ref, bool) {
	t, ok := s.typeOf(stream, kind)
	if !ok {
		return dossier.Ref{}, false
	}
	it := s.mapper.item(&resource{limits: s.limits}, t, raw, true)
	return it.Ref, it.ID != ""
}
