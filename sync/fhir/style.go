package fhir

import (
	"bytes"
	"regexp"
	"strconv"
	"strings"

	"github.com/andybalholm/cascadia"
	"github.com/tdewolff/parse/v2"
	"github.com/tdewolff/parse/v2/css"
	"golang.org/x/net/html"
)

// The bounds of what the style sheets of one document may cost (I12).
const (
	maxRules   = 500
	maxMatches = 20_000_000
	maxSlow    = 5_000 // elements, where a selector looks at neighbours
)

// shownProperties are the CSS properties that decide whether text is seen, and where its lines end.
var shownProperties = map[string]bool{
	"display": true, "visibility": true, "opacity": true, "content-visibility": true, "white-space": true,
	"text-decoration": true, "text-decoration-line": true, "vertical-align": true,
	"list-style": true, "list-style-type": true, "font-size": true, "overflow": true, "height": true, "max-height": true,
	"width": true, "max-width": true, "float": true, "position": true, "margin": true, "margin-left": true,
	"margin-right": true, "padding": true, "padding-left": true, "padding-right": true,
}

// A declaration is one of CSS: property: value.
type declaration struct {
	property, value string
	important       bool
}

// A sheetRule is a rule of a style sheet that concerns shownProperties.
type sheetRule struct {
	selector     cascadia.Sel
	declarations []declaration
}

// A sheet is what the style sheets of one document say.
type sheet []sheetRule

// A looks is what counts of an element's style, by property.
type looks map[string]string

// hides reports whether an element that looks so is not seen, nor anything in it.
func (l looks) hides() bool {
	return l["display"] == "none" || isZero(l["opacity"]) || l["content-visibility"] == "hidden" || l.clips()
}

// clips reports whether the element has no room for what is in it.
func (l looks) clips() bool {
	if o := l["overflow"]; o != "hidden" && o != "clip" {
		return false
	}
	return isZero(l["height"]) || isZero(l["max-height"]) || isZero(l["width"]) || isZero(l["max-width"])
}

// isZero reports whether s is a length or a number of nothing.
func isZero(s string) bool {
	n, ok := cssNumber(s)
	return ok && n == 0
}

// cssNumber returns the number that s begins with.
func cssNumber(s string) (float64, bool) {
	n, err := strconv.ParseFloat(strings.TrimRight(s, "%abcdefghijklmnopqrstuvwxyz"), 64)
	return n, err == nil
}

// isApart reports whether an inline element that looks so stands apart from the text around it.
func (l looks) isApart() bool {
	if display := l["display"]; strings.HasPrefix(display, "inline-") && (display != "inline-block" || isRoom(l["width"])) {
		return true
	}
	return l["float"] == "left" || l["float"] == "right" || l["position"] == "absolute" || l["position"] == "fixed" ||
		isRoom(l["margin-left"]) || isRoom(l["margin-right"]) || isRoom(l["padding-left"]) || isRoom(l["padding-right"]) ||
		isRoom(sideways(l["margin"])) || isRoom(sideways(l["padding"]))
}

// sideways returns what a margin or padding in short has on the right side.
func sideways(s string) string {
	fields := strings.Fields(s)
	switch len(fields) {
	case 0:
		return ""
	case 1:
		return fields[0]
	}
	return fields[1]
}

// isRoom reports whether a length is about as wide as a blank, or wider.
func isRoom(s string) bool {
	n, ok := cssNumber(s)
	if strings.HasSuffix(s, "px") || strings.HasSuffix(s, "pt") {
		return ok && n >= 3
	}
	return ok && n >= 0.2
}

// strikes reports whether the element's text is struck out.
func (l looks) strikes() bool {
	has := func(s string) bool {
		return strings.Contains(" "+s+" ", " line-through ")
	}
	if line, ok := l["text-decoration-line"]; ok {
		return has(line)
	}
	return has(l["text-decoration"])
}

// readSheets reads the style elements in root, in order.
func readSheets(root *html.Node) (sheet, plain) {
	var s sheet
	elements, slow := 0, false
	for n := range root.Descendants() {
		if n.Type != html.ElementNode {
			continue
		}
		elements++
		if n.Data == "style" && appliesTo(attribute(n, "media")) {
			var text strings.Builder
			for c := range n.ChildNodes() {
				if c.Type == html.TextNode {
					text.WriteString(c.Data)
				}
			}
			slow = s.read(text.String()) || slow
		}
	}
	if len(s) > maxRules || len(s)*elements > maxMatches || slow && elements > maxSlow {
		return nil, "its style sheets are too large"
	}
	return s, ""
}

// appliesTo reports whether a media query holds for a large screen.
func appliesTo(media string) bool {
	media = strings.ToLower(media)
	switch {
	case strings.TrimSpace(media) == "", strings.Contains(media, "all"):
		return true
	case strings.Contains(media, "max-width"), strings.Contains(media, "max-device-width"),
		strings.Contains(media, "not "):
		return false
	}
	return strings.Contains(media, "screen") || !strings.Contains(media, "print") && !strings.Contains(media, "speech")
}

