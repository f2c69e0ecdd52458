package fhir

import (
	"strings"
	"testing"
	"time"
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

// Markup that carries meaning keeps it.
func TestPlainHTMLMeaning(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ name, src, want string }{
		{"case 01 raised numbers", "12 x 10<sup>9</sup>/L, 3 cm<sup>2</sup>, 10<sup>-3</sup> g", "12 x 10⁹/L, 3 cm², 10⁻³ g"},
		{"lowered", "H<sub>2</sub>O, C<sub>x+y</sub>", "H₂O, C_(x+y)"},
		{"raised without characters of its own", "10<sup>3,5</sup> en <sup>99m</sup>Tc", "10^(3,5) en ^(99m)Tc"},
		{"ordinals", "1<sup>e</sup> keer, 2<sup>de</sup>, x<sup>n</sup>", "1e keer, 2de, xⁿ"},
		{"raised by style", `10<span style="font-size:8px;vertical-align: super">9</span>`, "10⁹"},
		{"MathML", "<math><msup><mn>10</mn><mn>9</mn></msup> <mfrac><mn>1</mn><mn>2</mn></mfrac></math>", "10⁹ 1/2"},
		{"case 02 struck by style", `a <span style="text-decoration-line: line-through">x</span> b <i style="text-decoration:red wavy line-through">x</i> c`, "a b c"},
		{"struck by class", `<style>.weg{text-decoration:line-through}</style>a <i class="weg nu">x</i> b <i class=wegen>c</i>`, "a b c"},
		{"style for paper", `<style>@media print{.p{display:none}} @media screen{.b{display:none}}</style><p class=p>a</p><b class=b>x</b>`, "a"},
		{"style that hides a whole type", `<style>p{display:none;color:red}</style><p>a</p>`, "a"},
		{"link with markup in it", `<a href="data:text/html,<script>x()</script>">a</a>`, "a"},
		{"CDATA with markup, as browsers have it", "<![CDATA[ <p>a</p> ]]>", "a\n\n]]>"},
		{"CDATA with prose", "<![CDATA[a < 1 & b > 2]]>", "a < 1 & b > 2"},
		{"style that is overridden", `<style>#a{display:none}.b{display:block!important}</style><p id=a class=b>a</p><p id=a>x</p>`, "a"},
		{"case 03 omitted ends", `<div><p hidden>x<p>a<p>b</div><ul><li style="display:none">x<li>c</ul>`, "a\n\nb\n\n- c"},
		{"case 04 title without end", "<html><head><title>x</head><body><p>a</p></body></html>", "a"},
		{"style without end", "<p>a</p><style>p{color:red}<p>b</p>", "a\n\nb"},
		{"quote without end", `<p>a</p><a href="x>b</a> c <p>d`, "a\n\nb c\n\nd"},
		{"quote that takes a sentence", `<p id="x>a</p><p id="y">b</p>`, "a\n\nb"},
		{"select without end", "<select><option>a<option>b<p>c</p>", "a\n\nc"},
		{"case 05 ordered", "<ol><li>a<li>b</ol><ol start=4><li>c<li value=9>d<li>e</ol>", "1. a\n2. b\n4. c\n9. d\n10. e"},
		{"letters and Romans", "<ol type=a start=26><li>a<li>b</ol><ol type=I start=3><li>c<li>d</ol>", "z. a\naa. b\nIII. c\nIV. d"},
		{"reversed", "<ol reversed><li>a<li hidden>x<li>b</ol>", "2. a\n1. b"},
		{"items within", "<ol><div><li>a<li><s>x</s><li>c</div></ol>", "1. a\n3. c"},
		{"struck item counts", `<ol><li>a<li style="text-decoration:line-through">x<li>c</ol>`, "1. a\n3. c"},
		{"cell of several lines", "<table><tr><td>1.<td>a<br>b<tr><td>2.<td>c</table>", "1. | a\n  b\n2. | c"},
		{"nested", "<ol><li>a<ul><li>b<li>c</ul><li>d</ol>", "1. a\n   - b\n   - c\n2. d"},
		{"case 08 Office", "<xml><w:View>Normal</w:View></xml><p>a<o:p></o:p></p><!--[if mso]>x<![endif]--><![if !x]>· <![endif]>b", "a\n\n· b"},
		{"case 10 form controls", `<select><option>x<option selected>a</select><input value="38,2"><input type=checkbox checked>b<input type=radio>c
			<input type=hidden value=x><input type=password value=x><textarea>d
e</textarea>`, "a 38,2 [x] b [ ] c\nd\ne"},
		{"choice of several", "<select multiple><option selected>a<option>x<option selected>b</select><select><option disabled>x<option>c</select>", "a, b c"},
		{"table with an empty cell", "<table><tr><th>a<th>b<th>c<tr><td>d<td><td>e</table>", "a | b | c\nd |  | e"},
		{"table that spans", "<table><tr><th>a<th>b<th>c<tr><td rowspan=2>d<td colspan=2>e<tr><td>f<td>g</table>", "a | b | c\nd | e |\n | f | g"},
		{"table of one column", "<table><tr><td>a<tr><td><td><tr><td>b</table>", "a\nb"},
		{"table foot first", "<table><tfoot><tr><td>c<td>d</tfoot><tr><td>a<td>b</table>", "a | b\nc | d"},
		{"lines side by side", "<table><tr><td>a<br>b<td>1<br>2</table>", "a | 1\nb | 2"},
		{"layout table", "<table><tr><td><p>a</p><p>b</p><td>c</table>", "a\n\nb\nc"},
		{"cells without a table", "<td>a</td><td>b</td>", "a b"},
		{"boxes", `<div style="display:flex"><b>a</b><b>b</b></div><i style="display:block">c</i><i style="display:block">d</i>`, "a b\nc\nd"},
		{"lines by style", "<div style='white-space: pre-wrap'>a\nb</div>", "a\nb"},
		{"case 54 looks hidden", `<p style="--x:display:none;mso-hide:all;background:url(display:none)" title=hidden class=hidden>a</p>`, "a"},
		{"visible again", `<div style="visibility:hidden">x <b style="visibility:visible">a</b></div>`, "a"},
		{"noscript", "<noscript>a</noscript><object>x</object>", "a"},
		{"two documents in one", "a</body></html><html><body>b", "a\n\nb"},
		{"empty elements by mistake", "<div hidden/>a <s/>b <title/>c <script/>d", "a b c d"},
		{"case 69 escaped twice", "<div>Priv&amp;eacute; en 5 &amp;lt; 6</div>", "Privé en 5 < 6"},
		{"case 72 CDA", "<div><list><item>a</item><item>b</item></list><paragraph>c</paragraph><paragraph>d</paragraph></div>", "- a\n- b\n\nc\n\nd"},
		{"CDA numbers, what was revised", `<list listType="ordered"><item>a</item><item><content revised="delete">x</content>b</item></list>`, "1. a\n2. b"},
		{"an address", "<p>Van: Jo <jo@zorg.example></p>", "Van: Jo <jo@zorg.example>"},
		{"blank lines of layout", "<p>a</p><p>&nbsp;</p><p>b</p>", "a\n\nb"},
	} {
		if got, wrong := plainHTML(test.src); got != test.want || wrong != "" {
			t.Errorf("%s: got %q %s, want %q", test.name, got, wrong, test.want)
		}
	}
}

