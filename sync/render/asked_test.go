package render

import (
	"encoding/json"
	"testing"

	"dossiersync/store/dossier"
)

// A form has one answer a, a group with another, and no b.
func TestQuestionIsAskedByTheAnswersToOthers(t *testing.T) {
	t.Parallel()
	answer := func(value string) dossier.Answer { return dossier.Answer{Value: json.RawMessage(value)} }
	coded := func(code string) dossier.Answer { return dossier.Answer{Value: json.RawMessage(`{}`), Option: code} }
	when := func(operator string, a dossier.Answer) dossier.Condition {
		return dossier.Condition{LinkID: "a", Operator: operator, Answer: a}
	}
	none := when("exists", answer("true"))
	none.LinkID = "b"
	for _, test := range []struct {
		name  string
		given dossier.Answer
		when  dossier.Condition
		want  bool
	}{
		{"exists", answer("3"), when("exists", answer("true")), true},
		{"exists not", answer("3"), when("exists", answer("false")), false},
		{"no such answer", answer("3"), none, false},
		{"boolean", answer("true"), when("=", answer("true")), true},
		{"other boolean", answer("true"), when("=", answer("false")), false},
		{"decimal as written otherwise", answer(`"1.50"`), when("=", answer(`"1.5"`)), true},
		{"other than", answer("3"), when("!=", answer("3")), false},
		{"other than another", answer("3"), when("!=", answer("4")), true},
		{"more by number, not by text", answer("10"), when(">", answer("9")), true},
		{"not more", answer("9"), when(">", answer("9")), false},
		{"at least", answer("9"), when(">=", answer("9")), true},
		{"less", answer(`"2025-03-03"`), when("<", answer(`"2025-03-04"`)), true},
		{"at most", answer(`"22:15:00"`), when("<=", answer(`"22:00:00"`)), false},
		{"quantity", answer(`{"value":"64.0","unit":"kg"}`), when(">", answer(`{"value":"9","unit":"kg"}`)), true},
		{"quantity of another unit", answer(`{"value":"64.0","unit":"kg"}`), when(">", answer(`{"value":"9","unit":"g"}`)), false},
		{"code", coded("https://x|ja"), when("=", coded("https://x|ja")), true},
		{"code without its system", coded("https://x|ja"), when("=", coded("ja")), true},
		{"code of another system", coded("https://x|ja"), when("=", coded("https://y|ja")), false},
		{"an operator that nobody knows", answer("3"), when("~", answer("4")), true},
		{"no number that people write", answer(`"1e999999999"`), when("=", answer("1")), false},
	} {
		form := []dossier.FormItem{{LinkID: "a", Answers: []dossier.Answer{test.given}}}
		if got := asked(&dossier.Question{When: []dossier.Condition{test.when}}, [][]dossier.FormItem{form}); got != test.want {
			t.Errorf("%s: %v", test.name, got)
		}
	}
}

func TestQuestionIsAskedByAllOrAnyOfItsConditions(t *testing.T) {
	t.Parallel()
	yes := dossier.Condition{LinkID: "a", Operator: "exists", Answer: dossier.Answer{Value: json.RawMessage("true")}}
	no := yes
	no.LinkID = "b"
	form := [][]dossier.FormItem{{{LinkID: "a", Answers: []dossier.Answer{{Value: json.RawMessage("1")}}}}}
	for _, test := range []struct {
		q    dossier.Question
		want bool
	}{
		{dossier.Question{}, true},
		{dossier.Question{When: []dossier.Condition{yes, yes}}, true},
		{dossier.Question{When: []dossier.Condition{yes, no}}, false},
		{dossier.Question{When: []dossier.Condition{no, yes}, Any: true}, true},
		{dossier.Question{When: []dossier.Condition{no, no}, Any: true}, false},
	} {
		if got := asked(&test.q, form); got != test.want {
			t.Errorf("%+v: %v", test.q, got)
		}
	}
}

// In a group that repeats, its own answer counts.
func TestQuestionIsAskedByTheNearestAnswer(t *testing.T) {
	t.Parallel()
	group := func(value string) dossier.FormItem {
		return dossier.FormItem{LinkID: "g", Items: []dossier.FormItem{{LinkID: "a", Answers: []dossier.Answer{{Value: json.RawMessage(value)}}}}}
	}
	form := []dossier.FormItem{group("true"), group("false")}
	q := dossier.Question{When: []dossier.Condition{{LinkID: "a", Operator: "=", Answer: dossier.Answer{Value: json.RawMessage("true")}}}}
	for i, want := range []bool{true, false} {
		if got := asked(&q, [][]dossier.FormItem{form, form[i].Items}); got != want {
			t.Errorf("in group %d: %v", i, got)
		}
	}
}
