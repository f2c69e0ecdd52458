package faults

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// File is a parsed fault file.
type File struct {
	Seed  uint64
	Rules []Rule
}

// Parse parses a fault file. Errors use name; the returned error joins all faults, each with its
// line.
func Parse(name string, content []byte) (File, error) {
	p := &parser{name: name}
	var file File
	var document, second yaml.Node
	decoder := yaml.NewDecoder(bytes.NewReader(content))
	switch err := decoder.Decode(&document); {
	case errors.Is(err, io.EOF):
		return file, nil
	case err != nil:
		return File{}, syntaxError(name, err)
	}
	if err := decoder.Decode(&second); err == nil {
		p.fault(&second, "only one document is allowed")
	} else if !errors.Is(err, io.EOF) {
		return File{}, syntaxError(name, err)
	}
	root := document.Content[0]
	for key, value := range p.mapping(root, "the file", "seed", "rules") {
		switch key {
		case "seed":
			file.Seed = p.unsigned(value, "seed")
		case "rules":
			for _, n := range p.sequence(value, "rules") {
				file.Rules = append(file.Rules, p.rule(n))
			}
		}
	}
	return file, errors.Join(p.faults...)
}

var yamlLine = regexp.MustCompile(`^yaml: (?:line (\d+): )?`)

// syntaxError moves the line number to where editors look for it.
func syntaxError(name string, err error) error {
	return fmt.Errorf("%s:%s", name, yamlLine.ReplaceAllString(err.Error(), "$1: "))
}

// parser collects errors and goes on.
type parser struct {
	name   string
	faults []error
}

func (p *parser) fault(n *yaml.Node, format string, args ...any) {
	p.faults = append(p.faults, fmt.Errorf("%s:%d: %s", p.name, n.Line, fmt.Sprintf(format, args...)))
}

// mapping yields the values of a mapping by key, in order. Only known keys are allowed, once each.
func (p *parser) mapping(n *yaml.Node, what string, known ...string) func(yield func(string, *yaml.Node) bool) {
	return func(yield func(string, *yaml.Node) bool) {
		if n.Kind != yaml.MappingNode {
			p.fault(n, "%s must be a mapping with %s", what, list(known))
			return
		}
		seen := map[string]bool{}
		for i := 0; i+1 < len(n.Content); i += 2 {
			key, value := n.Content[i], n.Content[i+1]
			switch {
			case seen[key.Value]:
				p.fault(key, "%s is given twice", key.Value)
			case !slices.Contains(known, key.Value):
				p.fault(key, "unknown key %q in %s; known are %s", key.Value, what, list(known))
			case !yield(key.Value, value):
				return
			}
			seen[key.Value] = true
		}
	}
}

func list(words []string) string { return strings.Join(words, ", ") }

func (p *parser) sequence(n *yaml.Node, what string) []*yaml.Node {
	if n.Kind != yaml.SequenceNode {
		p.fault(n, "%s must be a list", what)
		return nil
	}
	return n.Content
}

// scalar returns the text of a plain value.
func (p *parser) scalar(n *yaml.Node, what string) (string, bool) {
	if n.Kind != yaml.ScalarNode || n.Tag == "!!null" {
		p.fault(n, "%s must be a single value", what)
		return "", false
	}
	return n.Value, true
}

func (p *parser) unsigned(n *yaml.Node, what string) uint64 {
	s, ok := p.scalar(n, what)
	if !ok {
		return 0
	}
	u, err := strconv.ParseUint(s, 10, 64)
	if err != nil {
		p.fault(n, "%s: %q is not a whole number of 0 or more", what, s)
	}
	return u
}

// count reads an integer of at least low.
func (p *parser) count(n *yaml.Node, what string, low int) int {
	s, ok := p.scalar(n, what)
	if !ok {
		return low
	}
	i, err := strconv.Atoi(s)
	if err != nil || i < low || i > 1<<30 {
		p.fault(n, "%s: %q is not a whole number of %d or more", what, s, low)
		return low
	}
	return i
}

