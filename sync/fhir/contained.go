package fhir

// inside returns r's contained resource with this id, if it may be shown; else nothing.
func (m *mapper) inside(r *resource, id string) value {
	in := r.inside(id)
	if !in.ok() || !m.judgeContained(r, in) {
		return value{}
	}
	return in
}

// judgeContained reports whether v, a resource that r contains, may be shown: it carries the same
// marks, or belongs to another client, no more than the same resource outside may (I6, I7).
func (m *mapper) judgeContained(r *resource, v value) bool {
	if v.get("implicitRules").ok() || v.get("modifierExtension").ok() {
		return false
	}
	meta := v.get("meta")
	have := marks{tag: appendCodings(nil, meta.get("tag")), security: appendCodings(nil, meta.get("security"))}
	code := "code"
	switch v.get("resourceType").str() {
	case "Goal":
		code = "description"
	case "DocumentReference", "Composition", "Organization":
		code = "type"
	case "Questionnaire":
		have.code = appendCanonical(appendCodings(nil, v.get("code")), v.get("url").str()+"|"+v.get("version").str())
		code = ""
	}
	have.code = appendAnyConcept(have.code, v, code)
	have.category = appendAnyConcept(have.category, v, "category")
	have.security = appendAnyConcept(have.security, v, "securityLabel")
	if m.rules.isHidden(&have) {
		return false
	}
	for _, member := range []string{"subject", "patient", "for"} {
		who := v.get(member)
		if !who.ok() || who.node().kind != object {
			continue
		}
		if t := m.reference(who); t.Type == "Patient" && r.envelope.client != "" && t.ID != r.envelope.client {
			return false
		}
	}
	return true
}

// appendAnyConcept appends the codes of v's member, a CodeableConcept or a list of them.
func appendAnyConcept(codes []Code, v value, member string) []Code {
	if member == "" {
		return codes
	}
	c := v.get(member)
	if !c.ok() {
		return codes
	}
	switch c.node().kind {
	case array:
		for _, one := range c.each() {
			if one.ok() && one.node().kind == object {
				codes = appendConcept(codes, one)
			}
		}
	case object:
		codes = appendConcept(codes, c)
	}
	return codes
}
