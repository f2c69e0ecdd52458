package fhir

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// clean returns s as a reader gets it: every kind of line break as \n, without
// control characters and without blank space around it. The words are never
// touched.
func clean(s string) string {
	if !isClean(s) {
		s = strings.Map(keepPrintable, breaks(s))
	}
	return strings.TrimFunc(s, isBlank)
}

// isClean reports whether s holds no character that clean drops or replaces; all of
// them but the plain control characters begin with one of three bytes.
func isClean(s string) bool {
	for i := range len(s) {
		switch c := s[i]; {
		case c == '\n' || c == '\t':
		case c < ' ' || c == 0x7f:
			return false
		case c == 0xc2 || c == 0xe2 || c == 0xef:
			if r, _ := utf8.DecodeRuneInString(s[i:]); keepPrintable(r) != r {
				return false
			}
		}
	}
	return true
}

// line returns s as one line: like clean, with every run of blank space as one
// space. It is for names and titles.
func line(s string) string {
	if isLine(s) {
		return s
	}
	return strings.Join(strings.FieldsFunc(strings.Map(keepPrintable, breaks(s)), isBlank), " ")
}

// isLine reports whether s is plain ASCII without anything that line changes.
func isLine(s string) bool {
	for i := range len(s) {
		c := s[i]
		if c < ' ' || c > '~' || c == ' ' && (i == 0 || i == len(s)-1 || s[i-1] == ' ') {
			return false
		}
	}
	return true
}

func breaks(s string) string {
	if strings.IndexByte(s, '\r') >= 0 {
		s = strings.ReplaceAll(s, "\r\n", "\n")
		s = strings.ReplaceAll(s, "\r", "\n")
	}
	return s
}

// keepPrintable drops control characters, and the byte order mark, which some
// editors leave in texts.
func keepPrintable(r rune) rune {
	switch {
	case r == '\n' || r == '\t':
		return r
	case r == '\u2028' || r == '\u2029' || r == '\u0085':
		return '\n'
	case unicode.IsControl(r) || r == '\ufeff':
		return -1
	}
	return r
}

func isBlank(r rune) bool { return unicode.IsSpace(r) || r == '\u200b' }

// tooLong reports whether s has more than most characters.
func tooLong(s string, most int) bool {
	return len(s) > most && utf8.RuneCountInString(s) > most
}

// cut returns at most the first most characters of s.
func cut(s string, most int) string {
	if len(s) <= most {
		return s
	}
	for i := range s {
		if most--; most < 0 {
			return s[:i]
		}
	}
	return s
}