// XHTML has rules of its own; what is not well formed is read as HTML.
func TestPlainXHTML(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ name, src, want string }{
		{"case 21 CDATA", "<div><p><![CDATA[Bloeddruk < 140 & pols > 60]]></p></div>", "Bloeddruk < 140 & pols > 60"},
		{"CDATA where it is not well formed", "<div><p><![CDATA[a < b]]><br></div>", "a < b"},
		{"entities", "<div>caf&eacute;&nbsp;&#8364; &lt;</div>", "café\u00a0€ <"},
		{"entities that XML does not know", "<div>a&check;b &amp c</div>", "a✓b & c"},
		{"empty elements", `<div>a<script/><span style="display:none"/><s/>b</div>`, "a b"},
		{"prefixes", `<h:div xmlns:h="http://www.w3.org/1999/xhtml"><h:p>a</h:p><h:p hidden="hidden">x</h:p><h:p>b</h:p></h:div>`, "a\n\nb"},
		{"omitted ends", "<div><p hidden>x<p>a</div>", "a"},
		{"upper case", "<DIV><P>a</P><P HIDDEN='HIDDEN'>x</P></DIV>", "a"},
	} {
		if got, wrong := plainXHTML(test.src); got != test.want || wrong != "" {
			t.Errorf("%s: got %q %s, want %q", test.name, got, wrong, test.want)
		}
	}
}

