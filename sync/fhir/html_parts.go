package fhir

import (
	"slices"
	"strconv"
	"strings"
	"unicode"

	"golang.org/x/net/html"
)

// maxIndent is within how many lists lines are still indented further.
const maxIndent = 12

// A listCounter numbers the items of one list.
type listCounter struct {
	style      string // "" for a dash
	next, step int
}

// take returns the marker of n, the next item.
func (l *listCounter) take(n *html.Node) string {
	if l == nil || l.style == "" {
		return "- "
	}
	if value, err := strconv.Atoi(strings.TrimSpace(attribute(n, "value"))); err == nil {
		l.next = value
	}
	l.next += l.step
	return numeral(l.next-l.step, l.style) + ". "
}

func isItem(n *html.Node) bool { return n.Data == "li" || n.Data == "item" }

// list writes a list, each item after its number or a dash.
func (w *htmlWriter) list(n *html.Node, c textContext, l looks) {
	c.lists++
	c.items = &listCounter{style: listStyle(n, l), next: 1, step: 1}
	if _, reversed := hasAttribute(n, "reversed"); reversed {
		c.items.next, c.items.step = w.countItems(n), -1
	}
	if start, err := strconv.Atoi(strings.TrimSpace(attribute(n, "start"))); err == nil {
		c.items.next = start
	}
	for child := range n.ChildNodes() {
		if isList(child) {
			w.indented(child, c)
		} else {
			w.node(child, c)
		}
	}
}

var listElements = setOf("ul ol list menu dir")

func isList(n *html.Node) bool {
	return n.Type == html.ElementNode && listElements[n.Data]
}

// indented writes n, a list that stands directly in another.
func (w *htmlWriter) indented(n *html.Node, c textContext) {
	sub := htmlWriter{doc: w.doc}
	sub.node(n, c)
	w.embed(string(trimBlank(sub.out)), 1, 1, "  ", c)
}

// item writes a list item after its marker.
func (w *htmlWriter) item(n *html.Node, c textContext) {
	marker := c.items.take(n)
	c.items = nil
	text, lead, lines := w.part(n, c)
	w.embed(text, max(lead, 1), max(lines, 1), marker, c)
}

// embed writes text after marker, its further lines below its first.
func (w *htmlWriter) embed(text string, lead, lines int, marker string, c textContext) {
	if text == "" {
		return
	}
	w.lines = max(w.lines, lead)
	w.flush()
	if c.lists <= maxIndent {
		text = indent(text, strings.Repeat(" ", len(marker)))
	}
	w.write(marker)
	w.write(text)
	w.lines = lines
}

// indent puts blank space before every line of s but the first.
func indent(s, space string) string {
	return strings.ReplaceAll(strings.ReplaceAll(s, "\n", "\n"+space), "\n"+space+"\n", "\n\n")
}

// listStyle returns how n's items are numbered, as the type attribute has it; "" if they are not.
func listStyle(n *html.Node, l looks) string {
	style := ""
	switch {
	case n.Data == "ol":
		if style = strings.TrimSpace(attribute(n, "type")); style == "" {
			style = "1"
		}
	case n.Data == "list" && strings.EqualFold(attribute(n, "listtype"), "ordered"):
		style = "1"
	}
	for _, word := range strings.Fields(l["list-style"] + " " + l["list-style-type"]) {
		switch word {
		case "none", "disc", "circle", "square":
			style = ""
		case "decimal", "decimal-leading-zero":
			style = "1"
		case "lower-alpha", "lower-latin":
			style = "a"
		case "upper-alpha", "upper-latin":
			style = "A"
		case "lower-roman":
			style = "i"
		case "upper-roman":
			style = "I"
		}
	}
	return style
}

// countItems returns how many items n, a list, shows.
func (w *htmlWriter) countItems(n *html.Node) int {
	count := 0
	for c := range n.ChildNodes() {
		switch {
		case c.Type != html.ElementNode || isList(c) || isUnseen(c) || w.doc.sheet.of(c).hides():
		case isItem(c):
			count++
		default:
			count += w.countItems(c)
		}
	}
	return count
}

// numeral returns n as a list of that style counts; what such a style cannot count is in digits.
func numeral(n int, style string) string {
	switch {
	case n > 0 && (style == "a" || style == "A"):
		var b []byte
		for ; n > 0; n = (n - 1) / 26 {
			b = append(b, style[0]+byte((n-1)%26))
		}
		slices.Reverse(b)
		return string(b)
	case n > 0 && n < 4000 && (style == "i" || style == "I"):
		s := roman(n)
		if style == "I" {
			s = strings.ToUpper(s)
		}
		return s
	}
	return strconv.Itoa(n)
}

