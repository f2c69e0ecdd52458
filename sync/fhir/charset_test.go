package fhir

import (
	"bytes"
	"encoding/base64"
	"maps"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"golang.org/x/net/html/charset"
	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/unicode"
	"pgregory.net/rapid"
)

func TestDecodeText(t *testing.T) {
	t.Parallel()
	wide := func(order unicode.Endianness, bom unicode.BOMPolicy, s string) string {
		b, _ := unicode.UTF16(order, bom).NewEncoder().String(s)
		return b
	}
	const polish = "Wa\xb3\xeasa" // ISO 8859-2
	for _, test := range []struct {
		name, data, declared string
		markup               bool
		want                 string
		wrong                plain
	}{
		{"nothing said, ASCII", "abc", "", false, "abc", ""},
		{"nothing said, UTF-8", "café", "", false, "café", ""},
		{"nothing said, Windows-1252", "caf\xe9 \x80", "", false, "café €", ""},
		{"mark before the declared set", "\xef\xbb\xbfPriv\xc3\xa9", "iso-8859-1", false, "Privé", ""},
		{"UTF-16 by its mark", wide(unicode.LittleEndian, unicode.UseBOM, "Privé"), "utf-8", false, "Privé", ""},
		{"big-endian by its mark", wide(unicode.BigEndian, unicode.UseBOM, "Privé"), "", false, "Privé", ""},
		{"UTF-16 by name", wide(unicode.LittleEndian, unicode.IgnoreBOM, "Privé"), "UTF-16", false, "Privé", ""},
		{"big-endian called UTF-16", wide(unicode.BigEndian, unicode.IgnoreBOM, "Privé"), "utf-16", false, "Privé", ""},
		{"UTF-16 that does not say so", wide(unicode.LittleEndian, unicode.IgnoreBOM, "Goed geslapen"), "", false, "Goed geslapen", ""},
		{"no longer UTF-16", "Goed", "utf-16", false, "Goed", ""},
		{"half a character", "\xff\xfeG", "", false, "", notText},
		{"by name", polish, "latin2", false, "Wałęsa", ""},
		{"by a name in quotes", polish, `"ISO-8859-2"`, false, "Wałęsa", ""},
		{"by meta", `<meta charset=iso-8859-2>` + polish, "", true, `<meta charset=iso-8859-2>Wałęsa`, ""},
		{"by meta http-equiv", `<meta http-equiv="Content-Type" content="text/html; charset=iso-8859-2">` + polish, "", true,
			`<meta http-equiv="Content-Type" content="text/html; charset=iso-8859-2">Wałęsa`, ""},
		{"declared before meta", `<meta charset=iso-8859-1>` + polish, "iso-8859-2", true, `<meta charset=iso-8859-1>Wałęsa`, ""},
		{"by XML", `<?xml version="1.0" encoding="ISO-8859-2"?>` + polish, "", true, `<?xml version="1.0" encoding="ISO-8859-2"?>Wałęsa`, ""},
		{"meta in a comment", `<!-- <meta charset=iso-8859-2> -->caf` + "\xe9", "", true, `<!-- <meta charset=iso-8859-2> -->café`, ""},
		{"meta of a set that it cannot be in", `<meta charset=utf-16>café`, "", true, `<meta charset=utf-16>café`, ""},
		{"meta in plain text", `<meta charset=iso-8859-2>caf` + "\xe9", "", false, `<meta charset=iso-8859-2>café`, ""},
		{"unknown name, UTF-8", "café", "x-onbekend", false, "café", ""},
		{"unknown name, else", "caf\xe9", "x-onbekend", false, "", "it is in an unknown character set"},
		{"unknown name, but meta", `<meta charset=iso-8859-2>` + polish, "x-onbekend", true, `<meta charset=iso-8859-2>Wałęsa`, ""},
		{"a set that is dangerous", "+ADw-", "utf-7", false, "+ADw-", ""},
		{"replaced set", "caf\xe9", "hz-gb-2312", false, "", "it is in an unknown character set"},
		{"not what it claims", "caf\xe9", "utf-8", false, "", notText},
		{"ASCII that is UTF-8", "café", "us-ascii", false, "café", ""},
		{"Japanese", "\x93\xfa\x96\x7b", "shift_jis", false, "日本", ""},
		{"zero", "a\x00b", "", false, "", notText},
		{"nothing", "", "utf-16", false, "", ""},
		{"a mark alone", "\xef\xbb\xbf", "", false, "", ""},
	} {
		got, wrong := decodeText([]byte(test.data), test.declared, test.markup)
		if got != test.want || wrong != test.wrong {
			t.Errorf("%s: got %q %q", test.name, got, wrong)
		}
	}
}

// drawnSets are those that most texts are written in, and what their texts are drawn from.
var drawnSets = map[string]string{
	"utf-8": "aé€日😀 .", "utf-16le": "aé€日😀 .", "utf-16be": "aé€日😀 .", "windows-1252": "aé€ëïœ .", "iso-8859-2": "aéłęż .", "iso-8859-15": "aé€Žœ .",
	"windows-1251": "aдгж .", "shift_jis": "a日本ア .", "gb18030": "a日本€ .", "euc-kr": "a한국 .",
}

