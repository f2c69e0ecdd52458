package ops_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"dossiersync/store"
)

// newHeldHarness also holds a report of client 1042 in set 1.
func newHeldHarness(t *testing.T) *filledHarness {
	t.Helper()
	s := newFilledHarness(t)
	s.hold(`('k1', 'reports', 'Observation', 'o1', 1)`)
	return s
}

// hold adds rows (key, stream, type, id, hold) to what is held.
func (s *filledHarness) hold(rows string) {
	s.t.Helper()
	if _, err := s.Pool().Exec(s.t.Context(), `
		INSERT INTO absences (tenant, key, stream, type, id, state, hold)
		SELECT 'szr', key, stream, type, id, 'held', hold
		FROM (VALUES `+rows+`) v (key, stream, type, id, hold)`); err != nil {
		s.t.Fatal(err)
	}
}

func (s *filledHarness) holds() map[int64]store.Hold {
	s.t.Helper()
	list, err := s.Holds(s.t.Context(), "szr")
	if err != nil {
		s.t.Fatal(err)
	}
	byID := make(map[int64]store.Hold)
	for _, h := range list {
		byID[h.ID] = h
	}
	return byID
}

// One client's items become a set of their own, and the rest of the set waits on.
func TestSetIsDecidedOnFromItsPage(t *testing.T) {
	t.Parallel()
	s := newHeldHarness(t)
	v := s.as("chef")
	const page = "/tenants/szr/held/1"
	body := v.get(page).Body.String()
	for _, want := range []string{`value="1 1042"`, `name="of" value="413"`, "report", "record"} {
		if !strings.Contains(body, want) {
			t.Errorf("the page has no %s:\n%s", want, body)
		}
	}
	checkTags(t, "a held set", body)
	for name, form := range map[string]url.Values{
		"nothing chosen":     {"decision": {"keep"}, "note": {"x"}, "days": {"7"}},
		"an impossible one":  {"of": {"many"}, "decision": {"keep"}, "note": {"x"}, "days": {"7"}},
		"no note":            {"of": {"413"}, "decision": {"keep"}, "note": {" "}, "days": {"7"}},
		"no days":            {"of": {"413"}, "decision": {"keep"}, "note": {"x"}, "days": {"0"}},
		"an unknown verdict": {"of": {"413"}, "decision": {"drop"}, "note": {"x"}},
	} {
		if w := v.post(page, form); w.Code != http.StatusBadRequest && w.Code != http.StatusUnprocessableEntity {
			t.Errorf("%s is answered with %d", name, w.Code)
		}
	}
	if w := v.post(page, url.Values{"of": {"1 1042"}, "decision": {"keep"}, "note": {"bron"}, "days": {"30"}}); w.Code != http.StatusSeeOther {
		t.Fatalf("answered with %d: %s", w.Code, w.Body)
	}
	if h := s.holds(); len(h) != 2 || h[1].State != store.HoldOpen || h[1].Items != 412 {
		t.Errorf("the sets are %+v", h)
	}
	s.hold(`('late', 'reports', 'Observation', 'late', 1)`)
	w := v.post(page, url.Values{"of": {"412"}, "decision": {"approve"}, "note": {"weg"}, "days": {"30"}})
	if w.Code != http.StatusConflict || !strings.Contains(w.Body.String(), "Nothing was decided: more are held now") {
		t.Errorf("for a set that has grown it is answered with %d", w.Code)
	}
	if w := v.post(page, url.Values{"of": {"413"}, "decision": {"approve"}, "note": {"weg"}, "days": {"30"}}); w.Header().Get("Location") != "/held-removals?told=approve" {
		t.Errorf("answered with %d: %s", w.Code, w.Body)
	}
	if h := s.holds()[1]; h.State != store.HoldApproved || *h.By != "chef" || *h.Note != "weg" {
		t.Errorf("the set is %+v", h)
	}
	if body := v.get("/held-removals?told=approve").Body.String(); !strings.Contains(body, "approved") || !strings.Contains(body, "kept") {
		t.Errorf("the list is\n%s", body)
	}
}

