package fhir

import (
	"dossiersync/store/dossier"
)

// narrative returns the text of v, a Narrative, without its markup.
func (m *mapper) narrative(v value) string {
	if v.get("status").str() == "empty" {
		return ""
	}
	div := v.get("div")
	s, wrong := plainXHTML(div.str())
	switch {
	case wrong != "":
		div.fault(dossier.BadBody, string(wrong))
	case tooLong(s, m.limits.Text):
		div.fault(dossier.TooLarge, "too long")
	}
	return s
}
