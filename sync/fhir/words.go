package fhir

import (
	"strings"

	"dossiersync/store/dossier"
)

// wordsOf holds the types of records of which some have their words compared with what is stored.
var wordsOf = setOf("CarePlan Composition DocumentReference Goal Observation QuestionnaireResponse")

// isSampled reports whether the words of the record are compared with what is stored: of one record in a
// hundred, always the same ones.
func isSampled(ref dossier.Ref) bool {
	if !wordsOf[ref.Type] {
		return false
	}
	h := dossier.IdentityHash(ref.Type, ref.ID)
	return (uint(h[0])<<8|uint(h[1]))%100 == 0
}

// A wordReader collects the visible words of a resource: of texts, notes, narratives that are not
// generated, and the text of concepts. It knows nothing of the mapping.
type wordReader struct {
	m      *mapper
	r      *resource
	prefix string
	found  []dossier.SourceWords
}

// sourceWords returns the visible words of r, a resource of the kind, by place.
func (m *mapper) sourceWords(r *resource, kind string) []dossier.SourceWords {
	w := wordReader{m: m, r: r, found: []dossier.SourceWords{}}
	p := r4()[kind]
	if p == nil {
		return w.found
	}
	failed, modified := r.failed, r.modified
	for i := range r.fields {
		f := &r.fields[i]
		if one := p.member(f.name.of(r.raw)); one == nil || one.skipped {
			continue
		} else if v := r.get(string(f.name.of(r.raw))); v.ok() {
			w.read(v.n, one)
		}
	}
	r.failed, r.modified = failed, modified
	return w.found
}

func (w *wordReader) read(n int32, p *place) {
	v := value{w.r, n}
	node := v.node()
	switch {
	case node.kind == absent || node.use == withheld || p.skipped:
	case node.kind == array:
		for _, e := range v.each() {
			w.read(e.n, p)
		}
	case strings.HasSuffix(p.name, ".securityLabel"): // a mark, not words for readers
	case p.treat == asConcept && node.kind == object:
		w.say(p.name, v.get("text"))
	case p.treat == asNarrative && node.kind == object:
		if !isGenerated(v.get("status").str()) {
			s, _ := plainXHTML(v.get("div").str())
			w.add(p.name, s)
		}
	case p.treat == asContained && node.kind == object:
		kind := v.get("resourceType").str()
		if in, known := r4()[kind]; known {
			outer := w.prefix
			w.prefix += p.name + "."
			w.object(n, in)
			w.prefix = outer
		}
	case p.treat != byMember:
	case node.kind == object:
		w.object(n, p)
	case node.kind == text && !strings.HasSuffix(p.name, ".data"):
		w.say(p.name, v)
	}
}

func (w *wordReader) object(n int32, p *place) {
	for i := n + 1; i < w.r.nodes[n].after; i = w.r.nodes[i].after {
		if one := p.member(w.r.nodes[i].name.of(w.r.raw)); one != nil && p.members[string(w.r.nodes[i].name.of(w.r.raw))] != nil {
			w.read(i, one)
		}
	}
}

// say adds the text v, unless it is a date or a time, which readers get in other words.
func (w *wordReader) say(name string, v value) {
	if !v.ok() || v.node().kind != text {
		return
	}
	s := v.dutch()
	if _, err := parseMoment(s, w.m.zone); err == nil {
		return
	}
	if _, isTime := dutchTime(s); isTime {
		return
	}
	s, _ = readable(s)
	w.add(name, s)
}

func (w *wordReader) add(name, s string) {
	if s != "" {
		w.found = append(w.found, dossier.SourceWords{Place: w.prefix + name, Text: s})
	}
}
