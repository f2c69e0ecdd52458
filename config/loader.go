package config

import (
	"bytes"
	"errors"
	"io"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
)

// maxValues is the largest number of values in a file, with its aliases followed. A
// tenant has about sixty, so thousands of tenants fit.
const maxValues = 250_000

// loader reads one file and collects its faults and warnings.
type loader struct {
	name     string // as shown in faults
	dir      string // relative paths count from here
	getenv   func(string) (string, bool)
	readFile func(string) ([]byte, error)
	searches Searches

	faults    Faults
	warnings  Faults
	values    int
	listeners []listener
}

// root reads data as YAML and reports whether there is a tree to walk.
func (l *loader) root(data []byte) (value, bool) {
	dec := yaml.NewDecoder(bytes.NewReader(shield(data)))
	var first, second yaml.Node
	err := dec.Decode(&first)
	if errors.Is(err, io.EOF) {
		l.faultAt(1, 0, "holds no configuration; give at least `portal_api` and `tenants`")
		return value{}, false
	}
	if err == nil {
		if err = dec.Decode(&second); err == nil {
			l.faultAt(second.Line, second.Column,
				"a second YAML document begins here; keep everything in one, without `---` lines")
		}
	}
	if err != nil && !errors.Is(err, io.EOF) {
		l.syntax(data, err)
		return value{}, false
	}
	return l.value(first.Content[0], ""), true
}

// value returns node as a value, with an alias followed.
func (l *loader) value(node *yaml.Node, path string) value {
	v := value{l: l, node: node, near: node, path: path}
	if node.Kind == yaml.AliasNode {
		v.node = node.Alias
	}
	return v
}

// spend counts n more values and reports whether the file is still within maxValues.
func (l *loader) spend(n int, at value) bool {
	within := l.values <= maxValues
	l.values += n
	if within && l.values > maxValues {
		at.faultf("with all aliases followed, the file holds more than %d values; write it out without them", maxValues)
	}
	return l.values <= maxValues
}

func (l *loader) faultAt(line, column int, message string) {
	l.faults = append(l.faults, Fault{File: l.name, Line: line, Column: column, Message: oneLine(message)})
}

var (
	yamlError     = regexp.MustCompile(`^yaml: (?:line (\d+): )?(.*)`)
	unknownAnchor = regexp.MustCompile(`^unknown anchor '(.*)' referenced`)
	// The parser counts the lines of these from 0, of all others from 1.
	fromZero = regexp.MustCompile(`^did not find expected (node content|key|[-',<])`)
)

// syntax reports why YAML cannot be read. The parser stops at its first problem and
// knows no column, so tabs and bytes that are not text are looked for here instead.
func (l *loader) syntax(data []byte, err error) {
	before := len(l.faults)
	for i, line := range strings.Split(string(data), "\n") {
		indent := line[:len(line)-len(strings.TrimLeft(line, " \t"))]
		if tab := strings.IndexByte(indent, '\t'); tab >= 0 && strings.TrimSpace(line) != "" {
			l.faultAt(i+1, tab+1, "is indented with a tab; use spaces")
		}
		if column := strings.IndexFunc(line, unreadable); column >= 0 {
			l.faultAt(i+1, utf8.RuneCountInString(line[:column])+1,
				"holds a byte that is not text; save the file as UTF-8 without control characters")
		}
	}
	if len(l.faults) > before {
		return
	}
	line, problem := parserLine(string(data), err.Error())
	l.faultAt(line, 0, "cannot be read as YAML here or just after: "+problem+
		"; check the indentation, and put quotes around values with special characters")
}

// parserLine returns the line and the problem that the parser's message names.
func parserLine(text, message string) (line int, problem string) {
	m := yamlError.FindStringSubmatch(message)
	if m == nil {
		return 1, message
	}
	problem = m[2]
	if a := unknownAnchor.FindStringSubmatch(problem); a != nil {
		before, _, _ := strings.Cut(text, "*"+a[1])
		return strings.Count(before, "\n") + 1, problem
	}
	line, err := strconv.Atoi(m[1])
	if err != nil {
		return 1, problem // the parser leaves out line 1
	}
	if fromZero.MatchString(problem) {
		line++
	}
	return line, problem
}

// unreadable reports whether r is not allowed in YAML, or stands for invalid UTF-8.
func unreadable(r rune) bool {
	return r == utf8.RuneError || r == 0x7f || r < 0x20 && r != '\t' && r != '\r'
}
