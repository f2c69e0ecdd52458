package fhir

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"unicode"

	"pgregory.net/rapid"
)

// A drawnPage is a document built from a tree whose words are numbered, so that it is known which of
// them a reader has to get, in order, and which not.
type drawnPage struct {
	t     *rapid.T
	xhtml bool
	src   strings.Builder
	n     int
	seen  []string
	gone  []string
}

// word writes a new word; it is to be seen unless hidden.
func (p *drawnPage) word(hidden bool) {
	p.n++
	w := fmt.Sprintf("woord%dx", p.n)
	if hidden {
		p.gone = append(p.gone, w)
	} else {
		p.seen = append(p.seen, w)
	}
	p.src.WriteString(w)
}

func (p *drawnPage) pick(of ...string) string { return rapid.SampledFrom(of).Draw(p.t, "pick") }

func (p *drawnPage) chance(n int) bool { return rapid.IntRange(1, n).Draw(p.t, "chance") == 1 }

// end writes an end tag, unless HTML lets it be omitted.
func (p *drawnPage) end(name string, optional bool) {
	if p.xhtml || !optional || p.chance(2) {
		p.src.WriteString("</" + name + ">")
	}
}

// void writes an element without content.
func (p *drawnPage) void(tag string) {
	if p.xhtml {
		p.src.WriteString("<" + tag + "/>")
	} else {
		p.src.WriteString("<" + tag + ">")
	}
}

// hide draws an attribute that hides an element, or one that only looks so.
func (p *drawnPage) hide(hidden bool) (attribute string, hides bool) {
	if hidden || p.chance(6) {
		return p.pick(` hidden="hidden"`, ` hidden="until-found"`, ` style="display:none"`, ` style="DISPLAY : none !important"`,
			` style="color:red;display:/* x */none;"`, ` style="visibility:hidden"`, ` class="weg"`, ` style="text-decoration: underline line-through red"`, ` style="font-size:0"`,
			` style="max-height:0;overflow:hidden"`), true
	}
	return p.pick("", "", "", ` class="hidden"`, ` style="--x:display:none"`, ` style="mso-hide:all"`, ` title="hidden"`,
		` style="background:url(display:none)"`, ` aria-hidden="true"`, ` style="display:block"`), false
}

// flow writes something that stands in a body.
func (p *drawnPage) flow(depth int, hidden bool) {
	more := func(hidden bool) {
		for range rapid.IntRange(1, 3).Draw(p.t, "parts") {
			p.flow(depth-1, hidden)
		}
	}
	kind := p.pick("p", "p", "div", "span", "apart", "less", "list", "table", "break", "raw", "comment", "struck", "pre", "text", "form", "cdata")
	if depth == 0 {
		kind = p.pick("p", "text", "break")
	}
	attribute, hides := p.hide(false)
	hides = hides || hidden
	switch kind {
	case "p":
		p.src.WriteString("<p" + attribute + ">")
		p.word(hides)
		p.src.WriteString(p.pick("", " ", "&nbsp;", "<b>", "<i>")) // an inline element, perhaps left open
		p.closeInline()
		p.end("p", true)
		p.src.WriteString("<div></div>") // what follows an omitted end tag is not in it
	case "div":
		p.src.WriteString("<div" + attribute + ">")
		more(hides)
		p.end("div", false)
	case "span":
		p.src.WriteString(" <span" + attribute + ">")
		p.word(hides)
		p.end("span", false)
		p.src.WriteString(" ")
	case "apart": // side by side, without a blank between
		how := p.pick("float:left", "position:absolute;left:9em", "margin-right:20px", "padding:0 1em", "display:inline-flex", "display:block")
		for range 2 {
			p.src.WriteString(`<span style="` + how + `">`)
			p.word(hidden)
			p.src.WriteString("</span>")
		}
	case "less":
		if !p.xhtml {
			p.src.WriteString(" ")
			p.word(hidden)
			p.src.WriteString(p.pick(" < ", " <5 ", "<5, ", " <= ") + p.pick("", "&lt;140 "))
			p.word(hidden)
			p.src.WriteString(" ")
		}
	case "list":
		name := p.pick("ul", "ol")
		p.src.WriteString("<" + name + attribute + ">")
		for range rapid.IntRange(1, 3).Draw(p.t, "items") {
			attribute, gone := p.hide(false)
			gone = gone || hides
			p.src.WriteString("<li" + attribute + ">")
			p.word(gone)
			if depth > 1 && p.chance(4) {
				p.flow(depth-1, gone)
			}
			p.end("li", true)
		}
		p.end(name, false)
	case "table":
		p.src.WriteString("<table" + attribute + ">")
		for range rapid.IntRange(1, 3).Draw(p.t, "rows") {
			p.src.WriteString("<tr>")
			for range rapid.IntRange(1, 3).Draw(p.t, "cells") {
				attribute, gone := p.hide(false)
				p.src.WriteString("<td" + attribute + p.pick("", ` colspan="2"`, ` rowspan="2"`) + ">")
				if p.chance(5) {
					p.src.WriteString(p.pick("", " ", "&nbsp;"))
				} else {
					p.word(gone || hides)
				}
				p.end("td", true)
			}
			p.end("tr", true)
		}
		p.end("table", false)
	case "break":
		p.void(p.pick("br", "hr"))
		p.word(hidden)
		p.void("br")
	case "raw":
		name := p.pick("script", "style", "iframe", "object", "template", "noembed")
		p.src.WriteString("<" + name + ">")
		p.word(true)
		p.end(name, false)
	case "comment":
		p.src.WriteString("<!-- ")
		p.word(true)
		p.src.WriteString(p.pick("", " <p> ", " > ") + " -->")
	case "struck":
		name := p.pick("s", "del", "strike")
		p.src.WriteString(" <" + name + ">")
		p.word(true)
		p.end(name, false)
		p.src.WriteString(" ")
	case "pre":
		p.src.WriteString("<pre" + attribute + ">")
		p.word(hides)
		p.src.WriteString("\n")
		p.word(hides)
		p.end("pre", false)
	case "text":
		p.src.WriteString(p.pick("\n", " ", "\t"))
		p.word(hidden)
		p.src.WriteString(p.pick(" ", "\n", " &amp; "))
	case "form":
		p.src.WriteString(`<div><select><option>`)
		p.word(true)
		p.src.WriteString(`</option><option selected="selected">`)
		p.word(hidden)
		p.src.WriteString(`</option></select></div>`)
	case "cdata":
		if p.xhtml {
			p.src.WriteString(" <![CDATA[<i> & ")
			p.word(hidden)
			p.src.WriteString(" > ]]> ")
		}
	}
}

