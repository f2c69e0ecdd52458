package fhir

import (
	"bytes"
	"iter"
	"strconv"
	"unicode/utf8"

	"dossiersync/store/dossier"
)

// A value is one JSON value of a resource. Asking a value for what it is not
// records a fault with the resource and yields nothing, so that mapping code
// reads on and the fault is looked at once, at the end. The zero value is
// absent, and so is everything in it.
type value struct {
	r *resource
	n int32
}

func (v value) node() *node { return &v.r.nodes[v.n] }

// ok reports whether the value is there, and not null.
func (v value) ok() bool { return v.r != nil && v.node().kind != absent }

// fault records that something is wrong with the value.
func (v value) fault(why dossier.Reason, what string) {
	if v.r != nil && v.r.failed == nil {
		v.r.failed = &fault{why, v.path() + ": " + what}
	}
}

// get returns the member called name.
func (v value) get(name string) value {
	if !v.ok() {
		return value{}
	}
	p := v.node()
	if p.kind != object {
		v.fault(v.r.blame, "not an object")
		return value{}
	}
	var found value
	for n := v.n + 1; n < p.after; n = v.r.nodes[n].after {
		if string(v.r.nodes[n].name.of(v.r.raw)) != name {
			continue
		}
		if found.r != nil {
			found.fault(v.r.blame, "given twice")
		}
		found = value{v.r, n}
	}
	return found
}

// choice returns the member called prefix and the name of its type, as value[x] is
// written (FHIR R4 §2.6.1.1), and that name; "" if there is none.
func (v value) choice(prefix string) (kind string, is value) {
	if v.get(prefix); !v.ok() || v.node().kind != object {
		return "", value{}
	}
	for n := v.n + 1; n < v.node().after; n = v.r.nodes[n].after {
		name, ok := bytes.CutPrefix(v.r.nodes[n].name.of(v.r.raw), []byte(prefix))
		one := value{v.r, n}
		if !ok || len(name) == 0 || !one.ok() {
			continue
		}
		if is.ok() {
			one.fault(v.r.blame, "given beside another")
		}
		kind, is = string(name), one
	}
	return kind, is
}

// each yields the elements, and their places.
func (v value) each() iter.Seq2[int, value] {
	return func(yield func(int, value) bool) {
		if !v.ok() {
			return
		}
		p := v.node()
		if p.kind != array {
			v.fault(v.r.blame, "not a list")
			return
		}
		i, after := 0, p.after
		for n := v.n + 1; n < after; n = v.r.nodes[n].after {
			if !yield(i, value{v.r, n}) {
				return
			}
			i++
		}
	}
}

// at returns the element in place i.
func (v value) at(i int) value {
	for n, e := range v.each() {
		if n == i {
			return e
		}
	}
	return value{}
}

// strIfText returns the text of what only helps dossiersync itself: a value of another
// kind is no fault of the record.
func (v value) strIfText() string {
	if !v.ok() || v.node().kind != text {
		return ""
	}
	return v.str()
}

// str returns the text.
func (v value) str() string {
	if !v.ok() {
		return ""
	}
	p := v.node()
	if p.kind != text {
		v.fault(v.r.blame, "not a text")
		return ""
	}
	v.r.noteRead(p)
	b := p.is.of(v.r.raw)
	if !utf8.Valid(b) {
		v.fault(dossier.BadText, "not UTF-8")
		return ""
	}
	if !p.escaped {
		return string(b)
	}
	s, bad := unescape(b)
	if bad != "" {
		v.fault(dossier.BadText, bad)
	}
	return s
}

// bool returns the truth value.
func (v value) bool() bool {
	if !v.ok() {
		return false
	}
	p := v.node()
	if p.kind != boolean {
		v.fault(v.r.blame, "not true or false")
		return false
	}
	v.r.noteRead(p)
	return v.r.raw[p.is.start] == 't'
}

// number returns the number as it is written: 1.50 is not 1.5.
func (v value) number() string {
	if !v.ok() {
		return ""
	}
	p := v.node()
	if p.kind != number {
		v.fault(v.r.blame, "not a number")
		return ""
	}
	v.r.noteRead(p)
	return string(p.is.of(v.r.raw))
}

// noteRead notes that the mapping read the value: for readers, or only to judge the record.
func (r *resource) noteRead(p *node) {
	if r.judging {
		p.use = max(p.use, isJudged)
		return
	}
	p.use = max(p.use, isRead)
}

// withhold notes that a mark, a rule or a condition keeps v from readers.
func (v value) withhold() {
	if v.r != nil {
		v.node().use = withheld
	}
}

// path says where in its resource the value is, in the manner of FHIRPath:
// performer[1].reference. It holds names from FHIR only, never contents: what could be none is "?".
func (v value) path() string {
	p := v.node()
	if p.parent < 0 {
		return placeName(p.name.of(v.r.raw))
	}
	up := value{v.r, p.parent}
	if up.node().kind == object {
		return up.path() + "." + placeName(p.name.of(v.r.raw))
	}
	i := 0
	for n := up.n + 1; n < v.n; n = v.r.nodes[n].after {
		i++
	}
	return up.path() + "[" + strconv.Itoa(i) + "]"
}

// placeName returns a member's name if it could be one of FHIR's.
func placeName(name []byte) string {
	if len(name) == 0 || len(name) > 64 {
		return "?"
	}
	for _, c := range name {
		if !isLetter(c) && (c < '0' || '9' < c) && c != '_' {
			return "?"
		}
	}
	return string(name)
}
