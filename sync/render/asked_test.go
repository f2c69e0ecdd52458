package render

import (
	"encoding/json"
	"testing"
	"time"
	_ "time/tzdata"

	"dossiersync/store/dossier"
)

func amsterdam(t testing.TB) *time.Location {
	t.Helper()
	zone, err := time.LoadLocation("Europe/Amsterdam")
	if err != nil {
		t.Fatal(err)
	}
	return zone
}

// judge returns the outcome for each item of the form, by linkId, true if it is left out.
func judge(t testing.TB, questions []dossier.Question, form []dossier.FormItem) map[string]bool {
	t.Helper()
	l := labels{
		definition: &dossier.Questionnaire{Items: questions}, renderer: New("amaris", amsterdam(t), Rules{}),
		questions: make(map[string]*dossier.Question), parents: make(map[*dossier.Question]*dossier.Question), absent: make(map[absent]bool),
	}
	l.index(questions, nil)
	out := make(map[string]bool)
	var walk func(list []*place)
	walk = func(list []*place) {
		for _, p := range list {
			out[p.item.LinkID] = l.isLeftOut(p)
			walk(p.items)
			for _, below := range p.answers {
				walk(below)
			}
		}
	}
	walk(l.plant(form, nil))
	return out
}

func answer(kind, value string) dossier.Answer {
	return dossier.Answer{Type: kind, Value: json.RawMessage(value)}
}

func coded(code string) dossier.Answer {
	return dossier.Answer{Type: "Coding", Value: json.RawMessage(`{}`), Option: code}
}

func kg(value, code string) dossier.Answer {
	return dossier.Answer{Type: "Quantity", Value: json.RawMessage(value), Unit: code}
}

// day and moment are answers that are a date and an instant in the tenant's zone.
func day(t testing.TB, literal string, precision dossier.Precision) dossier.Answer {
	layout := map[dossier.Precision]string{dossier.PrecisionYear: "2006", dossier.PrecisionMonth: "2006-01", dossier.PrecisionDay: time.DateOnly,
		dossier.PrecisionSecond: time.RFC3339}[precision]
	at, err := time.ParseInLocation(layout, literal, amsterdam(t))
	if err != nil {
		t.Fatal(err)
	}
	return dossier.Answer{Type: "DateTime", Value: json.RawMessage(`"` + literal + `"`), Moment: dossier.Moment{Time: at, Precision: precision, Literal: literal}}
}