// part reads a number between 0 and 1.
func (p *parser) part(n *yaml.Node, what string) float64 {
	s, ok := p.scalar(n, what)
	if !ok {
		return 0
	}
	f, err := strconv.ParseFloat(s, 64)
	if err != nil || !(f >= 0 && f <= 1) {
		p.fault(n, "%s: %q is not a number between 0 and 1", what, s)
		return 0
	}
	return f
}

// oneOf reads one of these words.
func oneOf[T ~string](p *parser, n *yaml.Node, what string, words ...T) T {
	s, ok := p.scalar(n, what)
	if ok && !slices.Contains(words, T(s)) {
		var names []string
		for _, w := range words {
			names = append(names, string(w))
		}
		p.fault(n, "%s: %q is not one of %s", what, s, list(names))
	}
	return T(s)
}

func (p *parser) expression(n *yaml.Node, what string) *regexp.Regexp {
	s, ok := p.scalar(n, what)
	if !ok {
		return nil
	}
	re, err := regexp.Compile(s)
	if err != nil {
		p.fault(n, "%s: %v", what, err)
	}
	return re
}

func (p *parser) rule(n *yaml.Node) Rule {
	var rule Rule
	found := false
	for key, value := range p.mapping(n, "a rule", "match", "fault") {
		if key == "match" {
			rule.Match = p.match(value)
		} else {
			rule.Fault, found = p.faultOf(value), true
		}
	}
	if !found && n.Kind == yaml.MappingNode {
		p.fault(n, "this rule has no fault; known are %s", list(kindNames()))
	}
	return rule
}

func (p *parser) match(n *yaml.Node) Match {
	var m Match
	known := []string{"method", "path", "query", "type", "interaction", "page", "after", "every", "probability",
		"times"}
	for key, value := range p.mapping(n, "match", known...) {
		what := "match." + key
		switch key {
		case "method":
			m.Method, _ = p.scalar(value, what)
		case "path":
			m.Path = p.expression(value, what)
		case "query":
			m.Query = p.expression(value, what)
		case "type":
			m.Type, _ = p.scalar(value, what)
		case "interaction":
			m.Interaction = oneOf(p, value, what, Search, History, Read, VRead, Write, Metadata)
		case "page":
			m.Page = p.count(value, what, 1)
		case "after":
			m.After = p.count(value, what, 0)
		case "every":
			m.Every = p.count(value, what, 1)
		case "probability":
			if m.Probability = p.part(value, what); m.Probability == 0 {
				p.fault(value, "%s: this rule never applies", what)
			}
		case "times":
			m.Times = p.count(value, what, 1)
		}
	}
	return m
}

// faultOf reads "kind", "{kind: value}" or "{kind: value, option: value}".
func (p *parser) faultOf(n *yaml.Node) Fault {
	if n.Kind == yaml.ScalarNode {
		k, ok := kinds[n.Value]
		if !ok {
			p.fault(n, "unknown fault %q; known are %s", n.Value, list(kindNames()))
			return Fault{}
		}
		if k.plain == nil {
			p.fault(n, "%s needs a value: %s", n.Value, k.example)
			return Fault{}
		}
		return k.plain()
	}
	if n.Kind != yaml.MappingNode || len(n.Content) == 0 {
		p.fault(n, "fault must be one of %s", list(kindNames()))
		return Fault{}
	}
	name := n.Content[0].Value
	k, ok := kinds[name]
	switch {
	case !ok:
		p.fault(n.Content[0], "unknown fault %q; known are %s", name, list(kindNames()))
		return Fault{}
	case k.read == nil:
		p.fault(n, "%s takes no value: fault: %s", name, name)
		return Fault{}
	}
	values := map[string]*yaml.Node{}
	for key, value := range p.mapping(n, "fault "+name, append([]string{name}, k.options...)...) {
		values[key] = value
	}
	return k.read(p, values[name], values)
}

func kindNames() []string { return slices.Sorted(maps.Keys(kinds)) }
