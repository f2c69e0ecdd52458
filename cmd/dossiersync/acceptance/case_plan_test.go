package acceptance

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// newPlanStory returns a story that starts today, because today's date decides whether a plan
// is in force.
func newPlanStory(t *testing.T, number int) *story {
	t.Helper()
	return newStory(t, number, storyOptions{start: time.Now(), search: "care-plans: [CarePlan, Provenance, Consent]"})
}

// line returns a plan as one text.
func (p plan) line() string {
	parts := []string{p.State + " " + p.ID + ": " + p.Title}
	for _, more := range []string{p.Narrative, p.Agreement} {
		if more != "" {
			parts = append(parts, more)
		}
	}
	for _, line := range append(p.Domains, p.Evaluations...) {
		parts = append(parts, strings.TrimSpace(line))
	}
	return strings.Join(parts, " | ")
}

// wantPlanLines compares the client's plans as texts, in any order.
func (s *story) wantPlanLines(want ...string) {
	s.t.Helper()
	var got []string
	for _, p := range s.readDossier(s.client).Plans {
		got = append(got, p.line())
	}
	if diff := cmp.Diff(want, got, anyOrder[string]()); diff != "" {
		s.t.Errorf("plans (-want +got):\n%s", diff)
	}
}

// planLine is the text of a plan with one goal and one action.
func planLine(state, id, title, goal string) string {
	return state + " " + id + ": " + title + goalLine(id+"-doel", goal)
}

// goalLine is the text of a goal that is alone in its domain, with its action.
func goalLine(id, goal string) string {
	return " | lichamelijk | goal " + id + " " + goal + " (active) | action Twee keer per dag een stukje lopen. (in-progress) " + id
}

const walkSafely = "Veilig lopen"

// Given a plan that is replaced by another and stays active, and is completed later: it is
// expired once it is replaced.
func TestCase38SupersededPlan(t *testing.T) {
	t.Parallel()
	s := newPlanStory(t, 38)
	s.step("there is a plan")
	s.wantPlanLines(planLine("current", "oud", "Zorgleefplan", walkSafely))
	after := []string{planLine("current", "nieuw", "Nieuw zorgleefplan", walkSafely),
		planLine("expired", "oud", "Zorgleefplan", walkSafely)}
	s.step("another plan replaces it, and it stays active")
	s.wantPlanLines(after...)
	s.step("it is completed")
	s.wantPlanLines(after...)
}

// Given a plan that ends today and one that ended yesterday: the first is still in force,
// the second is expired. The state is decided when it is read.
func TestCase39PeriodEndsBetweenSyncs(t *testing.T) {
	t.Parallel()
	s := newPlanStory(t, 39)
	s.step("a plan ends today, and one ended yesterday")
	s.wantPlanLines(planLine("current", "vandaag", "Zorgleefplan", walkSafely),
		planLine("expired", "gisteren", "Zorgleefplan", walkSafely))
}

// Given two plans in force at once: both are current.
func TestCase40TwoCurrentPlans(t *testing.T) {
	t.Parallel()
	s := newPlanStory(t, 40)
	s.step("there are two plans at once")
	s.wantPlanLines(planLine("current", "een", "Zorgleefplan", walkSafely),
		planLine("current", "twee", "Behandelplan", walkSafely))
}

// Given a plan without a period, and one without an end: both are current.
func TestCase41PlanWithoutPeriod(t *testing.T) {
	t.Parallel()
	s := newPlanStory(t, 41)
	s.step("one plan has no period, one has no end")
	s.wantPlanLines(planLine("current", "zonder", "Zorgleefplan", walkSafely),
		planLine("current", "begin", "Zorgleefplan", walkSafely))
}

// Given a plan that is revoked: it is expired.
func TestCase42RevokedPlan(t *testing.T) {
	t.Parallel()
	s := newPlanStory(t, 42)
	s.step("there is a plan")
	s.wantPlanLines(planLine("current", "plan", "Zorgleefplan", walkSafely))
	s.step("it is revoked")
	s.wantPlanLines(planLine("expired", "plan", "Zorgleefplan", walkSafely))
}

// Given a plan that is put on hold: it stays current.
func TestCase43PlanOnHold(t *testing.T) {
	t.Parallel()
	s := newPlanStory(t, 43)
	s.step("there is a plan")
	s.step("the plan is on hold")
	s.wantPlanLines(planLine("current", "plan", "Zorgleefplan", walkSafely))
}

// Given a draft plan with a goal, and a report about both: readers see nothing of the draft
// until it is active.
func TestCase44DraftPlanStaysHidden(t *testing.T) {
	t.Parallel()
	s := newPlanStory(t, 44)
	s.step("a plan is a draft, and a report is about it")
	s.wantPlanLines()
	s.wantNowhere("Nog geheim")
	s.step("it is active")
	s.wantPlanLines(planLine("current", "plan", "Niet meer geheim plan", "Niet meer geheim doel"))
	s.wantNowhere("Nog geheim")
}

