package dossiers

import (
	"fmt"
	"slices"
	"time"
)

var domainDisplays = map[string]string{
	"mentaal":      "Mentaal welbevinden",
	"lichamelijk":  "Lichamelijk welbevinden en gezondheid",
	"participatie": "Participatie",
	"wonen":        "Woon- en leefomstandigheden",
}

const achievement = "http://terminology.hl7.org/CodeSystem/goal-achievement"

func (p *plan) reference() reference { return to("CarePlan", p.id, p.title) }

func (p *plan) resource(c *client, status string) carePlan {
	author := p.author.reference()
	r := carePlan{
		ResourceType: "CarePlan", ID: p.id, Status: status, Intent: "plan",
		Category: []concept{code(base+"/plansoort", "zorgleefplan", "Zorgleefplan")},
		Title:    p.title, Subject: c.reference(),
		Created: p.made.Format(time.RFC3339), Author: &author,
		Description: "Afspraken over zorg en welzijn, gemaakt met " + c.given[0] + ".",
	}
	if len(c.contacts) > 0 {
		r.Description = "Afspraken over zorg en welzijn, gemaakt met " + c.given[0] +
			" en " + c.contacts[0].relation.display + " " + c.contacts[0].given[0] + "."
	}
	if !p.noPeriod {
		end := p.due
		if status == "completed" || status == "revoked" {
			end = p.until
		}
		last := end.AddDate(0, 0, -1) // in FHIR the end is included
		r.Period = &period{Start: p.start.Format(time.DateOnly), End: last.Format(time.DateOnly)}
	}
	if p.replaces != nil {
		r.Replaces = []reference{p.replaces.reference()}
	}
	for _, g := range p.goals {
		r.Goal = append(r.Goal, reference{Reference: "Goal/" + g.id})
	}
	r.Activity = slices.Clone(p.actions)
	for i := range r.Activity {
		r.Activity[i].Detail.Status = actionStatus[status]
	}
	return r
}

// resources returns the plan's CarePlans; the first describes the plan.
func (p *plan) resources(c *client, status string) []carePlan {
	whole := p.resource(c, status)
	switch p.form {
	case planBySheet:
		var lines []string
		for _, g := range p.goals {
			lines = append(lines, "Doel: "+g.title)
		}
		for _, a := range whole.Activity {
			lines = append(lines, "Actie: "+a.Detail.Description)
		}
		text := xhtml("additional", lines...)
		whole.Text, whole.Goal, whole.Activity = &text, nil, nil
		return []carePlan{whole}
	case planParts, planBased:
		return p.split(whole)
	default:
		return []carePlan{whole}
	}
}

// split returns a CarePlan per goal, with its actions.
func (p *plan) split(whole carePlan) []carePlan {
	list := []carePlan{whole}
	for i, g := range p.goals {
		part := whole
		part.ID = fmt.Sprintf("%s.%d", p.id, i+1)
		part.Title, part.Description, part.Replaces = g.title, "", nil
		part.Goal = []reference{{Reference: "Goal/" + g.id}}
		part.Activity = slices.DeleteFunc(slices.Clone(whole.Activity), func(a activity) bool { return p.goal(a) != g })
		if p.form == planParts {
			part.PartOf = []reference{p.reference()}
		} else {
			part.BasedOn = []reference{p.reference()}
		}
		list = append(list, part)
	}
	list[0].Goal, list[0].Activity = nil, nil
	return list
}

var actionStatus = map[string]string{
	"draft": "not-started", "active": "in-progress", "on-hold": "on-hold", "completed": "completed",
	"revoked": "stopped",
}

func (g *planGoal) resource(c *client, p *plan, lifecycle string, at time.Time) goal {
	r := goal{
		ResourceType: "Goal", ID: g.id, LifecycleStatus: lifecycle,
		Category:    []concept{code(domainSystem, g.theme.Domain, domainDisplays[g.theme.Domain])},
		Description: concept{Text: g.title}, Subject: c.reference(),
		StartDate:  p.start.Format(time.DateOnly),
		Target:     []goalTarget{{DueDate: p.start.AddDate(1, 0, 0).Format("2006-01")}},
		StatusDate: at.Format(time.DateOnly),
	}
	switch {
	case lifecycle == "completed" && g.achieved.Equal(at):
		achieved := code(achievement, "achieved", "Behaald")
		r.AchievementStatus = &achieved
		r.Note = []annotation{{Time: at.Format(time.RFC3339), Text: "Dit doel is bereikt. Mooi resultaat!"}}
	case lifecycle == "cancelled" && g.cancelled.Equal(at):
		stopped := code(achievement, "not-attainable", "Niet haalbaar")
		r.AchievementStatus = &stopped
		r.Note = []annotation{{Time: at.Format(time.RFC3339), Text: "Dit doel past niet meer. We zijn ermee gestopt."}}
	case lifecycle == "completed" && p.until.Equal(p.due):
		ended := code(achievement, "sustaining", "Wordt voortgezet in het nieuwe plan")
		r.AchievementStatus = &ended
	}
	return r
}
