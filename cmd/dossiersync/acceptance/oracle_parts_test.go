package acceptance

import (
	"cmp"
	"slices"
	"strings"
	"time"
)

// wholesOf returns the plan in which each part of a plan is shown, by key. A part in force is
// not shown in a plan that is not; a replaced part is not shown in a plan in force.
func (o *oracle) wholesOf(plans map[string]resource, shown map[string]*planView,
	replaced map[string]bool) map[string]string {
	wholes := make(map[string]string)
	for key := range shown {
		x := plans[key]
		for _, ref := range append(x.parts("partOf"), x.parts("basedOn")...) {
			of := keyOf(ref)
			if wholes[key] != "" || shown[of] == nil ||
				plans[of].text("subject", "reference") != x.text("subject", "reference") {
				continue
			}
			open, wholeOpen := isInForce(x) && !replaced[key], isInForce(plans[of]) && !replaced[of]
			if (!open || wholeOpen) && (!isInForce(x) || !replaced[key] || !wholeOpen) {
				wholes[key] = of
			}
		}
	}
	return wholes
}

func isInForce(x resource) bool { return x.text("status") == "active" || x.text("status") == "on-hold" }

// wholeOf returns the plan in which a plan is shown in the end.
func wholeOf(wholes map[string]string, key string) string {
	for wholes[key] != "" {
		key = wholes[key]
	}
	return key
}

// withParts returns a plan with the content of its parts, and of theirs.
func (o *oracle) withParts(key string, wholes map[string]string, plans map[string]resource,
	shown map[string]*planView) planView {
	v := *shown[key]
	var parts []string
	for part, of := range wholes {
		if of == key {
			parts = append(parts, part)
		}
	}
	slices.SortFunc(parts, func(a, b string) int {
		return cmp.Or(o.startOf(plans[a]).Compare(o.startOf(plans[b])),
			cmp.Compare(plans[a].text("title"), plans[b].text("title")), cmp.Compare(a, b))
	})
	for _, key := range parts {
		p := o.withParts(key, wholes, plans, shown)
		title := plans[key].text("title")
		isGoal := func(g string) bool { return strings.Contains(g, ": "+foldSpace(title)+"; ") }
		if len(p.Actions) == 0 && !slices.ContainsFunc(p.Goals, isGoal) {
			p.Actions = []string{o.partAsAction(plans[key])}
		}
		v.Goals, v.Actions = append(v.Goals, p.Goals...), append(v.Actions, p.Actions...)
		v.Evaluations = append(v.Evaluations, p.Evaluations...)
		for to, s := range map[*string]string{&v.Description: p.Description, &v.Narrative: p.Narrative} {
			if s != "" {
				*to += withoutLayout(plans[key].text("title")) + s
			}
		}
	}
	slices.Sort(v.Goals)
	v.Goals = slices.Compact(v.Goals)
	slices.Sort(v.Actions)
	slices.SortStableFunc(v.Evaluations, func(a, b string) int { return noteTime(b).Compare(noteTime(a)) })
	return v
}

func (o *oracle) startOf(x resource) time.Time {
	t, _, _ := o.instant(x.text("period", "start"), x.text("created"))
	return t
}

// noteTime returns the time with which an evaluation's line begins.
func noteTime(s string) time.Time {
	at, _, _ := strings.Cut(s, " ")
	t, _ := time.Parse(time.RFC3339, at)
	return t
}

// partAsAction is the action for a part that lists none.
func (o *oracle) partAsAction(x resource) string {
	of := ""
	for _, ref := range x.parts("goal") {
		if of == "" {
			of = domain(o.goalOf(x.text("subject", "reference"), ref.text("reference")))
		}
	}
	status := map[string]string{"active": "in-progress", "on-hold": "on-hold", "completed": "completed",
		"revoked": "stopped"}
	return of + ": " + foldSpace(x.text("title")) + " (" + status[x.text("status")] + ")"
}
