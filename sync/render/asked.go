package render

import (
	"bytes"
	"cmp"
	"encoding/json"
	"math/big"
	"slices"
	"strings"

	"dossiersync/store/dossier"
)

// asked reports whether q is asked in a form, by the answers to other questions
// (FHIR R4, Questionnaire.item.enableWhen). around has the items of the form and of
// the groups that q is in, the innermost last: of a question that is there more
// than once, the nearest counts. A condition that cannot be weighed is met, since
// there is an answer.
func asked(q *dossier.Question, around [][]dossier.FormItem) bool {
	if len(q.When) == 0 {
		return true
	}
	for _, c := range q.When {
		if isMet(c, answersTo(c.LinkID, around)) == q.Any {
			return q.Any
		}
	}
	return !q.Any
}

func isMet(c dossier.Condition, given []dossier.Answer) bool {
	some := func(is func(order int) bool) bool {
		return slices.ContainsFunc(given, func(a dossier.Answer) bool {
			order, ok := compareAnswers(a, c.Answer)
			return ok && is(order)
		})
	}
	equal := func(a dossier.Answer) bool { return equalAnswers(a, c.Answer) }
	switch c.Operator {
	case "exists":
		return (len(given) > 0) == (string(c.Answer.Value) == "true")
	case "=":
		return slices.ContainsFunc(given, equal)
	case "!=":
		return !slices.ContainsFunc(given, equal)
	case ">":
		return some(func(order int) bool { return order > 0 })
	case "<":
		return some(func(order int) bool { return order < 0 })
	case ">=":
		return some(func(order int) bool { return order >= 0 })
	case "<=":
		return some(func(order int) bool { return order <= 0 })
	}
	return true
}

// answersTo returns the answers to the nearest question called link.
func answersTo(link string, around [][]dossier.FormItem) []dossier.Answer {
	for _, items := range slices.Backward(around) {
		if answers, found := answersWithin(link, items); found {
			return answers
		}
	}
	return nil
}

func answersWithin(link string, items []dossier.FormItem) (all []dossier.Answer, found bool) {
	for _, it := range items {
		if it.LinkID == link {
			all, found = append(all, it.Answers...), true
		}
		within := [][]dossier.FormItem{it.Items}
		for _, a := range it.Answers {
			within = append(within, a.Items)
		}
		for _, items := range within {
			more, also := answersWithin(link, items)
			all, found = append(all, more...), found || also
		}
	}
	return all, found
}

// equalAnswers reports whether a and b say the same. One code may lack its system.
func equalAnswers(a, b dossier.Answer) bool {
	if order, ok := compareAnswers(a, b); ok {
		return order == 0
	}
	if a.Option == "" || b.Option == "" {
		return bytes.Equal(a.Value, b.Value)
	}
	systemA, codeA := cutCode(a.Option)
	systemB, codeB := cutCode(b.Option)
	return codeA == codeB && (systemA == systemB || systemA == "" || systemB == "")
}

func cutCode(option string) (system, code string) {
	if i := strings.LastIndex(option, "|"); i >= 0 {
		return option[:i], option[i+1:]
	}
	return "", option
}

// compareAnswers orders numbers, and quantities of one unit, by their value and
// dates and times by their text; ok is false for what has no order.
func compareAnswers(a, b dossier.Answer) (order int, ok bool) {
	valueA, unitA := scalarOf(a.Value)
	valueB, unitB := scalarOf(b.Value)
	if valueA == "" || valueB == "" || unitA != unitB {
		return 0, false
	}
	if x, y := decimal(valueA), decimal(valueB); x != nil && y != nil {
		return x.Cmp(y), true
	}
	return cmp.Compare(valueA, valueB), true
}

// scalarOf returns a value that is a number, a text or a quantity.
func scalarOf(value json.RawMessage) (scalar, unit string) {
	var quantity struct{ Value, Unit string }
	var text string
	var number json.Number
	switch {
	case json.Unmarshal(value, &text) == nil:
		return text, ""
	case json.Unmarshal(value, &number) == nil:
		return number.String(), ""
	case json.Unmarshal(value, &quantity) == nil:
		return quantity.Value, quantity.Unit
	}
	return "", ""
}

// decimal returns s as a number, or nil where it is none that people write.
func decimal(s string) *big.Rat {
	if len(s) > 40 || strings.Trim(s, "-.0123456789") != "" {
		return nil
	}
	n, ok := new(big.Rat).SetString(s)
	if !ok {
		return nil
	}
	return n
}
