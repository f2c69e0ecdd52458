package acceptance

import (
	"cmp"
	"slices"
	"strings"
	"time"
)

// partsOf returns for each part of a plan the plan that it belongs to, by keys. A
// part that is in force leaves a plan that is not, and one that was replaced a plan
// that is in force.
func (o *oracle) partsOf(plans map[string]resource, shown map[string]*planView, replaced map[string]bool) map[string]string {
	wholes := make(map[string]string)
	for key := range shown {
		x := plans[key]
		for _, ref := range append(x.parts("partOf"), x.parts("basedOn")...) {
			of := keyOf(ref)
			if wholes[key] != "" || shown[of] == nil || plans[of].text("subject", "reference") != x.text("subject", "reference") {
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

// wholeOf returns the plan in which a plan is shown.
func wholeOf(wholes map[string]string, key string) string {
	for wholes[key] != "" {
		key = wholes[key]
	}
	return key
}

// gather adds to a plan what its parts say, and theirs.
func (o *oracle) gather(key string, wholes map[string]string, plans map[string]resource, shown map[string]*planView) planView {
	v := *shown[key]
	var parts []string
	for part, of := range wholes {
		if of == key {
			parts = append(parts, part)
		}
	}
	slices.SortFunc(parts, func(a, b string) int {
		return cmp.Or(o.began(plans[a]).Compare(o.began(plans[b])), cmp.Compare(plans[a].text("title"), plans[b].text("title")), cmp.Compare(a, b))
	})
	for _, key := range parts {
		p := o.gather(key, wholes, plans, shown)
		if title := plans[key].text("title"); len(p.Actions) == 0 && !slices.ContainsFunc(p.Goals, func(g string) bool { return strings.Contains(g, ": "+words(title)+"; ") }) {
			p.Actions = []string{o.done(plans[key])}
		}
		v.Goals, v.Actions = append(v.Goals, p.Goals...), append(v.Actions, p.Actions...)
		v.Evaluations = append(v.Evaluations, p.Evaluations...)
		for to, s := range map[*string]string{&v.Description: p.Description, &v.Narrative: p.Narrative} {
			if s != "" {
				*to += letters(plans[key].text("title")) + s
			}
		}
	}
	slices.Sort(v.Goals)
	v.Goals = slices.Compact(v.Goals)
	slices.Sort(v.Actions)
	slices.SortStableFunc(v.Evaluations, func(a, b string) int { return evaluated(b).Compare(evaluated(a)) })
	return v
}

func (o *oracle) began(x resource) time.Time {
	t, _, _ := o.instant(x.text("period", "start"), x.text("created"))
	return t
}

// evaluated is when the note was made of which s is the line.
func evaluated(s string) time.Time {
	at, _, _ := strings.Cut(s, " ")
	t, _ := time.Parse(time.RFC3339, at)
	return t
}

// done is a part that lists nothing to do as an action.
func (o *oracle) done(x resource) string {
	of := ""
	for _, ref := range x.parts("goal") {
		if of == "" {
			of = domain(o.goalOf(x.text("subject", "reference"), ref.text("reference")))
		}
	}
	status := map[string]string{"active": "in-progress", "on-hold": "on-hold", "completed": "completed", "revoked": "stopped"}
	return of + ": " + words(x.text("title")) + " (" + status[x.text("status")] + ")"
}