// Where words are lost, or may be, the item cannot be read; it is not empty.
func TestMarkupThatLosesWords(t *testing.T) {
	t.Parallel()
	for name, src := range map[string]string{
		"all hidden": "<p hidden>tekst</p>", "all struck out": "<del>tekst</del>", "comment without end": "a<!-- <p>tekst</p>",
		"script without end": "a<script>x = 1;<p>tekst</p>", "quote without end, perhaps hidden": `a<p style="x>tekst</p>`,
		"only in an object": "<object>tekst</object>", "nested too deep": strings.Repeat("<div id=a>", 600) + "tekst",
	} {
		if got, wrong := plainHTML(src); got != "" || wrong == "" {
			t.Errorf("%s: got %q", name, got)
		}
	}
	for name, src := range map[string]string{"nothing": "", "no words": "<p>&nbsp;</p><img src=x>", "only a title": "<title>x</title>", "only style": "<style>p{}</style>"} {
		if got, wrong := plainHTML(src); got != "" || wrong != "" {
			t.Errorf("%s: got %q %s", name, got, wrong)
		}
	}
}

func TestReadable(t *testing.T) {
	t.Parallel()
	for src, want := range map[string]string{
		"<p>Mevrouw heeft <b>goed</b> geslapen.&nbsp;</p><p>Ontbijt op.</p>": "Mevrouw heeft goed geslapen.\n\nOntbijt op.",
		"a < b > c":                      "a < b > c",
		"<3 en pijn <b nu":               "<3 en pijn <b nu",
		"bij p <q en r>p":                "bij p <q en r>p",
		"mail <jo@x.example>, R&D; x &y": "mail <jo@x.example>, R&D; x &y",
		"een<br>twee <naam>":             "een\ntwee <naam>",
		"een <b>twee</b>\ndrie":          "een twee\ndrie",
		"Priv&eacute; &amp; werk":        "Privé & werk",
		"<p>RR < 140 & zo</p>":           "RR < 140 & zo",
		"3 < 4 <i>en</i> 5":              "3 < 4 <i>en</i> 5",
		"&lt;b&gt;":                      "<b>",
		"dosis <s>20</s> 30":             "dosis 30",
		"<onbekend>a</onbekend>":         "<onbekend>a</onbekend>",
	} {
		got, wrong := readable(src)
		if got = clean(got); got != want || wrong != "" {
			t.Errorf("%q: got %q %s, want %q", src, got, wrong, want)
		}
	}
}

func TestPlainHTMLIsBounded(t *testing.T) {
	t.Parallel()
	for name, src := range map[string]string{
		"wide table":    strings.Repeat("<table><tr>"+strings.Repeat("<td>x", 1000)+strings.Repeat("<tr><td colspan=1000>a<td>b", 3000)+"</table>", 1),
		"deep lists":    strings.Repeat("<ul><li>", 250) + strings.Repeat("x<br>", 50_000),
		"many quotes":   strings.Repeat(`<a href="x>y`, 20_000),
		"many scripts":  strings.Repeat("<style><p>", 20_000),
		"many rules":    "<style>" + strings.Repeat(".a .b{display:none}", 20_000) + "</style>" + strings.Repeat("<p class=a>", 20_000),
		"many selects":  strings.Repeat("<select><p>", 50_000),
		"deep and wide": strings.Repeat("<div><span><b>x", 50_000),
	} {
		began := time.Now()
		got, _ := plainHTML(src)
		if took := time.Since(began); took > 20*time.Second || len(got) > maxPlain {
			t.Errorf("%s: %d bytes in %v", name, len(got), took)
		}
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
