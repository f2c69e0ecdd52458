package dossiers

import (
	"encoding/json"
	"time"
)

func (l *Living) note() (Change, error) {
	w := l.newWriter(l.now())
	if w == nil {
		return Change{}, nil
	}
	c := w.newNote(l.now().Add(-time.Minute).Truncate(time.Second))
	return l.put("write note", "Composition", c.ID, c)
}

func (l *Living) form() (Change, error) { return l.fillIn("write form", "completed") }

func (l *Living) beginForm() (Change, error) { return l.fillIn("begin form", "in-progress") }

func (l *Living) fillIn(what, status string) (Change, error) {
	now := l.now()
	w := l.newWriter(now)
	if w == nil {
		return Change{}, nil
	}
	q := w.newForm(now.Truncate(time.Second), w.formInUse(pick(l.r, formSchedules).code, now), status == "in-progress")
	q.Status = status
	l.forms = remember(l.forms, q.ID)
	return l.put(what, "QuestionnaireResponse", q.ID, q)
}

// editForm returns a change of a recent form's status.
func editForm(what, from, to string) func(*Living) (Change, error) {
	return func(l *Living) (Change, error) {
		for range 40 {
			if len(l.forms) == 0 {
				break
			}
			id := pick(l.r, l.forms)
			status, err := l.statusOf("QuestionnaireResponse", id)
			if err != nil {
				return Change{}, err
			}
			if status == from {
				return l.update(what, "QuestionnaireResponse", id, func(o object) { o["status"] = to })
			}
		}
		return Change{}, nil
	}
}

// statusOf returns the status of a resource; "" if it is deleted.
func (l *Living) statusOf(typ, id string) (string, error) {
	v, err := l.server.Get(typ, id)
	if isGone(err) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	var r struct{ Status string }
	err = json.Unmarshal(v.Body, &r)
	return r.Status, err
}

// agree records an agreement to a plan, or withdraws it.
func (l *Living) agree() (Change, error) {
	now := l.now()
	w, p, _ := l.goal(now)
	if w == nil {
		return Change{}, nil
	}
	signature := newProvenance(w.client, p, now)
	if _, err := l.server.Get("Provenance", signature.ID); err == nil {
		_, err := l.server.Delete("Provenance", signature.ID)
		return Change{"withdraw agreement", "Provenance", signature.ID}, err
	}
	return l.put("agree to care plan", "Provenance", signature.ID, signature)
}

// hold puts a plan on hold, or resumes it.
func (l *Living) hold() (Change, error) {
	w, p, _ := l.goal(l.now())
	if w == nil {
		return Change{}, nil
	}
	status, err := l.statusOf("CarePlan", p.id)
	switch {
	case err != nil:
		return Change{}, err
	case status == "active":
		return l.update("put care plan on hold", "CarePlan", p.id, func(o object) { o["status"] = "on-hold" })
	case status == "on-hold":
		return l.update("resume care plan", "CarePlan", p.id, func(o object) { o["status"] = "active" })
	default:
		return Change{}, nil
	}
}
