package fhir

import (
	"errors"
	"fmt"
	"slices"

	"dossiersync/store/dossier"
)

// Mapping is what one tenant's care record system means by its codes. The zero
// Mapping follows FHIR and the Dutch profiles alone.
type Mapping struct {
	// ReportCodes tells which Observations and, by their type, Compositions are
	// reports; others are hidden with reason not-a-report. Nil stands for SNOMED
	// CT 11591000146107.
	ReportCodes []Code
	// Category sets a report's category, [dossier.CategoryGeneral] or
	// [dossier.CategoryCarePlan]. The first rule that matches counts; without one
	// a report that names a care plan or a goal belongs to the care plan.
	Category []Rule
	// Hide says what is not for the client's eyes, beside what is marked NOPAT.
	// Set is not used.
	Hide []Rule
	// Domain sets the domain of a goal or an action: mentaal, lichamelijk,
	// participatie or wonen, or the name of another. The first that matches
	// counts; without one the words of the goal's category do.
	Domain []Rule
	// DocumentTime says which date places a document on the time line; empty stands for
	// [DocumentService].
	DocumentTime DocumentTime
	// ShowPreliminary shows reports before they are final.
	ShowPreliminary bool
	// ShowSuperseded shows documents that another has replaced.
	ShowSuperseded bool
	// ShowInProgress shows forms before they are completed.
	ShowInProgress bool
	// ShowStopped shows forms that were given up before they were completed.
	ShowStopped bool
}

// DocumentTime says which date places a document on the time line.
type DocumentTime string

const (
	// DocumentService is the start of the care that the document is about (context.period), else its
	// date.
	DocumentService DocumentTime = "service"
	// DocumentIndexed is when the document was indexed (date), which after a move to another system
	// may be one day for all.
	DocumentIndexed DocumentTime = "indexed"
)

// Rule sets something for the records that it matches.
type Rule struct {
	Match Match
	Set   string
}

// Match is what a record must carry: each of the four that is given. Code is an
// Observation's code, a document's type, a goal's description, a staff role, or
// of a form its questionnaire: the URL as a code without a system, or the URL as
// system and the version as code. Category is what FHIR calls category.
type Match struct {
	Code     Code
	Category Code
	Tag      Code
	Security Code
}

// reportCode is SNOMED CT for the day report of Dutch long-term care (MedMij
// BgLZ+, zib2020).
var reportCode = Code{"http://snomed.info/sct", "11591000146107"}

// marks are the codes of one record by which rules know it.
type marks struct {
	code, category, tag, security []Code
	// forbidden is set where a label says NOPAT (v3-ActCode), with any system and in any spelling.
	forbidden bool
}

// cleared returns m without any marks, to be filled again.
func (m marks) cleared() marks {
	return marks{code: m.code[:0], category: m.category[:0], tag: m.tag[:0], security: m.security[:0]}
}

func (m Match) matches(have *marks) bool {
	return (m.Code.IsZero() || m.Code.matches(have.code)) &&
		(m.Category.IsZero() || m.Category.matches(have.category)) &&
		(m.Tag.IsZero() || m.Tag.matches(have.tag)) &&
		(m.Security.IsZero() || m.Security.matches(have.security))
}

// mayMatch is matches for hide rules, where doubt about how a code is written, or in which of the two lists of labels,
// counts as a match.
func (m Match) mayMatch(have *marks) bool {
	return (m.Code.IsZero() || m.Code.resembles(have.code)) &&
		(m.Category.IsZero() || m.Category.resembles(have.category)) &&
		(m.Tag.IsZero() || m.Tag.resembles(have.tag) || m.Tag.resembles(have.security)) &&
		(m.Security.IsZero() || m.Security.resembles(have.security) || m.Security.resembles(have.tag))
}

// firstMatch returns what the first of rules that matches sets.
func firstMatch(rules []Rule, have *marks) (string, bool) {
	for _, r := range rules {
		if r.Match.matches(have) {
			return r.Set, true
		}
	}
	return "", false
}

// isReport reports whether a record that carries have is a report.
func (m Mapping) isReport(have *marks) bool {
	if m.ReportCodes == nil {
		return reportCode.matches(have.code)
	}
	return slices.ContainsFunc(m.ReportCodes, func(c Code) bool { return c.matches(have.code) })
}

// isHidden reports whether a record that carries have is not for the client.
func (m Mapping) isHidden(have *marks) bool {
	return have.forbidden || slices.ContainsFunc(m.Hide, func(r Rule) bool { return r.Match.mayMatch(have) })
}

func (m Mapping) validate() error {
	var errs []error
	check := func(list string, rules []Rule, allow func(set string) bool) {
		for i, r := range rules {
			if r.Match == (Match{}) {
				errs = append(errs, fmt.Errorf("%s rule %d matches everything", list, i+1))
			}
			if !allow(r.Set) {
				errs = append(errs, fmt.Errorf("%s rule %d sets %q, which is none", list, i+1, r.Set))
			}
		}
	}
	switch m.DocumentTime {
	case "", DocumentService, DocumentIndexed:
	default:
		errs = append(errs, fmt.Errorf("document time %q is none", m.DocumentTime))
	}
	check("category", m.Category, func(s string) bool { return s == dossier.CategoryGeneral || s == dossier.CategoryCarePlan })
	check("domain", m.Domain, func(s string) bool { return s != "" })
	check("hide", m.Hide, func(string) bool { return true })
	return errors.Join(errs...)
}
