package fhir

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxLine is the most characters of a name or a title (I12).
const maxLine = 2000

// clean returns s as a reader gets it: every kind of line break as \n, without control characters,
// without characters that nobody sees and that could deceive, and without blank space around it.
// The words are never touched.
func clean(s string) string {
	if !isClean(s) {
		s = printable(breaks(s))
	}
	return strings.TrimFunc(s, isBlank)
}

// isClean reports whether s holds no character that clean may drop or replace; all of them but the
// plain control characters begin with one of these bytes.
func isClean(s string) bool {
	for i := range len(s) {
		switch c := s[i]; {
		case c == '\n' || c == '\t':
		case c < ' ' || c == 0x7f:
			return false
		case c == 0xc2, c == 0xcd, c == 0xd8, c == 0xe1, c == 0xe2, c == 0xe3, c == 0xef, c == 0xf0, c == 0xf3:
			if r, _ := utf8.DecodeRuneInString(s[i:]); keepPrintable(r) != r {
				return false
			}
		}
	}
	return true
}

// line returns s as one line: like clean, with every run of blank space as one space, and without
// markup. It is for names and titles, and no longer than maxLine.
func line(s string) string {
	if strings.ContainsAny(s, "<&") {
		if words, wrong := readable(s); wrong == "" {
			s = words
		}
	}
	if !isLine(s) {
		s = strings.Join(strings.FieldsFunc(printable(breaks(s)), isBlank), " ")
	}
	if tooLong(s, maxLine) {
		s = cut(s, maxLine-1) + "…"
	}
	return s
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

// printable returns s without the characters that keepPrintable drops, unless they have a meaning
// where they stand.
func printable(s string) string {
	var b strings.Builder
	b.Grow(len(s))
	before, strong := rune(0), rune(0) // strong is the last letter
	embedded := embeddings(s)
	for i, r := range s {
		kept := keepPrintable(r)
		if kept < 0 && r > 0x7f {
			after, _ := utf8.DecodeRuneInString(s[i+utf8.RuneLen(r):])
			if embedded[i] || isNeeded(before, strong, r, after) {
				kept = r
			}
		}
		if kept >= 0 {
			b.WriteRune(kept)
			before = kept
			if unicode.IsLetter(kept) {
				strong = kept
			}
		}
	}
	return b.String()
}

// keepPrintable returns -1 for control characters and for those that nobody sees: they can turn
// around what a line says (U+202E), or keep a word from being found (U+200B). It returns what r is
// replaced by, otherwise.
func keepPrintable(r rune) rune {
	switch {
	case r == '\n' || r == '\t':
		return r
	case r == '\u2028' || r == '\u2029' || r == '\u0085' || r == '\v' || r == '\f':
		return '\n'
	case unicode.IsControl(r), unicode.Is(unicode.Cf, r) && !isPrependedSign(r),
		r == '\u034f', r == '\u115f', r == '\u1160', r == '\u3164':
		return -1
	}
	return r
}

// isPrependedSign reports whether r is one of the format characters that are seen: signs that are
// written before a number, and the hieroglyphs that are written around others.
func isPrependedSign(r rune) bool {
	return unicode.Is(unicode.Prepended_Concatenation_Mark, r) || 0x13430 <= r && r <= 0x1345f
}

// isNeeded reports whether r, which nobody sees, has a meaning between the characters before and
// after, where strong is the last letter: a joiner in an emoji or in a script that joins its letters,
// a mark of direction in a text that is written from the right, or the tags of a flag.
func isNeeded(before, strong, r, after rune) bool {
	switch {
	case r == '\u200c' || r == '\u200d':
		return unicode.In(before, joining...) || r == '\u200d' && isEmoji(before) && isEmoji(after)
	case r == '\u200e' || r == '\u200f' || r == '\u061c':
		return unicode.In(strong, fromTheRight...) || unicode.In(after, fromTheRight...)
	case 0xe0020 <= r && r <= 0xe007f:
		return before == '🏴' || 0xe0020 <= before && before <= 0xe007f
	}
	return false
}

// embeddings returns the places in s of pairs of characters that embed, within one line, words that
// are written from the right. Overrides are none: they turn around any words.
func embeddings(s string) map[int]bool {
	if !strings.ContainsAny(s, "\u202a\u202b\u2066\u2067\u2068") {
		return nil
	}
	type opening struct {
		at    int
		ends  rune
		keeps bool
	}
	kept := make(map[int]bool)
	var open []opening
	for i, r := range s {
		switch n := len(open); {
		case r == '\n':
			open = open[:0]
		case r == '\u202a' || r == '\u202b' || r == '\u202d' || r == '\u202e':
			open = append(open, opening{at: i, ends: '\u202c'})
		case '\u2066' <= r && r <= '\u2068':
			open = append(open, opening{at: i, ends: '\u2069'})
		case n > 0 && r == open[n-1].ends:
			o := open[n-1]
			if first, _ := utf8.DecodeRuneInString(s[o.at:]); o.keeps && first != '\u202d' && first != '\u202e' {
				kept[o.at], kept[i] = true, true
			}
			if open = open[:n-1]; n > 1 {
				open[n-2].keeps = open[n-2].keeps || o.keeps
			}
		case n > 0 && unicode.In(r, fromTheRight...):
			open[n-1].keeps = true
		}
	}
	return kept
}

var (
	fromTheRight = []*unicode.RangeTable{unicode.Arabic, unicode.Hebrew, unicode.Syriac, unicode.Thaana, unicode.Nko}
	joining      = []*unicode.RangeTable{unicode.Arabic, unicode.Syriac, unicode.Nko, unicode.Mongolian,
		unicode.Devanagari, unicode.Bengali,
		unicode.Gurmukhi, unicode.Gujarati, unicode.Oriya, unicode.Tamil, unicode.Telugu, unicode.Kannada, unicode.Malayalam,
		unicode.Sinhala, unicode.Khmer, unicode.Myanmar, unicode.Tibetan, unicode.Ethiopic}
)

// isEmoji reports whether r may stand in an emoji beside a joiner.
func isEmoji(r rune) bool {
	return unicode.Is(unicode.So, r) || r == 0xfe0f || 0x1f3fb <= r && r <= 0x1f3ff ||
		0x2190 <= r && r <= 0x2bff || 0x1f000 <= r && r <= 0x1faff
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
