package dossiers

import (
	"fmt"
	"math/rand/v2"
	"time"

	"dossiersync/cmd/carerecordsim/dossiers/dutch"
)

// plan is a care plan for about a year: a draft at first, active from start, evaluated halfway, and
// completed or replaced at until.
type plan struct {
	id, title  string
	made       time.Time // as a draft
	start, due time.Time // as planned
	until      time.Time // in fact; not included
	author     *member
	replaces   *plan
	revised    bool // until comes early, and another plan replaces this one
	onHold     bool
	resumed    bool // after being on hold
	reopened   bool // closed by mistake, and active again
	noPeriod   bool
	form       planForm
	agreement  agreement
	goals      []*planGoal
	actions    []activity
}

// planForm is the way in which a system writes a plan.
type planForm int

const (
	planWhole   planForm = iota // one CarePlan
	planParts                   // a CarePlan per goal, each partOf one CarePlan
	planBased                   // the same with basedOn
	planBySheet                 // a narrative only
)

type planGoal struct {
	id        string
	theme     *dutch.Goal
	title     string
	achieved  time.Time // zero: never
	cancelled time.Time // zero: never
}

func (p *plan) current(t time.Time) bool { return !t.Before(p.start) && t.Before(p.until) }

func (c *client) plan(t time.Time) *plan {
	for _, p := range c.plans {
		if p.current(t) {
			return p
		}
	}
	return nil
}

// makePlans makes the plans of one stay. The first begins before the history if the client was
// already in care.
func (org *organisation) makePlans(r *rand.Rand, c *client, s stay) {
	start := s.from.AddDate(0, 0, 18+r.IntN(20)) // there is no plan in the first weeks
	if s.from.Equal(org.epoch) {
		start = s.from.AddDate(0, 0, -r.IntN(360))
	}
	var previous *plan
	for start.Before(org.Now.AddDate(0, 0, 21)) && (s.until.IsZero() || start.Before(s.until)) {
		p := org.newPlan(r, c, start)
		if previous != nil && previous.revised {
			p.replaces = previous
		}
		if !s.until.IsZero() && s.until.Before(p.until) {
			p.until, p.revised = s.until, false
		}
		c.plans = append(c.plans, p)
		previous, start = p, p.until
	}
}

func (org *organisation) newPlan(r *rand.Rand, c *client, start time.Time) *plan {
	start = time.Date(start.Year(), start.Month(), start.Day(), 2, 0, 0, 0, org.zone)
	team := c.team(start)
	word := map[string]string{dutch.Elderly: "Zorgleefplan", dutch.Disabled: "Ondersteuningsplan"}[c.setting()]
	p := &plan{
		id:     fmt.Sprintf("plan-%s-%d", c.id, len(c.plans)+1),
		title:  fmt.Sprintf("%s %d", word, start.Year()),
		made:   org.officeHour(r, start.AddDate(0, 0, -7-r.IntN(10))),
		start:  start,
		due:    start.AddDate(1, 0, 0),
		author: team.members[0],
	}
	p.until = p.due
	if early := start.AddDate(0, 0, 150+r.IntN(150)); chance(r, 0.08) && early.After(org.epoch.AddDate(0, 0, 2)) {
		p.revised, p.until = true, early
	}
	p.onHold, p.noPeriod = chance(r, 0.06), chance(r, 0.02)
	org.chooseGoals(r, c, p)
	org.chooseForm(random(org.Seed, p.id, 1), p)
	return p
}

func (org *organisation) chooseForm(r *rand.Rand, p *plan) {
	p.form = draw(r, []weighted[planForm]{{84, planWhole}, {7, planParts}, {5, planBased}, {4, planBySheet}})
	p.agreement = draw(r, agreements)
	p.resumed, p.reopened = chance(r, 0.5), chance(r, 0.08)
	for _, g := range p.goals {
		cancelled := org.officeHour(r, p.start.Add(within(r, days(40), days(300))))
		if g.achieved.IsZero() && cancelled.After(org.epoch.AddDate(0, 0, 2)) && chance(r, 0.05) {
			g.cancelled = cancelled
		}
	}
}

// chooseGoals draws mostly one goal per domain, and some more.
func (org *organisation) chooseGoals(r *rand.Rand, c *client, p *plan) {
	all := org.book.Goals(c.setting())
	r.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	domains := map[string]int{}
	for i := range all {
		g := &all[i]
		if domains[g.Domain] > 0 && !chance(r, 0.3) || domains[g.Domain] == 0 && chance(r, 0.1) {
			continue
		}
		domains[g.Domain]++
		p.add(org, r, c, g)
	}
}

func (p *plan) add(w *organisation, r *rand.Rand, c *client, g *dutch.Goal) {
	pg := &planGoal{id: fmt.Sprintf("doel-%s-%d-%d", c.id, len(c.plans)+1, len(p.goals)+1), theme: g}
	pg.title = g.Title.Render(r, w.cast(r, c, p.author))
	if achieved := w.officeHour(r, p.start.Add(within(r, days(60), days(330)))); achieved.After(w.epoch.AddDate(0,
		0, 2)) && chance(r, 0.2) {
		pg.achieved = achieved
	}
	p.goals = append(p.goals, pg)
	for _, action := range g.Actions {
		p.actions = append(p.actions, activity{Detail: activityDetail{
			Goal:            []reference{{Reference: "Goal/" + pg.id}},
			Description:     action.Render(r, w.cast(r, c, p.author)),
			ScheduledString: pick(r, []string{"", "", "dagelijks", "elke ochtend", "wekelijks", "iedere avond"}),
		}})
	}
}