// drawText draws a text that can be written in the set called name, and returns it in that set too.
func drawText(t *rapid.T, name string) (string, []byte) {
	runes := []rune(drawnSets[name])
	s := "a" + string(rapid.SliceOfN(rapid.SampledFrom(runes), 3, 40).Draw(t, "text"))
	var e encoding.Encoding
	switch name {
	case "utf-16be":
		e = unicode.UTF16(unicode.BigEndian, unicode.IgnoreBOM)
	default:
		e, _ = charset.Lookup(name)
	}
	b, err := e.NewEncoder().Bytes([]byte(s))
	if err != nil {
		t.Skip(err)
	}
	return s, b
}

func checkCharsets(t *rapid.T) {
	name := rapid.SampledFrom(slices.Sorted(maps.Keys(drawnSets))).Draw(t, "set")
	s, b := drawText(t, name)
	if got, wrong := decodeText(b, name, rapid.Bool().Draw(t, "markup")); got != s || wrong != "" {
		t.Fatalf("%s %q: got %q %s", name, s, got, wrong)
	}
	if !strings.HasPrefix(name, "utf-16") {
		head := `<html><head><meta charset="` + name + `"></head>`
		if got, wrong := decodeText(append([]byte(head), b...), "", true); got != head+s || wrong != "" {
			t.Fatalf("meta %s %q: got %q %s", name, s, got, wrong)
		}
	}
	marked := append([]byte("\xef\xbb\xbf"), s...)
	if got, wrong := decodeText(marked, name, false); got != s || wrong != "" {
		t.Fatalf("marked %q: got %q %s", s, got, wrong)
	}
}

func TestDrawnTextsComeOutOfTheirCharset(t *testing.T) {
	t.Parallel()
	rapid.Check(t, checkCharsets)
}

func FuzzCharset(f *testing.F) { f.Fuzz(rapid.MakeFuzz(checkCharsets)) }

// FuzzDecodeText: whatever bytes come in, text that can be stored comes out, or a reason.
func FuzzDecodeText(f *testing.F) {
	f.Add([]byte("\xff\xfea\x00"), "utf-16", true)
	f.Add([]byte(`<?xml encoding="x"?>`), "", true)
	f.Fuzz(func(t *testing.T, b []byte, declared string, markup bool) {
		s, wrong := decodeText(b, declared, markup)
		if !utf8.ValidString(s) || strings.ContainsRune(s, 0) || wrong != "" && s != "" {
			t.Fatalf("%q %s", s, wrong)
		}
		if wrong == "" && s == "" && len(bytes.Trim(b, "\xef\xbb\xbf\xfe\xff")) > 0 {
			t.Fatalf("%q became nothing", b)
		}
	})
}

func checkBase64(t *rapid.T) {
	b := rapid.SliceOf(rapid.Byte()).Draw(t, "bytes")
	e := rapid.SampledFrom([]*base64.Encoding{base64.StdEncoding, base64.RawStdEncoding, base64.URLEncoding, base64.RawURLEncoding}).Draw(t, "encoding")
	s := e.EncodeToString(b)
	if n := rapid.IntRange(0, len(s)).Draw(t, "break"); n > 0 {
		s = s[:n] + rapid.SampledFrom([]string{"\n", "\r\n", " ", "\t"}).Draw(t, "blank") + s[n:]
	}
	if rapid.Bool().Draw(t, "url") {
		s = "data:text/plain;charset=utf-8;base64," + s
	}
	if got, ok := decodeBase64(s); !ok || !bytes.Equal(got, b) {
		t.Fatalf("%q: got %q %t, want %q", s, got, ok, b)
	}
	text := rapid.StringMatching(`[A-Z][a-zé]{3,9}( [a-z]{2,9}){2,6}[.]`).Draw(t, "text")
	twice := base64.StdEncoding.EncodeToString([]byte(text))
	if got := string(unpacked([]byte(twice))); got != text {
		t.Fatalf("packed twice: got %q, want %q", got, text)
	}
	if got := string(unpacked([]byte(text))); got != text {
		t.Fatalf("a text that is none became %q, want %q", got, text)
	}
}

func TestDrawnBase64IsRead(t *testing.T) {
	t.Parallel()
	rapid.Check(t, checkBase64)
}

func FuzzBase64(f *testing.F) { f.Fuzz(rapid.MakeFuzz(checkBase64)) }

func TestWhatIsNoBase64IsRefused(t *testing.T) {
	t.Parallel()
	for _, s := range []string{"@@@", "abc!", "a", "YQ==YQ==", "{\"a\":1}", "<p>tekst</p>"} {
		if b, ok := decodeBase64(s); ok {
			t.Errorf("%q became %q", s, b)
		}
	}
}
