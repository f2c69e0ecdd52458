package acceptance

import (
	"net/http"
	"testing"

	"dossiersync/store/dossier"
)

// Given a client with a report of team west, who moves to team oost, which writes one too:
// the dossier keeps both.
func TestCase01MovedWithinTheOrganisation(t *testing.T) {
	t.Parallel()
	s := newStory(t, 1, storyOptions{})
	west, oost := dayReport("west-verslag", "Geschreven door team west.", withAuthor("Team west")),
		dayReport("oost-verslag", "Geschreven door team oost.", withAuthor("Team oost"))
	s.step("the client lives with team west")
	s.wantReports(s.client, west)
	s.step("the client moves to team oost")
	s.wantReports(s.client, west)
	s.wantListed(s.client)
	s.step("team oost writes")
	s.wantReports(s.client, west, oost)
	s.wantGrant(s.client, "accepted")
}

func withAuthor(author string) func(*report) { return func(r *report) { r.Author = author } }

// Given a client who leaves care and returns: the dossier does not exist meanwhile. A report
// written in between is shown after the return.
func TestCase02OutOfCareAndBack(t *testing.T) {
	t.Parallel()
	s := newStory(t, 2, storyOptions{})
	s.step("the client is in care")
	s.wantReports(s.client, dayReport("eerste", "Voor het vertrek."))
	s.step("the client leaves")
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
	s.step("the client returns")
	s.wantReports(s.client, dayReport("eerste", "Voor het vertrek."), dayReport("tweede", "Na de terugkeer."),
		report{ID: "afwezig", At: "2024-11-21T13:30:00+01:00", Precision: "second", Title: "Rapportage",
			Category: "general", Text: "Tijdens de afwezigheid."})
}

// Given a client who is recorded as deceased by mistake: the dossier stays listed, and is
// empty (reading-ended) until the source corrects it.
func TestCase03DeceasedThenCorrectedToAlive(t *testing.T) {
	t.Parallel()
	s := newStory(t, 3, storyOptions{})
	s.step("the client is alive")
	alive := dayReport("verslag", "Leeft en geniet.")
	s.wantReports(s.client, alive)
	s.step("the client is recorded as deceased")
	s.wantListed(s.client)
	s.wantEmpty(s.client, "reading-ended", everyList...)
	dead := s.readDossier(s.client)
	if dead.name != "Casus 3" || dead.emptyReasons["contacts"] != "reading-ended" {
		t.Errorf("the dossier is %q, %v", dead.name, dead.emptyReasons)
	}
	s.step("the client is alive again")
	s.wantReports(s.client, alive)
	s.wantGrant(s.client, "accepted")
}

// Given two dossiers, each with a report, of which the second is merged into the first: the
// second no longer exists, its grant is revoked, and grants do not move.
func TestCase04MergedIntoAnother(t *testing.T) {
	t.Parallel()
	s := newStory(t, 4, storyOptions{})
	double := s.id("dubbel")
	own, moved := dayReport("verslag", "In het goede dossier."), dayReport("dubbel-verslag", "In het dubbele dossier.")
	s.step("the client has two dossiers")
	s.putGrant(s.portalToken, double, "zoon", fullGrant) // and not on the other
	s.wantListed(s.client, double)
	s.wantReports(s.client, own)
	s.wantReports(double, moved)
	s.step("the second is merged into the first")
	s.wantListed(s.client)
	s.wantNoDossier(double)
	s.wantGrant(double, "revoked")
	s.wantGrant(s.client, "accepted")
	s.wantReports(s.client, own)
	s.wantNowhere("In het dubbele dossier", "Casus 4 dubbel")
	s.step("the report follows")
	s.wantReports(s.client, own, moved)
	s.wantNoDossier(double)
	if list := s.list(s.token("zoon", "dossier:read"), "/v1/dossiers"); len(list) > 0 {
		t.Errorf("a right moved with the merge: %v", list)
	}
}