// closeInline closes the inline elements that the last paragraph has open.
func (p *drawnPage) closeInline() {
	s := p.src.String()
	for _, name := range []string{"b", "i"} {
		if strings.HasSuffix(s, "<"+name+">") {
			p.src.WriteString("</" + name + ">")
		}
	}
}

const drawnStyle = `<style>p{color:red} .weg, td.weg{display:none} @media print{p{display:none}} .anders p:hover{display:none}</style>`

// drawPage draws a whole document.
func drawPage(t *rapid.T, xhtml bool) *drawnPage {
	p := &drawnPage{t: t, xhtml: xhtml}
	if xhtml {
		p.src.WriteString(`<div xmlns="http://www.w3.org/1999/xhtml">` + drawnStyle)
	} else {
		p.src.WriteString(p.pick("", "<!DOCTYPE html><html><head><title>titel</title>", "<body>") + drawnStyle)
	}
	for range rapid.IntRange(1, 6).Draw(t, "blocks") {
		p.flow(3, false)
	}
	if xhtml {
		p.src.WriteString(`</div>`)
	}
	return p
}

// check compares what was read with what was drawn.
func (p *drawnPage) check(t *rapid.T, text string, wrong plain) {
	if wrong != "" && len(p.seen) > 0 {
		t.Fatalf("%q: %s", p.src.String(), wrong)
	}
	got := strings.FieldsFunc(text, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) })
	var words []string
	for _, w := range got {
		if strings.HasPrefix(w, "woord") {
			words = append(words, w)
		} else if strings.Contains(w, "woord") {
			t.Fatalf("%q: %q is glued", p.src.String(), w)
		}
	}
	if strings.Join(words, " ") != strings.Join(p.seen, " ") {
		t.Fatalf("%s\ngot  %v\nwant %v", p.src.String(), words, p.seen)
	}
	for _, w := range p.gone {
		if strings.Contains(text, w) {
			t.Fatalf("%q: %s is hidden, and shown", p.src.String(), w)
		}
	}
}

func TestDrawnHTMLKeepsItsWords(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		p := drawPage(t, false)
		text, wrong := plainHTML(p.src.String())
		p.check(t, text, wrong)
	})
}

func TestDrawnXHTMLKeepsItsWords(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		p := drawPage(t, true)
		text, wrong := plainXHTML(p.src.String())
		p.check(t, text, wrong)
	})
}

func FuzzDrawnHTML(f *testing.F) {
	f.Fuzz(rapid.MakeFuzz(func(t *rapid.T) {
		p := drawPage(t, false)
		text, wrong := plainHTML(p.src.String())
		p.check(t, text, wrong)
	}))
}

func FuzzDrawnXHTML(f *testing.F) {
	f.Fuzz(rapid.MakeFuzz(func(t *rapid.T) {
		p := drawPage(t, true)
		text, wrong := plainXHTML(p.src.String())
		p.check(t, text, wrong)
	}))
}

// checkProse draws a plain text that holds signs of markup, and checks that each word of it stays.
func checkProse(t *rapid.T) {
	words := rapid.SliceOfN(rapid.SampledFrom([]string{
		"pols", "RR", "<140", "<", ">", ">60", "a<b", "3", "<tijd>", "<jan@x.example>", "<https://x.example/a?b=1&c=2>", "&", "R&D", "<-", "->",
		"<3", "</3", "<<let", "op>>", "<!", "<?", "x>y", "<b", "b>", "&amp", "1/2", "#1", "<i>", "\"<p>\"", "<=", "=>", "<1>",
	}), 1, 12).Draw(t, "words")
	if slices.Contains(words, "<i>") && slices.Contains(words, "\"<p>\"") {
		return // two tags may be markup
	}
	src := strings.Join(words, rapid.SampledFrom([]string{" ", "\n", "  "}).Draw(t, "between"))
	got, wrong := readable(src)
	if wrong != "" || strings.Join(strings.Fields(got), " ") != strings.Join(words, " ") {
		t.Fatalf("%q became %q, %s", src, got, wrong)
	}
}

func TestDrawnProseStays(t *testing.T) {
	t.Parallel()
	rapid.Check(t, checkProse)
}

func FuzzDrawnProse(f *testing.F) { f.Fuzz(rapid.MakeFuzz(checkProse)) }
