package fhir

import (
	"cmp"
	"iter"
	"slices"
	"strings"
)

// The extensions by which Dutch names are written in parts (zib NameInformation,
// HL7 core extensions).
const (
	extOwnPrefix     = "http://hl7.org/fhir/StructureDefinition/humanname-own-prefix"
	extOwnName       = "http://hl7.org/fhir/StructureDefinition/humanname-own-name"
	extPartnerPrefix = "http://hl7.org/fhir/StructureDefinition/humanname-partner-prefix"
	extPartnerName   = "http://hl7.org/fhir/StructureDefinition/humanname-partner-name"
	extQualifier     = "http://hl7.org/fhir/StructureDefinition/iso21090-EN-qualifier"
)

// nameOf returns how the person is called whom v, a list of HumanName, names: by the official name,
// else the usual one, else the first that is not outdated. A name whose period has ended, or is still
// to begin, is none.
func (m *mapper) nameOf(v value) string { return m.bestName(v, fullName) }

// familyOf returns the family name of the person whom v, a list of HumanName, names.
func (m *mapper) familyOf(v value) string {
	return m.bestName(v, func(name value) string { return line(name.get("family").strIfText()) })
}

// bestName returns the text that part gives of the best name of v, a list of HumanName.
func (m *mapper) bestName(v value, part func(name value) string) string {
	best, rank := "", 0
	for _, name := range v.each() {
		if n := nameRank(name.get("use").str()); n > rank && m.counts(name.get("period")) {
			if s := part(name); s != "" {
				best, rank = s, n
			}
		}
	}
	return best
}

func nameRank(use string) int {
	switch use {
	case "official":
		return 5
	case "usual":
		return 4
	case "":
		return 3
	case "old", "maiden":
		return 1
	}
	return 2
}

// fullName returns v, a HumanName, as one writes it: as the source wrote it out,
// else composed.
func fullName(v value) string {
	if s := line(v.get("text").str()); s != "" {
		return s
	}
	titles, before := prefixes(v)
	family := v.get("family").str()
	if family == "" {
		family = familyFromParts(v.get("_family"))
	}
	return join(titles, givenNames(v), before, family, join(texts(v.get("suffix"))...))
}

// sortName returns v, a HumanName, as one sorts it in the Netherlands (NEN 5827): the family name
// without what comes before it, then the rest: "Meer, Antje van der". A family name that the source
// does not tell apart is the last word.
func sortName(v value) string {
	full := fullName(v)
	if strings.Contains(full, ",") {
		return full // it was written for sorting already
	}
	family := v.get("family").strIfText()
	if family == "" {
		family = familyFromParts(v.get("_family"))
	}
	words, own := strings.Fields(full), strings.Fields(family)
	at, end := len(words)-1, len(words)
	for i := range len(words) - len(own) + 1 {
		if len(own) > 0 && slices.Equal(words[i:i+len(own)], own) {
			at, end = i, i+len(own)
		}
	}
	for at < end-1 && slices.Contains(familyPrefixes, strings.ToLower(words[at])) {
		at++
	}
	rest := join(append(slices.Clone(words[:max(0, at)]), words[end:]...)...)
	if rest == "" {
		return full
	}
	return join(words[at:end]...) + ", " + rest
}

// familyPrefixes come before Dutch family names, which are sorted without them.
var familyPrefixes = []string{"van", "de", "der", "den", "het", "'t", "’t", "ter", "ten", "te", "op", "in", "uit", "von",
	"du", "la", "le", "l'", "d'", "del", "di", "da", "dos", "el", "al", "bij", "aan", "over", "onder", "zu", "zum"}

// prefixes returns what comes before the given names, and what belongs to the
// family name ("van der"), which older profiles write as a prefix too.
func prefixes(v value) (titles, family string) {
	var before, belongs []string
	for s, kind := range qualified(v, "prefix") {
		if kind == "VV" {
			belongs = append(belongs, s)
		} else {
			before = append(before, s)
		}
	}
	return join(before...), join(belongs...)
}

// givenNames returns the given names; where these come with initials or the
// name for daily use as well, the names in full only.
func givenNames(v value) string {
	var full, called, initials []string
	for s, kind := range qualified(v, "given") {
		switch kind {
		case "IN":
			initials = append(initials, s)
		case "CL":
			called = append(called, s)
		default:
			full = append(full, s)
		}
	}
	return cmp.Or(join(full...), join(called...), line(strings.Join(initials, "")))
}

func familyFromParts(v value) string {
	part := func(url string) string { return extension(v, url).get("valueString").str() }
	own := join(part(extOwnPrefix), part(extOwnName))
	partner := join(part(extPartnerPrefix), part(extPartnerName))
	if own == "" || partner == "" {
		return own + partner
	}
	return own + "-" + partner
}

// qualified yields the texts of v's list called member, each with the kind of
// name that an extension says it is.
func qualified(v value, member string) iter.Seq2[string, string] {
	return func(yield func(s, kind string) bool) {
		var kinds []string
		for _, e := range v.get("_" + member).each() {
			kinds = append(kinds, extension(e, extQualifier).get("valueCode").str())
		}
		for i, e := range v.get(member).each() {
			kind := ""
			if i < len(kinds) {
				kind = kinds[i]
			}
			if !yield(e.str(), kind) {
				return
			}
		}
	}
}

// extension returns r's first extension of the kind that url names.
func (r *resource) extension(url string) value {
	for _, e := range r.get("extension").each() {
		if e.get("url").str() == url {
			return e
		}
	}
	return value{}
}

// extension returns v's first extension of the kind that url names.
func extension(v value, url string) value {
	for _, e := range v.get("extension").each() {
		if e.get("url").str() == url {
			return e
		}
	}
	return value{}
}

// texts returns the texts of v, a list.
func texts(v value) []string {
	var all []string
	for _, e := range v.each() {
		all = append(all, e.str())
	}
	return all
}

// join joins what is not blank with single spaces.
func join(parts ...string) string { return line(strings.Join(parts, " ")) }
