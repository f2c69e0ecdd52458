package fhir

import (
	"strings"
	"testing"
	"unicode/utf8"
)

// clean takes a short cut where there is nothing to do; which characters are kept,
// and as what, does not depend on it.
func TestCleanKeepsEveryCharacterThatIsPrintable(t *testing.T) {
	t.Parallel()
	for r := rune(0); r <= utf8.MaxRune; r++ {
		s := "a" + string(r) + "b"
		if r == '\r' {
			continue // a line break, told apart before
		}
		if got, want := clean(s), strings.Map(keepPrintable, s); got != want {
			t.Fatalf("clean(%q) = %q, want %q", s, got, want)
		}
	}
}

func TestCharactersThatNobodySees(t *testing.T) {
	t.Parallel()
	for src, want := range map[string]string{
		"a\u202ebc\u202c d":                "abc d",
		"Mevrouw: \u202bשלום\u202c en":     "Mevrouw: \u202bשלום\u202c en",
		"\u2067שלום\u2069 \u2066abc\u2069": "\u2067שלום\u2069 abc",
		"\u202eשלום\u202c":                 "שלום",
		"\u202bשלום\n\u202c":               "שלום",
		"ge\u200bheim\u00ad\u2060\ufeff":   "geheim",
		"a\u200db\u200cc\u200ed\u061c":     "abcd",
		"👩\u200d👩\u200d👧 👍🏽 🏴\U000e0067\U000e0062\U000e007f a\U000e0067": "👩\u200d👩\u200d👧 👍🏽 🏴\U000e0067\U000e0062\U000e007f a",
		"می\u200cخواهم":  "می\u200cخواهم",
		"क्\u200dष":      "क्\u200dष",
		"שלום \u200f(a)": "שלום \u200f(a)",
	} {
		if got := clean(src); got != want {
			t.Errorf("%q: got %q, want %q", src, got, want)
		}
		if got, want := line(src), strings.ReplaceAll(want, "\n", " "); got != want {
			t.Errorf("line %q: got %q, want %q", src, got, want)
		}
	}
	if got := line(strings.Repeat("é", 3000)); utf8.RuneCountInString(got) != maxLine {
		t.Errorf("%d characters in a line", utf8.RuneCountInString(got))
	}
}
