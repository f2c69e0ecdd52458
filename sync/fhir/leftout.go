package fhir

import (
	"bytes"
	"slices"
	"strings"
	"unicode"

	"dossiersync/store/dossier"
)

// A leftOut walks over a resource that was mapped, and notes the places that say something which the
// mapping did not read (I2). What it reads itself counts for nothing.
type leftOut struct {
	m      *mapper
	r      *resource
	prefix string // of the places of a contained resource
	found  []dossier.LeftOut
}

// leftOut returns the places of r, a resource of the kind, whose words reach no reader.
func (m *mapper) leftOut(r *resource, kind string) []dossier.LeftOut {
	p := r4()[kind]
	if p == nil {
		return nil
	}
	failed, modified := r.failed, r.modified
	w := leftOut{m: m, r: r, found: r.leftOut[:0]}
	for i := range r.fields {
		w.field(i, p)
	}
	for _, path := range r.labels.cut {
		w.add(placeAt(p, path), dossier.LeftOutWithheld, 0)
	}
	r.failed, r.modified = failed, modified
	r.leftOut = w.found
	if len(w.found) == 0 {
		return nil
	}
	return slices.Clone(w.found)
}

// field looks at the i-th member of the resource, which may not be read yet.
func (w *leftOut) field(i int, resource *place) {
	f := &w.r.fields[i]
	p := resource.member(f.name.of(w.r.raw))
	if p == nil || p.skipped {
		return
	}
	if f.node < 0 {
		if p.treat == asNarrative && beginsGenerated(f.is.of(w.r.raw)) {
			return
		}
		n := int32(len(w.r.nodes))
		if _, err := w.r.read(int(f.is.start), -1, f.name, 1); err != nil {
			w.r.nodes = w.r.nodes[:n]
			w.add(p.name, dossier.LeftOutUnread, int(f.is.end-f.is.start))
			return
		}
		f.node = n
	}
	w.look(f.node, p)
}

// beginsGenerated reports whether b, a Narrative that was not read, begins with a status that is
// [isGenerated]. Most do, and are long.
func beginsGenerated(b []byte) bool {
	b = b[:min(len(b), 40)]
	at := bytes.Index(b, []byte(`"status"`))
	return at >= 0 && !bytes.Contains(b[:at], []byte(`"div"`)) &&
		(bytes.Contains(b[at:], []byte(`"generated"`)) || bytes.Contains(b[at:], []byte(`"extensions"`)))
}

// look looks at node n.
func (w *leftOut) look(n int32, p *place) {
	v := &w.r.nodes[n]
	switch {
	case v.kind == absent || p.skipped:
	case v.use == withheld:
		w.add(p.name, dossier.LeftOutWithheld, int(v.is.end-v.is.start))
	case v.kind == array:
		for i := n + 1; i < v.after; i = w.r.nodes[i].after {
			w.look(i, p)
		}
	case p.treat != byMember:
		w.treat(n, p)
	case v.kind == object:
		w.object(n, p)
	case v.use < isRead && w.isSaying(n):
		w.add(p.name, dossier.LeftOutUnread, int(v.is.end-v.is.start))
	}
}

// treat looks at node n in the way that its place has.
func (w *leftOut) treat(n int32, p *place) {
	before := len(w.found)
	defer func() {
		if len(w.found) == before { // else the whole is noted
			w.eachRest(n, p, w.look)
		}
	}()
	switch p.treat {
	case asConcept:
		w.concept(n, p)
	case asCoding:
		w.coding(n, p)
	case asReference:
		w.reference(n, p)
	case asNarrative:
		w.narrative(n, p)
	case asName:
		w.name(n, p)
	case asExtension:
		w.extension(n, p)
	case asBeside:
		w.beside(n, p)
	case asContained:
		w.contained(n, p)
	default:
		w.whole(n, p)
	}
}

// eachRest calls do for the members of node n, a value that says one thing in several members, that are
// not of its type: extensions, what stands beside primitives, and names that R4 does not have.
func (w *leftOut) eachRest(n int32, p *place, do func(int32, *place)) {
	if p.treat != asConcept && p.treat != asCoding && p.treat != asReference {
		return
	}
	for i := n + 1; i < w.r.nodes[n].after; i = w.r.nodes[i].after {
		name := w.r.nodes[i].name.of(w.r.raw)
		known, ok := p.members[string(name)]
		switch one := p.member(name); {
		case ok && known.treat == asCoding && w.r.nodes[i].kind == array:
			for c := i + 1; c < w.r.nodes[i].after; c = w.r.nodes[c].after {
				if w.r.nodes[c].kind == object {
					w.eachRest(c, known, do)
				}
			}
		case !ok && one != nil && one != p: // p itself is the place of all in the value of an extension
			do(i, one)
		}
	}
}

