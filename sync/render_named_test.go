package sync_test

import (
	"fmt"
	"testing"
	"time"

	"dossiersync/store"
	"dossiersync/store/dossier"
)

func TestAuthorNamedByIdentifierIsLookedUp(t *testing.T) {
	t.Parallel()
	agb := dossier.Identified("http://fhir.nl/fhir/NamingSystem/agb-z", "01009999")
	named := func(id, name string, minute int, ids ...dossier.Ref) dossier.Item {
		it := nurse(id, name, minute)
		it.Content.(*dossier.Staff).Identifiers = ids
		it.Hash = dossier.IdentityHash(name, fmt.Sprint(ids))
		return it
	}
	r := report("r", "a", "een", 2)
	r.Content.(*dossier.Report).Authors = []dossier.Party{{Ref: agb}}
	f := newFakeSource(t, client("a", 1), r)
	h := newHarness(t, f)
	h.wantSync(store.OutcomeComplete, store.Scope{})
	wantAuthor := func(when, want string) {
		t.Helper()
		if got := h.authorOf("r"); got != want {
			t.Errorf("%s: author %s, want %s", when, got, want)
		}
	}
	wantAuthor("before the nurse is known", "none")
	for _, step := range []struct {
		when string
		now  dossier.Item
		want string
	}{
		{"once known", named("n1", "Fatima de Wit", 13*60, agb), `{"name":"Fatima de Wit","role":"verpleegkundige"}`},
		{"renamed", named("n1", "Fatima Jansen", 17*60, agb), `{"name":"Fatima Jansen","role":"verpleegkundige"}`},
		{"without the identifier", named("n1", "Fatima Jansen", 21*60), "none"},
		{"with it again", named("n1", "Fatima de Wit", 25*60, agb), `{"name":"Fatima de Wit","role":"verpleegkundige"}`},
		{"hidden", hiddenNurse("n1", 29*60), "none"},
	} {
		f.put(step.now)
		f.advance(4 * time.Hour)
		h.wantSync(store.OutcomeComplete, store.Scope{})
		wantAuthor(step.when, step.want)
	}
}

// authorOf returns the author that readers see of the item.
func (h *harness) authorOf(id string) string {
	h.t.Helper()
	return h.queryText(`SELECT coalesce(regexp_replace(card->>'author', '"id":"[^"]*",', ''), 'none') FROM items WHERE id = $1`, id)
}

func hiddenNurse(id string, minute int) dossier.Item {
	it := nurse(id, "", minute)
	it.State, it.Reason, it.Content, it.Hash = dossier.StateHidden, dossier.HiddenMarked, nil, dossier.Hash{1}
	return it
}

// A hidden author is not named by the name that others write beside the reference (I6). An author
// that is only unknown is.
func TestHiddenAuthorIsNotNamedByDisplay(t *testing.T) {
	t.Parallel()
	role := record(practitioners, "role", "", 1, &dossier.Staff{What: dossier.StaffRole, Role: "verpleegkundige",
		Person: dossier.Ref{Type: practitioners.Name, ID: "n1"}, PersonName: "F. de Wit"})
	by := func(id, author string) dossier.Item {
		it := report(id, "a", "een", 2)
		it.Content.(*dossier.Report).Authors = []dossier.Party{
			{Ref: dossier.Ref{Type: practitioners.Name, ID: author}, Display: "F. de Wit"}}
		return it
	}
	f := newFakeSource(t, client("a", 1), nurse("n1", "Fatima de Wit", 1), role,
		by("self", "n1"), by("byRole", "role"), by("unknown", "n9"))
	h := newHarness(t, f)
	want := func(when, self, byRole string) {
		t.Helper()
		for id, want := range map[string]string{"self": self, "byRole": byRole, "unknown": `{"name":"F. de Wit","role":null}`} {
			if got := h.authorOf(id); got != want {
				t.Errorf("%s, %s: author %s, want %s", when, id, got, want)
			}
		}
	}
	const shown = `{"name":"Fatima de Wit","role":"verpleegkundige"}`
	h.wantSync(store.OutcomeComplete, store.Scope{})
	want("shown", shown, shown)
	f.put(hiddenNurse("n1", 13*60))
	f.advance(4 * time.Hour)
	h.wantSync(store.OutcomeComplete, store.Scope{})
	want("hidden", "none", `{"name":null,"role":"verpleegkundige"}`)
	f.put(nurse("n1", "Fatima de Wit", 17*60))
	f.advance(4 * time.Hour)
	h.wantSync(store.OutcomeComplete, store.Scope{})
	want("shown again", shown, shown)
}
