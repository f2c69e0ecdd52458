package fhir

import (
	"errors"
	"slices"
	"strings"
)

// Code is a coded value: a FHIR Coding without its display. In a rule an empty
// System stands for any.
type Code struct {
	System string
	Code   string
}

// ParseCode reads a code as configurations and FHIR searches write it:
// system|code, or a code alone for any system.
func ParseCode(s string) (Code, error) {
	c := Code{Code: s}
	if i := strings.LastIndexByte(s, '|'); i >= 0 {
		c = Code{System: s[:i], Code: s[i+1:]}
	}
	if c.Code == "" || strings.TrimSpace(s) != s {
		return Code{}, errors.New("a code is written as system|code")
	}
	return c, nil
}

// String is ParseCode's inverse.
func (c Code) String() string {
	if c.System == "" {
		return c.Code
	}
	return c.System + "|" + c.Code
}

// IsZero reports whether c names nothing.
func (c Code) IsZero() bool { return c == Code{} }

// matches reports whether c, of a rule, means one of codes.
func (c Code) matches(codes []Code) bool {
	return slices.ContainsFunc(codes, func(have Code) bool {
		return have.Code == c.Code && (c.System == "" || have.System == c.System)
	})
}

// appendCoding appends the code of v, a Coding.
func appendCoding(codes []Code, v value) []Code {
	c := Code{System: v.get("system").str(), Code: v.get("code").str()}
	if c.Code == "" {
		return codes
	}
	return append(codes, c)
}

// appendCodings appends the codes of v, a list of Coding.
func appendCodings(codes []Code, v value) []Code {
	for _, coding := range v.each() {
		codes = appendCoding(codes, coding)
	}
	return codes
}

// appendConcept appends the codes of v, a CodeableConcept.
func appendConcept(codes []Code, v value) []Code { return appendCodings(codes, v.get("coding")) }

// appendConcepts appends the codes of v, a list of CodeableConcept.
func appendConcepts(codes []Code, v value) []Code {
	for _, concept := range v.each() {
		codes = appendConcept(codes, concept)
	}
	return codes
}

// words returns what v, a CodeableConcept, is called: its text, else the
// display of its first coding that has one.
func words(v value) string {
	if s := dutchLine(v.get("text")); s != "" {
		return s
	}
	for _, coding := range v.get("coding").each() {
		if s := dutchLine(coding.get("display")); s != "" {
			return s
		}
	}
	return ""
}

// firstWords returns what the first of v, a list of CodeableConcept, is called
// that is called something.
func firstWords(v value) string {
	for _, concept := range v.each() {
		if s := words(concept); s != "" {
			return s
		}
	}
	return ""
}