// object looks at the members of node n. Where nothing of them was read, they are one place.
func (w *leftOut) object(n int32, p *place) {
	before := len(w.found)
	lengths := w.unreadLength()
	for i := n + 1; i < w.r.nodes[n].after; i = w.r.nodes[i].after {
		if m := p.member(w.r.nodes[i].name.of(w.r.raw)); m != nil {
			w.look(i, m)
		}
	}
	length := w.unreadLength() - lengths
	if length == 0 || w.reads(n) {
		return
	}
	w.found = append(w.found[:before], slices.DeleteFunc(slices.Clone(w.found[before:]), func(f dossier.LeftOut) bool {
		return f.Kind == dossier.LeftOutUnread
	})...)
	w.add(p.name, dossier.LeftOutUnread, length)
}

// unreadLength is the sum of the lengths that were noted as unread.
func (w *leftOut) unreadLength() (sum int) {
	for _, f := range w.found {
		if f.Kind == dossier.LeftOutUnread {
			sum += f.Length
		}
	}
	return sum
}

// add notes a place.
func (w *leftOut) add(name string, kind dossier.LeftOutKind, length int) {
	if w.prefix != "" {
		name = w.prefix + name
	}
	for i := range w.found {
		if f := &w.found[i]; f.Kind == kind && f.Place == name {
			f.Length += length
			return
		}
	}
	w.found = append(w.found, dossier.LeftOut{Place: name, Kind: kind, Length: length})
}

// reads reports whether anything in node n was read.
func (w *leftOut) reads(n int32) bool { return w.hasUse(n, isRead) }

// judges reports whether anything in node n was read to judge the record.
func (w *leftOut) judges(n int32) bool { return w.hasUse(n, isJudged) }

func (w *leftOut) hasUse(n int32, u use) bool {
	for i := n; i < w.r.nodes[n].after; i++ {
		if w.r.nodes[i].use == u {
			return true
		}
	}
	return false
}

// isSaying reports whether node n, which has no parts, is more than blank space.
func (w *leftOut) isSaying(n int32) bool {
	v := &w.r.nodes[n]
	if v.kind != text {
		return true
	}
	return strings.ContainsFunc(string(v.is.of(w.r.raw)), func(c rune) bool { return unicode.IsLetter(c) || unicode.IsDigit(c) })
}

// part returns the member of node n called name; -1 if there is none.
func (w *leftOut) part(n int32, name string) int32 {
	if w.r.nodes[n].kind == object {
		for i := n + 1; i < w.r.nodes[n].after; i = w.r.nodes[i].after {
			if string(w.r.nodes[i].name.of(w.r.raw)) == name && w.r.nodes[i].kind != absent {
				return i
			}
		}
	}
	return -1
}

// written returns the text of the member of node n called name as it is written.
func (w *leftOut) written(n int32, name string) string {
	if i := w.part(n, name); i >= 0 && w.r.nodes[i].kind == text {
		return string(w.r.nodes[i].is.of(w.r.raw))
	}
	return ""
}

// one notes node n as a whole, unless something of it was read or it says nothing.
func (w *leftOut) one(n int32, p *place, says bool) {
	if says && !w.reads(n) {
		w.add(p.name, dossier.LeftOutUnread, w.length(n))
	}
}

// length returns the length of node n in the source, in bytes.
func (w *leftOut) length(n int32) int { return int(w.r.nodes[n].is.end - w.r.nodes[n].is.start) }

// concept looks at a CodeableConcept. Its text and the displays of its codings are words for the same.
func (w *leftOut) concept(n int32, p *place) {
	i := w.part(n, "text")
	if i >= 0 && w.r.nodes[i].use == isRead {
		return
	}
	length := 0
	if i >= 0 && w.isSaying(i) {
		length = len(w.written(n, "text"))
	}
	list := w.part(n, "coding")
	if list >= 0 {
		for c := list + 1; c < w.r.nodes[list].after; c = w.r.nodes[c].after {
			if i = w.part(c, "display"); i >= 0 && w.r.nodes[i].use == isRead {
				return
			}
			length = max(length, len(w.written(c, "display")))
		}
	}
	if length > 0 {
		w.add(p.name, dossier.LeftOutUnread, length)
		return
	}
	w.one(n, p, list >= 0 && !w.judges(n)) // a code without words that the record was judged by says no more
}

// coding looks at a Coding: its display are its words.
func (w *leftOut) coding(n int32, p *place) {
	if i := w.part(n, "display"); i >= 0 {
		if w.r.nodes[i].use < isRead && w.isSaying(i) {
			w.add(p.name, dossier.LeftOutUnread, len(w.written(n, "display")))
		}
		return
	}
	w.one(n, p, w.part(n, "code") >= 0 && !w.judges(n))
}

// reference looks at a Reference: what it refers to is a record of its own. A link by which a record is
// only found says something where it leads nowhere.
func (w *leftOut) reference(n int32, p *place) {
	display := w.written(n, "display")
	if display != "" && linksOnly[p.name[strings.LastIndexByte(p.name, '.')+1:]] && w.leadsNowhere(n, p) {
		w.add(p.name, dossier.LeftOutUnread, len(display))
		return
	}
	w.one(n, p, display != "")
}

