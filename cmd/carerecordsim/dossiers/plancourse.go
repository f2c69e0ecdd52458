package dossiers

import (
	"math/rand/v2"
	"time"
)

// writePlan writes the versions of a plan and its goals.
func (org *organisation) writePlan(j *journal, c *client, p *plan) {
	r := random(org.Seed, p.id, 0)
	imported := org.imported(c)
	if p.start.After(org.epoch) && p.made.After(org.epoch) {
		org.putPlan(j, p.made, c, p, "draft")
	}
	begins := p.start // by a nightly job, for all clients at once
	if begins.Before(org.epoch) {
		begins = imported
	}
	org.putPlan(j, begins, c, p, "active")
	org.achieveGoals(j, c, p)
	if half := org.officeHour(r, p.start.AddDate(0, 0, 170+r.IntN(20))); half.After(begins) && half.Before(p.until) {
		org.evaluate(r, c, p, half)
		status := "active"
		if p.onHold {
			status = "on-hold"
		}
		org.putPlanOnly(j, half, c, p, status)
		org.writeTurn(r, j, half, c, p)
	}
	org.agree(j, begins, c, p)
	end := "completed"
	if p.revised {
		end = "revoked"
	}
	org.putPlan(j, p.until, c, p, end)
}

// writeTurn writes what happens after the evaluation: the plan continues, or is closed by mistake.
func (org *organisation) writeTurn(r *rand.Rand, j *journal, half time.Time, c *client, p *plan) {
	closed, again := half.Add(within(r, days(2), days(12))), half.Add(within(r, days(13), days(25)))
	if !again.Before(p.until) {
		return
	}
	if p.reopened {
		org.putPlanOnly(j, closed, c, p, "completed")
	}
	if p.reopened || p.onHold && p.resumed {
		org.putPlanOnly(j, again, c, p, "active")
	}
}

// putPlanOnly writes a plan in a status, without its goals.
func (org *organisation) putPlanOnly(j *journal, at time.Time, c *client, p *plan, status string) {
	for _, r := range p.resources(c, status) {
		j.put(at, "CarePlan", r.ID, r)
	}
}

// putPlan writes a plan in a status, with the goals that change with it.
func (org *organisation) putPlan(j *journal, at time.Time, c *client, p *plan, status string) {
	lifecycle := map[string]string{"draft": "proposed", "active": "active", "completed": "completed",
		"revoked": "cancelled"}[status]
	for _, g := range p.goals {
		if g.open(at) || status == "draft" {
			j.put(at, "Goal", g.id, g.resource(c, p, lifecycle, at))
		}
	}
	org.putPlanOnly(j, at, c, p, status)
}

// open reports whether a goal is neither achieved nor cancelled at that time.
func (g *planGoal) open(at time.Time) bool {
	return (g.achieved.IsZero() || g.achieved.After(at)) && (g.cancelled.IsZero() || g.cancelled.After(at))
}

// achieveGoals writes the goals that end before their plan.
func (org *organisation) achieveGoals(j *journal, c *client, p *plan) {
	for _, g := range p.goals {
		if !g.achieved.IsZero() && g.achieved.Before(p.until) {
			j.put(g.achieved, "Goal", g.id, g.resource(c, p, "completed", g.achieved))
		}
		if !g.cancelled.IsZero() && g.cancelled.Before(p.until) {
			j.put(g.cancelled, "Goal", g.id, g.resource(c, p, "cancelled", g.cancelled))
		}
	}
}

// evaluate adds the notes of the evaluation to the actions.
func (org *organisation) evaluate(r *rand.Rand, c *client, p *plan, at time.Time) {
	author := p.author.reference()
	for i := range p.actions {
		g := p.goal(p.actions[i])
		if g == nil || len(g.theme.Progress) == 0 || !chance(r, 0.5) {
			continue
		}
		p.actions[i].Progress = append(p.actions[i].Progress, annotation{
			AuthorReference: &author, Time: at.Format(time.RFC3339),
			Text: pick(r, g.theme.Progress).Render(r, org.cast(r, c, p.author)),
		})
	}
}

func (p *plan) goal(a activity) *planGoal {
	for _, g := range p.goals {
		if len(a.Detail.Goal) > 0 && a.Detail.Goal[0].Reference == "Goal/"+g.id {
			return g
		}
	}
	return nil
}
