package dossiers

import (
	"fmt"
	"time"

	"dossiersync/cmd/carerecordsim/dossiers/dutch"
)

// formSchedule is when a form is filled in.
type formSchedule struct {
	code     string
	after    int // days from the beginning of a stay
	every    int // days; 0: once
	elderly  bool
	sometime float64 // probability that it is not forgotten
}

// missingForm is a form without a Questionnaire in the source.
const missingForm = "welbevinden"

var formSchedules = []formSchedule{
	{code: "intake-thuis", after: 2, sometime: 0.9},
	{code: "wensen", after: 20, every: 365, sometime: 0.9},
	{code: "valrisico", after: 8, every: 91, elderly: true, sometime: 0.9},
	{code: "must", after: 5, every: 30, elderly: true, sometime: 0.95},
	{code: "nachtrust", after: 30, every: 120, sometime: 0.4},
	{code: missingForm, after: 40, every: 182, sometime: 0.5},
}

// published returns when a version of a form was written. The Questionnaire of nachtrust comes
// late: forms are filled in before.
func (org *organisation) published(form *dutch.Form) time.Time {
	past := org.Now.Sub(org.epoch)
	switch {
	case form.Version != "1":
		return org.officeHour(random(org.Seed, "form "+form.Code, 0), org.epoch.Add(past*3/5))
	case form.Code == "nachtrust":
		return org.officeHour(random(org.Seed, "form "+form.Code, 0), org.epoch.Add(past/2))
	default:
		return org.epoch.AddDate(0, 0, -1)
	}
}

// writeForms records the Questionnaires.
func (org *organisation) writeForms(j *journal) {
	for _, form := range org.book.Forms() {
		if at := org.published(form); form.Code != missingForm {
			q := org.questionnaire(form, at.Format(time.DateOnly))
			j.put(at, "Questionnaire", q.ID, q)
		}
	}
}

// formInUse returns the version of a form that is in use then.
func (org *organisation) formInUse(code string, at time.Time) *dutch.Form {
	var newest *dutch.Form
	for _, form := range org.book.Forms() {
		if form.Code == code && (newest == nil || !org.published(form).After(at)) {
			newest = form
		}
	}
	return newest
}

// fillForms writes the client's forms.
func (w *writer) fillForms() {
	if w.client.survivor != nil {
		return
	}
	for _, stay := range w.client.stays {
		for _, h := range formSchedules {
			if h.elderly && w.client.setting() != dutch.Elderly {
				continue
			}
			w.fillOnSchedule(h, stay)
		}
	}
}

func (w *writer) fillOnSchedule(h formSchedule, stay stay) {
	day := stay.from.AddDate(0, 0, h.after+w.r.IntN(4))
	if stay.from.Equal(w.epoch) && h.every > 0 {
		day = stay.from.AddDate(0, 0, w.r.IntN(h.every)) // already in care: within the schedule
	}
	for !day.After(w.now) && stay.covers(day) {
		if chance(w.r, h.sometime) {
			w.fillForm(w.officeHour(w.r, day), w.formInUse(h.code, day))
		}
		if h.every == 0 {
			return
		}
		day = day.AddDate(0, 0, h.every-3+w.r.IntN(7))
	}
}

// formCourse is what happens to a form.
type formCourse int

const (
	formOrdinary formCourse = iota
	formSlow                // in-progress first
	formAmended
	formReopened
	formStopped
	formLeft // in-progress for good
	formHidden
	formWithdrawn
)

var formCourses = []weighted[formCourse]{
	{750, formOrdinary}, {120, formSlow}, {40, formAmended}, {30, formReopened}, {25, formStopped}, {15, formLeft},
	{12, formHidden}, {8, formWithdrawn},
}

// fillForm writes a form, and what happens to it.
func (w *writer) fillForm(at time.Time, form *dutch.Form) {
	course := draw(w.r, formCourses)
	q := w.newForm(at, form, course == formStopped || course == formLeft)
	later := at.Add(within(w.r, 20*time.Minute, days(4)))
	put := func(at time.Time, status string) {
		q.Status = status
		w.put(at, "QuestionnaireResponse", q.ID, q)
	}
	switch course {
	case formSlow:
		put(at, "in-progress")
		put(later, "completed")
	case formAmended:
		put(at, "completed")
		q.Item = w.answering(form, at).items(form.Questions)
		put(later, "amended")
	case formReopened:
		put(at, "completed")
		put(later, "in-progress")
		q.Item = w.answering(form, at).items(form.Questions)
		put(later.Add(within(w.r, time.Hour, days(2))), "completed")
	case formStopped:
		put(at, "stopped")
	case formLeft:
		put(at, "in-progress")
	case formHidden:
		q.Meta = &meta{Security: []coding{notForPatient}}
		put(at, "completed")
	case formWithdrawn:
		put(at, "completed")
		put(later, "entered-in-error")
	default:
		put(at, "completed")
	}
}

// newForm fills in a form; with brief, the second half stays open.
func (w *writer) newForm(at time.Time, form *dutch.Form, brief bool) *questionnaireResponse {
	w.forms++
	author := pick(w.r, w.client.team(at).members).reference()
	q := &questionnaireResponse{
		ResourceType: "QuestionnaireResponse", ID: fmt.Sprintf("formulier-%s-%d", w.client.id, w.forms),
		Questionnaire: canonical(form.Code) + "|" + form.Version, Status: "completed", Subject: w.client.reference(),
		Authored: at.Format(time.RFC3339), Author: &author,
	}
	switch n := w.r.IntN(100); {
	case n < 5:
		q.Authored = at.Format(time.DateOnly)
	case n < 8:
		q.Authored = ""
	case n < 12:
		q.Questionnaire = canonical(form.Code) // without a version
	case n < 24 && len(w.client.contacts) > 0:
		source := to("RelatedPerson", w.client.contacts[0].id, w.client.contacts[0].full())
		q.Source = &source
	}
	a := w.answering(form, at)
	a.brief = brief
	q.Item = a.items(form.Questions)
	return q
}
