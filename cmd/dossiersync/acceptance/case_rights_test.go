package acceptance

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// planGoalAndReport are a plan, its goal, and a report about both.
var planGoalAndReport = []string{
	`{"resourceType": "Goal", "id": "zwart-doel", "lifecycleStatus": "active", "subject": {"reference": "Patient/zwart"},
		"description": {"text": "Zelfstandig naar het toilet"}}`,
	`{"resourceType": "CarePlan", "id": "zwart-plan", "status": "active", "intent": "plan", "title": "Incontinentieplan",
		"subject": {"reference": "Patient/zwart"}, "goal": [{"reference": "Goal/zwart-doel"}], "period": {"start": "2024-10-01"}}`,
	`{"resourceType": "Observation", "id": "zwart-verslag", "status": "final", "subject": {"reference": "Patient/zwart"},
		"code": {"coding": [{"system": "http://snomed.info/sct", "code": "11591000146107"}]},
		"basedOn": [{"reference": "CarePlan/zwart-plan"}], "focus": [{"reference": "Goal/zwart-doel"}],
		"effectiveDateTime": "2024-11-20T12:00:00+01:00", "valueString": "Het ging vandaag goed."}`,
}

const patientZwart = `{"resourceType": "Patient", "id": "zwart", "active": true, "name": [{"text": "Mevrouw Zwart"}]}`

// Given a report about a plan and a goal, and a son with a right to reports and forms only:
// no answer tells him the plan or the goal.
func TestCase78RightToReportsNotToPlans(t *testing.T) {
	t.Parallel()
	s := newEmptyStory(t, storyOptions{})
	s.client = "zwart"
	for _, resource := range append([]string{patientZwart}, planGoalAndReport...) {
		s.put(resource)
	}
	s.sync()
	whole := s.readDossier("zwart")
	if len(whole.Reports) != 1 || whole.Reports[0].Plan != "plan Incontinentieplan" || whole.Reports[0].Goal != "doel Zelfstandig naar het toilet" {
		t.Fatalf("with all rights the reports are %+v", whole.Reports)
	}
	s.putGrant(s.portalToken, "zwart", "zoon", `{"role": "contact", "parts": ["reports", "forms"], "state": "accepted"}`)
	son := s.token("zoon", "dossier:read")
	id := ""
	for _, path := range []string{"/reports", "/timeline", "/timeline?category=care-plan", "/timeline/density?by=day", "", "/care-plans"} {
		status, body := s.get(son, "/v1/dossiers/zwart"+path)
		if status != http.StatusOK {
			t.Fatalf("%s: %d", path, status)
		}
		if path == "/reports" {
			var list struct {
				Items []struct {
					ID, Text   string
					Plan, Goal *struct{}
				}
			}
			if err := json.Unmarshal(body, &list); err != nil || len(list.Items) != 1 {
				t.Fatalf("%v: %s", err, body)
			}
			id = list.Items[0].ID
			if list.Items[0].Text != "Het ging vandaag goed." || list.Items[0].Plan != nil || list.Items[0].Goal != nil {
				t.Errorf("the report is %s", body)
			}
		}
		s.wantNothingOfPlans(path, body)
	}
	status, body := s.get(son, "/v1/dossiers/zwart/reports/"+id)
	if status != http.StatusOK {
		t.Errorf("the report by itself: %d", status)
	}
	s.wantNothingOfPlans("the report by itself", body)
}

// wantNothingOfPlans fails the test if an answer has a key or a word of the plan or its goal.
func (s *story) wantNothingOfPlans(what string, body []byte) {
	s.t.Helper()
	for key, ref := range s.names {
		if (ref.Type == "CarePlan" || ref.Type == "Goal") && strings.Contains(string(body), key) {
			s.t.Errorf("%s has the id of %s: %s", what, ref.ID, body)
		}
	}
	for _, word := range []string{"Incontinentie", "toilet"} {
		if strings.Contains(string(body), word) {
			s.t.Errorf("%s has %q: %s", what, word, body)
		}
	}
}

