package fhir

import (
	"strings"

	"dossiersync/store/dossier"
)

// The domains of the Kwaliteitskader for Dutch long-term care: their codes,
// their names, and how words begin by which a source may mean them.
var domains = []struct {
	code, name string
	begin      []string
}{
	{"mentaal", "Mentaal welbevinden", []string{"menta", "psychisch", "geestelijk"}},
	{"lichamelijk", "Lichamelijk welbevinden en gezondheid", []string{"lichamelijk", "fysiek"}},
	{"participatie", "Participatie", []string{"participat"}},
	{"wonen", "Woon- en leefomstandigheden", []string{"woon", "wonen", "leefomstandig"}},
}

// domainNamed returns the domain that a rule sets: one of the four, or one of
// the source's own.
func domainNamed(set string) dossier.Domain {
	for _, d := range domains {
		if d.code == set {
			return dossier.Domain{Code: d.code, Name: d.name}
		}
	}
	return dossier.Domain{Name: set}
}

// knownDomain returns the one of the four domains that a word of s means.
func knownDomain(s string) (dossier.Domain, bool) {
	words := strings.FieldsFunc(strings.ToLower(s), func(r rune) bool {
		return r == ' ' || r == '-' || r == '_' || r == '/' || r == ',' || r == '.'
	})
	for _, d := range domains {
		for _, w := range words {
			for _, b := range d.begin {
				if strings.HasPrefix(w, b) {
					return dossier.Domain{Code: d.code, Name: d.name}, true
				}
			}
		}
	}
	return dossier.Domain{}, false
}

// domainOf returns the domain of a record: by the tenant's rules, else by the
// codes and words of its categories, else the first category's words.
func (m *mapper) domainOf(have *marks, categories value) dossier.Domain {
	if set, ok := firstMatch(m.rules.Domain, have); ok {
		return domainNamed(set)
	}
	for _, c := range have.category {
		if d, ok := knownDomain(c.Code); ok {
			return d
		}
	}
	for _, c := range categories.each() {
		if d, ok := knownDomain(words(c)); ok {
			return d
		}
	}
	return dossier.Domain{Name: firstWords(categories)}
}
