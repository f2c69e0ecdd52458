package fhir

import (
	"testing"
	"unicode/utf8"

	"dossiersync/store/dossier"
)

func TestPlainRTF(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ name, src, want string }{
		{"plain", `{\rtf1\ansi Meneer slaapt slecht.}`, "Meneer slaapt slecht."},
		{"paragraphs", "{\\rtf1\\ansi a\\par\r\nb\\line c\\tab d}", "a\nb\nc\td"},
		{"head", `{\rtf1\ansi{\fonttbl{\f0\fswiss Arial;}}{\colortbl;\red0;}{\*\generator Riched20;}{\info{\author weg}}\pard tekst\par}`, "tekst"},
		{"code page", `{\rtf1\ansi\ansicpg1252 caf\'e9 \'80}`, "café €"},
		{"code page of a font", `{\rtf1{\fonttbl{\f0 Arial;}{\f1\fcharset238 Arial CE;}}\f0 a\'e9 \f1 Wa\'b3\'easa}`, "aé Wałęsa"},
		{"Unicode", `{\rtf1 \u321?\u243?d\u378? {\uc0\u8364} {\uc2\u233\'c3\'a9x} \u-10179?\u-8704?}`, "Łódź € éx 😀"},
		{"hidden and struck", `{\rtf1 a {\v weg}{\strike weg}{\deleted weg}b \v weg\v0 c\strike weg\plain d}`, "a b cd"},
		{"raised", `{\rtf1 10{\super 9}/L H{\sub 2}O}`, "10⁹/L H₂O"},
		{"field", `{\rtf1 {\field{\*\fldinst HYPERLINK "x"}{\fldrslt link}}}`, "link"},
		{"table", `{\rtf1 a\cell b\cell\row c\cell d\cell\row}`, "a | b |\nc | d |"},
		{"signs", `{\rtf1 \{a\}\~\_\\ \endash \lquote b\rquote}`, "{a}\u00a0-\\ –‘b’"},
		{"list", `{\rtf1 {\listtext 1.\tab}a\par{\pntext 2.\tab}b}`, "1.\ta\n2.\tb"},
	} {
		for _, kind := range []string{"text/rtf", "application/rtf", "text/plain"} {
			got := contentOf[*dossier.Report](t, Mapping{}, with(t, document, content(inline(kind, test.src))...))
			if got.Text != test.want || len(got.Attachments) != 1 {
				t.Errorf("%s as %s: got %q and %v, want %q", test.name, kind, got.Text, got.Attachments, test.want)
			}
		}
	}
}

// FuzzRTF: whatever comes in, text that can be stored comes out.
func FuzzRTF(f *testing.F) {
	f.Add([]byte(`{\rtf1\ansi\ansicpg1252{\fonttbl{\f0\fcharset128 x;}}\f0 a\'82\u233?{\super 2}\bin3 }}}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		if s, ok := plainRTF(b); ok && (!utf8.ValidString(s) || len(s) > 8*len(b)) {
			t.Fatalf("%q", s)
		}
	})
}
