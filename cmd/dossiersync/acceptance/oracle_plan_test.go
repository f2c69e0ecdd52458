package acceptance

import (
	"slices"
	"strings"
	"time"
)

// planView is a care plan as a person reads it.
type planView struct {
	Title, State, Start, End, Author string
	Description, Narrative           string
	Goals                            []string // each with its domain, sorted
	Actions                          []string // each with its domain, sorted
	Evaluations                      []string // newest first
}

func (o *oracle) plans(clients map[string]*shownDossier) {
	plans := o.of("CarePlan")
	shown := make(map[string]*planView)
	replaced := make(map[string]bool)
	for key, x := range plans {
		d := ownerOf(clients, x, "subject")
		if d == nil || !isForClients(x) || !slices.Contains([]string{"active", "on-hold", "completed", "revoked"},
			x.text("status")) {
			continue
		}
		v := o.plan(x)
		shown[key] = &v
		for _, ref := range x.parts("replaces") {
			if o.all[ref.text("reference")].text("subject", "reference") == x.text("subject", "reference") {
				replaced[keyOf(ref)] = true
			}
		}
	}
	wholes := o.wholesOf(plans, shown, replaced)
	for key, v := range shown {
		if replaced[key] {
			v.State = "expired"
		}
		if wholes[key] == "" {
			ownerOf(clients, plans[key], "subject").Plans[key] = o.withParts(key, wholes, plans, shown)
		}
	}
	for _, d := range clients {
		for key, v := range d.Reports {
			v.Plan, v.Goal = o.linkedPlanTitle(v, shown, wholes), o.goalOf(v.client, v.Goal).text("description", "text")
			d.Reports[key] = v
		}
	}
}

// linkedPlanTitle returns the title of the shown plan to which a report belongs, directly or
// by a part; "" if there is none.
func (o *oracle) linkedPlanTitle(v reportView, shown map[string]*planView, wholes map[string]string) string {
	x := o.all[v.Plan]
	if x.text("subject", "reference") != v.client {
		return ""
	}
	if p := shown[wholeOf(wholes, keyOf(resource{"reference": v.Plan}))]; p != nil {
		return p.Title
	}
	return ""
}

func (o *oracle) plan(x resource) planView {
	v := planView{
		Title: x.text("title"), State: "expired", Start: x.text("period", "start"), End: x.text("period", "end"),
		Author: o.author(x, x.part("author")), Description: withoutLayout(x.text("description")),
	}
	today := time.Now().In(o.zone).Format(time.DateOnly)
	if s := x.text("status"); (s == "active" || s == "on-hold") && (v.End == "" || v.End >= today[:len(v.End)]) {
		v.State = "current"
	}
	client := x.text("subject", "reference")
	goals := x.parts("goal")
	for _, a := range x.parts("activity") {
		goals = append(goals, a.part("detail").parts("goal")...)
	}
	for _, ref := range goals {
		if g := o.goalOf(client, ref.text("reference")); g != nil {
			v.Goals = append(v.Goals, domain(g)+": "+o.goal(g))
		}
	}
	var notes []resource
	for _, a := range x.parts("activity") {
		if s := a.text("detail", "description"); s != "" {
			of := ""
			for _, ref := range a.part("detail").parts("goal") {
				if of == "" {
					of = domain(o.goalOf(client, ref.text("reference")))
				}
			}
			v.Actions = append(v.Actions, of+": "+foldSpace(s)+" ("+a.text("detail", "status")+")")
		}
		notes = append(notes, a.parts("progress")...)
		for _, outcome := range a.parts("outcomeCodeableConcept") {
			notes = append(notes, resource{"text": conceptText(outcome)})
		}
	}
	v.Evaluations = o.notes(x, notes)
	if text := x.part("text"); text.text("status") == "additional" {
		v.Narrative = withoutLayout(htmlText(text.text("div")))
	}
	slices.Sort(v.Goals)
	v.Goals = slices.Compact(v.Goals)
	slices.Sort(v.Actions)
	return v
}

// goalOf returns the client's goal that a reference names, if it is shown.
func (o *oracle) goalOf(client, reference string) resource {
	x := o.all[reference]
	statuses := []string{"planned", "accepted", "active", "on-hold", "completed", "cancelled"}
	if !strings.HasPrefix(reference, "Goal/") || x.text("subject", "reference") != client || !isForClients(x) ||
		!slices.Contains(statuses, x.text("lifecycleStatus")) {
		return nil
	}
	return x
}

// domain returns the Dutch name of a goal's domain.
func domain(g resource) string {
	switch g.text("category", "coding", "code") {
	case "mentaal":
		return "Mentaal welbevinden"
	case "lichamelijk":
		return "Lichamelijk welbevinden en gezondheid"
	case "participatie":
		return "Participatie"
	case "wonen":
		return "Woon- en leefomstandigheden"
	}
	return conceptText(g.part("category"))
}

// goal returns a goal as one line.
func (o *oracle) goal(g resource) string {
	parts := []string{foldSpace(g.text("description", "text")), g.text("lifecycleStatus"),
		g.text("achievementStatus", "coding", "code"), g.text("startDate")}
	for _, t := range g.parts("target") {
		parts = append(parts, "target "+t.text("dueDate"))
	}
	return strings.Join(append(parts, o.notes(g, g.parts("note"))...), "; ")
}

// notes returns annotations as lines, newest first.
func (o *oracle) notes(x resource, list []resource) []string {
	slices.SortStableFunc(list, func(a, b resource) int {
		s, _, _ := o.instant(a.text("time"))
		t, _, _ := o.instant(b.text("time"))
		return t.Compare(s)
	})
	var lines []string
	for _, n := range list {
		by := o.author(x, n.part("authorReference"))
		lines = append(lines, o.formatted(n.text("time"))+" "+by+": "+foldSpace(n.text("text")))
	}
	return lines
}