// Given a plan that is a narrative only.
func TestCase45PlanAsNarrative(t *testing.T) {
	t.Parallel()
	s := newPlanStory(t, 45)
	s.step("a plan is a narrative only")
	plans := s.readDossier(s.client).Plans
	if len(plans) != 1 || plans[0].State != "current" {
		t.Fatalf("plans are %+v", plans)
	}
	want := "Zorgleefplan\nMevrouw wil elke dag naar buiten.\n- Wandelen om 10 uur\n- Jas aan\nTot ziens"
	if got := strings.ReplaceAll(plans[0].Narrative, "\n\n", "\n"); got != want {
		t.Errorf("the narrative is %q", got)
	}
	s.wantNowhere("alert(1)", "onclick")
}

// Given plans in several CarePlans, by partOf and by basedOn, one of them replaced later, and
// a part of a plan that is missing: parts are shown in their plan; the part without a plan
// and the replaced part stand alone.
func TestCase46OnePlanOfManyCarePlans(t *testing.T) {
	t.Parallel()
	s := newPlanStory(t, 46)
	s.step("plans consist of many CarePlans")
	const domain = " | lichamelijk"
	parts := func(goals ...string) string { return "current een: Plan met delen" + domain + strings.Join(goals, "") }
	goal := func(id, text string) string { return " | goal " + id + " " + text + " (active)" }
	act := func(id string) string { return " | action Twee keer per dag een stukje lopen. (in-progress) " + id }
	two := "current twee: Plan waarop andere steunen" + goalLine("twee-a-doel", "Beter slapen")
	alone := planLine("current", "los", "Een plan zonder geheel", "Een plan zonder geheel")
	s.wantPlanLines(two, alone,
		parts(goal("een-b-doel", "Goed eten"), goal("een-a-doel", walkSafely), act("een-b-doel"), act("een-a-doel")))
	s.step("a part is replaced")
	s.wantPlanLines(two, alone, planLine("expired", "een-b", "Goed eten", "Goed eten"),
		parts(goal("een-c-doel", "Goed eten en drinken"), goal("een-a-doel", walkSafely), act("een-c-doel"),
			act("een-a-doel")))
}

// Given a plan with three goals, of which one is achieved, one cancelled, one entered in error.
func TestCase47GoalsAchievedAndCancelled(t *testing.T) {
	t.Parallel()
	s := newPlanStory(t, 47)
	s.step("a plan has three goals")
	s.step("one goal is achieved, one cancelled, one entered in error")
	s.wantPlanLines("current plan: Zorgleefplan | lichamelijk | goal een Weer traplopen (completed) | " +
		"goal twee Gewicht blijft gelijk (cancelled) | action Oefenen met de trap. (in-progress) een | " +
		"action Elke week wegen. (in-progress) twee |  | action Naar het koor. (in-progress)")
	s.wantNowhere("zingen")
}

// Given a plan that is evaluated an hour later.
func TestCase48PlanEvaluatedLater(t *testing.T) {
	t.Parallel()
	s := newPlanStory(t, 48)
	s.step("there is a plan")
	before := planLine("current", "plan", "Zorgleefplan", walkSafely)
	s.wantPlanLines(before)
	s.step("it is evaluated")
	plans := s.readDossier(s.client).Plans
	if len(plans) != 1 || len(plans[0].Evaluations) != 2 {
		t.Fatalf("plans are %+v", plans)
	}
	_, first, _ := strings.Cut(plans[0].Evaluations[0], " ")
	if diff := cmp.Diff([]string{"second Joke Voorbeeld, verzorgende IG: Het lopen gaat beter.",
		": Op weg naar het doel"},
		[]string{first, plans[0].Evaluations[1]}); diff != "" {
		t.Errorf("evaluations (-want +got):\n%s", diff)
	}
}

// Given two plans to which the daughter agrees, one by Provenance and one by Consent, and
// withdraws.
func TestCase49AgreementGivenAndWithdrawn(t *testing.T) {
	t.Parallel()
	s := newPlanStory(t, 49)
	s.step("there are two plans without an agreement")
	without := []string{planLine("current", "een", "Zorgleefplan", walkSafely),
		planLine("current", "twee", "Zorgleefplan", walkSafely)}
	s.wantPlanLines(without...)
	s.step("the daughter agrees to both plans")
	for _, p := range s.readDossier(s.client).Plans {
		if by, at, _ := strings.Cut(p.Agreement, " 2"); by != "Dochter van casus" || at == "" {
			t.Errorf("the agreement on plan %s is %q", p.ID, p.Agreement)
		}
	}
	s.step("the daughter withdraws")
	s.wantPlanLines(without...)
}

// Given a plan that is completed and reactivated.
func TestCase50ReactivatedPlan(t *testing.T) {
	t.Parallel()
	s := newPlanStory(t, 50)
	s.step("there is a plan")
	s.step("it is completed")
	s.wantPlanLines(planLine("expired", "plan", "Zorgleefplan", walkSafely))
	s.step("it is active again")
	s.wantPlanLines(planLine("current", "plan", "Zorgleefplan", walkSafely))
}