// A decision on a type, or on one client in all sets, is for what was shown of all of them; sets of
// reveals are left alone unless they are meant.
func TestDecisionOnSeveralSets(t *testing.T) {
	t.Parallel()
	s := newHeldHarness(t)
	if _, err := s.Pool().Exec(t.Context(), `INSERT INTO holds (tenant, stream, type, reveals, rule, run) VALUES
		('szr', 'reports', 'Observation', false, 'day', 2), ('szr', 'forms', 'QuestionnaireResponse', false, 'day', 2), ('szr', 'reports', 'Observation', true, 'reveals', 2)`); err != nil {
		t.Fatal(err)
	}
	s.hold(`('b', 'reports', 'Observation', 'b', 2), ('c', 'forms', 'QuestionnaireResponse', 'c', 3), ('k2', 'reports', 'Observation', 'o2', 4)`)
	const decide = "/api/tenants/szr/held"
	for _, tt := range []struct {
		body string
		want int
	}{
		{`{"decision":"approve","type":"Observation","shown":413,"note":"x"}`, 409},
		{`{"decision":"approve","type":"Observation","shown":414,"note":"x"}`, 200},
		{`{"decision":"reopen","shown":413,"note":"x"}`, 409}, // what is decided already
		{`{"decision":"keep","stream":"forms","shown":1,"note":"x","days":7}`, 200},
		{`{"decision":"approve","reveals":true,"client":"1042","shown":1,"note":"x"}`, 200},
	} {
		if w := s.do("POST", decide, tt.body, as("chef")...); w.Code != tt.want {
			t.Errorf("%s is answered with %d, want %d: %s", tt.body, w.Code, tt.want, w.Body)
		}
	}
	want := map[int64]store.HoldState{1: store.HoldApproved, 2: store.HoldApproved, 3: store.HoldKept, 5: store.HoldApproved}
	for id, h := range s.holds() {
		if h.State != want[id] {
			t.Errorf("set %d is %s, want %s", id, h.State, want[id])
		}
	}
}

// What is withheld from the console holds at once, is listed for those who see the tenant, and is
// recorded under the user's name.
func TestConsoleWithholdsAndReleases(t *testing.T) {
	t.Parallel()
	s := newFilledHarness(t)
	v := s.as("chef")
	for name, form := range map[string]url.Values{
		"nothing": {"tenant": {"szr"}, "note": {"x"}}, "both": {"tenant": {"szr"}, "client": {"1042"}, "item": {"k1"}, "note": {"x"}},
		"a client as an item": {"tenant": {"szr"}, "item": {"Patient/1042"}, "note": {"x"}}, "no note": {"tenant": {"szr"}, "client": {"1042"}, "note": {""}},
	} {
		w := v.post("/withheld", form)
		if w.Code != http.StatusUnprocessableEntity {
			t.Errorf("%s is answered with %d", name, w.Code)
		}
		checkTags(t, name, w.Body.String())
	}
	for _, form := range []url.Values{{"tenant": {"szr"}, "client": {"1042"}, "item": {""}, "note": {"melding 31"}}, {"tenant": {"szr"}, "client": {""}, "item": {"k1"}, "note": {"melding 31"}}} {
		if w := v.post("/withheld", form); w.Header().Get("Location") != "/withheld?told=withheld" {
			t.Errorf("answered with %d: %s", w.Code, w.Body)
		}
	}
	page := v.get("/withheld").Body.String()
	checkTags(t, "withheld", page)
	for _, want := range []string{"Client 1042", "Observation/o1", "chef", "melding 31"} {
		if !strings.Contains(page, want) {
			t.Errorf("the page has no %s", want)
		}
	}
	if page := s.as("amy").get("/withheld").Body.String(); strings.Contains(page, "1042") {
		t.Error("another tenant's are shown")
	}
	if why := plain(v.post("/tenants/szr/why", url.Values{"client": {"1042"}, "user": {""}}).Body.String()); !strings.Contains(why, "The client is withheld by an operator since") {
		t.Errorf("why says\n%s", why)
	}
	if w := v.post("/withheld/release", url.Values{"tenant": {"szr"}, "client": {"1042"}, "item": {""}, "note": {"klaar"}}); w.Header().Get("Location") != "/withheld?told=released" {
		t.Errorf("answered with %d: %s", w.Code, w.Body)
	}
	list, err := s.Withholdings(t.Context(), "szr")
	if err != nil || len(list) != 2 || *list[0].ReleasedBy != "chef" || list[1].Released != nil {
		t.Errorf("the history is %+v, %v", list, err)
	}
}

// Sets that have been open for longer than 7 days come first, and those that are decided on last.
func TestOverdueSetsComeFirst(t *testing.T) {
	t.Parallel()
	s := newFilledHarness(t)
	if _, err := s.Pool().Exec(t.Context(), `INSERT INTO holds (tenant, stream, type, rule, run, since, state, until) VALUES
		('szr', 'forms', 'QuestionnaireResponse', 'day', 2, now() - interval '9 days', 'kept', now() + interval '9 days'),
		('szr', 'forms', 'QuestionnaireResponse', 'day', 2, now() - interval '8 days', 'open', NULL)`); err != nil {
		t.Fatal(err)
	}
	s.hold(`('b', 'forms', 'QuestionnaireResponse', 'b', 2), ('c', 'forms', 'QuestionnaireResponse', 'c', 3)`)
	var list struct {
		Items []struct {
			ID      int64
			Overdue bool
		}
	}
	s.decode(s.do("GET", "/api/tenants/szr/held", "", as("bob")...), &list)
	if len(list.Items) != 3 || list.Items[0].ID != 3 || !list.Items[0].Overdue || list.Items[1].ID != 1 || list.Items[2].ID != 2 || list.Items[2].Overdue {
		t.Errorf("the sets are %+v", list.Items)
	}
}
