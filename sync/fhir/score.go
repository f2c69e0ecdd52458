package fhir

import (
	"slices"
	"strings"
	"unicode"

	"dossiersync/store/dossier"
	"dossiersync/sync/decimal"
)

// scoring finds the score that a form states: the answer to the question for it,
// else the sum of the ordinal values that its answers carry. Where an answer was
// chosen from a list and carries none, the sum would be one of parts, and there is
// no score.
type scoring struct {
	asked    surest
	stated   string // the last answer to the question for it
	ordinals []decimal.Decimal
	partial  bool
}

// surest finds the one question that asks for a form's score: of several that may,
// the surest, and of equals none, as they may ask for parts of it.
type surest struct {
	linkID string // empty: there is none
	rank   int
}

// take notes a question that may be it, and reports whether it is, so far.
func (s *surest) take(linkID string, rank int) bool {
	switch {
	case rank > s.rank:
		*s = surest{linkID, rank}
	case rank == s.rank && linkID != s.linkID:
		s.linkID = ""
	}
	return rank > 0 && rank == s.rank && linkID == s.linkID && linkID != ""
}

// answer takes note of v, an answer of the kind to the question it.
func (s *scoring) answer(it *dossier.FormItem, kind string, v value, ordinal string) {
	number := ""
	switch kind {
	case "Decimal", "Integer":
		number = v.number()
	case "String":
		number = strings.Replace(line(v.str()), ",", ".", 1)
	case "Quantity":
		number = v.get("value").number()
	}
	if n, ok := scoreOf(number); ok {
		if s.asked.take(it.LinkID, max(totalRank(it.LinkID), totalRank(it.Text))) {
			s.stated = n.String()
		}
	}
	if n, ok := scoreOf(ordinal); ok {
		s.ordinals = append(s.ordinals, n)
	} else if kind == "Coding" {
		s.partial = true
	}
}

// total returns the form's score, if it states one, and the linkId of the question that asks for it,
// if there is one.
func (s *scoring) total() (score, linkID string) {
	switch {
	case s.asked.linkID != "":
		return s.stated, s.asked.linkID
	case s.partial || len(s.ordinals) == 0:
		return "", ""
	}
	var sum decimal.Decimal
	for _, n := range s.ordinals {
		sum = sum.Add(n)
	}
	return sum.String(), ""
}

// scoreOf reads s as a score; ok is false for what is no number of a size that scores have.
func scoreOf(s string) (n decimal.Decimal, ok bool) {
	n, err := decimal.Parse(s)
	return n, err == nil && len(n.String()) <= 20
}

// The extensions by which an option or an answer carries a number to score with.
var ordinalExtensions = []string{
	"http://hl7.org/fhir/StructureDefinition/ordinalValue",
	"http://hl7.org/fhir/StructureDefinition/itemWeight", // what R5 calls it
}

// ordinal returns the first ordinal value that one of the elements carries.
func ordinal(all ...value) string {
	for _, v := range all {
		if !v.ok() || v.node().kind != object {
			continue
		}
		for _, url := range ordinalExtensions {
			_, is := extension(v, url).choice("value")
			if !is.ok() || is.node().kind != number {
				continue
			}
			if n, ok := scoreOf(is.number()); ok {
				return n.String()
			}
		}
	}
	return ""
}

// totalRank returns how surely s, a question's text or linkId, asks for the total
// of a form; 0 if it does not.
func totalRank(s string) int {
	if len(s) > 100 {
		return 0
	}
	s = strings.Map(func(r rune) rune {
		if !unicode.IsLetter(r) {
			return -1
		}
		return unicode.ToLower(r)
	}, s)
	switch {
	case slices.Contains([]string{"totaalscore", "totalescore", "totalscore", "somscore", "eindscore", "scoretotaal", "scoretotal"}, s):
		return 3
	case s == "score":
		return 1
	}
	for _, part := range []string{"totaalscore", "totalescore", "totalscore", "somscore", "eindscore"} {
		if strings.Contains(s, part) {
			return 2
		}
	}
	return 0
}

// totalCodes are codes of questions that ask for the score of an instrument. Those
// of SNOMED CT are the ones by which zib2020 has the instruments.
var totalCodes = []Code{
	{"http://loinc.org", "44261-6"},               // PHQ-9
	{"http://loinc.org", "70274-6"},               // GAD-7
	{"http://loinc.org", "9269-2"},                // Glasgow Coma Scale
	{"http://snomed.info/sct", "273302005"},       // Barthel
	{"http://snomed.info/sct", "414648004"},       // MUST
	{"http://snomed.info/sct", "8881000146104"},   // SNAQ
	{"http://snomed.info/sct", "108311000146106"}, // SNAQ RC
	{"http://snomed.info/sct", "108321000146101"}, // SNAQ 65+
	{"http://snomed.info/sct", "55681000146102"},  // DOS
	{"http://snomed.info/sct", "108331000146104"}, // CPG
	{"http://snomed.info/sct", "108291000146105"}, // FLACC
	{"http://snomed.info/sct", "108301000146109"}, // COMFORT
}

// The extensions that say how an answer is computed.
var computedExtensions = []string{
	"http://hl7.org/fhir/uv/sdc/StructureDefinition/sdc-questionnaire-calculatedExpression",
	"http://hl7.org/fhir/StructureDefinition/cqf-calculatedValue",
	"http://hl7.org/fhir/StructureDefinition/cqf-expression",
}

// isScoring reports whether v, an item of a questionnaire, is computed from the
// scores of others. Much else is computed too, such as ages.
func isScoring(v value) bool {
	for _, url := range computedExtensions {
		e := extension(v, url)
		s := strings.ToLower(e.get("valueExpression").get("expression").str() + e.get("valueString").str())
		for _, word := range []string{"score", "ordinal", "weight(", "sum("} {
			if strings.Contains(s, word) {
				return true
			}
		}
	}
	return false
}
