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