// linksOnly are the members that are read for the record that they lead to, never for their display.
var linksOnly = setOf("basedOn detail focus goal partOf related replaces")

func (w *leftOut) leadsNowhere(n int32, p *place) bool {
	if p.name == "CarePlan.goal" && isWordsOnly(value{w.r, n}) {
		return false // a goal in words
	}
	t := w.m.reference(value{w.r, n})
	if !t.IsZero() || t.inside != "" {
		return false
	}
	for i := n; i < w.r.nodes[n].after; i++ {
		w.r.nodes[i].use = unread // it was read in vain
	}
	return true
}

// isGenerated reports whether a narrative of the status says no more than the other members, their
// extensions included (FHIR R4, narrative-status).
func isGenerated(status string) bool {
	return status == "generated" || status == "extensions" || status == "empty"
}

// narrative looks at a Narrative.
func (w *leftOut) narrative(n int32, p *place) {
	if isGenerated(w.written(n, "status")) {
		return
	}
	i := w.part(n, "div")
	if i < 0 || w.r.nodes[i].use >= isRead {
		return
	}
	div := value{w.r, i}.str()
	w.r.nodes[i].use = unread
	if s, wrong := plainXHTML(div); wrong != "" || s != "" {
		w.add(p.name, dossier.LeftOutUnread, max(len(s), 1))
	}
}

// name looks at a name, an address or a telephone number of somebody, one of which may be used; ended
// ones are not.
func (w *leftOut) name(n int32, p *place) {
	use := w.written(n, "use")
	if w.reads(n) || use == "old" || use == "maiden" {
		return
	}
	counts := w.m.counts(value{w.r, n}.get("period"))
	for i := n; i < w.r.nodes[n].after; i++ {
		w.r.nodes[i].use = unread
	}
	if counts {
		w.object(n, p)
	}
}

// extension looks at an Extension. What is for programs only says nothing.
func (w *leftOut) extension(n int32, p *place) {
	url := w.written(n, "url")
	if url == extTranslation || strings.Contains(url, "rendering-style") {
		return
	}
	for i := n + 1; i < w.r.nodes[n].after; i = w.r.nodes[i].after {
		v := &w.r.nodes[i]
		name := string(v.name.of(w.r.raw))
		switch kind, isValue := strings.CutPrefix(name, "value"); {
		case name == "extension":
			w.look(i, p)
		case isValue && !silentTypes[kind]:
			w.look(i, extensionValue(p, kind))
		}
	}
}

// silentTypes are the types of values of extensions that say nothing to people.
var silentTypes = setOf(`Base64Binary Boolean Canonical Code Id Identifier Instant Markdown64 Oid Uri Url Uuid Expression Signature
	Meta ContactDetail DataRequirement ParameterDefinition RelatedArtifact TriggerDefinition UsageContext`)

// extensionValue returns the place of the value of an extension: the extension's.
func extensionValue(p *place, kind string) *place {
	v := &place{name: p.name, treat: treatments[kind], extension: p}
	v.other = v
	if v.treat == byMember {
		v.treat = asWhole
	}
	return v
}

// whole looks at a value that is one thing to people.
func (w *leftOut) whole(n int32, p *place) { w.one(n, p, w.r.nodes[n].kind == object || w.isSaying(n)) }

// beside looks at what stands beside a primitive: its extensions.
func (w *leftOut) beside(n int32, p *place) {
	if i := w.part(n, "extension"); i >= 0 {
		w.look(i, p.extension)
	}
}

// contained looks at a contained resource, by the table of its type.
func (w *leftOut) contained(n int32, p *place) {
	kind := w.written(n, "resourceType")
	outer := w.prefix
	w.prefix += p.name + "."
	switch in, known := r4()[kind]; {
	case known:
		w.object(n, in)
	case w.readsContent(n):
	case orderKinds[kind] != "" || hasPlainName(kind):
		w.add(kind, dossier.LeftOutUnread, w.length(n))
	default:
		w.add("other", dossier.LeftOutUnread, w.length(n))
	}
	w.prefix = outer
}

// readsContent reports whether a member of the resource at node n was read that is not only looked
// at to judge or to find the resource.
func (w *leftOut) readsContent(n int32) bool {
	for i := n + 1; i < w.r.nodes[n].after; i = w.r.nodes[i].after {
		switch string(w.r.nodes[i].name.of(w.r.raw)) {
		case "resourceType", "id", "meta", "implicitRules", "status", "subject":
		default:
			if w.reads(i) {
				return true
			}
		}
	}
	return false
}

// placeAt returns the name of the place in p to which a path of member names leads.
func placeAt(p *place, path []string) string {
	for _, name := range path {
		next := p.member([]byte(name))
		if next == nil {
			break
		}
		p = next
	}
	return p.name
}
