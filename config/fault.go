package config

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
	"unicode"
)

// Fault is a mistake in a configuration file, or something unwise.
type Fault struct {
	File    string
	Line    int    // from 1
	Column  int    // from 1; 0 where only the line is known
	Key     string // such as tenants[0].source.fhir.base_url; empty for the whole file
	Message string // what is wrong and what to do; never holds a secret
}

// String gives f on one line: dossiersync.yaml:12:5: tenants[0].schedule: …
func (f Fault) String() string {
	s := f.File + ":" + strconv.Itoa(f.Line)
	if f.Column > 0 {
		s += ":" + strconv.Itoa(f.Column)
	}
	if f.Key != "" {
		s += ": " + f.Key
	}
	return s + ": " + f.Message
}

// Faults is the error of a refused file: all its faults, in the order of the file.
type Faults []Fault

// Error prints one line per fault.
func (fs Faults) Error() string {
	lines := make([]string, len(fs))
	for i, f := range fs {
		lines[i] = f.String()
	}
	return strings.Join(lines, "\n")
}

func (fs Faults) sort() {
	slices.SortStableFunc(fs, func(a, b Fault) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column), cmp.Compare(a.Key, b.Key))
	})
}

// oneLine replaces what would break up the line of a fault: the errors of other
// packages may have it.
func oneLine(message string) string {
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return ' '
		}
		return r
	}, message)
}