// Only what is surely disabled is left out.
func TestAnswerIsLeftOutOnlyIfSurelyDisabled(t *testing.T) {
	t.Parallel()
	const ucum = "http://unitsofmeasure.org|"
	year := func(s string) dossier.Answer { return day(t, s, dossier.PrecisionYear) }
	date := func(s string) dossier.Answer { return day(t, s, dossier.PrecisionDay) }
	instant := func(s string) dossier.Answer { return day(t, s, dossier.PrecisionSecond) }
	for _, test := range []struct {
		name     string
		given    dossier.Answer
		operator string
		when     dossier.Answer
		leftOut  bool
	}{
		{"exists", answer("Integer", "3"), "exists", answer("Boolean", "true"), false},
		{"exists not", answer("Integer", "3"), "exists", answer("Boolean", "false"), true},
		{"boolean", answer("Boolean", "true"), "=", answer("Boolean", "true"), false},
		{"other boolean", answer("Boolean", "true"), "=", answer("Boolean", "false"), true},
		{"decimal as written otherwise", answer("Decimal", `"1.50"`), "=", answer("Decimal", `"1.5"`), false},
		{"a decimal and a whole number", answer("Decimal", `"3.0"`), "=", answer("Integer", `3`), false},
		{"other number", answer("Integer", "3"), "=", answer("Integer", "4"), true},
		{"other than", answer("Integer", "3"), "!=", answer("Integer", "3"), true},
		{"other than another", answer("Integer", "3"), "!=", answer("Integer", "4"), false},
		{"more by number, not by text", answer("Integer", "10"), ">", answer("Integer", "9"), false},
		{"not more", answer("Integer", "9"), ">", answer("Integer", "9"), true},
		{"at least", answer("Integer", "9"), ">=", answer("Integer", "9"), false},
		{"text as a number", answer("String", `"9"`), ">", answer("Integer", "10"), false},
		{"no number that people write", answer("Decimal", `"1e999999999"`), "=", answer("Integer", "1"), false},

		{"day before", date("2025-03-03"), "<", date("2025-03-04"), false},
		{"day after", date("2025-03-05"), "<", date("2025-03-04"), true},
		{"moments across offsets", instant("2026-03-03T23:30:00Z"), ">", instant("2026-03-04T00:00:00+01:00"), false},
		{"moments across offsets, before", instant("2026-03-03T22:30:00Z"), ">", instant("2026-03-04T00:00:00+01:00"), true},
		{"one moment in two offsets", instant("2026-03-03T23:00:00Z"), "=", instant("2026-03-04T00:00:00+01:00"), false},
		{"a moment of a day", instant("2026-03-04T10:00:00Z"), ">", date("2026-03-04"), false},
		{"a moment of a day, equal", instant("2026-03-04T10:00:00Z"), "=", date("2026-03-04"), false},
		{"a moment before a day", instant("2026-03-03T10:00:00Z"), ">", date("2026-03-04"), true},
		{"a year that holds the day", year("2025"), "<", date("2025-03-04"), false},
		{"a year before the day", year("2024"), ">", date("2025-03-04"), true},
		{"one year", year("2025"), ">", year("2025"), true},

		{"time", answer("Time", `"22:15:00"`), "<=", answer("Time", `"22:00:00"`), true},
		{"time as written otherwise", answer("Time", `"22:00:00.000"`), "=", answer("Time", `"22:00:00"`), false},
		{"time without seconds", answer("Time", `"22:00"`), "<", answer("Time", `"22:00:30"`), false},

		{"quantity", kg(`{"value":"64.0","unit":"kg"}`, ""), ">", kg(`{"value":"9","unit":"kg"}`, ""), false},
		{"less of it", kg(`{"value":"8","unit":"kg"}`, ""), ">", kg(`{"value":"9","unit":"kg"}`, ""), true},
		{"another word for the unit", kg(`{"value":"8","unit":"kilo"}`, ""), ">", kg(`{"value":"9","unit":"kg"}`, ""), false},
		{"another word, one code", kg(`{"value":"8","unit":"kilo"}`, ucum+"kg"), ">", kg(`{"value":"9","unit":"kg"}`, ucum+"kg"), true},
		{"another scale", kg(`{"value":"8000","unit":"g"}`, ucum+"g"), "<", kg(`{"value":"9","unit":"kg"}`, ucum+"kg"), false},
		{"one word, other codes", kg(`{"value":"8","unit":"x"}`, ucum+"g"), ">", kg(`{"value":"9","unit":"x"}`, ucum+"kg"), false},
		{"about", kg(`{"value":"8","unit":"kg","comparator":"<"}`, ""), ">", kg(`{"value":"9","unit":"kg"}`, ""), false},
		{"quantity and number", kg(`{"value":"8","unit":"kg"}`, ""), ">", answer("Integer", "9"), false},

		{"code", coded("https://x|ja"), "=", coded("https://x|ja"), false},
		{"other code", coded("https://x|nee"), "=", coded("https://x|ja"), true},
		{"code without its system", coded("https://x|ja"), "=", coded("ja"), false},
		{"code of another system", coded("https://x|ja"), "=", coded("https://y|ja"), false},
		{"other code of another system", coded("https://x|1"), "=", coded("https://y|ja"), false},
		{"choice without a code", coded(""), "=", coded("https://x|ja"), false},
		{"text for a choice", answer("String", `"ja"`), "=", coded("https://x|ja"), false},
		{"text", answer("String", `"ja"`), "=", answer("String", `"nee"`), true},
		{"text in capitals", answer("String", `"Ja"`), "=", answer("String", `"ja"`), false},
		{"an operator that nobody knows", answer("Integer", "3"), "~", answer("Integer", "4"), false},
		{"an answer of before types were kept", dossier.Answer{Value: json.RawMessage("3")}, "=", answer("Integer", "4"), false},
	} {
		questions := []dossier.Question{{LinkID: "a"}, {LinkID: "b", When: []dossier.Condition{{LinkID: "a", Operator: test.operator, Answer: test.when}}}}
		form := []dossier.FormItem{{LinkID: "a", Answers: []dossier.Answer{test.given}}, {LinkID: "b", Answers: []dossier.Answer{answer("String", `"x"`)}}}
		if got := judge(t, questions, form)["b"]; got != test.leftOut {
			t.Errorf("%s: left out %v", test.name, got)
		}
	}
}

