package fhir

import (
	"bytes"
	"slices"
	"strings"
)

// inlineLabels is what was found of labels on the elements of one resource.
type inlineLabels struct {
	understood bool       // there is at least one with a code
	withheld   bool       // something was left out because of one
	whole      bool       // one of them hides the resource itself
	cut        [][]string // where those elements were, by the names of the members
}

// withoutLabelled returns raw without the elements that an inline security label hides. A narrative
// may repeat the words of such an element, so the narratives around it go too.
func (m *mapper) withoutLabelled(raw []byte) ([]byte, inlineLabels, error) {
	if !bytes.Contains(raw, []byte(`"extension"`)) || indexFold(string(raw), "label") < 0 {
		return raw, inlineLabels{}, nil
	}
	r := &resource{limits: m.limits, raw: raw}
	if _, err := r.read(skipSpace(raw, 0), -1, span{}, 0); err != nil {
		return raw, inlineLabels{}, err
	}
	c := labelCutter{m: m, r: r, drop: make([]bool, len(r.nodes))}
	for n := range r.nodes {
		c.look(int32(n))
	}
	if c.found.whole || !c.found.withheld {
		return raw, c.found, nil
	}
	c.write(0)
	return c.out.Bytes(), c.found, nil
}

type labelCutter struct {
	m     *mapper
	r     *resource
	drop  []bool
	found inlineLabels
	out   bytes.Buffer
}

// look drops node n if it carries a label that hides it.
func (c *labelCutter) look(n int32) {
	if c.r.nodes[n].kind != object || !c.isHidden(value{c.r, n}) {
		return
	}
	c.found.withheld = true
	if c.r.nodes[n].parent < 0 || c.r.nodes[n].parent == 0 && string(c.r.nodes[n].name.of(c.r.raw)) == "meta" {
		c.found.whole = true
		return
	}
	c.drop[n] = true
	c.found.cut = append(c.found.cut, c.names(n))
	named := n
	if c.r.nodes[c.r.nodes[n].parent].kind == array {
		named = c.r.nodes[n].parent
	}
	// The label of a primitive stands in a member beside it (FHIR R4 §2.6.2.3).
	if name, ok := bytes.CutPrefix(c.r.nodes[named].name.of(c.r.raw), []byte("_")); ok {
		c.drop[named] = true
		c.dropMember(c.r.nodes[named].parent, string(name))
	}
	for up := c.r.nodes[n].parent; up >= 0; up = c.r.nodes[up].parent {
		if c.r.nodes[up].kind == object && (value{c.r, up}).has("text", "div") {
			c.dropMember(up, "text")
		}
	}
}

// names returns the names of the members that lead to node n. A label beside a primitive is of that
// primitive.
func (c *labelCutter) names(n int32) []string {
	var all []string
	for ; n >= 0; n = c.r.nodes[n].parent {
		if name := c.r.nodes[n].name.of(c.r.raw); len(name) > 0 {
			all = append(all, strings.TrimPrefix(string(name), "_"))
		}
	}
	slices.Reverse(all)
	return all
}

func (c *labelCutter) dropMember(of int32, name string) {
	if of < 0 {
		return
	}
	for n := of + 1; n < c.r.nodes[of].after; n = c.r.nodes[n].after {
		if string(c.r.nodes[n].name.of(c.r.raw)) == name {
			c.drop[n] = true
		}
	}
}

// has reports whether v, an object, has a member that is an object with a member called within.
func (v value) has(member, within string) bool {
	for n := v.n + 1; n < v.node().after; n = v.r.nodes[n].after {
		if string(v.r.nodes[n].name.of(v.r.raw)) == member && v.r.nodes[n].kind == object {
			return value{v.r, n}.get(within).ok()
		}
	}
	return false
}

// isHidden reports whether v, an object, carries an inline label that hides it, or one that cannot
// be read.
func (c *labelCutter) isHidden(v value) (hide bool) {
	list := v.get("extension")
	if !list.ok() || list.node().kind != array {
		return false
	}
	for _, e := range list.each() {
		if !e.ok() || e.node().kind != object || !isSecurityLabel(e.get("url").str()) {
			continue
		}
		var have marks
		label := e.get("valueCoding")
		if concept := e.get("valueCodeableConcept"); concept.ok() {
			have.appendLabels(&have.security, concept.get("coding"))
		} else {
			have.appendLabel(&have.security, label)
		}
		c.found.understood = c.found.understood || len(have.security) > 0
		hide = hide || len(have.security) == 0 || c.m.rules.isHidden(&have)
	}
	return hide
}

// write writes node n without what is dropped.
func (c *labelCutter) write(n int32) {
	node := &c.r.nodes[n]
	if node.kind != object && node.kind != array {
		is := node.is
		if node.kind == text {
			is.start, is.end = is.start-1, is.end+1
		}
		c.out.Write(is.of(c.r.raw))
		return
	}
	ends := c.r.raw[node.is.start]
	c.out.WriteByte(ends)
	first := true
	for i := n + 1; i < node.after; i = c.r.nodes[i].after {
		stub := c.stub(i)
		if c.drop[i] && stub == nil {
			continue
		}
		if !first {
			c.out.WriteByte(',')
		}
		if first = false; stub != nil {
			c.out.Write(stub)
			continue
		}
		if node.kind == object {
			c.out.WriteByte('"')
			c.out.Write(c.r.nodes[i].name.of(c.r.raw))
			c.out.WriteString(`":`)
		}
		c.write(i)
	}
	c.out.WriteByte(ends + 2) // ] and } follow two after [ and { in ASCII
}

// stub returns what stands for node n where that is a question that is dropped: one that is hidden,
// so that its answers are too.
func (c *labelCutter) stub(n int32) []byte {
	if !c.drop[n] || c.r.nodes[n].kind != object {
		return nil
	}
	link := value{c.r, n}.get("linkId")
	for up := c.r.nodes[n].parent; up >= 0 && link.ok(); up = c.r.nodes[up].parent {
		if c.r.nodes[up].kind != object {
			continue
		}
		switch kind := (value{c.r, up}).get("resourceType").strIfText(); kind {
		case "":
		case "Questionnaire":
			return append(append([]byte(`{"linkId":`), asJSON(link.str())...),
				`,"extension":[{"url":"`+extHidden+`","valueBoolean":true}]}`...)
		default:
			return nil
		}
	}
	return nil
}

// wantsInline reports whether the marks say that elements are labelled (v3-ActCode
// PROCESSINLINELABEL).
func (m *marks) wantsInline() bool {
	return slices.ContainsFunc(m.security, func(c Code) bool { return bare(c.Code) == "PROCESSINLINELABEL" })
}
