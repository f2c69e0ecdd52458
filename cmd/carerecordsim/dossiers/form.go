package dossiers

import (
	"fmt"
	"time"

	"dossiersync/cmd/carerecordsim/dossiers/dutch"
)

// formHabit is when a form is filled in.
type formHabit struct {
	code     string
	after    int // days from the beginning of a stay
	every    int // days; 0: once
	elderly  bool
	sometime float64 // how often it is not forgotten
}

// welbevinden is a form whose Questionnaire the source does not have.
const welbevinden = "welbevinden"

var formHabits = []formHabit{
	{code: "intake-thuis", after: 2, sometime: 0.9},
	{code: "wensen", after: 20, every: 365, sometime: 0.9},
	{code: "valrisico", after: 8, every: 91, elderly: true, sometime: 0.9},
	{code: "must", after: 5, every: 30, elderly: true, sometime: 0.95},
	{code: "nachtrust", after: 30, every: 120, sometime: 0.4},
	{code: welbevinden, after: 40, every: 182, sometime: 0.5},
}

// published is when a version of a form came into use. The Questionnaire of
// nachtrust was forgotten at first: forms were filled in before it came.
func (w *world) published(form *dutch.Form) time.Time {
	past := w.Now.Sub(w.epoch)
	switch {
	case form.Version != "1":
		return w.officeHour(random(w.Seed, "form "+form.Code, 0), w.epoch.Add(past*3/5))
	case form.Code == "nachtrust":
		return w.officeHour(random(w.Seed, "form "+form.Code, 0), w.epoch.Add(past/2))
	default:
		return w.epoch.AddDate(0, 0, -1)
	}
}

// writeForms records the Questionnaires.
func (w *world) writeForms(j *journal) {
	for _, form := range w.book.Forms() {
		if at := w.published(form); form.Code != welbevinden {
			q := w.questionnaire(form, at.Format(time.DateOnly))
			j.put(at, "Questionnaire", q.ID, q)
		}
	}
}

// formInUse returns the version of a form that people fill in then.
func (w *world) formInUse(code string, at time.Time) *dutch.Form {
	var newest *dutch.Form
	for _, form := range w.book.Forms() {
		if form.Code == code && (newest == nil || !w.published(form).After(at)) {
			newest = form
		}
	}
	return newest
}

// tellForms writes the forms of one client.
func (s *scribe) tellForms() {
	if s.client.survivor != nil {
		return
	}
	for _, stay := range s.client.stays {
		for _, h := range formHabits {
			if h.elderly && s.client.setting() != dutch.Elderly {
				continue
			}
			s.tellHabit(h, stay)
		}
	}
}

func (s *scribe) tellHabit(h formHabit, stay stay) {
	day := stay.from.AddDate(0, 0, h.after+s.r.IntN(4))
	if stay.from.Equal(s.epoch) && h.every > 0 {
		day = stay.from.AddDate(0, 0, s.r.IntN(h.every)) // in care already, and used to it
	}
	for !day.After(s.now) && stay.covers(day) {
		if chance(s.r, h.sometime) {
			s.tellForm(s.officeHour(s.r, day), s.formInUse(h.code, day))
		}
		if h.every == 0 {
			return
		}
		day = day.AddDate(0, 0, h.every-3+s.r.IntN(7))
	}
}

// formFate is what becomes of a form.
type formFate int

const (
	formOrdinary formFate = iota
	formSlow              // in-progress first
	formAmended
	formReopened
	formStopped
	formLeft // in-progress for good
	formHidden
	formWithdrawn
)

var formFates = []weighted[formFate]{
	{750, formOrdinary}, {120, formSlow}, {40, formAmended}, {30, formReopened}, {25, formStopped}, {15, formLeft},
	{12, formHidden}, {8, formWithdrawn},
}

// tellForm writes a form, and what becomes of it.
func (s *scribe) tellForm(at time.Time, form *dutch.Form) {
	fate := draw(s.r, formFates)
	q := s.newForm(at, form, fate == formStopped || fate == formLeft)
	later := at.Add(within(s.r, 20*time.Minute, days(4)))
	put := func(at time.Time, status string) {
		q.Status = status
		s.put(at, "QuestionnaireResponse", q.ID, q)
	}
	switch fate {
	case formSlow:
		put(at, "in-progress")
		put(later, "completed")
	case formAmended:
		put(at, "completed")
		q.Item = s.answering(form, at).items(form.Questions)
		put(later, "amended")
	case formReopened:
		put(at, "completed")
		put(later, "in-progress")
		q.Item = s.answering(form, at).items(form.Questions)
		put(later.Add(within(s.r, time.Hour, days(2))), "completed")
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

// newForm fills a form in; brief leaves the second half open.
func (s *scribe) newForm(at time.Time, form *dutch.Form, brief bool) *questionnaireResponse {
	s.forms++
	author := pick(s.r, s.client.team(at).members).reference()
	q := &questionnaireResponse{
		ResourceType: "QuestionnaireResponse", ID: fmt.Sprintf("formulier-%s-%d", s.client.id, s.forms),
		Questionnaire: canonical(form.Code) + "|" + form.Version, Status: "completed", Subject: s.client.reference(),
		Authored: at.Format(time.RFC3339), Author: &author,
	}
	switch n := s.r.IntN(100); {
	case n < 5:
		q.Authored = at.Format(time.DateOnly)
	case n < 8:
		q.Authored = ""
	case n < 12:
		q.Questionnaire = canonical(form.Code) // whatever version
	case n < 24 && len(s.client.contacts) > 0:
		source := to("RelatedPerson", s.client.contacts[0].id, s.client.contacts[0].full())
		q.Source = &source
	}
	a := s.answering(form, at)
	a.brief = brief
	q.Item = a.items(form.Questions)
	return q
}
