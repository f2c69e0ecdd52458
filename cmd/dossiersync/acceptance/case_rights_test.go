package acceptance

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// A client, a plan with a goal, and a report about both.
const (
	patientZwart = `{"resourceType": "Patient", "id": "zwart", "active": true, "name": [{"text": "Mevrouw Zwart"}]}`
	goalZwart    = `{"resourceType": "Goal", "id": "zwart-doel", "lifecycleStatus": "active",
		"subject": {"reference": "Patient/zwart"}, "description": {"text": "Zelfstandig naar het toilet"}}`
	planZwart = `{"resourceType": "CarePlan", "id": "zwart-plan", "status": "active", "intent": "plan",
		"title": "Incontinentieplan", "subject": {"reference": "Patient/zwart"},
		"goal": [{"reference": "Goal/zwart-doel"}], "period": {"start": "2024-10-01"}}`
	reportZwart = `{"resourceType": "Observation", "id": "zwart-verslag", "status": "final",
		"subject": {"reference": "Patient/zwart"},
		"code": {"coding": [{"system": "http://snomed.info/sct", "code": "11591000146107"}]},
		"basedOn": [{"reference": "CarePlan/zwart-plan"}], "focus": [{"reference": "Goal/zwart-doel"}],
		"effectiveDateTime": "2024-11-20T12:00:00+01:00", "valueString": "Het ging vandaag goed."}`
)

// newStoryOfZwart returns a story about mevrouw Zwart, whose source holds these
// resources.
func newStoryOfZwart(t *testing.T, o storyOptions, resources ...string) *story {
	t.Helper()
	s := newEmptyStory(t, o)
	s.client = "zwart"
	for _, resource := range resources {
		s.put(resource)
	}
	return s
}

// Given a report about a plan and a goal, and a son with a right to reports and forms
// only: no answer tells him the plan or the goal.
func TestCase78RightToReportsNotToPlans(t *testing.T) {
	t.Parallel()
	s := newStoryOfZwart(t, storyOptions{}, patientZwart, goalZwart, planZwart, reportZwart)
	s.sync()
	all := s.readDossier("zwart").Reports
	if len(all) != 1 || all[0].Plan != "plan Incontinentieplan" || all[0].Goal != "doel Zelfstandig naar het toilet" {
		t.Fatalf("with all rights the reports are %+v", all)
	}
	s.putGrant(s.portalToken, "zwart", "zoon", `{"role": "contact", "parts": ["reports", "forms"], "state": "accepted"}`)
	son := s.token("zoon", "dossier:read")
	for _, path := range []string{
		"", "/reports", "/timeline", "/timeline?category=care-plan", "/timeline/density?by=day", "/care-plans",
	} {
		s.wantNothingOfPlans(son, "/v1/dossiers/zwart"+path)
	}
	_, body := s.get(son, "/v1/dossiers/zwart/reports")
	var list struct {
		Items []struct {
			ID, Text   string
			Plan, Goal *struct{}
		}
	}
	if err := json.Unmarshal(body, &list); err != nil || len(list.Items) != 1 {
		t.Fatalf("%v: %s", err, body)
	}
	if report := list.Items[0]; report.Text != "Het ging vandaag goed." || report.Plan != nil || report.Goal != nil {
		t.Errorf("the report is %s", body)
	}
	s.wantNothingOfPlans(son, "/v1/dossiers/zwart/reports/"+list.Items[0].ID)
}

// wantNothingOfPlans fails the test if an answer has a key or a word of a plan or goal.
func (s *story) wantNothingOfPlans(token, path string) {
	s.t.Helper()
	status, body := s.get(token, path)
	if status != http.StatusOK {
		s.t.Fatalf("%s: %d", path, status)
	}
	for key, ref := range s.names {
		if (ref.Type == "CarePlan" || ref.Type == "Goal") && strings.Contains(string(body), key) {
			s.t.Errorf("%s has the id of %s: %s", path, ref.ID, body)
		}
	}
	for _, word := range []string{"Incontinentie", "toilet"} {
		if strings.Contains(string(body), word) {
			s.t.Errorf("%s has %q: %s", path, word, body)
		}
	}
}

