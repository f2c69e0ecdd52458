package dutch

import (
	"math/rand/v2"
	"strings"
	"testing"
)

func testCast() *Cast {
	return &Cast{
		Name: "mevrouw Van 't Veenpad", Short: "mevrouw", Female: true, Family: "zoon Bas", Colleague: "Joyce",
		Day: "dinsdag", Weight: "61,5", From: 840, Until: 900,
	}
}

func TestRenderFillsSlotsAndChoices(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(1, 1))
	for text, want := range map[string]string{
		"{n} sliep. {ze} at [|] niets.":      "Mevrouw Van 't Veenpad sliep. Ze at niets.",
		"{n} zag {n}, en {hr} kamer.":        "Mevrouw Van 't Veenpad zag mevrouw, en haar kamer.",
		"[[a|a] {kg}|a {kg}] kg. 's avonds!": "A 61,5 kg. 's avonds!",
		`ze zei: "ik wil." {fam} kwam.`:      `Ze zei: "ik wil." Zoon Bas kwam.`,
		"om 15.00 uur, dat was { n":          "",
		"[a|b":                               "",
		"a ] b":                              "",
		"{onbekend}":                         "",
	} {
		parsed, err := parseTemplate(text)
		if (err != nil) != (want == "") {
			t.Errorf("parseTemplate(%q): %v", text, err)
			continue
		}
		if got := parsed.Render(r, testCast()); err == nil && got != want {
			t.Errorf("%q says %q, want %q", text, got, want)
		}
	}
}

// Every text can be rendered in every shift and setting, without marks of its template.
func TestTextsAreCleanDutch(t *testing.T) {
	t.Parallel()
	book, err := Open()
	if err != nil {
		t.Fatal(err)
	}
	r := rand.New(rand.NewPCG(1, 1))
	check := func(text string) {
		t.Helper()
		if text == "" || strings.ContainsAny(text, "{}[]|") || strings.Contains(text, "  ") ||
			strings.TrimSpace(text) != text ||
			strings.Contains(text, " .") || strings.Contains(text, "..") {
			t.Errorf("not clean: %q", text)
		}
	}
	different := map[string]bool{}
	for range 300 {
		for _, setting := range []string{Elderly, Disabled} {
			for _, shift := range []string{Night, Morning, Afternoon, Evening} {
				text := book.Report(r, testCast(), shift, setting)
				check(text)
				different[text] = true
			}
			for _, g := range book.Goals(setting) {
				check(g.Title.Render(r, testCast()))
				check(book.GoalReport(r, testCast(), &g, Evening, setting))
				if len(g.Actions) == 0 || len(g.Progress) == 0 {
					t.Errorf("%s goal without actions or evaluations: %v", g.Domain, g.Title)
				}
				for _, list := range [][]Template{g.Actions, g.Progress} {
					for _, text := range list {
						check(text.Render(r, testCast()))
					}
				}
			}
		}
		for kind, paragraphs := range map[string]int{"overdracht": 3, "mdo": 5, "brief": 3, "soep": 4} {
			document := book.Document(r, testCast(), kind)
			if len(document) != paragraphs {
				t.Errorf("%s has %d paragraphs, want %d", kind, len(document), paragraphs)
			}
			for _, text := range document {
				check(text)
			}
		}
	}
	if len(different) < 1800 {
		t.Errorf("only %d different reports of 2400", len(different))
	}
}

// Every form has texts for questions of text, and options for questions of choice.
func TestFormsAreComplete(t *testing.T) {
	t.Parallel()
	book, err := Open()
	if err != nil {
		t.Fatal(err)
	}
	kinds, versions := map[string]int{}, map[string]int{}
	for _, form := range book.Forms() {
		versions[form.Code]++
		links := map[string]bool{}
		var walk func(list []*Question)
		walk = func(list []*Question) {
			for _, q := range list {
				kinds[q.Kind]++
				writes := q.Kind == "string" || q.Kind == "text" || q.Kind == "open-choice"
				chooses := q.Kind == "choice" || q.Kind == "open-choice"
				if links[q.Link] || q.Text == "" || writes == (q.Samples == nil) || chooses == (len(q.Options) < 2) {
					t.Errorf("%s %s: %s is not whole: %+v", form.Code, form.Version, q.Link, q)
				}
				if q.After != "" && !links[q.After] {
					t.Errorf("%s: %s is asked after %s, which comes later or never", form.Code, q.Link, q.After)
				}
				links[q.Link] = true
				walk(q.Questions)
			}
		}
		walk(form.Questions)
		if form.Title == "" || len(links) == 0 {
			t.Errorf("%+v has no title or no questions", form)
		}
	}
	for _, kind := range questionKinds {
		if kinds[kind] == 0 {
			t.Errorf("no question is a %s", kind)
		}
	}
	if versions["valrisico"] != 2 {
		t.Errorf("%d versions of valrisico, want 2", versions["valrisico"])
	}
}

func TestFormErrorsNameTheLine(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"== a\n":                                "line 1: form \"a\" without a version",
		"boolean a: A?\n":                       "line 1: \"boolean a: A?\" before any form",
		"== a 1\n  boolean a: A?\n":             "line 2: a is too deep",
		"== a 1\n\nvraag a: A?\n":               "line 3: \"vraag a: A?\" is not a question",
		"== a 1\nboolean a A?\n":                "line 2: \"boolean a A?\" is not a question",
		"== a 1\n= a: A\n":                      "line 2: \"= a: A\" has no question above it",
		"== a 1\nchoice a: A?\n  = a\n":         "line 3: option \"a\" without a label",
		"== a 1\ntext a: A?\n  ~ [x\n":          "line 3: this choice does not end: \"x\"",
		"== a 1\ntext a: A?\n  ? b\n":           "line 3: condition \"b\"",
		"== a 1\ntext a: A?\n  + from a to b\n": "line 3: strconv.Atoi: parsing \"a\": invalid syntax",
		"== a 1\ntext a: A?\n  + colour\n":      "line 3: trait [\"colour\"]",
	} {
		if _, err := parseForms(text); err == nil || err.Error() != want {
			t.Errorf("%q: %v, want %s", text, err, want)
		}
	}
}

func TestGoalsCoverTheFourDomains(t *testing.T) {
	t.Parallel()
	book, err := Open()
	if err != nil {
		t.Fatal(err)
	}
	for _, setting := range []string{Elderly, Disabled} {
		domains := map[string]int{}
		for _, g := range book.Goals(setting) {
			domains[g.Domain]++
		}
		for _, d := range []string{"mentaal", "lichamelijk", "participatie", "wonen"} {
			if domains[d] < 2 {
				t.Errorf("%s: %d goals in %s, want a choice", setting, domains[d], d)
			}
		}
	}
}
