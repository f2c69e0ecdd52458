package fhir

import (
	entities "html"
	"strings"

	"golang.org/x/net/html"
)

// maxPlain bounds how many bytes are written while one document is turned into text (I12).
const maxPlain = 64 << 20

// plainHTML returns the text of an HTML document or fragment: what a reader would see of it, with a
// line for each block, numbered lists, rows of tables, and without anything that acts, loads or
// links. The result is plain text, and not safe to be written as HTML. Where words were surely lost
// wrong says how.
func plainHTML(src string) (text string, wrong plain) {
	if !strings.ContainsRune(src, '<') {
		return clean(entities.UnescapeString(src)), "" // no markup: its lines are those of a text
	}
	parse := parseXHTML
	if !isXHTML(src) {
		parse = func(src string) (*html.Node, plain) { return parseHTML(src, false) }
	}
	root, wrong := parse(src)
	if wrong != "" {
		return "", wrong
	}
	return plainTree(root)
}

// plainXHTML is plainHTML for XHTML, which a narrative is.
func plainXHTML(src string) (text string, wrong plain) {
	root, wrong := parseXHTML(src)
	if wrong != "" {
		return "", wrong
	}
	return plainTree(root)
}

// plainTree returns the text of a document. Some write markup into it that is escaped once too
// often; it is read as well.
func plainTree(root *html.Node) (text string, wrong plain) {
	if text, wrong = textOfTree(root); wrong != "" || !strings.ContainsAny(text, "<&") {
		return text, wrong
	}
	inner, wrong := readable(text)
	if wrong != "" {
		return text, ""
	}
	return clean(inner), ""
}

func textOfTree(root *html.Node) (text string, wrong plain) {
	sheet, wrong := readSheets(root)
	if wrong != "" {
		return "", wrong
	}
	left := maxPlain
	w := htmlWriter{doc: &markupDocument{sheet, &left}}
	w.node(root, textContext{})
	switch text = clean(string(w.out)); {
	case left < 0:
		return "", "its text is too long"
	case text == "" && holdsWords(root):
		return "", "all of its text is hidden, struck out or not understood"
	}
	return text, ""
}

// holdsWords reports whether n, or anything in it, has text that a document may be about.
func holdsWords(n *html.Node) bool {
	if n.Type == html.TextNode {
		return isWordy(n.Data)
	}
	if n.Type == html.ElementNode && machineElements[n.Data] {
		return false
	}
	for c := range n.ChildNodes() {
		if holdsWords(c) {
			return true
		}
	}
	return false
}

// machineElements hold nothing for people.
var machineElements = setOf(`script style head title meta link base xml template metadata
	w:worddocument w:latentstyles w:view
	o:documentproperties o:officedocumentsettings m:mathpr x:excelworkbook`)

// unseenElements are not shown, whatever is in them.
var unseenElements = setOf(`noembed noframes iframe object audio video canvas embed applet datalist param
	desc defs symbol annotation annotation-xml clippath mask`)

// struckElements hold what is no longer said.
var struckElements = setOf("s strike del")

// paragraphElements begin and end with an empty line, blockElements with a new one.
var (
	paragraphElements = setOf("p h1 h2 h3 h4 h5 h6 table pre blockquote paragraph listing xmp plaintext")
	blockElements     = setOf(`div li dt dd tr caption article header footer main aside nav address fieldset form figure
		figcaption body html thead tbody tfoot center details summary legend hgroup search dialog item option optgroup
		marquee text title component ul ol dl menu dir list hr section`)
)

// A markupDocument is what all writers of one document share.
type markupDocument struct {
	sheet sheet
	left  *int // bytes that may still be written
}

// A textContext is what an element's text inherits.
type textContext struct {
	hidden bool         // visibility: hidden
	tiny   bool         // font-size: 0
	unseen bool         // one of these
	pre    bool         // blank space counts
	boxes  bool         // each child is a box, such as in a flex container
	lists  int          // within how many
	items  *listCounter // of the list around it; nil: there is none
}

// An htmlWriter writes text as a browser would break it into lines.
type htmlWriter struct {
	doc   *markupDocument
	out   []byte
	space bool // blank space is due before the next word
	lines int  // line breaks due before the next word
	lead  int  // line breaks that were due before the first word
}

