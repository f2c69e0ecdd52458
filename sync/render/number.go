package render

import (
	"encoding/json"
	"strings"

	"dossiersync/store/dossier"
	"dossiersync/sync/decimal"
)

func isNumber(a dossier.Answer) bool { return a.Type == "Integer" || a.Type == "Decimal" }

// numberOf returns an answer that is a number as it is written; empty for another.
func numberOf(a dossier.Answer) string {
	var n json.Number
	if json.Unmarshal(a.Value, &n) == nil {
		return n.String()
	}
	return textOf(a)
}

// A quantity is the value of an answer of that type.
type quantity struct{ Value, Unit, Comparator string }

func quantityOf(a dossier.Answer) quantity {
	var q quantity
	_ = json.Unmarshal(a.Value, &q)
	return q
}

func compareNumbers(a, b string) (order int, ok bool) {
	x, errX := decimal.Parse(a)
	y, errY := decimal.Parse(b)
	if errX != nil || errY != nil {
		return 0, false
	}
	return x.Cmp(y), true
}

// inUnitOf returns the quantity a with the unit that q fixes, where it has none itself.
func (l *labels) inUnitOf(a dossier.Answer, q *dossier.Question) dossier.Answer {
	if q == nil || a.Type != "Quantity" || a.Unit != "" || len(q.Units) != 1 {
		return a
	}
	is := quantityOf(a)
	if is.Unit == "" || strings.EqualFold(is.Unit, q.Units[0].Display) {
		a.Unit = q.Units[0].Value
	}
	return a
}

// unitFor returns the word for the unit of the answer a to q, where the answer itself has none: that
// of its code among the units of the questionnaire, else the only one that there is.
func unitFor(q *dossier.Question, a dossier.Answer) string {
	switch {
	case isNumber(a):
	case a.Type != "Quantity" || quantityOf(a).Unit != "":
		return ""
	}
	for _, u := range q.Units {
		if a.Unit != "" && u.Value == a.Unit {
			return u.Display
		}
	}
	if len(q.Units) == 1 && a.Unit == "" {
		return q.Units[0].Display
	}
	return ""
}

// scoreOf returns the number that an answer to the question for the score is: of a text that is no
// number the text.
func scoreOf(a dossier.Answer, display string) string {
	s := ""
	switch {
	case isNumber(a):
		s = numberOf(a)
	case a.Type == "Quantity":
		s = quantityOf(a).Value
	}
	if s == "" {
		return display
	}
	return s
}
