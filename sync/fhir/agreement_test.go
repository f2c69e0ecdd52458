package fhir

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"dossiersync/store/dossier"
)

var (
	agreedPlan = []dossier.Ref{{Type: "CarePlan", ID: "p1"}}
	relative   = dossier.Ref{Type: "RelatedPerson", ID: "k1"}
)

func TestSignature(t *testing.T) { // case 49
	t.Parallel()
	signed := func(who string) []string {
		return []string{"signature", `[{"when":"2025-01-02","who":{"reference":"Practitioner/s1"}},{"when":"2025-01-02",` + who + `}]`}
	}
	consenting := func(who string) []string {
		return []string{"signature", `[{"type":[{"system":"urn:iso-astm:E1762-95:2013","code":"1.2.840.10065.1.12.1.7"}],"when":"2025-01-02","who":` + who + `}]`}
	}
	for _, test := range []struct {
		name   string
		change []string
		by     dossier.Party
	}{
		{"by a relative", nil, dossier.Party{Ref: relative}},
		{"by the client", signed(`"who":{"reference":"Patient/c1","display":"Jo de Wit"}`), dossier.Party{Ref: dossier.Ref{Type: "Patient", ID: "c1"}}},
		{"on somebody's behalf", signed(`"who":{"reference":"Practitioner/s1"},"onBehalfOf":{"reference":"RelatedPerson/k1"}`), dossier.Party{Ref: relative}},
		{"by a name and a type", signed(`"who":{"type":"RelatedPerson","display":"Jan de Wit"}`), dossier.Party{Display: "Jan de Wit"}},
		{"by somebody contained", append(signed(`"who":{"reference":"#k"}`), "contained", `[{"resourceType":"RelatedPerson","id":"k","name":[{"text":"Jan"}]}]`),
			dossier.Party{Inline: &dossier.Staff{What: dossier.StaffPerson, Name: "Jan"}}},
		{"by a name, as a consent", consenting(`{"display":"Jan de Wit"}`), dossier.Party{Display: "Jan de Wit"}},
		{"by staff, as a consent", consenting(`{"reference":"Practitioner/s1","display":"S. de Boer"}`), dossier.Party{Ref: dossier.Ref{Type: "Practitioner", ID: "s1"}}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			it := mapOne(t, Mapping{}, with(t, provenance, test.change...))
			if it.State != dossier.StateShown || it.Client != "" {
				t.Fatalf("got %s %s of %q", it.State, it.Reason, it.Client)
			}
			got := it.Content.(*dossier.PlanAgreement)
			if diff := cmp.Diff(test.by, got.By); diff != "" || got.At.IsZero() {
				t.Error(diff, got.At)
			}
			if diff := cmp.Diff(agreedPlan, got.Plans); diff != "" {
				t.Error(diff)
			}
		})
	}
	got := contentOf[*dossier.PlanAgreement](t, Mapping{}, with(t, provenance, "target",
		`[{"reference":"CarePlan/p1/_history/3"},{"reference":"CarePlan/p2"},{"reference":"Goal/g1"}]`, "signature", `[{"who":{"reference":"Patient/c1"}}]`))
	if len(got.Plans) != 2 || got.At.Literal != "2025-01-03T10:00:00Z" { // case 46
		t.Errorf("got %v at %v", got.Plans, got.At)
	}
}

func TestConsent(t *testing.T) { // case 49
	t.Parallel()
	const data = `"data":[{"meaning":"instance","reference":{"reference":"CarePlan/p1"}}]`
	for _, test := range []struct {
		name   string
		change []string
		want   dossier.PlanAgreement
	}{
		{"by a relative", nil, dossier.PlanAgreement{By: dossier.Party{Ref: relative, Display: "Jan de Wit"}, At: at(t, "2025-01-02")}},
		{"verified with", []string{"performer", "", "dateTime", "", "verification", `[{"verified":true,"verifiedWith":{"reference":"RelatedPerson/k1"},"verificationDate":"2025-01-05"}]`},
			dossier.PlanAgreement{By: dossier.Party{Ref: relative}, At: at(t, "2025-01-05")}},
		{"by the client, if nobody else", []string{"performer", ""},
			dossier.PlanAgreement{By: dossier.Party{Ref: dossier.Ref{Type: "Patient", ID: "c1"}}, At: at(t, "2025-01-02")}},
		{"in a provision within", []string{"provision", `{"provision":[{"type":"permit",` + data + `}]}`},
			dossier.PlanAgreement{By: dossier.Party{Ref: relative, Display: "Jan de Wit"}, At: at(t, "2025-01-02")}},
	} {
		test.want.Plans = agreedPlan
		if diff := cmp.Diff(&test.want, contentOf[*dossier.PlanAgreement](t, Mapping{}, with(t, consent, test.change...))); diff != "" {
			t.Errorf("%s: %s", test.name, diff)
		}
	}
}

// Of what agrees to no plan nothing is kept.
func TestWhatIsNoAgreement(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name, raw string
		change    []string
		reason    dossier.Reason
	}{
		{"signed by staff", provenance, []string{"signature", `[{"who":{"reference":"Practitioner/s1"}}]`}, dossier.HiddenNotAnAgreement},
		{"signed by nobody", provenance, []string{"signature", ""}, dossier.HiddenNotAnAgreement},
		{"consent of nobody", provenance, []string{"signature", `[{"type":[{"system":"urn:iso-astm:E1762-95:2013","code":"1.2.840.10065.1.12.1.7"}],"who":{}}]`}, dossier.HiddenNotAnAgreement},
		{"a signed document", provenance, []string{"target", `[{"reference":"DocumentReference/d1"}]`}, dossier.HiddenNotAnAgreement},
		{"another consent", consent, []string{"provision", `{"data":[{"reference":{"reference":"DocumentReference/1"}}]}`}, dossier.HiddenNotAnAgreement},
		{"an advance directive", consent, []string{"provision", ""}, dossier.HiddenNotAnAgreement},
		{"a refusal", consent, []string{"policyRule", `{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/v3-ActCode","code":"OPTOUT"}]}`}, dossier.HiddenNotAnAgreement},
		{"denied", consent, []string{"provision", `{"type":"deny","data":[{"reference":{"reference":"CarePlan/p1"}}]}`}, dossier.HiddenNotAnAgreement},
		{"denied by exception", consent, []string{"provision", `{"type":"permit","provision":[{"type":"deny","data":[{"reference":{"reference":"CarePlan/p1"}}]}]}`}, dossier.HiddenNotAnAgreement},
		{"case 49 withdrawn", consent, []string{"status", `"inactive"`}, dossier.HiddenStatus},
		{"rejected", consent, []string{"status", `"rejected"`}, dossier.HiddenStatus},
		{"proposed", consent, []string{"status", `"proposed"`}, dossier.HiddenStatus},
		{"in error", consent, []string{"status", `"entered-in-error"`}, dossier.WithdrawnInError},
		{"of unknown status", consent, []string{"status", `"x"`}, dossier.HiddenUnknownStatus},
		{"with a modifier", consent, []string{"provision", `{"modifierExtension":[{"url":"x"}],"data":[{"reference":{"reference":"CarePlan/p1"}}]}`}, dossier.HiddenModifierExtension},
	} {
		if it := mapOne(t, Mapping{}, with(t, test.raw, test.change...)); it.Reason != test.reason || it.Content != nil {
			t.Errorf("%s: got %s %s", test.name, it.State, it.Reason)
		}
	}
}