func (w *htmlWriter) children(n *html.Node, c textContext) {
	for child := range n.ChildNodes() {
		w.node(child, c)
	}
}

func (w *htmlWriter) node(n *html.Node, c textContext) {
	switch n.Type {
	case html.TextNode:
		if !c.unseen {
			w.text(n.Data, c.pre)
		}
	case html.ElementNode:
		w.element(n, c)
	case html.DocumentNode:
		w.children(n, c)
	}
}

// element writes n, an element, if it is seen.
func (w *htmlWriter) element(n *html.Node, c textContext) {
	l := w.doc.sheet.of(n)
	switch {
	case machineElements[n.Data] && isUnseen(n):
		return
	case isUnseen(n) || l.hides():
		delete(l, "display")
		w.border(borderOf(n, l, c.boxes))
		return
	case struckElements[n.Data] || l.strikes() || isRevisedAway(n):
		w.space = true
		if isItem(n) {
			c.items.take(n) // it counts, but is not said
		}
		return
	}
	border := borderOf(n, l, c.boxes)
	c.inherit(n, l)
	w.border(border)
	if !w.special(n, c, l) {
		w.children(n, c)
	}
	w.border(border)
}

// isUnseen reports whether n is of a kind that nobody sees, or has the hidden attribute.
func isUnseen(n *html.Node) bool {
	if machineElements[n.Data] && n.Data != "title" && n.Data != "head" || unseenElements[n.Data] {
		return true
	}
	if _, hidden := hasAttribute(n, "hidden"); hidden {
		return true
	}
	switch n.Data {
	case "head":
		return n.Parent == nil || n.Parent.Data == "html" || n.Parent.Type == html.DocumentNode
	case "title": // of a CDA section it is its heading
		return n.Namespace == "svg" || n.Parent == nil || n.Parent.Data != "section" && n.Parent.Data != "clinicaldocument"
	case "dialog":
		_, open := hasAttribute(n, "open")
		return !open
	}
	return false
}

// isRevisedAway reports whether n is CDA's content that a later version has deleted or struck out
// (CDA R2 §4.3.5.2).
func isRevisedAway(n *html.Node) bool {
	return strings.EqualFold(attribute(n, "revised"), "delete") ||
		strings.Contains(strings.ToLower(attribute(n, "stylecode")), "strike")
}

func (c *textContext) inherit(n *html.Node, l looks) {
	switch l["visibility"] {
	case "hidden", "collapse":
		c.hidden = true
	case "visible":
		c.hidden = false
	}
	if size, ok := l["font-size"]; ok {
		c.tiny = isZero(size)
	}
	c.unseen = c.hidden || c.tiny
	c.boxes = strings.HasSuffix(l["display"], "flex") || strings.HasSuffix(l["display"], "grid")
	switch n.Data {
	case "pre", "listing", "xmp", "plaintext":
		c.pre = true
	}
	switch space := l["white-space"]; {
	case strings.HasPrefix(space, "pre"), space == "break-spaces":
		c.pre = true
	case space == "normal", space == "nowrap":
		c.pre = false
	}
}

// borderOf returns what stands at the borders of n: 2 an empty line, 1 a new line, 0 blank space,
// -1 nothing. isBox says that its parent makes it one.
func borderOf(n *html.Node, l looks, isBox bool) int {
	border := -1
	switch {
	case paragraphElements[n.Data]:
		border = 2
	case blockElements[n.Data]:
		border = 1
	case n.Data == "td", n.Data == "th", n.Data == "button":
		border = 0
	}
	if isBox || l.isApart() {
		border = max(border, 0)
	}
	display, _, _ := strings.Cut(l["display"], " ")
	switch display {
	case "block", "flex", "grid", "list-item", "table", "flow-root", "table-row", "-webkit-box", "table-caption":
		return max(border, 1)
	case "inline", "inline-block", "table-cell", "contents", "inline-flex", "inline-table", "inline-grid":
		if border >= 0 || display == "table-cell" {
			return 0
		}
	}
	return border
}

func (w *htmlWriter) border(lines int) {
	switch {
	case lines > 0:
		w.lines = max(w.lines, lines)
	case lines == 0:
		w.space = true
	}
}