// read appends the rules of a style sheet that matter. slow says that a selector of one of them
// looks at neighbours.
func (s *sheet) read(text string) (slow bool) {
	text = strings.NewReplacer("<!--", "", "-->", "", "<![CDATA[", "", "]]>", "").Replace(text)
	p := css.NewParser(parse.NewInput(strings.NewReader(text)), false)
	var selectors []byte
	var all []declaration
	blocks, passed := 0, 0 // how many at-rules are open, and from which on they do not apply; 0: all apply
	for len(*s) <= maxRules {
		kind, _, data := p.Next()
		switch kind {
		case css.ErrorGrammar:
			if p.HasParseError() {
				continue
			}
			return slow
		case css.BeginAtRuleGrammar:
			blocks++
			if passed == 0 && !appliesAt(string(data), joinTokens(p.Values())) {
				passed = blocks
			}
		case css.EndAtRuleGrammar:
			if blocks--; blocks < passed {
				passed = 0
			}
		case css.QualifiedRuleGrammar:
			selectors = append(append(selectors, joinTokens(p.Values())...), ',')
		case css.BeginRulesetGrammar:
			selectors = append(selectors, joinTokens(p.Values())...)
		case css.DeclarationGrammar:
			all = appendDeclaration(all, data, p.Values())
		case css.EndRulesetGrammar:
			if passed == 0 && len(all) > 0 {
				slow = s.add(string(selectors), all) || slow
			}
			selectors, all = selectors[:0], nil
		}
	}
	return slow
}

func appliesAt(rule, condition string) bool {
	switch strings.ToLower(rule) {
	case "@media":
		return appliesTo(condition)
	case "@supports", "@layer", "@container":
		return true
	}
	return false
}

func (s *sheet) add(selectors string, all []declaration) (slow bool) {
	group, err := cascadia.ParseGroup(selectors)
	if err != nil {
		return false // a state such as :hover, or a part that is not text of the document
	}
	for _, one := range group {
		of := all
		if weight := one.Specificity(); weight[0] == 0 && weight[1] == 0 {
			of = withoutHiding(all) // what hides a whole type is about the page, not about what it says
		}
		if len(of) > 0 {
			*s = append(*s, sheetRule{one, of})
		}
	}
	return strings.ContainsAny(selectors, "~+:")
}

// withoutHiding returns all but the declarations by which an element is not seen.
func withoutHiding(all []declaration) []declaration {
	var kept []declaration
	for _, d := range all {
		if l := (looks{d.property: d.value}); !l.hides() && d.property != "visibility" && d.property != "overflow" &&
			d.property != "font-size" {
			kept = append(kept, d)
		}
	}
	return kept
}

func joinTokens(tokens []css.Token) string {
	var b bytes.Buffer
	for _, t := range tokens {
		b.Write(t.Data)
	}
	return b.String()
}

// appendDeclaration appends a declaration if it is of one of shownProperties.
func appendDeclaration(all []declaration, property []byte, tokens []css.Token) []declaration {
	d := declaration{property: strings.ToLower(plainCSS(string(property)))}
	if !shownProperties[d.property] {
		return all
	}
	d.value = strings.ToLower(strings.TrimSpace(plainCSS(joinTokens(tokens))))
	if value, ok := strings.CutSuffix(d.value, "important"); ok && strings.HasSuffix(strings.TrimSpace(value), "!") {
		d.value, d.important = strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(value), "!")), true
	}
	return append(all, d)
}

var escapedCSS = regexp.MustCompile(`\\(?:([0-9a-fA-F]{1,6})\s?|(.))`)

// plainCSS returns s without escapes (CSS Syntax §4.3.7).
func plainCSS(s string) string {
	if strings.IndexByte(s, '\\') < 0 {
		return s
	}
	return escapedCSS.ReplaceAllStringFunc(s, func(found string) string {
		code, err := strconv.ParseUint(strings.TrimSpace(found[1:]), 16, 32)
		if err != nil {
			return found[1:]
		}
		return string(rune(code))
	})
}

// inlineStyle reads a style attribute.
func inlineStyle(s string) []declaration {
	if s == "" {
		return nil
	}
	var all []declaration
	p := css.NewParser(parse.NewInput(strings.NewReader(s)), true)
	for {
		switch kind, _, data := p.Next(); kind {
		case css.ErrorGrammar:
			if p.HasParseError() {
				continue
			}
			return all
		case css.DeclarationGrammar:
			all = appendDeclaration(all, data, p.Values())
		}
	}
}

// of returns how n, an element, looks: the declaration that is important, else the more specific,
// else the later one wins (CSS Cascade §6.1).
func (s sheet) of(n *html.Node) looks {
	type weight struct {
		important bool
		of        cascadia.Specificity
	}
	var l looks
	var won map[string]weight
	set := func(all []declaration, of cascadia.Specificity) {
		if l == nil {
			l, won = make(looks), make(map[string]weight)
		}
		for _, d := range all {
			was, ok := won[d.property]
			if ok && (was.important && !d.important || was.important == d.important && of.Less(was.of)) {
				continue
			}
			l[d.property], won[d.property] = d.value, weight{d.important, of}
			if d.property == "text-decoration" { // it sets all of its parts
				delete(l, "text-decoration-line")
			}
		}
	}
	for _, r := range s {
		if r.selector.Match(n) {
			set(r.declarations, r.selector.Specificity())
		}
	}
	if style := attribute(n, "style"); style != "" {
		set(inlineStyle(style), cascadia.Specificity{1 << 20, 0, 0})
	}
	return l
}

// attribute returns n's attribute called name, "" if it has none.
func attribute(n *html.Node, name string) string {
	s, _ := hasAttribute(n, name)
	return s
}

func hasAttribute(n *html.Node, name string) (string, bool) {
	for _, a := range n.Attr {
		if strings.EqualFold(a.Key, name) {
			return a.Val, true
		}
	}
	return "", false
}
