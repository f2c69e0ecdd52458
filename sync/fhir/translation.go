package fhir

import "strings"

// extTranslation holds a text in another language (FHIR core extension).
const extTranslation = "http://hl7.org/fhir/StructureDefinition/translation"

// beside returns what stands beside the primitive v: the member of its name with an underscore
// (FHIR R4 §2.6.1.2). Elements of a list have none here.
func (v value) beside() value {
	if !v.ok() {
		return value{}
	}
	name := "_" + string(v.node().name.of(v.r.raw))
	if v.node().parent < 0 {
		return v.r.get(name)
	}
	up := value{v.r, v.node().parent}
	if name == "_" || up.node().kind != object {
		return value{}
	}
	return up.get(name)
}

// dutch returns the text v, in Dutch if the source has that as a translation.
func (v value) dutch() string {
	s := v.str()
	for _, e := range v.beside().get("extension").each() {
		if e.get("url").str() != extTranslation {
			continue
		}
		lang := strings.ToLower(extension(e, "lang").get("valueCode").str())
		if lang != "nl" && !strings.HasPrefix(lang, "nl-") {
			continue
		}
		_, content := extension(e, "content").choice("value")
		if t := content.str(); strings.TrimSpace(t) != "" {
			return t
		}
	}
	return s
}

// dutchLine is dutch as one line.
func dutchLine(v value) string { return line(v.dutch()) }
