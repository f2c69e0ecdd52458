package fhir

import (
	"encoding/base64"
	"strconv"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding/charmap"
)

// decodeText returns the text that b is in the named character set. Without a
// name it is UTF-8 if it can be, else Windows-1252, as browsers have it. known
// is false for a character set that this program cannot read; ok is false where
// b is none in that set, or no text at all.
func decodeText(b []byte, name string) (s string, known, ok bool) {
	valid := utf8.Valid(b)
	switch strings.ToLower(name) {
	case "utf-8", "utf8", "us-ascii", "ascii":
		s, ok = string(b), valid
	case "iso-8859-1", "latin1", "windows-1252", "cp1252":
		s, ok = decodeBytes(b, charmap.Windows1252), true
	case "iso-8859-15", "latin9":
		s, ok = decodeBytes(b, charmap.ISO8859_15), true
	case "":
		if s, ok = string(b), true; !valid {
			s = decodeBytes(b, charmap.Windows1252)
		}
	default:
		return "", false, false
	}
	return s, true, ok && strings.IndexByte(s, 0) < 0
}

func decodeBytes(b []byte, m *charmap.Charmap) string {
	var out strings.Builder
	out.Grow(len(b))
	for _, c := range b {
		out.WriteRune(m.DecodeByte(c))
	}
	return out.String()
}

// decodeBase64 reads FHIR's base64Binary, which may be broken into lines and,
// from some, lack its padding.
func decodeBase64(s string) ([]byte, bool) {
	s = strings.Map(func(r rune) rune {
		if r == ' ' || r == '\t' {
			return -1
		}
		return r // the decoder passes over line breaks itself
	}, s)
	b, err := base64.RawStdEncoding.DecodeString(strings.TrimRight(s, "=\r\n"))
	return b, err == nil
}

// sizeOf returns the size that v, an Attachment, claims.
func sizeOf(v value) (int64, bool) {
	n, err := strconv.ParseInt(v.get("size").number(), 10, 64)
	return n, err == nil && n >= 0
}
