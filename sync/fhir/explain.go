package fhir

import (
	"cmp"
	"context"
	"errors"
	"slices"

	"dossiersync/store/dossier"
	"dossiersync/sync/source"
)

// An Explanation is what became of one resource.
type Explanation struct {
	Item    dossier.Item
	Members []dossier.Member
}

// MapOffline maps the resource that raw holds as a search for its type would, and returns what became of
// each member. Files are the Binary resources of the source, by their URLs; it asks the source nothing.
func (s *Source) MapOffline(raw []byte, files map[string][]byte) Explanation {
	fetch := func(url string) file {
		if body, ok := files[url]; ok {
			return openFile(body, "application/fhir+json", s.limits)
		}
		return file{wrong: "the file is not among the files given"}
	}
	return s.explain(raw, fetch)
}

// ReadMembers reads the record from the source, and returns what becomes of each member now.
func (s *Source) ReadMembers(ctx context.Context, ref dossier.Ref) (Explanation, error) {
	if !isID(ref.ID) || !isTypeName(ref.Type) {
		return Explanation{}, &source.Failure{Kind: source.Unsupported, Act: "read " + ref.Type}
	}
	ans, err := s.client.get(ctx, request{act: "read " + ref.Type, kind: ref.Type, url: s.base.JoinPath(ref.Type, ref.ID)})
	if err != nil {
		return Explanation{}, err
	}
	var failed error
	e := s.explain(ans.body, func(url string) file {
		f, err := s.fetch(ctx, url)
		failed = errors.Join(failed, err)
		return f
	})
	return e, failed
}

// explain maps raw, and lists what became of its members. Fetch returns the files that it wants.
func (s *Source) explain(raw []byte, fetch func(url string) file) Explanation {
	r := &resource{limits: s.limits}
	t := s.typeNamed(raw)
	it := s.mapper.item(r, t, raw, false)
	if u, ok := wants(r, &it, raw); ok {
		r = &resource{limits: s.limits, files: make(map[string]file, len(u.wanted))}
		for _, url := range u.wanted {
			r.files[url] = fetch(url)
		}
		it = s.mapper.item(r, t, raw, false)
	}
	e := Explanation{Item: it}
	if it.Reason == dossier.BadJSON && it.ID == "" {
		e.Item.Type = ""
		return e
	}
	if r4()[it.Type] == nil {
		return e
	}
	lister := memberLister{leftOut: leftOut{m: s.mapper, r: r}, item: &e.Item}
	lister.list(r4()[it.Type])
	e.Members = lister.members
	if it.Content != nil {
		e.Item.Words = s.mapper.sourceWords(r, it.Type)
	}
	return e
}

// FileURL returns the URL at which the source has its Binary with the id.
func (s *Source) FileURL(id string) string { return s.base.JoinPath("Binary", id).String() }

// typeNamed returns the search for the type of the resource in raw.
func (s *Source) typeNamed(raw []byte) source.Type {
	r := resource{limits: s.limits}
	if r.load(raw) != nil {
		return s.types[0] // what cannot be read is so for every type
	}
	name := r.get("resourceType").strIfText()
	for _, t := range s.types {
		if t.Name == name {
			return t
		}
	}
	return source.Type{Name: name}
}

// A memberLister lists what became of the members of a resource that was mapped.
type memberLister struct {
	leftOut // to look at nodes; what it finds is in item already

	item    *dossier.Item
	members []dossier.Member
}

func (w *memberLister) list(p *place) {
	failed, modified := w.r.failed, w.r.modified
	for i := range w.r.fields {
		f := &w.r.fields[i]
		one := p.member(f.name.of(w.r.raw))
		if one == nil {
			continue
		}
		if f.node < 0 {
			w.r.get(string(f.name.of(w.r.raw)))
		}
		if f.node >= 0 {
			w.member(f.node, one)
		}
	}
	w.r.failed, w.r.modified = failed, modified
	for _, l := range w.item.LeftOut {
		said := slices.ContainsFunc(w.members, func(m dossier.Member) bool {
			return m.Place == l.Place && m.Use == dossier.MemberWithheld
		})
		if l.Kind == dossier.LeftOutWithheld && !said {
			w.members = append(w.members, dossier.Member{Place: l.Place, Use: dossier.MemberWithheld, Reason: "labelled as not for the client",
				Values: 1, Length: l.Length})
		}
	}
	slices.SortStableFunc(w.members, func(a, b dossier.Member) int { return cmp.Compare(a.Place, b.Place) })
}

func (w *memberLister) member(n int32, p *place) {
	v := &w.r.nodes[n]
	switch {
	case v.kind == absent:
	case v.kind == array:
		for i := n + 1; i < v.after; i = w.r.nodes[i].after {
			w.member(i, p)
		}
	case p.treat == asContained && v.kind == object && v.use != withheld && w.item.Content != nil:
		w.inside(n, p)
	case p.treat == asBeside:
		if i := w.part(n, "extension"); i >= 0 {
			w.member(i, p.extension)
		}
	case v.kind != object || p.treat != byMember || p.skipped || v.use == withheld || w.isLeftOut(p):
		w.say(n, p)
		if v.kind == object && v.use != withheld && !p.skipped {
			w.eachRest(n, p, w.member)
		}
	default:
		w.parts(n, p)
	}
}

