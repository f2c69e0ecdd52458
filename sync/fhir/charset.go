package fhir

import (
	"bytes"
	"encoding/base64"
	"html"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"golang.org/x/net/html/charset"
	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/unicode"
)

// decodeText returns the text that b is. Its character set is that of its byte order mark, else the
// one that is declared beside it, else the one that it declares itself as HTML or XML, else UTF-8 if
// it can be, else Windows-1252 (WHATWG Encoding, HTML §13.2.3.2). Where it is none of these, or no
// text at all, wrong says so.
func decodeText(b []byte, declared string, isMarkup bool) (s string, wrong plain) {
	set, known := characterSet(b, declared, isMarkup)
	switch {
	case set == nil && !known && !utf8.Valid(b):
		return "", "it is in an unknown character set"
	case set == nil:
		s = string(bytes.TrimPrefix(b, []byte("\ufeff")))
		if !utf8.ValidString(s) {
			return "", notText
		}
	default:
		out, err := set.NewDecoder().Bytes(b)
		if s = string(out); err != nil || strings.ContainsRune(s, utf8.RuneError) {
			return "", notText
		}
	}
	s = strings.TrimPrefix(s, "\ufeff")
	if strings.IndexByte(s, 0) >= 0 || len(b) > 0 && s == "" && len(bytes.Trim(b, "\xef\xbb\xbf\xfe\xff")) > 0 {
		return "", notText
	}
	return s, ""
}

const notText plain = "not a text in the character set it claims"

// characterSet returns the character set of b, nil for UTF-8. known is false where the declared one
// is not known.
func characterSet(b []byte, declared string, isMarkup bool) (set encoding.Encoding, known bool) {
	switch {
	case bytes.HasPrefix(b, []byte("\xef\xbb\xbf")):
		return nil, true
	case bytes.HasPrefix(b, []byte("\xff\xfe")), bytes.HasPrefix(b, []byte("\xfe\xff")):
		return unicode.UTF16(unicode.LittleEndian, unicode.UseBOM), true
	}
	declared = strings.ToLower(strings.Trim(strings.TrimSpace(declared), `"'`))
	known = true
	switch declared {
	case "":
	case "utf-16", "utf16", "utf-16le", "utf-16be", "unicode", "ucs-2", "iso-10646-ucs-2", "csunicode":
		if e := wide(b); e != nil {
			return e, true
		}
		if declared == "utf-16be" {
			return unicode.UTF16(unicode.BigEndian, unicode.IgnoreBOM), true
		}
		if utf8.Valid(b) && bytes.IndexByte(b, 0) < 0 {
			return nil, true // it was converted, and still says what it was
		}
		return unicode.UTF16(unicode.LittleEndian, unicode.IgnoreBOM), true
	case "us-ascii", "ascii":
		if utf8.Valid(b) {
			return nil, true
		}
		return named("windows-1252")
	default:
		if set, ok := named(aliases(declared)); ok {
			return set, true
		}
		known = false
	}
	if e := wide(b); e != nil {
		return e, true
	}
	if isMarkup {
		if label := ownCharset(b); label != "" {
			if set, ok := named(aliases(label)); ok && (set != nil || utf8.Valid(b)) {
				return set, true
			}
		}
	}
	if utf8.Valid(b) || !known {
		return nil, known
	}
	return named("windows-1252")
}

// named returns the character set with this label, nil for UTF-8; ok is false if there is none.
func named(label string) (set encoding.Encoding, ok bool) {
	e, name := charset.Lookup(label)
	switch name {
	case "", "replacement", "x-user-defined":
		return nil, false
	case "utf-8":
		return nil, true
	}
	return e, true
}

// aliases returns the label of the WHATWG for one that other software writes.
func aliases(label string) string {
	switch label {
	case "cp850", "ibm850", "cp437":
		return label // not known to the WHATWG, and not the same as anything that is
	case "latin9", "latin-9":
		return "iso-8859-15"
	case "latin-1", "iso8859_1", "iso_8859_1":
		return "iso-8859-1"
	case "cp-1252", "win-1252", "windows1252":
		return "windows-1252"
	case "utf_8", "utf-8n", "utf8mb4", "utf-8-sig":
		return "utf-8"
	}
	return label
}