// Given a grant that names a contact: it counts only while the contact is active, in its
// period, and of this client.
func TestCase80ContactEndedInTheSource(t *testing.T) {
	t.Parallel()
	const contact = `{"resourceType": "RelatedPerson", "id": "zwart-zoon", "active": true,
		"patient": {"reference": "Patient/zwart"}, "name": [{"text": "Piet Zwart"}]}`
	s := newStoryOfZwart(t, storyOptions{}, patientZwart, contact, reportZwart)
	s.putGrant(s.portalToken, "zwart", "zoon",
		`{"role": "contact", "parts": ["reports"], "state": "accepted", "contact": "zwart-zoon"}`)
	set := func(name string, value any) func(map[string]any) {
		return func(r map[string]any) { r[name] = value }
	}
	for _, tt := range []struct {
		when   string
		change func(map[string]any)
		want   bool
	}{
		{"the contact is active", func(map[string]any) {}, true},
		{"the contact is made inactive", set("active", false), false},
		{"the contact is active again", set("active", true), true},
		{"the contact's period has passed", set("period", map[string]any{"end": "2024-11-01"}), false},
		{"the contact's period is open", set("period", map[string]any{}), true},
		{"the contact is another client's", set("patient", map[string]any{"reference": "Patient/iemand-anders"}), false},
		{"the contact is put right", set("patient", map[string]any{"reference": "Patient/zwart"}), true},
	} {
		s.change("RelatedPerson", "zoon", tt.change)
		s.sync()
		s.wantOpenForSon(tt.when, tt.want)
		s.wantListed("zwart") // the daughter's own grant
	}
	s.remove("RelatedPerson", "zwart-zoon")
	s.sync()
	s.reconcile()
	s.wantOpenForSon("the contact was deleted", false)
}

// wantOpenForSon checks whether the son may open the dossier. Otherwise the answer is
// not found.
func (s *story) wantOpenForSon(when string, want bool) {
	s.t.Helper()
	son := s.token("zoon", "dossier:read")
	wantStatus := http.StatusNotFound
	if want {
		wantStatus = http.StatusOK
	}
	status, _ := s.get(son, "/v1/dossiers/zwart/reports")
	if listed := len(s.list(son, "/v1/dossiers")) > 0; status != wantStatus || listed != want {
		s.t.Errorf("%s: the reports answer %d, listed %t; want open %t", when, status, listed, want)
	}
}

// Given a dossier to which hidden items are added: no list, count, density or change
// number becomes different.
func TestCase83HiddenItemsCannotBeNoticed(t *testing.T) {
	t.Parallel()
	s := newStoryOfZwart(t, storyOptions{}, patientZwart, goalZwart, planZwart, reportZwart)
	s.sync()
	before := s.visibleOfZwart()
	for _, resource := range []string{
		hiddenCopy(goalZwart, "zwart-doel", "zwart-geheim-doel"),
		hiddenCopy(planZwart, "zwart-plan", "zwart-geheim-plan"),
		hiddenCopy(reportZwart, "zwart-verslag", "zwart-geheim-verslag"),
		strings.NewReplacer("zwart-plan", "zwart-ontwerp", `"active"`, `"draft"`).Replace(planZwart),
		strings.NewReplacer("zwart-verslag", "zwart-voorlopig", `"final"`, `"preliminary"`).Replace(reportZwart),
		strings.NewReplacer("zwart-verslag", "zwart-fout", `"final"`, `"entered-in-error"`).Replace(reportZwart),
		`{"resourceType": "QuestionnaireResponse", "id": "zwart-bezig", "status": "in-progress",
			"subject": {"reference": "Patient/zwart"}, "authored": "2024-11-20"}`,
	} {
		s.put(resource)
	}
	s.sync()
	if n := len(s.query(`SELECT id FROM items WHERE client = 'zwart' AND state <> 'shown'`)); n != 7 {
		t.Errorf("%d records are hidden, want 7", n)
	}
	if diff := cmp.Diff(before, s.visibleOfZwart()); diff != "" {
		t.Errorf("hidden items can be noticed (-before +after):\n%s", diff)
	}
	if got := s.listedClients(); !slices.Equal(got, []string{"zwart"}) {
		t.Errorf("listed are %v", got)
	}
}

// visibleOfZwart returns every answer about the dossier, apart from asOf, and the
// change number.
func (s *story) visibleOfZwart() map[string]string {
	s.t.Helper()
	visible := map[string]string{"change": s.queryOne(`SELECT change::text FROM clients WHERE id = 'zwart'`)}
	for _, path := range []string{
		"", "/timeline", "/timeline?category=general", "/timeline?category=care-plan",
		"/timeline?from=2024-11-01&to=2024-11-30", "/timeline?around=2024-11-20",
		"/timeline/density?by=day", "/timeline/density?by=month&category=general",
		"/reports", "/reports?category=general", "/forms", "/care-plans", "/care-plans?state=current",
		"/care-plans?state=expired", "/contacts",
	} {
		_, body := s.get(s.readerToken, "/v1/dossiers/zwart"+path)
		var d doc
		if err := json.Unmarshal(body, &d); err != nil {
			s.t.Fatal(err)
		}
		delete(d.in("freshness"), "asOf")
		rest, err := json.Marshal(d)
		if err != nil {
			s.t.Fatal(err)
		}
		visible[path] = string(rest)
	}
	return visible
}

// hiddenCopy returns a resource with another id and an earlier date, marked as not for
// the client.
func hiddenCopy(resource, id, newID string) string {
	return strings.NewReplacer(
		`"id": "`+id+`",`, `"id": "`+newID+`",
			"meta": {"security": [{"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "NOPAT"}]},`,
		"2024-11-20", "2024-09-01").Replace(resource)
}
