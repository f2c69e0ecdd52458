package acceptance

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// today begins a story of plans now: whether one is in force is decided by today's
// date.
func today(t *testing.T, number int) *story {
	t.Helper()
	return tell(t, number, setting{now: time.Now(), search: "care-plans: [CarePlan, Provenance, Consent]"})
}

// says is how a plan reads, in one text.
func (p plan) says() string {
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

// wantPlansSay compares how the plans of the case's client read, in any order.
func (s *story) wantPlansSay(want ...string) {
	s.t.Helper()
	var got []string
	for _, p := range s.look(s.client).Plans {
		got = append(got, p.says())
	}
	if diff := cmp.Diff(want, got, anyOrder[string]()); diff != "" {
		s.t.Errorf("plans (-want +got):\n%s", diff)
	}
}

// whole is how a plan of one goal and one action reads.
func whole(state, id, title, goal string) string {
	return state + " " + id + ": " + title + walking(id+"-doel", goal)
}

// walking is how a goal reads that is alone in its domain, with its action.
func walking(id, goal string) string {
	return " | lichamelijk | goal " + id + " " + goal + " (active) | action Twee keer per dag een stukje lopen. (in-progress) " + id
}

const safely = "Veilig lopen"

func TestCase38Superseded(t *testing.T) {
	t.Parallel()
	s := today(t, 38)
	s.next("there is a plan")
	s.wantPlansSay(whole("current", "oud", "Zorgleefplan", safely))
	after := []string{whole("current", "nieuw", "Nieuw zorgleefplan", safely), whole("expired", "oud", "Zorgleefplan", safely)}
	s.next("another takes its place, and it stays active")
	s.wantPlansSay(after...)
	s.next("it is completed")
	s.wantPlansSay(after...)
}

// A plan counts on its last day, and no longer on the next, without any sync.
func TestCase39PeriodEndsBetweenSyncs(t *testing.T) {
	t.Parallel()
	s := today(t, 39)
	s.next("a plan ends today, and one ended yesterday")
	s.wantPlansSay(whole("current", "vandaag", "Zorgleefplan", safely), whole("expired", "gisteren", "Zorgleefplan", safely))
}

func TestCase40TwoCurrentAtOnce(t *testing.T) {
	t.Parallel()
	s := today(t, 40)
	s.next("there are two plans at once")
	s.wantPlansSay(whole("current", "een", "Zorgleefplan", safely), whole("current", "twee", "Behandelplan", safely))
}

func TestCase41NoPeriod(t *testing.T) {
	t.Parallel()
	s := today(t, 41)
	s.next("a plan says not when")
	s.wantPlansSay(whole("current", "zonder", "Zorgleefplan", safely), whole("current", "begin", "Zorgleefplan", safely))
}

func TestCase42Revoked(t *testing.T) {
	t.Parallel()
	s := today(t, 42)
	s.next("there is a plan")
	s.wantPlansSay(whole("current", "plan", "Zorgleefplan", safely))
	s.next("it is revoked")
	s.wantPlansSay(whole("expired", "plan", "Zorgleefplan", safely))
}

func TestCase43OnHold(t *testing.T) {
	t.Parallel()
	s := today(t, 43)
	s.next("there is a plan")
	s.next("it rests")
	s.wantPlansSay(whole("current", "plan", "Zorgleefplan", safely))
}

// Nothing of a draft is told, neither by itself nor by a report about it.
func TestCase44DraftMustNotLeak(t *testing.T) {
	t.Parallel()
	s := today(t, 44)
	s.next("a plan is being written, and a report speaks of it")
	s.wantPlansSay()
	s.wantNowhere("Nog geheim")
	s.next("it is active")
	s.wantPlansSay(whole("current", "plan", "Niet meer geheim plan", "Niet meer geheim doel"))
	s.wantNowhere("Nog geheim")
}

func TestCase45NarrativeOnly(t *testing.T) {
	t.Parallel()
	s := today(t, 45)
	s.next("a plan is a text")
	plans := s.look(s.client).Plans
	if len(plans) != 1 || plans[0].State != "current" {
		t.Fatalf("plans are %+v", plans)
	}
	want := "Zorgleefplan\nMevrouw wil elke dag naar buiten.\n- Wandelen om 10 uur\n- Jas aan\nTot ziens"
	if got := strings.ReplaceAll(plans[0].Narrative, "\n\n", "\n"); got != want {
		t.Errorf("it reads %q", got)
	}
	s.wantNowhere("alert(1)", "onclick")
}

// Many CarePlans are one plan where they name the whole; one whose whole is
// nowhere stands by itself, and so does what was replaced.
func TestCase46ManyCarePlansOnePlan(t *testing.T) {
	t.Parallel()
	s := today(t, 46)
	s.next("plans consist of many CarePlans")
	const domain = " | lichamelijk"
	parts := func(goals ...string) string { return "current een: Plan met delen" + domain + strings.Join(goals, "") }
	goal := func(id, text string) string { return " | goal " + id + " " + text + " (active)" }
	act := func(id string) string { return " | action Twee keer per dag een stukje lopen. (in-progress) " + id }
	two := "current twee: Plan waarop andere steunen" + walking("twee-a-doel", "Beter slapen")
	alone := whole("current", "los", "Een plan zonder geheel", "Een plan zonder geheel")
	s.wantPlansSay(two, alone,
		parts(goal("een-b-doel", "Goed eten"), goal("een-a-doel", safely), act("een-b-doel"), act("een-a-doel")))
	s.next("a part is replaced")
	s.wantPlansSay(two, alone, whole("expired", "een-b", "Goed eten", "Goed eten"),
		parts(goal("een-c-doel", "Goed eten en drinken"), goal("een-a-doel", safely), act("een-c-doel"), act("een-a-doel")))
}

func TestCase47GoalCancelledAchieved(t *testing.T) {
	t.Parallel()
	s := today(t, 47)
	s.next("a plan has three goals")
	s.next("one is achieved, one is cancelled, one was an error")
	s.wantPlansSay("current plan: Zorgleefplan | lichamelijk | goal een Weer traplopen (completed) | " +
		"goal twee Gewicht blijft gelijk (cancelled) | action Oefenen met de trap. (in-progress) een | " +
		"action Elke week wegen. (in-progress) twee |  | action Naar het koor. (in-progress)")
	s.wantNowhere("zingen")
}

func TestCase48EvaluationLater(t *testing.T) {
	t.Parallel()
	s := today(t, 48)
	s.next("there is a plan")
	before := whole("current", "plan", "Zorgleefplan", safely)
	s.wantPlansSay(before)
	s.next("it is evaluated")
	plans := s.look(s.client).Plans
	if len(plans) != 1 || len(plans[0].Evaluations) != 2 {
		t.Fatalf("plans are %+v", plans)
	}
	_, first, _ := strings.Cut(plans[0].Evaluations[0], " ")
	if diff := cmp.Diff([]string{"second Joke Voorbeeld, verzorgende IG: Het lopen gaat beter.", ": Op weg naar het doel"},
		[]string{first, plans[0].Evaluations[1]}); diff != "" {
		t.Errorf("evaluations (-want +got):\n%s", diff)
	}
}

func TestCase49AgreementLaterWithdrawn(t *testing.T) {
	t.Parallel()
	s := today(t, 49)
	s.next("nobody has agreed yet")
	without := []string{whole("current", "een", "Zorgleefplan", safely), whole("current", "twee", "Zorgleefplan", safely)}
	s.wantPlansSay(without...)
	s.next("the daughter agrees to both plans")
	for _, p := range s.look(s.client).Plans {
		if by, at, _ := strings.Cut(p.Agreement, " 2"); by != "Dochter van casus" || at == "" {
			t.Errorf("plan %s is agreed by %q", p.ID, p.Agreement)
		}
	}
	s.next("she withdraws")
	s.wantPlansSay(without...)
}

func TestCase50Reactivated(t *testing.T) {
	t.Parallel()
	s := today(t, 50)
	s.next("there is a plan")
	s.next("it is completed")
	s.wantPlansSay(whole("expired", "plan", "Zorgleefplan", safely))
	s.next("and goes on")
	s.wantPlansSay(whole("current", "plan", "Zorgleefplan", safely))
}
