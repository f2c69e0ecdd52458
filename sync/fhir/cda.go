package fhir

import (
	"strings"

	"golang.org/x/net/html"
)

// plainXML returns the text of an XML document: of CDA the sections of its body, of XHTML what HTML
// shows. Other XML is no text.
func (m *mapper) plainXML(src string) (string, textState, plain) {
	root, err := parseXML(src)
	if err != nil {
		return "", textRead, "it is not well-formed XML"
	}
	top := child(root, "")
	switch {
	case top == nil:
		return "", textRead, ""
	case top.Data == "html":
		s, wrong := plainTree(root)
		return s, textRead, wrong
	case top.Data != "clinicaldocument":
		return "", textNot, ""
	}
	return m.clinicalDocument(top)
}

// clinicalDocument reads a CDA document (CDA R2).
func (m *mapper) clinicalDocument(top *html.Node) (string, textState, plain) {
	if m.hidesPart(top) {
		return "", textWithheld, ""
	}
	c := cdaReader{m: m, left: maxPlain}
	for component := range elements(top, "component") {
		for body := range elements(component, "structuredbody") {
			c.components(body)
		}
		for body := range elements(component, "nonxmlbody") {
			if !c.unstructured(child(body, "text")) {
				return "", textNot, ""
			}
		}
	}
	text := clean(strings.Join(c.all, "\n\n"))
	switch {
	case c.left < 0:
		return "", textRead, "its text is too long"
	case text == "" && c.withheld:
		return "", textWithheld, ""
	case text == "" && c.entries:
		return "", textRead, "its sections have entries, and no text"
	case text == "" && c.words:
		return "", textRead, "all of its text is hidden, struck out or not understood"
	}
	return text, textRead, ""
}

// A cdaReader gathers the sections of one CDA document.
type cdaReader struct {
	m        *mapper
	all      []string
	left     int
	words    bool // there are words in its sections, shown or not
	entries  bool // a section has entries and no text
	withheld bool // a section is not for readers
}

func (c *cdaReader) components(n *html.Node) {
	for component := range elements(n, "component") {
		for section := range elements(component, "section") {
			c.section(section)
		}
	}
}

func (c *cdaReader) section(n *html.Node) {
	if c.m.hidesPart(n) {
		c.withheld = true
		return
	}
	text := ""
	if narrative := child(n, "text"); narrative != nil {
		c.words = c.words || holdsWords(narrative)
		w := htmlWriter{doc: &markupDocument{nil, &c.left}}
		w.children(narrative, textContext{})
		text = clean(string(w.out))
	}
	c.entries = c.entries || text == "" && child(n, "entry") != nil
	before := len(c.all)
	c.all = append(c.all, text)
	c.components(n)
	says := text != "" || len(c.all) > before+1
	if title := child(n, "title"); says && title != nil {
		c.all[before] = strings.TrimRight(line(textOf(title))+"\n"+text, "\n")
	}
	if c.all[before] == "" {
		c.all = append(c.all[:before], c.all[before+1:]...)
	}
}

// unstructured reads the text of a body that is not XML; false if it is another file.
func (c *cdaReader) unstructured(n *html.Node) bool {
	if n == nil {
		return true
	}
	b := []byte(textOf(n))
	if strings.EqualFold(attribute(n, "representation"), "B64") {
		var ok bool
		if b, ok = decodeBase64(string(b)); !ok {
			return false
		}
	}
	kind := formatOf(attribute(n, "mediatype"))
	if attribute(n, "mediatype") == "" {
		kind = plainText // the default of ED (CDA R2)
	}
	if kind != plainText && kind != hypertext || isRichText(b) || isBinary(b) {
		return false
	}
	_, charset := mediaType(attribute(n, "mediatype"))
	s, wrong := decodeText(b, charset, kind == hypertext)
	if kind == hypertext && wrong == "" {
		s, wrong = plainHTML(s)
	}
	c.all = append(c.all, clean(s))
	c.words = true
	return wrong == ""
}

// codeSystems are the URLs of code systems that CDA names by OID.
var codeSystems = map[string]string{
	"2.16.840.1.113883.6.1": "http://loinc.org", "2.16.840.1.113883.6.96": "http://snomed.info/sct",
	"2.16.840.1.113883.5.25": "http://terminology.hl7.org/CodeSystem/v3-Confidentiality",
	"2.16.840.1.113883.5.4":  "http://terminology.hl7.org/CodeSystem/v3-ActCode",
}

// hidesPart reports whether the tenant's rules, or a label, hide n, a CDA document or section.
func (m *mapper) hidesPart(n *html.Node) bool {
	var have marks
	for e := range elements(n, "code") {
		have.code = append(have.code, cdaCode(e)...)
	}
	have.category = have.code
	for e := range elements(n, "confidentialitycode") {
		have.security = append(have.security, cdaCode(e)...)
		have.forbidden = have.forbidden || saysNoPatient(attribute(e, "code")) || saysNoPatient(attribute(e, "displayname"))
	}
	return m.rules.isHidden(&have)
}

func cdaCode(n *html.Node) []Code {
	code, oid := attribute(n, "code"), attribute(n, "codesystem")
	if code == "" {
		return nil
	}
	all := []Code{{System: "urn:oid:" + oid, Code: code}}
	switch url := codeSystems[oid]; {
	case url != "":
		all = append(all, Code{System: url, Code: code})
	case oid == "":
		all[0].System = ""
	}
	return all
}

// elements yields the elements called name, or all, directly in n.
func elements(n *html.Node, name string) func(func(*html.Node) bool) {
	return func(yield func(*html.Node) bool) {
		for c := range n.ChildNodes() {
			if c.Type == html.ElementNode && (name == "" || c.Data == name) && !yield(c) {
				return
			}
		}
	}
}

// child returns the first element called name, or of any name, directly in n; nil if there is none.
func child(n *html.Node, name string) *html.Node {
	for c := range elements(n, name) {
		return c
	}
	return nil
}