func TestConditionsWeighTogether(t *testing.T) {
	t.Parallel()
	is := func(link, value string) dossier.Condition {
		return dossier.Condition{LinkID: link, Operator: "=", Answer: answer("Boolean", value)}
	}
	met, failed, open := is("a", "true"), is("a", "false"), is("nowhere", "true")
	for _, test := range []struct {
		name    string
		q       dossier.Question
		leftOut bool
	}{
		{"none", dossier.Question{}, false},
		{"all met", dossier.Question{When: []dossier.Condition{met, met}}, false},
		{"one of all failed", dossier.Question{When: []dossier.Condition{met, failed}}, true},
		{"one of all unknown", dossier.Question{When: []dossier.Condition{met, open}}, false},
		{"failed beats unknown in all", dossier.Question{When: []dossier.Condition{open, failed}}, true},
		{"one of any met", dossier.Question{When: []dossier.Condition{failed, met}, Any: true}, false},
		{"one of any unknown", dossier.Question{When: []dossier.Condition{failed, open}, Any: true}, false},
		{"any failed", dossier.Question{When: []dossier.Condition{failed, failed}, Any: true}, true},
	} {
		test.q.LinkID = "b"
		form := []dossier.FormItem{{LinkID: "a", Answers: []dossier.Answer{answer("Boolean", "true")}}, {LinkID: "b"}}
		if got := judge(t, []dossier.Question{{LinkID: "a"}, test.q}, form)["b"]; got != test.leftOut {
			t.Errorf("%s: left out %v", test.name, got)
		}
	}
}

// What depends on a disabled question is disabled; what depends on one that has no answer is not.
func TestConditionOnQuestionWithoutAnswer(t *testing.T) {
	t.Parallel()
	yes := answer("Boolean", "true")
	when := func(link, operator string, a dossier.Answer) []dossier.Condition {
		return []dossier.Condition{{LinkID: link, Operator: operator, Answer: a}}
	}
	first := dossier.FormItem{LinkID: "1", Answers: []dossier.Answer{answer("Boolean", "false")}}
	second := dossier.FormItem{LinkID: "2", Answers: []dossier.Answer{yes}}
	third := dossier.FormItem{LinkID: "3", Answers: []dossier.Answer{yes}}
	off := dossier.Question{LinkID: "2", When: when("1", "=", yes)}
	for _, test := range []struct {
		name      string
		questions []dossier.Question
		form      []dossier.FormItem
		leftOut   bool
	}{
		{"on a disabled one", []dossier.Question{{LinkID: "1"}, off, {LinkID: "3", When: when("2", "=", yes)}}, []dossier.FormItem{first, second, third}, true},
		{"on a disabled one that is not there", []dossier.Question{{LinkID: "1"}, off, {LinkID: "3", When: when("2", "=", yes)}}, []dossier.FormItem{first, third}, true},
		{"on a question of a disabled group", []dossier.Question{{LinkID: "1"}, {LinkID: "g", When: when("1", "=", yes), Items: []dossier.Question{{LinkID: "2"}}},
			{LinkID: "3", When: when("2", "exists", yes)}}, []dossier.FormItem{first, third}, true},
		{"unless a disabled one has an answer", []dossier.Question{{LinkID: "1"}, off, {LinkID: "3", When: when("2", "exists", answer("Boolean", "false"))}},
			[]dossier.FormItem{first, second, third}, false},
		{"on one that is not there", []dossier.Question{{LinkID: "2"}, {LinkID: "3", When: when("2", "=", yes)}}, []dossier.FormItem{third}, false},
		{"on one without an answer", []dossier.Question{{LinkID: "2"}, {LinkID: "3", When: when("2", "exists", yes)}}, []dossier.FormItem{{LinkID: "2"}, third}, false},
		{"on a hidden one", []dossier.Question{{LinkID: "1", Hidden: true}, {LinkID: "3", When: when("1", "=", yes)}}, []dossier.FormItem{first, third}, false},
		{"on one that nobody knows", []dossier.Question{{LinkID: "3", When: when("x", "=", yes)}}, []dossier.FormItem{third}, false},
		{"on itself", []dossier.Question{{LinkID: "3", When: when("3", "=", yes)}}, []dossier.FormItem{third}, false},
		{"in a circle", []dossier.Question{{LinkID: "2", When: when("3", "=", yes)}, {LinkID: "3", When: when("2", "=", yes)}}, []dossier.FormItem{second, third}, false},
		{"in a circle that is not there", []dossier.Question{{LinkID: "1", When: when("2", "=", yes)}, {LinkID: "2", When: when("1", "=", yes)},
			{LinkID: "3", When: when("2", "=", yes)}}, []dossier.FormItem{third}, false},
		{"below a disabled one", []dossier.Question{{LinkID: "1"}, {LinkID: "2", When: when("1", "=", yes), Items: []dossier.Question{{LinkID: "3"}}}},
			[]dossier.FormItem{first, {LinkID: "2", Answers: []dossier.Answer{{Type: "Boolean", Value: yes.Value, Items: []dossier.FormItem{third}}}}}, true},
	} {
		if got := judge(t, test.questions, test.form)["3"]; got != test.leftOut {
			t.Errorf("%s: left out %v", test.name, got)
		}
	}
}

