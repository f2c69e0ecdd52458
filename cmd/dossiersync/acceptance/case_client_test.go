package acceptance

import (
	"net/http"
	"slices"
	"testing"

	"dossiersync/store/dossier"
)

func TestCase01MovedWithinTheOrganisation(t *testing.T) {
	t.Parallel()
	s := tell(t, 1, setting{})
	west, oost := daily("west-verslag", "Geschreven door team west.", by("Team west")), daily("oost-verslag", "Geschreven door team oost.", by("Team oost"))
	s.next("lives with team west")
	s.wantReports(s.client, west)
	s.next("moves to team oost")
	s.wantReports(s.client, west)
	s.wantListed(s.client)
	s.next("team oost writes")
	s.wantReports(s.client, west, oost)
	s.wantGrant(s.client, "accepted")
}

func by(author string) func(*report) { return func(r *report) { r.Author = author } }

// What is written while a client is out of care comes with the client's return.
func TestCase02OutOfCareAndBack(t *testing.T) {
	t.Parallel()
	s := tell(t, 2, setting{})
	s.next("is in care")
	s.wantReports(s.client, daily("eerste", "Voor het vertrek."))
	s.next("leaves")
	s.wantNoDossier(s.client)
	s.put(`{"resourceType": "Observation", "id": "casus-2-afwezig", "status": "final", "subject": {"reference": "Patient/casus-2"},
		"code": {"coding": [{"system": "http://snomed.info/sct", "code": "11591000146107"}]},
		"effectiveDateTime": "2024-11-21T13:30:00+01:00", "valueString": "Tijdens de afwezigheid."}`)
	s.sync()
	s.wantNoDossier(s.client)
	s.wantGrant(s.client, "accepted")
	s.wantRow("Observation", "eerste", "hidden client-hidden")
	s.wantRow("Observation", "afwezig", "hidden client-hidden")
	s.wantNowhere("Voor het vertrek", "Tijdens de afwezigheid", "Casus 2")
	s.next("returns")
	s.wantReports(s.client, daily("eerste", "Voor het vertrek."), daily("tweede", "Na de terugkeer."),
		report{ID: "afwezig", At: "2024-11-21T13:30:00+01:00", Precision: "second", Title: "Rapportage", Category: "general", Text: "Tijdens de afwezigheid."})
}

func TestCase03DeceasedAndLaterCorrectedToAlive(t *testing.T) {
	t.Parallel()
	s := tell(t, 3, setting{})
	s.next("lives")
	alive := daily("verslag", "Leeft en geniet.")
	s.wantReports(s.client, alive)
	s.next("is recorded as deceased")
	s.wantListed(s.client)
	s.wantEmpty(s.client, "reading-ended", everyList...)
	dead := s.look(s.client)
	if dead.name != "Casus 3" || dead.reasons["contacts"] != "reading-ended" {
		t.Errorf("the dossier is %q, %v", dead.name, dead.reasons)
	}
	s.next("is alive after all")
	s.wantReports(s.client, alive)
	s.wantGrant(s.client, "accepted")
}

func TestCase04MergedIntoAnother(t *testing.T) {
	t.Parallel()
	s := tell(t, 4, setting{})
	double := s.id("dubbel")
	own, moved := daily("verslag", "In het goede dossier."), daily("dubbel-verslag", "In het dubbele dossier.")
	s.next("has two dossiers")
	s.grant(s.portal, double, "zoon") // and not on the other
	s.wantListed(s.client, double)
	s.wantReports(s.client, own)
	s.wantReports(double, moved)
	s.next("the second is merged into the first")
	s.wantListed(s.client)
	s.wantNoDossier(double)
	s.wantGrant(double, "revoked")
	s.wantGrant(s.client, "accepted")
	s.wantReports(s.client, own)
	s.wantNowhere("In het dubbele dossier", "Casus 4 dubbel")
	s.next("the report follows")
	s.wantReports(s.client, own, moved)
	s.wantNoDossier(double)
	if list := s.list(s.token("zoon", "dossier:read"), "/v1/dossiers"); len(list) > 0 {
		t.Errorf("a right moved with the merge: %v", list)
	}
}