// special writes n if its content is not simply its children's.
func (w *htmlWriter) special(n *html.Node, c textContext, l looks) bool {
	switch n.Data {
	case "br":
		w.lines++
	case "img", "image":
		w.apart(attribute(n, "alt"), c)
	case "input":
		w.apart(typedValue(n), c)
	case "select":
		w.apart(chosenOption(n), c)
	case "textarea":
		w.lines = max(w.lines, 1)
		w.text(textOf(n), true)
		w.lines = max(w.lines, 1)
	case "ul", "ol", "menu", "dir", "list":
		w.list(n, c, l)
	case "li", "item":
		w.item(n, c)
	case "table":
		w.table(n, c)
	case "sup", "sub", "footnote":
		w.script(n, c, n.Data)
	case "msup", "msub", "msubsup", "mfrac":
		w.math(n, c)
	case "q":
		w.word("“", c)
		w.children(n, c)
		if !c.unseen {
			w.out = append(w.out, "”"...)
		}
	default:
		switch l["vertical-align"] {
		case "super", "text-top":
			w.script(n, c, "sup")
		case "sub", "text-bottom":
			w.script(n, c, "sub")
		default:
			return false
		}
	}
	return true
}

// apart writes s with blank space around it.
func (w *htmlWriter) apart(s string, c textContext) {
	if s != "" && !c.unseen {
		w.space = true
		w.text(s, false)
		w.space = true
	}
}

// word writes s right after what was written before, or after the blank space that is due.
func (w *htmlWriter) word(s string, c textContext) {
	if s != "" && !c.unseen {
		w.flush()
		w.write(s)
	}
}

const htmlBlank = " \t\r\n\f"

func (w *htmlWriter) text(s string, pre bool) {
	if pre {
		if s != "" {
			w.flush()
			w.write(breaks(s))
		}
		return
	}
	for s != "" {
		blank := strings.IndexAny(s, htmlBlank)
		if blank == 0 {
			w.space = true
			s = strings.TrimLeft(s, htmlBlank)
			continue
		}
		if blank < 0 {
			blank = len(s)
		}
		word := s[:blank]
		s = s[blank:]
		if strings.Trim(word, "\u00a0") == "" && (w.lines > 0 || len(w.out) == 0) {
			continue // layout at the beginning of a line
		}
		w.flush()
		w.write(word)
	}
}

func (w *htmlWriter) write(s string) {
	if *w.doc.left -= len(s); *w.doc.left >= 0 {
		w.out = append(w.out, s...)
	}
}

// flush writes the blank space that is due.
func (w *htmlWriter) flush() {
	switch {
	case len(w.out) == 0:
		w.lead = max(w.lead, w.lines)
	case w.lines > 0:
		w.out = trimBlank(w.out)
		w.write("\n\n"[:min(w.lines, 2)])
	case w.space:
		w.write(" ")
	}
	w.lines, w.space = 0, false
}

// trimBlank returns b without blank space at its end.
func trimBlank(b []byte) []byte {
	for {
		n := len(b)
		switch {
		case n > 0 && (b[n-1] == ' ' || b[n-1] == '\t' || b[n-1] == '\n'):
			b = b[:n-1]
		case n > 1 && b[n-2] == 0xc2 && b[n-1] == 0xa0: // no-break space
			b = b[:n-2]
		default:
			return b
		}
	}
}

// part returns what a writer of its own makes of n's children.
func (w *htmlWriter) part(n *html.Node, c textContext) (text string, lead, lines int) {
	sub := htmlWriter{doc: w.doc}
	sub.children(n, c)
	return string(trimBlank(sub.out)), sub.lead, sub.lines
}

// linePart is part in one line.
func (w *htmlWriter) linePart(n *html.Node, c textContext) string {
	text, _, _ := w.part(n, c)
	return strings.Join(strings.Fields(text), " ")
}

// textOf returns the text in n as it is.
func textOf(n *html.Node) string {
	var b strings.Builder
	for d := range n.Descendants() {
		if d.Type == html.TextNode {
			b.WriteString(d.Data)
		}
	}
	return b.String()
}