// wide returns the UTF-16 that b surely is: a zero byte in most pairs, always on the same side.
func wide(b []byte) encoding.Encoding {
	if len(b) < 4 || len(b)%2 != 0 {
		return nil
	}
	head := b[:min(len(b), 4096)]
	var zero [2]int
	for i, c := range head {
		if c == 0 {
			zero[i%2]++
		}
	}
	switch pairs := len(head) / 2; {
	case zero[0] == 0 && zero[1]*2 > pairs:
		return unicode.UTF16(unicode.LittleEndian, unicode.IgnoreBOM)
	case zero[1] == 0 && zero[0]*2 > pairs:
		return unicode.UTF16(unicode.BigEndian, unicode.IgnoreBOM)
	}
	return nil
}

var (
	xmlCharset  = regexp.MustCompile(`(?i)^\s*<\?xml[^>]*\sencoding\s*=\s*["']([^"']+)["']`)
	metaCharset = regexp.MustCompile(`(?is)<meta\s[^>]*charset\s*=\s*["']?\s*([a-z0-9_:.-]+)`)
	comments    = regexp.MustCompile(`(?s)<!--.*?-->`)
)

// ownCharset returns the character set that b, HTML or XML, says it is in. One that it cannot be in,
// since it could be read so far, stands for UTF-8 (HTML §13.2.3.3).
func ownCharset(b []byte) string {
	head := b[:min(len(b), 4096)]
	label := ""
	if m := xmlCharset.FindSubmatch(head); m != nil {
		label = string(m[1])
	} else if m := metaCharset.FindSubmatch(comments.ReplaceAll(head, nil)); m != nil {
		label = html.UnescapeString(string(m[1]))
	}
	label = strings.ToLower(strings.TrimSpace(label))
	if strings.HasPrefix(label, "utf-16") || strings.HasPrefix(label, "utf16") {
		return "utf-8"
	}
	return label
}

// decodeBase64 reads FHIR's base64Binary, which may be broken into lines and, from some, lack its
// padding, have it doubled, use the alphabet of URLs, or come as a data URL.
func decodeBase64(s string) ([]byte, bool) {
	head, data, ok := strings.Cut(s, ";base64,")
	if ok && len(head) < 200 && strings.HasPrefix(strings.ToLower(strings.TrimSpace(head)), "data:") {
		s = data
	}
	s = strings.Map(func(r rune) rune {
		switch r {
		case ' ', '\t', '\r', '\n':
			return -1
		case '-':
			return '+'
		case '_':
			return '/'
		}
		return r
	}, s)
	b, err := base64.RawStdEncoding.DecodeString(strings.TrimRight(s, "="))
	return b, err == nil
}

// unpacked returns what b holds if it is base64 once more, as some write it; else b. A text that
// happens to be made of such letters alone is left as it is: what comes out has to be a text too.
func unpacked(b []byte) []byte {
	s := strings.TrimSpace(string(b))
	if len(s) < 16 || len(strings.NewReplacer("\r", "", "\n", "").Replace(s))%4 != 0 || strings.ContainsAny(s, " \t") {
		return b
	}
	inner, err := base64.StdEncoding.DecodeString(s)
	if err != nil || !isReadable(inner) {
		return b
	}
	return inner
}

// isReadable reports whether b looks like a text for people.
func isReadable(b []byte) bool {
	if !utf8.Valid(b) || len(b) == 0 {
		return false
	}
	for _, r := range string(b) {
		if r < ' ' && r != '\n' && r != '\r' && r != '\t' || r == 0x7f || 0x80 <= r && r < 0xa0 || utf16.IsSurrogate(r) {
			return false
		}
	}
	return true
}

// sizeOf returns the size that v, an Attachment, claims.
func sizeOf(v value) (int64, bool) {
	size := v.get("size")
	if !size.ok() || size.node().kind != number {
		return 0, false
	}
	n, err := strconv.ParseInt(size.number(), 10, 64)
	return n, err == nil && n >= 0
}
