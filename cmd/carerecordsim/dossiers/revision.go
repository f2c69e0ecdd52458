package dossiers

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"dossiersync/cmd/carerecordsim/archive"
	"dossiersync/cmd/carerecordsim/simulator"
)

// object is a resource as in Server.Update.
type object map[string]any

func (o object) text(name string) string {
	s, _ := o[name].(string)
	return s
}

func (o object) meta() map[string]any {
	m, ok := o["meta"].(map[string]any)
	if !ok {
		m = map[string]any{}
		o["meta"] = m
	}
	return m
}

// edit returns a change of a recent report with that status.
func edit(what, status string, change func(object)) func(*Living) (Change, error) {
	return func(l *Living) (Change, error) {
		id, err := l.choose(status)
		if id == "" {
			return Change{}, err
		}
		return l.update(what, "Observation", id, change)
	}
}

func (l *Living) update(what, typ, id string, change func(object)) (Change, error) {
	_, err := l.server.Update(typ, id, func(resource map[string]any) { change(resource) })
	if isGone(err) {
		return Change{}, nil // deleted meanwhile
	}
	return Change{what, typ, id}, err
}

func isGone(err error) bool {
	return errors.Is(err, archive.ErrNotFound) || errors.Is(err, simulator.ErrDeleted)
}

// choose returns a recent report with that status, or "".
func (l *Living) choose(status string) (string, error) {
	for range 40 {
		if len(l.recent) == 0 {
			return "", nil
		}
		id := pick(l.r, l.recent)
		v, err := l.server.Get("Observation", id)
		if isGone(err) {
			continue
		}
		if err != nil {
			return "", err
		}
		var o struct{ Status, ValueString string }
		if err := json.Unmarshal(v.Body, &o); err != nil {
			return "", fmt.Errorf("read report: %w", err)
		}
		if o.Status == status && o.ValueString != "" {
			return id, nil
		}
	}
	return "", nil
}

func (l *Living) delete() (Change, error) {
	id, err := l.choose("final")
	if id == "" {
		return Change{}, err
	}
	_, err = l.server.Delete("Observation", id)
	return Change{"delete report", "Observation", id}, err
}

// move corrects a report about the wrong client.
func (l *Living) move() (Change, error) {
	right := l.newWriter(l.now())
	id, err := l.choose("final")
	if right == nil || id == "" {
		return Change{}, err
	}
	return l.update("move report to the right client", "Observation", id, func(o object) {
		o["subject"] = right.client.reference()
		delete(o, "basedOn")
		delete(o, "focus")
	})
}

// evaluate adds a note to the first action of a plan.
func (l *Living) evaluate() (Change, error) {
	now := l.now()
	w, p, g := l.goal(now)
	if g == nil || len(g.theme.Progress) == 0 {
		return Change{}, nil
	}
	author := p.author.reference()
	note := annotation{
		AuthorReference: &author, Time: now.Format(time.RFC3339),
		Text: pick(l.r, g.theme.Progress).Render(l.r, l.dossiers.organisation.cast(l.r, w.client, p.author)),
	}
	return l.update("evaluate care plan", "CarePlan", p.id, func(o object) {
		actions, _ := o["activity"].([]any)
		if len(actions) == 0 {
			return
		}
		if action, ok := actions[0].(map[string]any); ok {
			progress, _ := action["progress"].([]any)
			action["progress"] = append(progress, note)
		}
	})
}

func (l *Living) achieve() (Change, error) {
	now := l.now()
	_, _, g := l.goal(now)
	if g == nil {
		return Change{}, nil
	}
	return l.update("achieve goal", "Goal", g.id, func(o object) {
		o["lifecycleStatus"], o["statusDate"] = "completed", now.Format(time.DateOnly)
		o["achievementStatus"] = code(achievement, "achieved", "Behaald")
	})
}

// goal draws a goal of a current plan, or nil.
func (l *Living) goal(now time.Time) (*writer, *plan, *planGoal) {
	w := l.newWriter(now)
	if w == nil {
		return nil, nil, nil
	}
	p := w.client.plan(now)
	if p == nil || len(p.goals) == 0 {
		return nil, nil, nil
	}
	return w, p, pick(l.r, p.goals)
}
