package dossiers

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"time"

	"dossiersync/cmd/carerecordsim/dossiers/dutch"
)

// writer writes the reports and documents about one client.
type writer struct {
	*organisation
	*journal
	r         *rand.Rand
	client    *client
	documents int
	forms     int
	notes     int
	binaries  int
}

// shift is a part of the day, in minutes from midnight, and its share of the reports.
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

// writeDays writes the reports of each day in care.
func (w *writer) writeDays() {
	for day := w.epoch; !day.After(w.now); day = day.AddDate(0, 0, 1) {
		for _, sh := range shifts {
			at := w.moment(day, sh)
			if w.client.inCare(at) && chance(w.r, w.client.pace*sh.share) {
				w.writeReport(at, sh)
			}
		}
		noon := time.Date(day.Year(), day.Month(), day.Day(), 12, 5, 0, 0, w.zone)
		if w.client.inCare(noon) {
			w.writeRareThings(noon)
		}
	}
}

// writeRareThings writes what is not written every day.
func (w *writer) writeRareThings(noon time.Time) {
	if noon.Day() == 1+w.client.index%28 {
		w.weigh(noon)
	}
	for _, k := range documentKinds {
		if chance(w.r, k.perDay) {
			w.writeDocument(noon.Add(within(w.r, 0, 5*time.Hour)), k)
		}
	}
}

func (w *writer) moment(day time.Time, sh shift) time.Time {
	minute := sh.from + w.r.IntN(sh.until-sh.from)
	return time.Date(day.Year(), day.Month(), day.Day(), 0, minute, w.r.IntN(2)*w.r.IntN(60), 0, w.zone)
}

func (w *writer) writeReport(at time.Time, sh shift) {
	o := w.newReport(at, sh)
	course := draw(w.r, reportCourses)
	issued := at.Add(w.delay(course))
	o.Issued = issued.Format(instant)
	w.writeCourse(course, o, issued.Add(within(w.r, 0, 4*time.Second)))
}

// newReport returns a day report as in MedMij: an Observation.
func (w *writer) newReport(at time.Time, sh shift) *observation {
	o := &observation{
		ResourceType: "Observation", ID: newID(w.r), Status: "final",
		Code: concept{Coding: []coding{{System: snomed, Code: reportCode, Display: "patiëntcontactverslag"}},
			Text: "Dagrapportage"},
		Subject: w.client.reference(),
	}
	if sh.topic == dutch.Night {
		o.Code.Text = "Nachtrapportage"
	}
	w.date(o, at, sh)
	author := w.sign(o, at)
	cast := w.cast(w.r, w.client, author)
	cast.From, cast.Until = sh.from, min(sh.until, at.Hour()*60+at.Minute())
	p := w.client.plan(at)
	if g := w.chooseGoal(p, sh); g != nil && chance(w.r, 0.55) {
		o.Meta = &meta{Tag: []coding{carePlanKind}}
		o.BasedOn = []reference{p.reference()}
		o.Focus = []reference{to("Goal", g.id, g.title)}
		o.ValueString = w.book.GoalReport(w.r, cast, g.theme, sh.topic, w.client.setting())
		return o
	}
	o.ValueString = w.book.Report(w.r, cast, sh.topic, w.client.setting())
	return o
}

// chooseGoal draws a goal that a report of that shift can be about, or nil.
func (w *writer) chooseGoal(p *plan, sh shift) *planGoal {
	if p == nil || len(p.goals) == 0 || sh.topic == dutch.Night {
		return nil
	}
	g := pick(w.r, p.goals)
	if sh.topic == dutch.Morning && g.theme.Domain == "participatie" {
		return nil // too early for that
	}
	return g
}

var carePlanKind = coding{System: kindSystem, Code: "zorgleefplan", Display: "Zorgleefplan"}

// date sets the effective time: mostly a moment, sometimes the night as a period or only a day.
func (w *writer) date(o *observation, at time.Time, sh shift) {
	switch {
	case sh.topic == dutch.Night && chance(w.r, 0.1):
		evening := time.Date(at.Year(), at.Month(), at.Day()-1, 23, 0, 0, 0, w.zone)
		o.EffectivePeriod = &period{Start: evening.Format(time.RFC3339), End: at.Format(time.RFC3339)}
	case chance(w.r, 0.004):
		o.EffectiveDateTime = at.Format(time.DateOnly)
	default:
		o.EffectiveDateTime = at.Format(time.RFC3339)
	}
}

// sign draws an author, and names them as systems do: mostly by role.
func (w *writer) sign(o *observation, at time.Time) *member {
	t := w.client.team(at)
	author := pick(w.r, t.members)
	if chance(w.r, 0.04) {
		author = pick(w.r, t.specialists)
	}
	switch n := w.r.IntN(1000); {
	case n < 40:
		o.Performer = []reference{to("Practitioner", author.id, author.initialled())}
	case n < 55:
		o.Performer = []reference{t.reference()}
	case n < 70:
		o.Performer = []reference{{Display: author.initialled()}}
	case n < 80:
		o.Contained = []practitioner{{ResourceType: "Practitioner", ID: "auteur",
			Name: []humanName{{Text: author.full()}}}}
		o.Performer = []reference{{Reference: "#auteur"}}
	case n < 90:
		o.Performer = []reference{to("PractitionerRole", fmt.Sprintf("%s%d", UnseenStaff, w.r.IntN(20)),
			"Flexpool, "+author.role.display)}
		if n < 85 {
			number := author.number()
			o.Performer = []reference{{Type: "Practitioner", Identifier: &number, Display: author.initialled()}}
		}
	case n < 95:
		o.Performer = []reference{author.reference(), pick(w.r, t.members).reference()}
	default:
		o.Performer = []reference{author.reference()}
	}
	return author
}

// UnseenStaff is the prefix of staff ids that resources name and the source does not show.
const UnseenStaff = "flexpool-"

// weigh writes an Observation that is not a report.
func (w *writer) weigh(at time.Time) {
	id := newID(w.r)
	grams := w.client.weight*1000 + w.r.IntN(40)*100 - 2000
	w.put(at.Add(time.Minute), "Observation", id, &observation{
		ResourceType: "Observation", ID: id, Status: "final",
		Category: []concept{code("http://terminology.hl7.org/CodeSystem/observation-category", "vital-signs",
			"Vital Signs")},
		Code: code("http://loinc.org", "29463-7", "Lichaamsgewicht"), Subject: w.client.reference(),
		EffectiveDateTime: at.Format(time.RFC3339),
		ValueQuantity: &quantity{
			Value: json.Number(fmt.Sprintf("%d.%02d", grams/1000, grams%1000/10)),
			Unit:  "kg", System: ucum, Code: "kg",
		},
	})
}
