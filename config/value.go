package config

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// value is a place in the file, with or without a value. Its methods report a fault
// and then return a default or a zero, so that reading goes on to the next fault.
type value struct {
	l     *loader
	node  *yaml.Node // nil: left out
	near  *yaml.Node // where a fault points: the value, or the section it is missing from
	path  string
	quiet bool // inside something already reported

	// While a schema of the file is made (see [Schema]), what describes the value and
	// the section that it is in; otherwise nil.
	schema, parent schema
}

// given reports whether the key is in the file, with or without a value.
func (v value) given() bool { return v.node != nil }

func (v value) faultf(format string, args ...any) {
	if !v.quiet {
		v.l.faults = append(v.l.faults, v.fault(format, args))
	}
}

func (v value) warnf(format string, args ...any) {
	if !v.quiet {
		v.l.warnings = append(v.l.warnings, v.fault(format, args))
	}
}

func (v value) fault(format string, args []any) Fault {
	return Fault{
		File: v.l.name, Line: v.near.Line, Column: v.near.Column, Key: v.path,
		Message: oneLine(fmt.Sprintf(format, args...)),
	}
}

// required makes it a fault that v is left out; how says what to write. Keys that are
// missing inside v are then not reported as well.
func (v value) required(how string) value {
	v.mustBeGiven()
	if !v.given() {
		v.faultf("is missing; %s", how)
		v.quiet = true
	}
	return v
}

// is reports whether v has a value of the kind; another kind is a fault.
func (v value) is(kind yaml.Kind, want string) bool {
	switch {
	case !v.given() || v.null():
		return false
	case v.node.Kind != kind:
		v.faultf("must be %s, not %s", want, kindName(v.node))
		return false
	case v.node.Style&yaml.TaggedStyle != 0:
		v.faultf("has a YAML tag (!…); write the value without it")
		return false
	}
	return true
}

func (v value) null() bool { return v.node.Kind == yaml.ScalarNode && v.node.Tag == "!!null" }

func kindName(n *yaml.Node) string {
	switch n.Kind {
	case yaml.MappingNode:
		return "keys with values"
	case yaml.SequenceNode:
		return "a list"
	default:
		return "a single value"
	}
}

// list returns the items of a list, or nil if it was left out.
func (v value) list() []value {
	if v.schema != nil {
		item := schema{}
		v.describe(schema{"type": "array", "items": item})
		return []value{v.l.described(item, v.path+"[0]")}
	}
	if v.given() && v.null() {
		v.faultf("has no value; write [] for an empty list, or remove the key")
		return nil
	}
	isList := v.is(yaml.SequenceNode, "a list, written [a, b] or with a line `- …` for each item")
	if !isList || !v.l.spend(len(v.node.Content), v) {
		return nil
	}
	items := make([]value, len(v.node.Content))
	for i, n := range v.node.Content {
		items[i] = v.l.value(n, v.path+"["+strconv.Itoa(i)+"]")
	}
	return items
}

// items returns the items of a list that must be given and not be empty; how says what
// to write.
func (v value) items(how string) []value {
	v.describe(schema{"minItems": 1})
	if v.schema == nil && v.given() && (v.null() || v.empty()) {
		v.faultf("is empty; %s", how)
		return nil
	}
	return v.required(how).list()
}

// empty reports whether v is a list without items, or left out.
func (v value) empty() bool {
	return !v.given() || v.node.Kind == yaml.SequenceNode && len(v.node.Content) == 0
}

// section is a mapping whose keys are read with key. Keys that were not read by then
// are faults in end.
type section struct {
	value
	keys    map[string]value
	written []*yaml.Node // the keys, in the order of the file
	asked   []string
}

// section returns v as a mapping. A mapping that is left out or empty has no keys.
func (v value) section() *section {
	s := &section{value: v, keys: map[string]value{}}
	s.describeSection()
	if !v.is(yaml.MappingNode, "a section of keys with values") || !v.l.spend(len(v.node.Content)/2, v) {
		s.quiet = s.quiet || v.given() && !v.null()
		return s
	}
	for i := 0; i+1 < len(v.node.Content); i += 2 {
		s.add(v.node.Content[i], v.node.Content[i+1])
	}
	return s
}

func (s *section) add(key, val *yaml.Node) {
	child := s.l.value(val, s.join(asWritten(key)))
	at := child
	at.near = key
	name := asWritten(key)
	switch first, twice := s.keys[name]; {
	case key.Kind != yaml.ScalarNode:
		at.path = s.path
		at.faultf("has a key that is not a single word; write `key: value`")
	case key.Tag == "!!merge":
		at.faultf("merge keys are not supported; repeat the keys, " +
			"or share a whole section with an anchor (&name) and an alias (*name)")
	case twice:
		at.faultf("is given twice, first on line %d; keep one of the two", first.near.Line)
	default:
		s.keys[name] = child
		s.written = append(s.written, key)
	}
}

var plainKey = regexp.MustCompile(`^[A-Za-z0-9_<-]{1,60}$`)

func (s *section) join(key string) string {
	if !plainKey.MatchString(key) {
		key = shorten(key)
	}
	if s.path == "" {
		return key
	}
	return s.path + "." + key
}

// key returns what the file has under name.
func (s *section) key(name string) value {
	if !slices.Contains(s.asked, name) {
		s.asked = append(s.asked, name)
	}
	if s.schema != nil {
		v := s.l.described(s.schema.property(name), s.join(name))
		v.parent = s.schema
		return v
	}
	if v, ok := s.keys[name]; ok {
		return v
	}
	return value{l: s.l, near: s.near, path: s.join(name), quiet: s.quiet}
}

// end reports the keys that were not read.
func (s *section) end() {
	for _, key := range s.written {
		name := asWritten(key)
		if slices.Contains(s.asked, name) {
			continue
		}
		v := s.keys[name]
		v.near = key
		near := nearest(name, s.asked)
		switch {
		case near != "":
			v.faultf("is not a key here; did you mean %s?", near)
		case len(s.asked) == 0:
			v.faultf("is not a key here; this section is always empty")
		default:
			v.faultf("is not a key here; the keys here are %s", strings.Join(s.asked, ", "))
		}
	}
}
