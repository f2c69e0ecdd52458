package fhir

import "errors"

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

// A node is one JSON value of a resource. The nodes of a value's parts follow
// it directly, in document order.
type node struct {
	kind    kind
	escaped bool  // a text with escapes in it
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
	case c == '{':
		end, err := r.readObject(i, n, depth)
		return object, end, err
	case c == '[':
		end, err := r.readArray(i, n, depth)
		return array, end, err
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

func (r *resource) readArray(i int, n int32, depth int) (int, error) {
	i = skipSpace(r.raw, i+1)
	for first := true; ; first = false {
		if first && i < len(r.raw) && r.raw[i] == ']' {
			return i + 1, nil
		}
		end, err := r.read(i, n, span{}, depth+1)
		if err != nil {
			return 0, err
		}
		i = skipSpace(r.raw, end)
		switch {
		case i >= len(r.raw):
			return 0, errCutOff
		case r.raw[i] == ']':
			return i + 1, nil
		case r.raw[i] != ',':
			return 0, errSyntax
		}
		i = skipSpace(r.raw, i+1)
	}
}

func (r *resource) readObject(i int, n int32, depth int) (int, error) {
	i = skipSpace(r.raw, i+1)
	for first := true; ; first = false {
		switch {
		case i >= len(r.raw):
			return 0, errCutOff
		case first && r.raw[i] == '}':
			return i + 1, nil
		case r.raw[i] != '"':
			return 0, errSyntax
		}
		end, escaped, err := scanString(r.raw, i)
		if err != nil {
			return 0, err
		}
		if escaped {
			return 0, errSyntax
		}
		name := span{int32(i + 1), int32(end - 1)}
		if string(name.of(r.raw)) == "modifierExtension" {
			r.modified = true
		}
		if i = skipSpace(r.raw, end); i >= len(r.raw) {
			return 0, errCutOff
		}
		if r.raw[i] != ':' {
			return 0, errSyntax
		}
		if end, err = r.read(skipSpace(r.raw, i+1), n, name, depth+1); err != nil {
			return 0, err
		}
		i = skipSpace(r.raw, end)
		switch {
		case i >= len(r.raw):
			return 0, errCutOff
		case r.raw[i] == '}':
			return i + 1, nil
		case r.raw[i] != ',':
			return 0, errSyntax
		}
		i = skipSpace(r.raw, i+1)
	}
}
