package fhir

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"strings"

	"golang.org/x/net/html"
)

// maxElements is how deep elements may nest: what html.Parse allows.
const maxElements = 500

const xhtmlSpace = "http://www.w3.org/1999/xhtml"

// parseHTML reads an HTML document or fragment as a browser does, except where that would lose
// words: see [repairer].
func parseHTML(src string, xhtml bool) (*html.Node, plain) {
	src, wrong := repair(src, xhtml)
	if wrong != "" {
		return nil, wrong
	}
	root, err := html.ParseWithOptions(strings.NewReader(src), html.ParseOptionEnableScripting(false))
	if err != nil { // it nests too deep, which is the one error that there is
		root, err = html.ParseWithOptions(strings.NewReader(flatten(src)), html.ParseOptionEnableScripting(false))
	}
	if err != nil {
		return nil, "its elements nest too deep"
	}
	return root, ""
}

// isXHTML reports whether src, which may be called text/html, says that it is XHTML.
func isXHTML(src string) bool {
	head := src[:min(len(src), 1024)]
	return strings.HasPrefix(strings.TrimLeft(head, " \t\r\n\ufeff"), "<?xml") || strings.Contains(head, xhtmlSpace)
}

// parseXHTML reads src by the rules of XML, and by those of HTML where it is not well formed.
func parseXHTML(src string) (*html.Node, plain) {
	if root, err := parseXML(src); err == nil {
		return root, ""
	}
	return parseHTML(src, true)
}

var errNesting = errors.New("nested too deep")

// parseXML reads well-formed XML, with the named entities of HTML, into the tree that html.Parse
// makes of HTML. Names are in lower case; one of a namespace that is not shown as it is keeps its
// prefix. Text outside elements is taken too, so that fragments can be read.
func parseXML(src string) (*html.Node, error) {
	d := xml.NewDecoder(strings.NewReader(src))
	d.Entity = xml.HTMLEntity
	d.CharsetReader = func(_ string, r io.Reader) (io.Reader, error) { return r, nil } // it is decoded already
	root := &html.Node{Type: html.DocumentNode}
	at, depth := root, 0
	for {
		token, err := d.Token()
		switch {
		case errors.Is(err, io.EOF):
			return root, nil
		case err != nil:
			return nil, err
		}
		switch t := token.(type) {
		case xml.StartElement:
			if depth++; depth > maxElements {
				return nil, errNesting
			}
			n := &html.Node{Type: html.ElementNode, Data: elementName(t.Name)}
			for _, a := range t.Attr {
				n.Attr = append(n.Attr, html.Attribute{Key: strings.ToLower(a.Name.Local), Val: a.Value})
			}
			at.AppendChild(n)
			at = n
		case xml.EndElement:
			at, depth = at.Parent, depth-1
		case xml.CharData:
			at.AppendChild(&html.Node{Type: html.TextNode, Data: string(bytes.ReplaceAll(t, []byte("\r"), []byte("\n")))})
		}
	}
}

// elementName returns how the writer knows an element.
func elementName(name xml.Name) string {
	local := strings.ToLower(name.Local)
	switch space := name.Space; {
	case space == "", space == xhtmlSpace, strings.HasPrefix(space, "urn:hl7-org:"),
		strings.HasSuffix(space, "/svg"), strings.HasSuffix(space, "MathML"):
		return local
	case strings.Contains(space, "office:word"):
		return "w:" + local
	case strings.Contains(space, "schemas-microsoft-com") || len(space) == 1: // or a prefix that is not declared
		return space[len(space)-1:] + ":" + local
	}
	return local
}

// flatten returns src without the start and end tags that nest deeper than html.Parse allows, as
// far as these do nothing but nest; browsers do so too.
func flatten(src string) string {
	var out strings.Builder
	var open []string
	const most = maxElements * 3 / 5
	z := html.NewTokenizer(strings.NewReader(src))
	for {
		kind := z.Next()
		raw := string(z.Raw())
		switch kind {
		case html.ErrorToken:
			return out.String()
		case html.StartTagToken:
			name, hasAttr := z.TagName()
			if tag := string(name); !voidElements[tag] {
				open = append(open, tag)
				if len(open) > most && !hasAttr && nestingOnly[tag] {
					out.WriteString(" ")
					continue
				}
			}
		case html.EndTagToken:
			name, _ := z.TagName()
			i := len(open) - 1
			for i >= max(0, len(open)-maxElements) && open[i] != string(name) {
				i--
			}
			if i < 0 || open[i] != string(name) {
				break
			}
			open = open[:i]
			if i >= most && nestingOnly[string(name)] {
				out.WriteString(" ")
				continue
			}
		}
		out.WriteString(raw)
	}
}

// nestingOnly are elements that mean nothing to the writer but a border.
var nestingOnly = setOf("div span b i u font em strong small big tt code center section article blockquote label")

// voidElements have no content and no end tag (HTML §13.1.2).
var voidElements = setOf(`area base basefont bgsound br col embed frame hr img input keygen link meta param source
	track wbr`)

func setOf(names string) map[string]bool {
	set := make(map[string]bool)
	for name := range strings.FieldsSeq(names) {
		set[name] = true
	}
	return set
}
