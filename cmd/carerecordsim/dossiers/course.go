package dossiers

import (
	"fmt"
	"strings"
	"time"
)

// reportCourse is what happens to a report.
type reportCourse int

const (
	ordinary reportCourse = iota
	corrected
	amended
	withdrawn
	firstPreliminary
	stillPreliminary
	hidden
	hiddenLater
	shownLater
	removed
	wrongClient
	categorySwitched
	unknownKind
	unknownStatus
	late
	lastYear
	nextMonth
)

// reportCourses add up to ten thousand.
var reportCourses = []weighted[reportCourse]{
	{9290, ordinary}, {110, corrected}, {80, amended}, {40, withdrawn},
	{110, firstPreliminary}, {8, stillPreliminary}, {70, hidden}, {20, hiddenLater}, {10, shownLater},
	{14, removed}, {12, wrongClient}, {24, categorySwitched}, {8, unknownKind}, {4, unknownStatus},
	{190, late}, {7, lastYear}, {3, nextMonth},
}

// delay returns the time between the moment of a report and its writing.
func (w *writer) delay(f reportCourse) time.Duration {
	if f == late {
		return within(w.r, 20*time.Hour, days(6))
	}
	return within(w.r, time.Minute, 80*time.Minute)
}

// writeCourse writes a report, and what happens to it later.
func (w *writer) writeCourse(f reportCourse, o *observation, at time.Time) {
	later := at.Add(within(w.r, 20*time.Minute, 40*time.Hour))
	if w.client.survivor != nil {
		w.moveAt(o, at, w.client.stays[0].until.Add(time.Hour), w.client.survivor)
		return
	}
	switch f {
	case firstPreliminary, stillPreliminary:
		o.Status = "preliminary"
	case hidden, shownLater:
		o.hide()
	case unknownStatus:
		o.Status = "unknown"
	case lastYear: // as people write in January
		o.redate(-1, 0)
	case nextMonth:
		o.redate(0, 1)
	case unknownKind:
		o.Meta = &meta{Tag: []coding{{System: kindSystem, Code: "domotica", Display: "Domotica"}}}
	case wrongClient:
		right := w.client
		o.Subject = pick(w.r, right.teams[0].clients).reference()
		w.moveAt(o, at, later, right)
		return
	}
	w.put(at, "Observation", o.ID, o)
	w.writeFollowUp(f, o, later)
}

// writeFollowUp writes the later version of a report, if its course has one.
func (w *writer) writeFollowUp(f reportCourse, o *observation, later time.Time) {
	switch f {
	case corrected:
		o.Status, o.ValueString = "corrected", correction(o.ValueString)
	case amended:
		o.Status = "amended"
		o.ValueString += fmt.Sprintf("\n\nAanvulling %s: uitslag besproken, geen verdere actie nodig.",
			later.Format("2-1-2006"))
	case withdrawn:
		o.Status = "entered-in-error"
	case firstPreliminary:
		o.Status = "final"
	case hiddenLater:
		o.hide()
	case shownLater:
		o.Meta.Security = nil
	case categorySwitched:
		o.switchCategory()
	case removed:
		w.delete(later, "Observation", o.ID)
		return
	default:
		return
	}
	w.put(later, "Observation", o.ID, o)
}

func (w *writer) moveAt(o *observation, at, later time.Time, right *client) {
	w.put(at, "Observation", o.ID, o)
	o.Subject = right.reference()
	w.put(later, "Observation", o.ID, o)
}

// notForPatient is the label NOPAT of v3-ActCode.
var notForPatient = coding{System: actCode, Code: "NOPAT",
	Display: "no disclosure to patient, family or caregivers without attending provider's authorization"}

func (o *observation) hide() {
	if o.Meta == nil {
		o.Meta = &meta{}
	}
	o.Meta.Security = []coding{notForPatient}
}

// redate sets a wrong year or month.
func (o *observation) redate(years, months int) {
	if at, err := time.Parse(time.RFC3339, o.EffectiveDateTime); err == nil {
		o.EffectiveDateTime = at.AddDate(years, months, 0).Format(time.RFC3339)
	}
}

func (o *observation) switchCategory() {
	if o.Meta != nil && len(o.Meta.Tag) > 0 {
		o.Meta, o.BasedOn, o.Focus = nil, nil, nil
		return
	}
	o.Meta = &meta{Tag: []coding{carePlanKind}}
}

// correction changes a detail of a text.
func correction(text string) string {
	for _, pair := range [][2]string{{"goed", "redelijk"}, {"links", "rechts"}, {"linker", "rechter"},
		{"weinig", "voldoende"}, {"vandaag", "gisteren"}} {
		if before, after, ok := strings.Cut(text, pair[0]); ok {
			return before + pair[1] + after
		}
	}
	return text + " (Tekst aangepast.)"
}