func roman(n int) string {
	var b strings.Builder
	for _, step := range []struct {
		worth int
		sign  string
	}{
		{1000, "m"}, {900, "cm"}, {500, "d"}, {400, "cd"}, {100, "c"}, {90, "xc"}, {50, "l"}, {40, "xl"},
		{10, "x"}, {9, "ix"}, {5, "v"}, {4, "iv"}, {1, "i"},
	} {
		for ; n >= step.worth; n -= step.worth {
			b.WriteString(step.sign)
		}
	}
	return b.String()
}

// script writes n as superscript or subscript: in characters that are so themselves, else with a
// sign before it. A number must not change its value.
func (w *htmlWriter) script(n *html.Node, c textContext, kind string) {
	s := w.linePart(n, c)
	switch {
	case s == "" || c.unseen:
	case kind == "footnote":
		w.apart("("+s+")", c)
	default:
		w.word(raised(s, kind == "sup", w.lastRune()), c)
	}
}

// lastRune returns what was written last, 0 if blank space is due or there is nothing.
func (w *htmlWriter) lastRune() rune {
	if w.space || w.lines > 0 || len(w.out) == 0 {
		return 0
	}
	all := []rune(string(w.out[max(0, len(w.out)-4):]))
	return all[len(all)-1]
}

var (
	superscripts = pairs("0123456789+-−=()ni", "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁻⁼⁽⁾ⁿⁱ")
	subscripts   = pairs("0123456789+-−=()aehijklmnoprstuvx", "₀₁₂₃₄₅₆₇₈₉₊₋₋₌₍₎ₐₑₕᵢⱼₖₗₘₙₒₚᵣₛₜᵤᵥₓ")
)

func pairs(from, to string) map[rune]rune {
	m := make(map[rune]rune)
	target := []rune(to)
	for i, r := range []rune(from) {
		m[r] = target[i]
	}
	return m
}

// raised returns s as superscript, or else as subscript, after the character before.
func raised(s string, super bool, before rune) string {
	table, sign := superscripts, "^"
	if !super {
		table, sign = subscripts, "_"
	}
	out := make([]rune, 0, len(s))
	for _, r := range s {
		t, ok := table[r]
		if !ok {
			t = r
			if unicode.IsLetter(r) || unicode.IsDigit(r) || unicode.IsSpace(r) || r == '.' || r == ',' {
				return spelled(s, sign, super, before)
			}
		}
		out = append(out, t)
	}
	return string(out)
}

// spelled writes s, which has no raised characters of its own. The ending of an ordinal stays as it
// is: 1e, 2de.
func spelled(s, sign string, super bool, before rune) string {
	if super && unicode.IsDigit(before) && ordinals[strings.ToLower(s)] {
		return s
	}
	switch strings.ToUpper(s) {
	case "TM":
		return "™"
	case "®", "©":
		return s
	}
	return sign + "(" + s + ")"
}

var ordinals = setOf("e de ste er ère ème o a st nd rd th")

// math writes a formula of MathML that has a layout of its own.
func (w *htmlWriter) math(n *html.Node, c textContext) {
	i := 0
	for child := range n.ChildNodes() {
		if child.Type != html.ElementNode {
			continue
		}
		s := ""
		if i > 0 {
			s = w.linePart(child, c)
		}
		switch {
		case i == 0:
			w.node(child, c)
		case n.Data == "mfrac":
			w.word("/"+s, c)
		default:
			w.word(raised(s, n.Data == "msup" || n.Data == "msubsup" && i == 2, 'x'), c)
		}
		i++
	}
}

// typedValue returns what a form control that is an input shows.
func typedValue(n *html.Node) string {
	_, checked := hasAttribute(n, "checked")
	switch strings.ToLower(attribute(n, "type")) {
	case "checkbox", "radio":
		if checked {
			return "[x]"
		}
		return "[ ]"
	case "hidden", "password", "file":
		return ""
	case "image":
		return attribute(n, "alt")
	}
	return attribute(n, "value")
}

// chosenOption returns the options of n, a select, that are chosen. Of one that shows a single
// option the last that is selected counts, else the first that can be chosen (HTML §4.10.7).
func chosenOption(n *html.Node) string {
	var chosen []string
	first := ""
	for o := range n.Descendants() {
		if o.Type != html.ElementNode || o.Data != "option" {
			continue
		}
		s := attribute(o, "label")
		if s == "" {
			s = strings.Join(strings.Fields(textOf(o)), " ")
		}
		if _, selected := hasAttribute(o, "selected"); selected {
			chosen = append(chosen, s)
		}
		if _, disabled := hasAttribute(o, "disabled"); first == "" && !disabled {
			first = s
		}
	}
	_, multiple := hasAttribute(n, "multiple")
	size, _ := strconv.Atoi(attribute(n, "size"))
	switch {
	case multiple:
		return strings.Join(chosen, ", ")
	case len(chosen) > 0:
		return chosen[len(chosen)-1]
	case size > 1:
		return ""
	}
	return first
}
