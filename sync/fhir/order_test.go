package fhir

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"dossiersync/store/dossier"
)

func TestPlanOfAnotherIntentIsHidden(t *testing.T) {
	t.Parallel()
	for intent, want := range map[string]dossier.Reason{
		`"plan"`: "", `"order"`: "", `"directive"`: "", ``: "", `"proposal"`: dossier.HiddenStatus, `"option"`: dossier.HiddenStatus,
		`"Proposal"`: dossier.HiddenUnknownStatus, `"filler"`: dossier.HiddenUnknownStatus,
	} {
		if it := mapOne(t, Mapping{}, with(t, carePlan, "intent", intent)); it.Reason != want {
			t.Errorf("%s: got %s %s", intent, it.State, it.Reason)
		}
	}
	if it := mapOne(t, Mapping{}, with(t, carePlan, "intent", `"proposal"`, "status", `"entered-in-error"`)); it.State != dossier.StateWithdrawn {
		t.Errorf("in error: got %s", it.State)
	}
}

func TestActionMembers(t *testing.T) {
	t.Parallel()
	got := actionOf(t, `{"detail":{"kind":"MedicationRequest","status":"in-progress","description":"Insuline spuiten","scheduledString":"voor de maaltijd",
		"performer":[{"display":"dochter"},{"reference":"Practitioner/s1"}],"location":{"display":"thuis"},"productCodeableConcept":{"text":"NovoRapid"},
		"quantity":{"value":1.0E+1,"unit":"E"},"dailyAmount":{"value":30,"unit":"E"},"reasonCode":[{"text":"diabetes"},{"text":"diabetes"}]}}`)
	want := dossier.Action{
		Description: "Insuline spuiten", Status: "in-progress", Timing: "voor de maaltijd", Product: "NovoRapid", Amount: "10 E, 30 E per dag",
		Location: "thuis", Reason: "diabetes", Team: []dossier.Party{{Display: "dochter"}, {Ref: dossier.Ref{Type: "Practitioner", ID: "s1"}}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// No activity goes without a word, whatever there is to say about it.
func TestActionIsNeverDropped(t *testing.T) {
	t.Parallel()
	for activity, want := range map[string]string{
		`{"detail":{"status":"in-progress","productCodeableConcept":{"text":"Steunkousen"}}}`:       "Steunkousen",
		`{"detail":{"status":"in-progress","productReference":{"display":"Rollator"}}}`:             "Rollator",
		`{"detail":{"status":"in-progress","kind":"Appointment"}}`:                                  "Afspraak: niet beschikbaar",
		`{"detail":{"status":"in-progress","scheduledString":"elke dag"}}`:                          "Activiteit: niet beschikbaar",
		`{"detail":{"status":"in-progress","code":{"coding":[{"system":"https://x","code":"7"}]}}}`: "Zonder tekst (code 7)",
		`{"reference":{"reference":"ServiceRequest/s1"}}`:                                           "Zorgopdracht: niet beschikbaar",
		`{"reference":{"reference":"https://elders.example/fhir/Task/1"}}`:                          "Activiteit: niet beschikbaar",
		`{"reference":{"type":"Task","identifier":{"value":"1"}}}`:                                  "Taak: niet beschikbaar",
		`{"reference":{"reference":"MedicationRequest/1","display":"Paracetamol"}}`:                 "Paracetamol",
		`{"reference":{"reference":"#nergens"}}`:                                                    "Activiteit: niet beschikbaar",
	} {
		if got := actionOf(t, activity).Description; got != want {
			t.Errorf("%s: got %q, want %q", activity, got, want)
		}
	}
}

func TestContainedOrderIsAnAction(t *testing.T) {
	t.Parallel()
	of := func(order string) []dossier.Action {
		return contentOf[*dossier.CarePlan](t, Mapping{}, with(t, carePlan, "contained", "["+order+`,{"resourceType":"Medication","id":"m","code":{"text":"Lactulose"}}]`,
			"activity", `[{"reference":{"reference":"#o"}},{"detail":{"status":"scheduled","description":"los"}}]`)).Actions
	}
	for order, want := range map[string]dossier.Action{
		`{"resourceType":"ServiceRequest","id":"o","status":"active","intent":"order","code":{"text":"Fysiotherapie"},"occurrenceTiming":{"repeat":{"frequency":2,"period":1,"periodUnit":"wk"}},"performer":[{"display":"F. Ysio"}]}`: {
			Description: "Fysiotherapie", Status: "in-progress", Timing: "2 keer per week", Team: []dossier.Party{{Display: "F. Ysio"}}},
		`{"resourceType":"MedicationRequest","id":"o","status":"active","intent":"order","medicationReference":{"reference":"#m"},"dosageInstruction":[{"text":"1 zakje","timing":{"repeat":{"when":["CM"]}}}]}`: {
			Description: "Lactulose, 1 zakje", Status: "in-progress", Timing: "bij het ontbijt"},
		`{"resourceType":"Task","id":"o","status":"requested","intent":"order","description":"Wassen","owner":{"display":"Zus"}}`: {
			Description: "Wassen", Status: "scheduled", Team: []dossier.Party{{Display: "Zus"}}},
		`{"resourceType":"Appointment","id":"o","status":"booked","description":"Tandarts","start":"2025-03-03T10:00:00+01:00","end":"2025-03-03T10:30:00+01:00"}`: {
			Description: "Tandarts", Status: "scheduled", Timing: "3 maart 2025, 10:00 tot 10:30"},
		`{"resourceType":"NutritionOrder","id":"o","status":"active","intent":"order","oralDiet":{"type":[{"text":"Gemalen"}],"instruction":"geen noten"}}`: {
			Description: "Gemalen, geen noten", Status: "in-progress"},
		`{"resourceType":"DeviceRequest","id":"o","status":"active","intent":"order","codeCodeableConcept":{"text":"Rollator"}}`:     {Description: "Rollator", Status: "in-progress"},
		`{"resourceType":"CommunicationRequest","id":"o","status":"active","payload":[{"contentString":"Bel de zoon"}]}`:             {Description: "Bel de zoon", Status: "in-progress"},
		`{"resourceType":"RequestGroup","id":"o","status":"active","intent":"plan","action":[{"title":"Wegen"},{"title":"Meten"}]}`:  {Description: "Wegen, Meten", Status: "in-progress"},
		`{"resourceType":"VisionPrescription","id":"o","status":"active"}`:                                                           {Description: "Brilvoorschrift: niet beschikbaar", Status: "in-progress"},
		`{"resourceType":"ServiceRequest","id":"o","status":"active","intent":"order","doNotPerform":true,"code":{"text":"Tillen"}}`: {Description: "Niet doen: Tillen", Status: "in-progress"},
	} {
		got := of(order)
		if diff := cmp.Diff(want, got[0]); len(got) != 2 || diff != "" {
			t.Errorf("%s: %s", order, diff)
		}
	}
	for _, order := range []string{
		`{"resourceType":"ServiceRequest","id":"o","status":"entered-in-error","intent":"order","code":{"text":"Fout"}}`,
		`{"resourceType":"ServiceRequest","id":"o","status":"active","intent":"proposal","code":{"text":"Idee"}}`,
		`{"resourceType":"ServiceRequest","id":"o","status":"draft","intent":"order","code":{"text":"Klad"}}`,
		`{"resourceType":"ServiceRequest","id":"o","status":"active","intent":"order","subject":{"reference":"Patient/c2"},"code":{"text":"Van een ander"}}`,
		`{"resourceType":"ServiceRequest","id":"o","status":"active","intent":"order","meta":{"security":[{"code":"NOPAT"}]},"code":{"text":"Geheim"}}`,
	} {
		if got := of(order); len(got) != 1 || got[0].Description != "los" {
			t.Errorf("%s: got %+v", order, got)
		}
	}
}

func TestEvaluationKeepsWhatItIsAbout(t *testing.T) {
	t.Parallel()
	got := contentOf[*dossier.CarePlan](t, Mapping{}, with(t, carePlan,
		"contained", `[{"resourceType":"Goal","id":"a","lifecycleStatus":"active","description":{"text":"Eigen doel"}}]`,
		"goal", `[{"reference":"#a"}]`,
		"extension", `[{"url":"http://hl7.org/fhir/StructureDefinition/resource-pertainsToGoal","valueReference":{"reference":"Goal/g9"}}]`,
		"activity", `[{"progress":[{"text":"zonder actie"}]},
			{"detail":{"description":"x","status":"entered-in-error","goal":[{"reference":"Goal/g1"}]},"progress":[{"text":"van een fout"}]},
			{"detail":{"description":"x","status":"scheduled","goal":[{"reference":"Goal/g1"},{"reference":"#a"}]},
			 "progress":[{"text":"een"}],"outcomeCodeableConcept":[{"text":"twee"}],"outcomeReference":[{"reference":"Observation/o1","display":"drie"},{"reference":"Condition/c1"}]},
			{"extension":[{"url":"http://hl7.org/fhir/StructureDefinition/resource-pertainsToGoal","valueReference":{"reference":"Goal/g2"}}],
			 "reference":{"display":"Fysiotherapie"},"progress":[{"text":"vier"}]}]`))
	g1, g2 := []dossier.Ref{{Type: "Goal", ID: "g1"}}, []dossier.Ref{{Type: "Goal", ID: "g2"}}
	note := func(s string) dossier.Note { return dossier.Note{Text: s} }
	want := []dossier.Evaluation{
		{Note: note("zonder actie")}, {Note: note("van een fout"), Goals: g1},
		{Note: note("een"), Action: 1, Goals: g1, OwnGoals: []int{0}}, {Note: note("twee"), Action: 1, Goals: g1, OwnGoals: []int{0}},
		{Note: note("drie"), Of: dossier.Ref{Type: "Observation", ID: "o1"}, Action: 1, Goals: g1, OwnGoals: []int{0}},
		{Note: note("vier"), Action: 2, Goals: g2},
	}
	if diff := cmp.Diff(want, got.Evaluations); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]dossier.Ref{{Type: "Goal", ID: "g9"}}, got.Goals); diff != "" {
		t.Error(diff)
	}
}

// What is contained is judged like the same resource outside.
func TestContainedGoalIsJudged(t *testing.T) {
	t.Parallel()
	rules := Mapping{Hide: []Rule{{Match: Match{Category: Code{Code: "juridisch"}}}, {Match: Match{Code: Code{Code: "bewind"}}}, {Match: Match{Tag: Code{Code: "intern"}}}}}
	for inside, want := range map[string]int{
		``:                                      1,
		`,"subject":{"reference":"Patient/c1"}`: 1,
		`,"subject":{"reference":"https://ecd.example/fhir/Patient/c1"}`: 1,
		`,"subject":{"reference":"Patient/c2"}`:                          0,
		`,"category":[{"coding":[{"code":"juridisch"}]}]`:                0,
		`,"meta":{"security":[{"code":"NOPAT"}]}`:                        0,
		`,"meta":{"tag":[{"code":"intern"}]}`:                            0,
		`,"implicitRules":"https://x"`:                                   0,
	} {
		raw := with(t, carePlan, "contained", `[{"resourceType":"Goal","id":"g","lifecycleStatus":"active","description":{"text":"Doel"}`+inside+`}]`,
			"goal", `[{"reference":"#g","display":"Doel"}]`)
		if got := contentOf[*dossier.CarePlan](t, rules, raw).OwnGoals; len(got) != want {
			t.Errorf("%s: got %+v", inside, got)
		}
	}
	raw := with(t, observation, "contained", `[{"resourceType":"Practitioner","id":"p","meta":{"security":[{"code":"NOPAT"}]},"name":[{"text":"Geheim"}]}]`,
		"performer", `[{"reference":"#p","display":"Geheim"}]`)
	if got := contentOf[*dossier.Report](t, Mapping{}, raw).Authors; got != nil {
		t.Errorf("got %+v", got)
	}
}

func TestGoalMembers(t *testing.T) {
	t.Parallel()
	got := contentOf[*dossier.Goal](t, Mapping{}, with(t, goal,
		"statusReason", `"in overleg"`, "expressedBy", `{"reference":"Patient/c1","display":"Jo de Wit"}`,
		"target", `[{"dueDuration":{"value":6.0,"unit":"weeks","code":"wk"}},{"detailQuantity":{"value":7.20E1,"unit":"kg"},"dueDuration":{"value":1,"code":"a"}}]`,
		"outcomeCode", `[{"text":"Gehaald"}]`, "outcomeReference", `[{"display":"Meting"}]`))
	want := &dossier.Goal{
		Description: "Weer buiten wandelen", Status: "active", StatusReason: "in overleg",
		ExpressedBy: dossier.Party{Ref: dossier.Ref{Type: "Patient", ID: "c1"}, Display: "Jo de Wit"},
		Targets:     []dossier.Target{{DueWithin: "6,0 weken"}, {Text: "72,0 kg", DueWithin: "1 jaar"}},
		Outcomes:    []dossier.Evaluation{{Note: dossier.Note{Text: "Gehaald"}}, {Note: dossier.Note{Text: "Meting"}}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}