// Given a report, a form and a plan that were written on another client and are put right
// under the same ids: they move to the right client.
func TestCase05ItemOnWrongClient(t *testing.T) {
	t.Parallel()
	s := newStory(t, 5, storyOptions{})
	wrong := s.id("ander")
	all := dossierView{
		Reports: []report{dayReport("verslag", "Hoort bij casus 5.")},
		Forms:   []form{completedForm("formulier", "Vragenlijst", "Vraag niet beschikbaar = Hoort bij casus 5.")},
		Plans: []plan{{ID: "plan", Title: "Zorgleefplan", State: "expired", Start: "2024-10-22", End: "2025-10-22",
			Author: "Joke Voorbeeld, verzorgende IG",
			Domains: []string{"lichamelijk", "  goal plan-doel Hoort bij casus 5 (active)",
				"  action Twee keer per dag een stukje lopen. (in-progress) plan-doel"}}},
	}
	has := func(owner, other string) {
		t.Helper()
		s.wantReports(owner, all.Reports...)
		s.wantForms(owner, all.Forms...)
		s.wantPlans(owner, all.Plans...)
		s.wantEmpty(other, "nothing-yet", everyList...)
	}
	s.step("a report, a form and a plan are about the wrong client")
	has(wrong, s.client)
	s.step("the three are put right")
	has(s.client, wrong)
	if left := s.query(`SELECT key FROM items WHERE client = $1 AND kind <> 'client'`, wrong); len(left) > 0 {
		t.Errorf("%d items are still the wrong client's", len(left))
	}
}

// Given a client of three whose records all vanish without a tombstone: a reconcile withdraws and
// purges all of it. The grant stays, and opens nothing while the client is not shown (I5a).
func TestCase06NoLongerShared(t *testing.T) {
	t.Parallel()
	s := newStory(t, 6, storyOptions{})
	s.putReports("bea", 1)
	s.putReports("cor", 1)
	s.step("the client is shared")
	s.wantReports(s.client, dayReport("verslag", "Een verslag."))
	s.wantContacts(s.client, contact{ID: "dochter", Name: "Dochter van casus", Relationship: "dochter", Active: true})
	s.step("everything vanishes without a tombstone")
	s.reconcile()
	s.wantNoDossier(s.client)
	s.wantGrant(s.client, "accepted")
	for typ, name := range map[string]string{
		"Observation": "verslag", "QuestionnaireResponse": "formulier", "Goal": "plan-doel",
		"CarePlan": "plan", "RelatedPerson": "dochter",
	} {
		s.wantRow(typ, name, "withdrawn purged")
	}
	if state := s.queryOne(`SELECT state FROM clients WHERE id = $1`, s.client); state != "withdrawn" {
		t.Errorf("the client is %s", state)
	}
	s.wantNowhere("Een verslag.", "Dochter van casus", "Casus 6", "Een doel")
}

// Given the same client at two tenants, with the same ids: a change at one tenant changes
// nothing at the other, and keys of one do not work at the other.
func TestCase07SamePersonAtTwoTenants(t *testing.T) {
	t.Parallel()
	both := newStories(t, storyOptions{}, "amaris", "szr")
	own := []report{dayReport("verslag", "Geschreven bij deze organisatie.")}
	for _, s := range both {
		s.startCase(7)
		s.step("the client is known here; load this case at two sources")
		s.wantReports(s.client, own...)
	}
	amaris, szr := both[0], both[1]
	szr.change("Observation", "verslag", func(o map[string]any) { o["valueString"] = "Alleen bij SZR." })
	szr.sync()
	szr.wantReports(szr.client, dayReport("verslag", "Alleen bij SZR."))
	amaris.sync()
	amaris.wantReports(amaris.client, own...)
	ref := dossier.Ref{Type: "Observation", ID: "casus-7-verslag"}
	for _, s := range both {
		s.wantListed(s.client)
		for _, other := range both {
			path := "/v1/dossiers/" + s.client + "/reports/" + dossier.Key(other.tenant.id, ref)
			want := http.StatusNotFound
			if s == other {
				want = http.StatusOK
			}
			if got := s.statusOf(path); got != want {
				t.Errorf("the report of %s at %s: %d, want %d", other.tenant.id, s.tenant.id, got, want)
			}
		}
		s.wantNowhere("dezelfde-persoon") // the identifier that both have
	}
}

// Given a client without contacts.
func TestCase09NoContacts(t *testing.T) {
	t.Parallel()
	s := newStory(t, 9, storyOptions{})
	s.step("the client has no contacts")
	s.wantContacts(s.client)
	s.wantEmpty(s.client, "nothing-yet", "contacts", "forms", "care-plans")
	s.wantReports(s.client, dayReport("verslag", "Er komt geen bezoek."))
}