// Given a grant that names a contact: it counts only while the contact is active, in its
// period, and of this client.
func TestCase80ContactEndedInTheSource(t *testing.T) {
	t.Parallel()
	s := newEmptyStory(t, storyOptions{})
	s.client = "zwart"
	const contact = `{"resourceType": "RelatedPerson", "id": "zwart-zoon", "active": true, "patient": {"reference": "Patient/zwart"}, "name": [{"text": "Piet Zwart"}]}`
	for _, resource := range []string{patientZwart, contact, planGoalAndReport[2]} {
		s.put(resource)
	}
	s.putGrant(s.portalToken, "zwart", "zoon", `{"role": "contact", "parts": ["reports"], "state": "accepted", "contact": "zwart-zoon"}`)
	son := s.token("zoon", "dossier:read")
	wantOpen := func(want bool, when string) {
		t.Helper()
		status, _ := s.get(son, "/v1/dossiers/zwart/reports")
		listed := len(s.list(son, "/v1/dossiers")) > 0
		if (status == http.StatusOK) != want || listed != want || status != http.StatusOK && status != http.StatusNotFound {
			t.Errorf("%s: the reports answer %d, listed %t; want open %t", when, status, listed, want)
		}
	}
	s.sync()
	wantOpen(true, "the contact is active")
	s.change("RelatedPerson", "zoon", func(r map[string]any) { r["active"] = false })
	s.sync()
	wantOpen(false, "the contact was made inactive")
	s.change("RelatedPerson", "zoon", func(r map[string]any) { r["active"] = true })
	s.sync()
	wantOpen(true, "the contact is active again")
	s.change("RelatedPerson", "zoon", func(r map[string]any) { r["period"] = map[string]any{"end": "2024-11-01"} })
	s.sync()
	wantOpen(false, "the contact's period has passed")
	s.change("RelatedPerson", "zoon", func(r map[string]any) {
		delete(r, "period")
		r["patient"] = map[string]any{"reference": "Patient/iemand-anders"}
	})
	s.sync()
	wantOpen(false, "the contact is another client's")
	s.wantListed("zwart") // by the daughter's own grant
	s.change("RelatedPerson", "zoon", func(r map[string]any) { r["patient"] = map[string]any{"reference": "Patient/zwart"} })
	s.sync()
	wantOpen(true, "the contact is put right")
	s.remove("RelatedPerson", "zwart-zoon")
	s.sync()
	s.reconcile()
	wantOpen(false, "the contact was deleted")
}

// Given a dossier to which hidden items are added: no list, count, density or change number
// becomes different.
func TestCase83HiddenItemsCannotBeNoticed(t *testing.T) {
	t.Parallel()
	s := newEmptyStory(t, storyOptions{})
	s.client = "zwart"
	for _, resource := range append([]string{patientZwart}, planGoalAndReport...) {
		s.put(resource)
	}
	s.sync()
	paths := []string{"", "/timeline", "/timeline?category=general", "/timeline?category=care-plan", "/timeline?from=2024-11-01&to=2024-11-30",
		"/timeline?around=2024-11-20", "/timeline/density?by=day", "/timeline/density?by=month&category=general", "/reports", "/reports?category=general",
		"/forms", "/care-plans", "/care-plans?state=current", "/care-plans?state=expired", "/contacts"}
	look := func() map[string]string {
		seen := map[string]string{"change": strings.Join(s.query(`SELECT change::text FROM clients WHERE id = 'zwart'`), "")}
		for _, path := range paths {
			_, body := s.get(s.readerToken, "/v1/dossiers/zwart"+path)
			var d doc
			if err := json.Unmarshal(body, &d); err != nil {
				t.Fatal(err)
			}
			delete(d.in("freshness"), "asOf")
			rest, err := json.Marshal(d)
			if err != nil {
				t.Fatal(err)
			}
			seen[path] = string(rest)
		}
		return seen
	}
	before := look()
	notForClient := `"meta": {"security": [{"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "NOPAT"}]},`
	hide := func(resource, id, as string) string {
		return strings.Replace(strings.Replace(resource, `"id": "`+id+`",`, `"id": "`+as+`", `+notForClient, 1), "2024-11-20", "2024-09-01", 1)
	}
	s.put(hide(planGoalAndReport[0], "zwart-doel", "zwart-geheim-doel"))
	s.put(hide(planGoalAndReport[1], "zwart-plan", "zwart-geheim-plan"))
	s.put(hide(planGoalAndReport[2], "zwart-verslag", "zwart-geheim-verslag"))
	s.put(strings.Replace(strings.Replace(planGoalAndReport[1], "zwart-plan", "zwart-ontwerp", 1), `"active"`, `"draft"`, 1))
	s.put(strings.Replace(strings.Replace(planGoalAndReport[2], "zwart-verslag", "zwart-voorlopig", 1), `"final"`, `"preliminary"`, 1))
	s.put(strings.Replace(strings.Replace(planGoalAndReport[2], "zwart-verslag", "zwart-fout", 1), `"final"`, `"entered-in-error"`, 1))
	s.put(`{"resourceType": "QuestionnaireResponse", "id": "zwart-bezig", "status": "in-progress", "subject": {"reference": "Patient/zwart"}, "authored": "2024-11-20"}`)
	s.sync()
	if n := len(s.query(`SELECT id FROM items WHERE client = 'zwart' AND state <> 'shown'`)); n != 7 {
		t.Errorf("%d records are hidden, want 7", n)
	}
	if diff := cmp.Diff(before, look()); diff != "" {
		t.Errorf("what is hidden shows (-before +after):\n%s", diff)
	}
	if got := s.listedClients(); !slices.Equal(got, []string{"zwart"}) {
		t.Errorf("listed are %v", got)
	}
}
