package sync_test

import (
	"strings"
	"testing"
	"time"

	"dossiersync/store"
	"dossiersync/store/dossier"
	"dossiersync/sync/render"
	"dossiersync/sync/source"
)

const authorSQL = `SELECT regexp_replace(card->>'author', '"id":"[^"]*",', '') FROM items WHERE id = $1`

func TestChangedAuthorRuleAppliesToStoredItems(t *testing.T) {
	t.Parallel()
	f := newFakeSource(t, client("a", 1), nurse("n1", "Fatima de Wit", 1), report("r", "a", "een", 2))
	h := newHarness(t, f)
	h.wantSync(store.OutcomeComplete, store.Scope{})
	if got := h.queryText(authorSQL, "r"); !strings.Contains(got, "Fatima") {
		t.Fatalf("author %s", got)
	}
	h.tenant.Rules.Author = render.AuthorRole
	h.restart()
	h.wantSync(store.OutcomeComplete, store.Scope{})
	if got, want := h.queryText(authorSQL, "r"), `{"name":null,"role":"verpleegkundige"}`; got != want {
		t.Errorf("author %s, want %s", got, want)
	}
}

// I7: a plan shows the goals of its own client only, in whatever order they come.
func TestAnotherClientsGoalIsNotShownInAPlan(t *testing.T) {
	t.Parallel()
	f := newFakeSource(t, client("a", 1), client("b", 1), goal("g", "a", "minder drinken", 2), plan("p", "a", 3, "g"))
	h := newHarness(t, f)
	body := func() string { return h.queryText(`SELECT body::text FROM items WHERE id = 'p'`) }
	h.wantSync(store.OutcomeComplete, store.Scope{})
	if got := body(); !strings.Contains(got, "minder drinken") {
		t.Fatalf("the plan lacks its goal: %s", got)
	}
	f.put(goal("g", "b", "minder drinken", 13*60)) // it was b's all along
	f.advance(4 * time.Hour)
	h.wantSync(store.OutcomeComplete, store.Scope{})
	if got := body(); strings.Contains(got, "minder drinken") {
		t.Errorf("a's plan shows b's goal: %s", got)
	}
	f.put(plan("p", "a", 17*60, "g"), plan("q", "b", 17*60, "g"))
	f.advance(4 * time.Hour)
	h.wantSync(store.OutcomeComplete, store.Scope{})
	if got := body(); strings.Contains(got, "minder drinken") {
		t.Errorf("a's new plan shows b's goal: %s", got)
	}
	if got := h.queryText(`SELECT body::text FROM items WHERE id = 'q'`); !strings.Contains(got, "minder drinken") {
		t.Errorf("b's plan lacks its goal: %s", got)
	}
}

// A client or a contact may also be an author.
func TestAuthorOutsideStaffIsNamedByTheSource(t *testing.T) {
	t.Parallel()
	r := report("r", "a", "een", 2)
	r.Content.(*dossier.Report).Authors = []dossier.Party{{Ref: dossier.Ref{Type: "Patient", ID: "a"},
		Display: "Mevrouw Jansen"}}
	h := newHarness(t, newFakeSource(t, client("a", 1), r))
	h.wantSync(store.OutcomeComplete, store.Scope{})
	if got, want := h.queryText(authorSQL, "r"), `{"name":"Mevrouw Jansen","role":null}`; got != want {
		t.Errorf("author %s, want %s", got, want)
	}
}

func TestUnrenderableItemDoesNotAffectOthers(t *testing.T) {
	t.Parallel()
	far := report("far", "a", "ver weg", 2)
	far.Content.(*dossier.Report).At.Time = time.Date(10001, 1, 1, 0, 0, 0, 0, time.UTC) // JSON has no such year
	f := newFakeSource(t, client("a", 1), far, report("r", "a", "een", 2))
	h := newHarness(t, f)
	for range 2 {
		h.wantSync(store.OutcomePartial, store.Scope{})
		if got := h.reportTexts(); len(got) != 1 || got["r"] != "een" {
			t.Errorf("shown: %v", got)
		}
		if got := h.queryText(quarantineSQL); got != "far not-storable" {
			t.Errorf("quarantine: %s", got)
		}
	}
	f.put(report("far", "a", "vandaag", 3))
	h.wantSync(store.OutcomeComplete, store.Scope{})
	if got := h.reportTexts()["far"]; got != "vandaag" {
		t.Errorf("the corrected one says %q", got)
	}
}

// A question whose words are not known says so; a group may have none.
func TestQuestionGroupMayHaveNoText(t *testing.T) {
	t.Parallel()
	forms := source.Type{Stream: dossier.StreamForms, Name: "QuestionnaireResponse", Fingerprint: "f"}
	yes := []dossier.Answer{{Display: "ja"}}
	f := newFakeSource(t, client("a", 1), record(forms, "v", "a", 2, &dossier.Form{
		At: dossier.Moment{Time: at(0), Precision: dossier.PrecisionDay},
		Items: []dossier.FormItem{{LinkID: "1", Items: []dossier.FormItem{
			{LinkID: "1.1", Text: "Slaapt u goed?", Answers: yes}, {LinkID: "1.2", Answers: yes}}}}}))
	f.types = append(f.types, forms)
	h := newHarness(t, f)
	h.wantSync(store.OutcomeComplete, store.Scope{})
	got := h.queryText(`SELECT (jsonb_path_query_array(body::jsonb, '$.questions.label') ||
		jsonb_path_query_array(body::jsonb, '$.questions.questions.label'))::text FROM items WHERE id = 'v'`)
	if want := `["", "Slaapt u goed?", "Vraag niet beschikbaar"]`; got != want {
		t.Errorf("labels %s, want %s", got, want)
	}
}