func TestCase05ItemOnTheWrongClient(t *testing.T) {
	t.Parallel()
	s := tell(t, 5, setting{})
	wrong := s.id("ander")
	all := view{
		Reports: []report{daily("verslag", "Hoort bij casus 5.")},
		Forms:   []form{filled("formulier", "Vragenlijst", "Vraag niet beschikbaar = Hoort bij casus 5.")},
		Plans: []plan{{ID: "plan", Title: "Zorgleefplan", State: "expired", Start: "2024-10-22", End: "2025-10-22", Author: "Joke Voorbeeld, verzorgende IG",
			Domains: []string{"lichamelijk", "  goal plan-doel Hoort bij casus 5 (active)", "  action Twee keer per dag een stukje lopen. (in-progress) plan-doel"}}},
	}
	has := func(owner, other string) {
		t.Helper()
		s.wantReports(owner, all.Reports...)
		s.wantForms(owner, all.Forms...)
		s.wantPlans(owner, all.Plans...)
		s.wantEmpty(other, "nothing-yet", everyList...)
	}
	s.next("a report, a form and a plan are written on somebody else")
	has(wrong, s.client)
	s.next("they are put right")
	has(s.client, wrong)
	if left := s.query(`SELECT key FROM items WHERE client = $1 AND kind <> 'client'`, wrong); len(left) > 0 {
		t.Errorf("%d items are still the wrong client's", len(left))
	}
}

func TestCase06NoLongerShared(t *testing.T) {
	t.Parallel()
	s := tell(t, 6, setting{})
	s.next("is shared")
	s.wantReports(s.client, daily("verslag", "Een verslag."))
	s.wantContacts(s.client, contact{ID: "dochter", Name: "Dochter van casus", Relationship: "dochter", Active: true})
	s.next("is shown no longer, as if never there")
	s.reconcile()
	s.wantNoDossier(s.client)
	s.wantGrant(s.client, "revoked")
	for typ, name := range map[string]string{"Observation": "verslag", "QuestionnaireResponse": "formulier", "Goal": "plan-doel",
		"CarePlan": "plan", "RelatedPerson": "dochter"} {
		s.wantRow(typ, name, "withdrawn purged")
	}
	if state := s.query(`SELECT state FROM clients WHERE id = $1`, s.client); !slices.Equal(state, []string{"withdrawn"}) {
		t.Errorf("the client is %v", state)
	}
	s.wantNowhere("Een verslag.", "Dochter van casus", "Casus 6", "Een doel")
}

func TestCase07TheSamePersonAtTwoTenants(t *testing.T) {
	t.Parallel()
	both := newStories(t, setting{}, "amaris", "szr")
	own := []report{daily("verslag", "Geschreven bij deze organisatie.")}
	for _, s := range both {
		s.begin(7)
		s.next("is known here; load this case at two sources")
		s.wantReports(s.client, own...)
	}
	amaris, szr := both[0], both[1]
	szr.change("Observation", "verslag", func(o map[string]any) { o["valueString"] = "Alleen bij SZR." })
	szr.sync()
	szr.wantReports(szr.client, daily("verslag", "Alleen bij SZR."))
	amaris.sync()
	amaris.wantReports(amaris.client, own...)
	ref := dossier.Ref{Type: "Observation", ID: "casus-7-verslag"}
	for _, s := range both {
		s.wantListed(s.client)
		for _, other := range both {
			path := "/v1/dossiers/" + s.client + "/reports/" + dossier.Key(other.tenant.id, ref)
			if got, want := s.status(path), map[bool]int{true: http.StatusOK, false: http.StatusNotFound}[s == other]; got != want {
				t.Errorf("the report of %s at %s: %d, want %d", other.tenant.id, s.tenant.id, got, want)
			}
		}
		s.wantNowhere("dezelfde-persoon") // what tells that they are one
	}
}

func TestCase09NoContacts(t *testing.T) {
	t.Parallel()
	s := tell(t, 9, setting{})
	s.next("has nobody")
	s.wantContacts(s.client)
	s.wantEmpty(s.client, "nothing-yet", "contacts", "forms", "care-plans")
	s.wantReports(s.client, daily("verslag", "Er komt geen bezoek."))
}
