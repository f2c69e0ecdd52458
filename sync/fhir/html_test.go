package fhir

import (
	"strings"
	"testing"
	"unicode/utf8"
)

func TestPlainHTML(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ name, src, want string }{
		{"paragraphs", `<div xmlns="http://www.w3.org/1999/xhtml"><p>Een</p><p>Twee<br/>Drie</p></div>`, "Een\n\nTwee\nDrie"},
		{"white space", "<p>  a \n\t b  </p>", "a b"},
		{"inline tags", `a<b>b</b><i> c</i> <span>d</span>`, "ab c d"},
		{"list", `<p>Doen:</p><ul><li>wandelen</li><li><p>eten</p></li></ul><p>Klaar</p>`, "Doen:\n\n- wandelen\n\n- eten\n\nKlaar"},
		{"table", `<table><caption>Plan</caption><tr><th>Wat</th><th>Wie</th></tr><tr><td>Bad</td><td>Zorg</td></tr></table>`,
			"Plan\nWat | Wie\nBad | Zorg"},
		{"pre", "<pre>a\n  b</pre>", "a\n  b"},
		{"entities", `&lt;script&gt; &amp; caf&eacute;&nbsp;&#x1F600; &#8364;`, "<script> & café\u00a0😀 €"},
		{"no markup", "gewone tekst", "gewone tekst"},
		{"case 57 script", `voor<script>alert("x")</script>na`, "voorna"},
		{"case 57 noscript", `a<noscript><img src=x onerror=alert(1)></noscript>b`, "ab"},
		{"case 57 template", `a<template><p>niet</p></template>b`, "ab"},
		{"case 57 hidden", `voor<div hidden>niet <div>dit</div> ook niet</div>na`, "voor\nna"},
		{"case 57 display none", `voor<span style="Display : none">niet</span>na`, "voorna"},
		{"struck out", `wel <del>niet</del><s>allergisch</s> gezien`, "wel gezien"},
		{"nested struck out", `a <s>b <s>c</s> d</s> e`, "a e"},
		{"case 57 handlers", `<p onclick="alert(1)" onload='x'>tekst</p>`, "tekst"},
		{"case 57 style", `<style>p{color:red}</style><p style="x">tekst</p>`, "tekst"},
		{"case 57 iframe", `a<iframe src="https://evil.example">niet</iframe>b`, "ab"},
		{"case 57 remote image", `a<img src="https://evil.example/pixel.gif" onerror="x">b`, "ab"},
		{"image with words", `a<img src="https://evil.example/x.png" alt="een &lt;foto&gt;">b<img alt="klein"/>`, "a een <foto> b klein"},
		{"hidden image with words", `a<img hidden alt="niet">b<div hidden><img alt="ook niet"></div>`, "ab"},
		{"case 57 javascript link", `<a href="javascript:alert(1)">klik</a>`, "klik"},
		{"case 57 self-closing script in XHTML", `a<script src="x"/>b`, "ab"},
		{"case 57 script in mixed case", `a<ScRiPt>x</sCrIpT>b`, "ab"},
		{"case 57 unclosed script", `a<script>x`, "a"},
		{"case 57 comment", `a<!-- b --><!-- <script>x</script> -->c`, "ac"},
		{"case 57 malformed", `<p>a<b>b</i></p></div></div><p`, "ab"},
		{"case 57 nested tags in a tag", `<<script>script>x`, "<"},
		{"case 57 CDATA", `<![CDATA[x]]>y`, "y"},
		{"control characters", "a&#7;b\x01c", "abc"},
		{"empty", ` <div> </div> `, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			if got, wrong := plainHTML(test.src); got != test.want || wrong != "" {
				t.Errorf("got %q %s, want %q", got, wrong, test.want)
			}
		})
	}
}

func TestPlainHTMLDeepNesting(t *testing.T) { // case 57
	t.Parallel()
	const n = 200_000
	if got, wrong := plainHTML(strings.Repeat("<div><b>", n) + "diep" + strings.Repeat("</b></div>", n)); got != "diep" {
		t.Errorf("got %d bytes: %s", len(got), wrong)
	}
}

func TestClean(t *testing.T) {
	t.Parallel()
	for src, want := range map[string]string{
		"a\r\nb\rc\nd":            "a\nb\nc\nd",
		" \u00a0\n x \t\n":        "x",
		"a\x00b\x1fc\x7fd\u0085e": "abcd\ne",
		"\ufeffa\u2028b":          "a\nb",
		"ב\u200fא שלום 👩\u200d👩\u200d👧": "ב\u200fא שלום 👩\u200d👩\u200d👧",
		"a\tb": "a\tb",
	} {
		if got := clean(src); got != want {
			t.Errorf("%q: got %q, want %q", src, got, want)
		}
	}
	for src, want := range map[string]string{"  a \n b\t c ": "a b c", "plain": "plain", "é  è": "é è", " ": "", "a  b": "a b"} {
		if got := line(src); got != want {
			t.Errorf("%q: got %q, want %q", src, got, want)
		}
	}
}

// FuzzHTML: whatever comes in, what comes out is text that can be stored, and is
// its own plain text as far as blank space goes.
func FuzzHTML(f *testing.F) {
	f.Add(`<div><p onclick="x">a<script>b</script></p><ul><li>c</ul><pre>d`)
	f.Add("<svg><title>x</title></svg><!-- --> &#0; &bogus; <![CDATA[")
	f.Fuzz(func(t *testing.T, src string) {
		got, _ := plainHTML(src)
		if strings.ContainsFunc(got, func(r rune) bool { return r < ' ' && r != '\n' && r != '\t' }) {
			t.Fatalf("%q holds control characters", got)
		}
		if utf8.ValidString(src) && !utf8.ValidString(got) {
			t.Fatalf("%q is not UTF-8", got)
		}
		if len(got) > 3*len(src)+8 {
			t.Fatalf("%d bytes became %d", len(src), len(got))
		}
	})
}
