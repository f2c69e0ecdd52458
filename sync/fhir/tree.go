package fhir

import (
	"bytes"
	"errors"
)

// A kind is what a JSON value is.
type kind uint8

const (
	absent kind = iota // not there, or null
	boolean
	number
	text
	array
	object
)

// A use is what became of a value (I2).
type use uint8

const (
	unread   use = iota
	isJudged     // it was asked for to judge the record, which reaches no reader by that
	isRead       // the mapping asked for its text, number or truth
	withheld     // a mark, a rule or a condition keeps it, and all parts of it, from readers
)

// A node is one JSON value of a resource. The nodes of a value's parts follow
// it directly, in document order.
type node struct {
	kind    kind
	escaped bool  // a text with escapes in it
	use     use   // what became of the value
	is      span  // where it is written; of a text without the quotes
	name    span  // of a member of an object: its name
	parent  int32 // -1: a member of the resource itself
	after   int32 // the index just past its parts
}

var (
	errDeep = errors.New("nested too deep")
	errMany = errors.New("too many")
)

// read appends the value that begins at raw[i] and everything in it to the
// nodes, and returns the index just past it. It accepts what encoding/json
// accepts, except that a property's name must be written without escapes: FHIR
// has no name that needs one, and a mark must not be overlooked for it. depth is
// how many brackets are open around the value.
func (r *resource) read(i int, parent int32, name span, depth int) (int, error) {
	if len(r.nodes) >= maxNodes {
		return 0, errMany
	}
	if i >= len(r.raw) {
		return 0, errCutOff
	}
	n := int32(len(r.nodes))
	r.nodes = append(r.nodes, node{name: name, parent: parent, is: span{start: int32(i)}})
	k, end, err := r.readValue(i, n, depth)
	if err != nil {
		return 0, err
	}
	v := &r.nodes[n]
	v.kind, v.is.end, v.after = k, int32(end), int32(len(r.nodes))
	if k == text {
		v.is.start, v.is.end = v.is.start+1, v.is.end-1
	}
	return end, nil
}

func (r *resource) readValue(i int, n int32, depth int) (kind, int, error) {
	switch c := r.raw[i]; {
	case (c == '{' || c == '[') && depth >= r.limits.Depth:
		return 0, 0, errDeep
	case c == '{' || c == '[':
		return r.readParts(i, n, depth)
	case c == '"':
		end, escaped, err := scanString(r.raw, i)
		r.nodes[n].escaped = escaped
		return text, end, err
	case c == '-' || '0' <= c && c <= '9':
		end, err := scanNumber(r.raw, i)
		return number, end, err
	}
	end, _, err := skip(r.raw, i)
	if err != nil {
		return 0, 0, err
	}
	switch string(r.raw[i:end]) {
	case "null":
		return absent, end, nil
	case "true", "false":
		return boolean, end, nil
	}
	return 0, 0, errSyntax
}

// readParts reads the parts of the array or object that begins at raw[i], whose node is n.
func (r *resource) readParts(i int, n int32, depth int) (kind, int, error) {
	if r.raw[i] == '[' {
		end, err := walk(r.raw, i, '[', ']', func(i int) (int, error) { return r.read(i, n, span{}, depth+1) })
		return array, end, err
	}
	end, err := membersAt(r.raw, i, func(name span, i int) (int, error) {
		written := name.of(r.raw)
		if bytes.ContainsFunc(written, func(c rune) bool { return c < ' ' || c == '\\' }) {
			return 0, errSyntax
		}
		if string(written) == "modifierExtension" {
			r.modified = true
		}
		return r.read(i, n, name, depth+1)
	})
	return object, end, err
}