func (w *memberLister) parts(n int32, p *place) {
	for i := n + 1; i < w.r.nodes[n].after; i = w.r.nodes[i].after {
		if one := p.member(w.r.nodes[i].name.of(w.r.raw)); one != nil {
			w.member(i, one)
		}
	}
}

// inside lists the members of a contained resource.
func (w *memberLister) inside(n int32, p *place) {
	kind := w.written(n, "resourceType")
	in, known := r4()[kind]
	outer := w.prefix
	w.prefix += p.name + "."
	switch other := (&place{name: "other"}); {
	case known && !w.isLeftOut(in):
		w.parts(n, in)
	case known:
		w.say(n, in) // all of it
	case w.isLeftOut(other):
		w.say(n, other)
	default:
		w.say(n, &place{name: kind})
	}
	w.prefix = outer
}

func (w *memberLister) isLeftOut(p *place) bool {
	return slices.ContainsFunc(w.item.LeftOut, func(l dossier.LeftOut) bool {
		return l.Place == w.prefix+p.name && l.Kind == dossier.LeftOutUnread
	})
}

// say adds node n to its place.
func (w *memberLister) say(n int32, p *place) {
	m := dossier.Member{Place: w.prefix + p.name, Values: 1, Length: int(w.r.nodes[n].is.end - w.r.nodes[n].is.start)}
	if p.treat == asExtension {
		m.URL = w.written(n, "url")
	}
	m.Use, m.Reason = w.useOf(n, p)
	for i := range w.members {
		if have := &w.members[i]; have.Place == m.Place && have.Use == m.Use && have.URL == m.URL {
			have.Values, have.Length = have.Values+1, have.Length+m.Length
			return
		}
	}
	w.members = append(w.members, m)
}

func (w *memberLister) useOf(n int32, p *place) (dossier.MemberUse, string) {
	switch {
	case w.r.nodes[n].use == withheld:
		return dossier.MemberWithheld, "not for the client by a mark, a rule or its status"
	case p.treat == asExtension && w.isLeftOut(p) && !w.readsValue(n):
		return dossier.MemberLeftOut, w.reasonFor(p)
	case p.treat == asExtension && !w.readsValue(n):
		return dossier.MemberNotCounted, "an extension that says nothing to readers"
	case w.isLeftOut(p) && !w.readsWords(n, p):
		return dossier.MemberLeftOut, w.reasonFor(p)
	case w.reads(n), w.judges(n):
		return dossier.MemberRead, ""
	case p.skipped:
		return dossier.MemberNotCounted, notCounted[p.reason]
	case w.item.Content == nil:
		return dossier.MemberNotSeen, ""
	}
	return dossier.MemberNotCounted, silentTreatments[p.treat]
}

// reasonFor returns why it is right that the place is left out, if that is known.
func (w *memberLister) reasonFor(p *place) string {
	reason, ok := dossier.LeftOutReason(w.prefix + p.name)
	if !ok {
		return "not on the list of accepted places: dossiersync has no use for it yet"
	}
	return reason
}

// readsWords reports whether words in node n were read, where some of its members are only read to judge.
func (w *memberLister) readsWords(n int32, p *place) bool {
	if p.treat != asConcept && p.treat != asCoding {
		return w.reads(n)
	}
	for i := n; i < w.r.nodes[n].after; i++ {
		name := string(w.r.nodes[i].name.of(w.r.raw))
		if w.r.nodes[i].use == isRead && (name == "text" || name == "display") {
			return true
		}
	}
	return false
}

// readsValue reports whether something of an extension but its URL was read.
func (w *memberLister) readsValue(n int32) bool {
	for i := n; i < w.r.nodes[n].after; i++ {
		if w.r.nodes[i].use == isRead && string(w.r.nodes[i].name.of(w.r.raw)) != "url" {
			return true
		}
	}
	return false
}

// notCounted holds the reasons of r4.txt in words.
var notCounted = map[string]string{
	"client":  "the client, by whose id the record is filed",
	"maker":   "about how a form or a signature came to be",
	"number":  "a number or key of another system",
	"person":  "of people only the name, the role and how contacts are reached are asked for",
	"program": "for programs: addresses, versions, formats",
	"state":   "a status or another code without words",
}

var silentTreatments = map[treatment]string{
	byMember:    "it holds no words",
	asWhole:     "it holds no words",
	asConcept:   "a code of which the words are read elsewhere",
	asCoding:    "a code without words",
	asReference: "a link to another record, which is read by itself",
	asNarrative: "a generated narrative, which repeats the other members",
	asName:      "a name or number that has ended, or that another one stands for",
	asContained: "it is read by itself",
}
