package fhir

import (
	"path"

	"dossiersync/store/dossier"
	"dossiersync/sync/source"
)

// entries maps what a page holds. Each entry is accounted for: as an item, as a
// remark, or as something else that the source added of its own accord. It returns
// which items want files.
func (m *mapper) entries(p *source.Page, q source.Query, all []entry) []unfinished {
	r := &resource{limits: m.limits}
	p.Items = make([]dossier.Item, 0, len(all))
	var open []unfinished
	for _, e := range all {
		if e.raw != nil && e.resource == nil && (e.mode == "outcome" || idInURL(e.fullURL, q.Type.Name) == "") {
			p.Warnings++ // it holds no record, and names none
			continue
		}
		it := m.item(r, q.Type, e.resource, q.Envelope)
		switch {
		case it.Type == "OperationOutcome":
			p.Warnings++
			continue
		case it.Reason == dossier.BadType && e.mode == "include":
			continue
		case it.Reason == dossier.BadJSON && it.ID == "":
			it.ID = idInURL(e.fullURL, it.Type)
		}
		p.Items = append(p.Items, it) // within its capacity: it stays where it is
		if u, ok := wants(r, &p.Items[len(p.Items)-1], e.resource); ok {
			open = append(open, u)
		}
	}
	return open
}

// idInURL returns the id of the record of the type that fullURL names, so that
// one that cannot be read can be asked for again.
func idInURL(fullURL, kind string) string {
	dir, id := path.Split(fullURL)
	if path.Base(dir) != kind || !isID(id) {
		return ""
	}
	return id
}
