package dossiers

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"time"

	"dossiersync/cmd/carerecordsim/dossiers/dutch"
)

// scribe writes the reports and documents on one client.
type scribe struct {
	*world
	*journal
	r         *rand.Rand
	client    *client
	documents int
	forms     int
	notes     int
	binaries  int
}

// shift is a part of the day, in minutes from midnight, and its share of the
// reports.
type shift struct {
	topic       string
	from, until int
	share       float64
}

var shifts = []shift{
	{dutch.Night, 2*60 + 30, 7*60 + 10, 0.16},
	{dutch.Morning, 7*60 + 40, 12 * 60, 0.36},
	{dutch.Afternoon, 13 * 60, 16*60 + 40, 0.22},
	{dutch.Evening, 18 * 60, 22*60 + 50, 0.26},
}

// tellDays writes what was written on each day in care.
func (s *scribe) tellDays() {
	for day := s.epoch; !day.After(s.now); day = day.AddDate(0, 0, 1) {
		for _, sh := range shifts {
			at := s.moment(day, sh)
			if s.client.inCare(at) && chance(s.r, s.client.pace*sh.share) {
				s.tellReport(at, sh)
			}
		}
		noon := time.Date(day.Year(), day.Month(), day.Day(), 12, 5, 0, 0, s.zone)
		if s.client.inCare(noon) {
			s.tellDay(noon)
		}
	}
}

// tellDay writes what is not written every day.
func (s *scribe) tellDay(noon time.Time) {
	if noon.Day() == 1+s.client.index%28 {
		s.weigh(noon)
	}
	for _, k := range documentKinds {
		if chance(s.r, k.perDay) {
			s.tellDocument(noon.Add(within(s.r, 0, 5*time.Hour)), k)
		}
	}
}

func (s *scribe) moment(day time.Time, sh shift) time.Time {
	minute := sh.from + s.r.IntN(sh.until-sh.from)
	return time.Date(day.Year(), day.Month(), day.Day(), 0, minute, s.r.IntN(2)*s.r.IntN(60), 0, s.zone)
}

func (s *scribe) tellReport(at time.Time, sh shift) {
	o := s.newReport(at, sh)
	fate := draw(s.r, fates)
	issued := at.Add(s.delay(fate))
	o.Issued = issued.Format(instant)
	s.meet(fate, o, issued.Add(within(s.r, 0, 4*time.Second)))
}

// newReport makes a day report as MedMij models it: an Observation.
func (s *scribe) newReport(at time.Time, sh shift) *observation {
	o := &observation{
		ResourceType: "Observation", ID: newID(s.r), Status: "final",
		Code:    concept{Coding: []coding{{System: snomed, Code: reportCode, Display: "patiëntcontactverslag"}}, Text: "Dagrapportage"},
		Subject: s.client.reference(),
	}
	if sh.topic == dutch.Night {
		o.Code.Text = "Nachtrapportage"
	}
	s.date(o, at, sh)
	author := s.sign(o, at)
	cast := s.cast(s.r, s.client, author)
	cast.From, cast.Until = sh.from, min(sh.until, at.Hour()*60+at.Minute())
	p := s.client.plan(at)
	if g := s.chooseGoal(p, sh); g != nil && chance(s.r, 0.55) {
		o.Meta = &meta{Tag: []coding{carePlanKind}}
		o.BasedOn = []reference{p.reference()}
		o.Focus = []reference{to("Goal", g.id, g.title)}
		o.ValueString = s.book.GoalReport(s.r, cast, g.theme, sh.topic, s.client.setting())
		return o
	}
	o.ValueString = s.book.Report(s.r, cast, sh.topic, s.client.setting())
	return o
}

// chooseGoal picks one of the plan that a report of that shift can be about, or
// none.
func (s *scribe) chooseGoal(p *plan, sh shift) *planGoal {
	if p == nil || len(p.goals) == 0 || sh.topic == dutch.Night {
		return nil
	}
	g := pick(s.r, p.goals)
	if sh.topic == dutch.Morning && g.theme.Domain == "participatie" {
		return nil // that is for later in the day
	}
	return g
}

var carePlanKind = coding{System: kindSystem, Code: "zorgleefplan", Display: "Zorgleefplan"}

// date says when it was: mostly a moment, now and then the night as a period
// or a day only.
func (s *scribe) date(o *observation, at time.Time, sh shift) {
	switch {
	case sh.topic == dutch.Night && chance(s.r, 0.1):
		evening := time.Date(at.Year(), at.Month(), at.Day()-1, 23, 0, 0, 0, s.zone)
		o.EffectivePeriod = &period{Start: evening.Format(time.RFC3339), End: at.Format(time.RFC3339)}
	case chance(s.r, 0.004):
		o.EffectiveDateTime = at.Format(time.DateOnly)
	default:
		o.EffectiveDateTime = at.Format(time.RFC3339)
	}
}

// sign chooses an author and names them as systems do: by role mostly, and in
// every other way now and then.
func (s *scribe) sign(o *observation, at time.Time) *member {
	t := s.client.team(at)
	author := pick(s.r, t.members)
	if chance(s.r, 0.04) {
		author = pick(s.r, t.specialists)
	}
	switch n := s.r.IntN(1000); {
	case n < 40:
		o.Performer = []reference{to("Practitioner", author.id, author.initialled())}
	case n < 55:
		o.Performer = []reference{t.reference()}
	case n < 70:
		o.Performer = []reference{{Display: author.initialled()}}
	case n < 80:
		o.Contained = []practitioner{{ResourceType: "Practitioner", ID: "auteur", Name: []humanName{{Text: author.full()}}}}
		o.Performer = []reference{{Reference: "#auteur"}}
	case n < 90:
		o.Performer = []reference{to("PractitionerRole", fmt.Sprintf("%s%d", Unseen, s.r.IntN(20)), "Flexpool, "+author.role.display)}
	case n < 95:
		o.Performer = []reference{author.reference(), pick(s.r, t.members).reference()}
	default:
		o.Performer = []reference{author.reference()}
	}
	return author
}

// Unseen begins the ids of staff whom the source names and does not show.
const Unseen = "flexpool-"

// weigh writes an Observation that is no report.
func (s *scribe) weigh(at time.Time) {
	id := newID(s.r)
	grams := s.client.weight*1000 + s.r.IntN(40)*100 - 2000
	s.put(at.Add(time.Minute), "Observation", id, &observation{
		ResourceType: "Observation", ID: id, Status: "final",
		Category: []concept{code("http://terminology.hl7.org/CodeSystem/observation-category", "vital-signs", "Vital Signs")},
		Code:     code("http://loinc.org", "29463-7", "Lichaamsgewicht"), Subject: s.client.reference(),
		EffectiveDateTime: at.Format(time.RFC3339),
		ValueQuantity: &quantity{
			Value: json.Number(fmt.Sprintf("%d.%02d", grams/1000, grams%1000/10)),
			Unit:  "kg", System: ucum, Code: "kg",
		},
	})
}