// In a group that repeats, its own answer counts.
func TestConditionLooksAtTheNearestAnswer(t *testing.T) {
	t.Parallel()
	group := func(value, link string) dossier.FormItem {
		return dossier.FormItem{LinkID: "g", Items: []dossier.FormItem{{LinkID: "a", Answers: []dossier.Answer{answer("Boolean", value)}}, {LinkID: link}}}
	}
	when := []dossier.Condition{{LinkID: "a", Operator: "=", Answer: answer("Boolean", "true")}}
	got := judge(t, []dossier.Question{{LinkID: "g", Items: []dossier.Question{{LinkID: "a"}, {LinkID: "x", When: when}, {LinkID: "y", When: when}}}},
		[]dossier.FormItem{group("true", "x"), group("false", "y")})
	if got["x"] || !got["y"] {
		t.Errorf("got %v", got)
	}
}

// No answer is left out both by a comparison and by its opposite, or by comparing a text with another type.
func FuzzConditionNeverDropsForDoubt(f *testing.F) {
	f.Add("Integer", "3", "=", "Integer", "4")
	f.Add("Quantity", `{"value":"1","unit":"kg"}`, ">", "Quantity", `{"value":"2","unit":"g"}`)
	f.Add("Time", `"22:00"`, "<", "Time", `"22:00:01"`)
	f.Add("String", `"a"`, "!=", "Coding", `{}`)
	f.Fuzz(func(t *testing.T, kind, value, operator, wantKind, wantValue string) {
		if !json.Valid([]byte(value)) || !json.Valid([]byte(wantValue)) {
			return
		}
		given, want := answer(kind, value), answer(wantKind, wantValue)
		leftOut := func(operator string) bool {
			questions := []dossier.Question{{LinkID: "a"}, {LinkID: "b", When: []dossier.Condition{{LinkID: "a", Operator: operator, Answer: want}}}}
			return judge(t, questions, []dossier.FormItem{{LinkID: "a", Answers: []dossier.Answer{given}}, {LinkID: "b"}})["b"]
		}
		for _, pair := range [][2]string{{"=", "!="}, {">", "<="}, {"<", ">="}} {
			if leftOut(pair[0]) && leftOut(pair[1]) {
				t.Errorf("%s %s: left out by %s and by %s", value, wantValue, pair[0], pair[1])
			}
		}
		if kind != wantKind && (kind == "String" || wantKind == "String") && operator != "exists" && leftOut(operator) {
			t.Errorf("%s %s is compared with %s %s", kind, value, wantKind, wantValue)
		}
	})
}
