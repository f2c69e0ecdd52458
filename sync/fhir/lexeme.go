package fhir

import (
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
)

// scanString returns the index just past the string that begins at b[i], and
// whether it holds escapes.
func scanString(b []byte, i int) (end int, escaped bool, err error) {
	for i++; i < len(b); i++ {
		switch c := b[i]; {
		case c == '"':
			return i + 1, escaped, nil
		case c == '\\':
			escaped = true
			n := escapeLen(b[i:])
			if n == 0 {
				return 0, false, errSyntax
			}
			i += n - 1
		case c < 0x20:
			return 0, false, errSyntax
		}
	}
	return 0, false, errCutOff
}

// escapeLen returns the length of the escape that b begins with, 0 if it is
// none.
func escapeLen(b []byte) int {
	if len(b) < 2 {
		return 0
	}
	switch b[1] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return 2
	case 'u':
		if len(b) >= 6 {
			if _, err := strconv.ParseUint(string(b[2:6]), 16, 16); err == nil {
				return 6
			}
		}
	}
	return 0
}

// scanNumber returns the index just past the number that begins at b[i].
func scanNumber(b []byte, i int) (int, error) {
	digits := func() bool {
		from := i
		for i < len(b) && '0' <= b[i] && b[i] <= '9' {
			i++
		}
		return i > from
	}
	if b[i] == '-' {
		i++
	}
	if i < len(b) && b[i] == '0' {
		i++
	} else if !digits() {
		return 0, errSyntax
	}
	if i < len(b) && b[i] == '.' {
		if i++; !digits() {
			return 0, errSyntax
		}
	}
	if i < len(b) && (b[i] == 'e' || b[i] == 'E') {
		if i++; i < len(b) && (b[i] == '+' || b[i] == '-') {
			i++
		}
		if !digits() {
			return 0, errSyntax
		}
	}
	if i < len(b) && !isDelimiter(b[i]) {
		return 0, errSyntax
	}
	return i, nil
}

// unescape returns the string that the JSON text b stands for, or says why it
// is none that could be stored.
func unescape(b []byte) (s, fault string) {
	out := make([]byte, 0, len(b))
	for i := 0; i < len(b); {
		c := b[i]
		if c != '\\' {
			out = append(out, c)
			i++
			continue
		}
		if b[i+1] != 'u' {
			out = append(out, simpleEscape(b[i+1]))
			i += 2
			continue
		}
		r := hexRune(b[i+2 : i+6])
		i += 6
		if r == 0 {
			return "", "holds U+0000"
		}
		if utf16.IsSurrogate(r) {
			var low rune
			if i+6 <= len(b) && b[i] == '\\' && b[i+1] == 'u' {
				low = hexRune(b[i+2 : i+6])
			}
			if r = utf16.DecodeRune(r, low); r == utf8.RuneError {
				return "", "holds half a surrogate pair"
			}
			i += 6
		}
		out = utf8.AppendRune(out, r)
	}
	return string(out), ""
}

func simpleEscape(c byte) byte {
	switch c {
	case 'b':
		return '\b'
	case 'f':
		return '\f'
	case 'n':
		return '\n'
	case 'r':
		return '\r'
	case 't':
		return '\t'
	}
	return c
}

func hexRune(b []byte) rune {
	n, _ := strconv.ParseUint(string(b), 16, 16) // scanString has checked it
	return rune(n)
}
