package fhir

import (
	"strings"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"
)

// plainHTML returns the text of an HTML document or fragment: what a reader
// would see, with a line for each block and without anything that acts, loads
// or links. The result is plain text and not safe to be written as HTML. No tree
// is built, so that depth costs nothing; malformed input gives what can be made
// of it.
func plainHTML(src string) string {
	w := htmlWriter{}
	z := html.NewTokenizer(strings.NewReader(src))
	for {
		switch z.Next() {
		case html.ErrorToken:
			return clean(w.out.String()) // the end: a string has no other error
		case html.TextToken:
			w.text(string(z.Text()))
		case html.StartTagToken:
			tag, unseen, alt := tagOf(z)
			w.open(tag, unseen)
			w.image(alt)
		case html.EndTagToken:
			tag, _, _ := tagOf(z)
			w.close(tag)
		case html.SelfClosingTagToken:
			tag, _, alt := tagOf(z)
			if w.skip == 0 {
				w.open(tag, false)
				w.skip = 0
				w.image(alt)
			}
			// XHTML, which a narrative is, knows no raw text: what follows
			// <script/> is not part of it.
			z.NextIsNotRawText()
		}
	}
}

// tagOf returns the tag's name, whether its attributes keep it from people, and of
// an image that people see the words that stand for it.
func tagOf(z *html.Tokenizer) (tag atom.Atom, unseen bool, alt string) {
	name, more := z.TagName()
	tag = atom.Lookup(name)
	for more {
		var key, value []byte
		key, value, more = z.TagAttr()
		switch string(key) {
		case "alt":
			alt = string(value)
		case "hidden":
			unseen = true
		case "style":
			style := strings.ToLower(strings.Join(strings.Fields(string(value)), ""))
			unseen = unseen || strings.Contains(style, "display:none") || strings.Contains(style, "visibility:hidden")
		}
	}
	if tag != atom.Img || unseen {
		alt = ""
	}
	return tag, unseen, alt
}

// An htmlWriter writes text as a browser would break it into lines.
type htmlWriter struct {
	out   strings.Builder
	space bool // blank space is due before the next word
	lines int  // line breaks due before the next word
	item  bool // a list item's dash is due before the next word
	pre   int  // within how many <pre>
	// raw is the element whose content is not for readers, and skip within how
	// many of its kind we are; 0: none.
	raw  atom.Atom
	skip int
}

func (w *htmlWriter) text(s string) {
	if w.skip > 0 {
		return
	}
	if w.pre > 0 {
		w.flush()
		w.out.WriteString(breaks(s))
		return
	}
	for s != "" {
		blank := strings.IndexAny(s, " \t\r\n\f")
		if blank == 0 {
			w.space = true
			s = strings.TrimLeft(s, " \t\r\n\f")
			continue
		}
		if blank < 0 {
			blank = len(s)
		}
		w.flush()
		w.out.WriteString(s[:blank])
		s = s[blank:]
	}
}

// image writes what stands for an image, which readers do not get (HTML §4.8.4).
func (w *htmlWriter) image(alt string) {
	if alt != "" && w.skip == 0 {
		w.space = true
		w.text(alt)
		w.space = true
	}
}

// flush writes the blank space that is due.
func (w *htmlWriter) flush() {
	if w.out.Len() > 0 {
		switch {
		case w.lines > 0:
			w.out.WriteString("\n\n"[:min(w.lines, 2)])
		case w.space:
			w.out.WriteByte(' ')
		}
	}
	if w.item {
		w.out.WriteString("- ")
	}
	w.lines, w.space, w.item = 0, false, false
}

func (w *htmlWriter) open(tag atom.Atom, unseen bool) {
	if w.skip > 0 {
		if tag == w.raw {
			w.skip++
		}
		return
	}
	if unseen && !isVoid(tag) {
		w.raw, w.skip = tag, 1
		return
	}
	switch tag {
	case atom.Script, atom.Style, atom.Iframe, atom.Title, atom.Noembed, atom.Noframes, atom.Noscript, atom.Template,
		atom.Object, atom.Audio, atom.Video, atom.Canvas:
		w.raw, w.skip = tag, 1
	case atom.Del, atom.S, atom.Strike:
		// What was struck out is no longer said.
		w.raw, w.skip = tag, 1
		w.space = true
	case atom.Br:
		w.lines++
	case atom.Li:
		w.block(tag)
		w.item = true
	case atom.Td, atom.Th:
		w.space = true
	case atom.Pre:
		w.pre++
		w.block(tag)
	default:
		w.block(tag)
	}
}

func (w *htmlWriter) close(tag atom.Atom) {
	if w.skip > 0 {
		if tag != w.raw {
			return
		}
		if w.skip--; w.skip > 0 {
			return
		}
		w.raw = 0
	}
	switch tag {
	case atom.Pre:
		w.pre = max(w.pre-1, 0)
	case atom.Li:
		w.item = false
	}
	w.block(tag)
}

// isVoid reports whether an element has no content and no end (HTML §13.1.2).
func isVoid(tag atom.Atom) bool {
	switch tag {
	case atom.Area, atom.Base, atom.Br, atom.Col, atom.Embed, atom.Hr, atom.Img, atom.Input, atom.Link, atom.Meta,
		atom.Source, atom.Track, atom.Wbr:
		return true
	}
	return false
}

// block begins a new line at the border of a block, and leaves one empty at the
// border of a paragraph.
func (w *htmlWriter) block(tag atom.Atom) {
	switch tag {
	case atom.P, atom.H1, atom.H2, atom.H3, atom.H4, atom.H5, atom.H6, atom.Table, atom.Pre, atom.Blockquote:
		w.lines = max(w.lines, 2)
	case atom.Div, atom.Ul, atom.Ol, atom.Li, atom.Dl, atom.Dt, atom.Dd, atom.Tr, atom.Caption, atom.Section,
		atom.Article, atom.Header, atom.Footer, atom.Main, atom.Aside, atom.Nav, atom.Address, atom.Fieldset,
		atom.Form, atom.Figure, atom.Hr, atom.Body, atom.Html, atom.Thead, atom.Tbody, atom.Tfoot:
		w.lines = max(w.lines, 1)
	}
}
