package acceptance

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"dossiersync/cmd/carerecordsim/archive"
)

// object is a JSON object.
type object = map[string]any

// randomChange is something that people do in a care record system and that
// dossiers.Living does not.
type randomChange struct {
	name  string
	typ   string // of the resource; "": a report, form, plan or goal
	apply func(w *seededHarness, typ, id string) error
}

// changing is a change that edits a resource.
func changing(what, typ string, f func(w *seededHarness, x object)) randomChange {
	return randomChange{what, typ, func(w *seededHarness, typ, id string) error {
		_, err := w.sim.Update(typ, id, func(x map[string]any) { f(w, x) })
		return err
	}}
}

// forgetting leaves no tombstone: only a reconcile finds it.
var forgetting = randomChange{"forgets", "", func(w *seededHarness, typ, id string) error {
	w.sim.Forget(typ, id)
	return nil
}}

var randomChanges = []randomChange{
	changing("marks", "", func(_ *seededHarness, x object) { mark(x, true) }),
	changing("unmarks", "", func(_ *seededHarness, x object) { mark(x, false) }),
	changing("moves", "", func(w *seededHarness, x object) {
		x["subject"] = object{"reference": "Patient/" + w.randomID("Patient")}
	}),
	changing("touches", "", func(*seededHarness, object) {}),
	{"deletes", "", func(w *seededHarness, typ, id string) error {
		_, err := w.sim.Delete(typ, id)
		return err
	}},
	{"deletes, and writes again", "", (*seededHarness).recreate},
	{"replaces", "DocumentReference", (*seededHarness).replace},
	{"replaces", "Composition", (*seededHarness).replace},
	changing("renames", "Practitioner", rename),
	changing("marks", "Practitioner", func(_ *seededHarness, x object) { mark(x, true) }),
	changing("unmarks", "Practitioner", func(_ *seededHarness, x object) { mark(x, false) }),
	changing("renames", "RelatedPerson", rename),
	changing("ends", "RelatedPerson", func(w *seededHarness, x object) { x["active"] = w.rand.IntN(2) == 0 }),
	changing("renames", "Patient", rename),
	changing("marks", "Patient", func(w *seededHarness, x object) { mark(x, w.rand.IntN(3) == 0) }),
	changing("lets go", "Patient", func(w *seededHarness, x object) { x["active"] = w.rand.IntN(3) > 0 }),
	changing("retitles", "Questionnaire", func(w *seededHarness,
		x object) {
		x["title"] = fmt.Sprintf("Vragen %d", w.rand.IntN(100))
	}),
	changing("marks", "Questionnaire", func(w *seededHarness, x object) { mark(x, w.rand.IntN(3) == 0) }),
	{"deletes, and writes again", "Questionnaire", (*seededHarness).recreate},
}

// recreate deletes a record and writes the same content under the same id.
func (h *seededHarness) recreate(typ, id string) error {
	v, err := h.sim.Get(typ, id)
	if err != nil {
		return err
	}
	if _, err := h.sim.Delete(typ, id); err != nil {
		return err
	}
	_, err = h.sim.Put(v.Body)
	return err
}

// changeSomething makes one random change.
func (h *seededHarness) changeSomething() {
	d := randomChanges[h.rand.IntN(len(randomChanges))]
	if h.forgetful && h.rand.IntN(10) == 0 {
		d = forgetting
	}
	typ := d.typ
	if typ == "" {
		typ = []string{"Observation", "Observation", "DocumentReference", "Composition", "QuestionnaireResponse",
			"CarePlan", "Goal"}[h.rand.IntN(7)]
	}
	id := h.randomID(typ)
	if id == "" {
		return
	}
	h.record("a person %s %s/%s", d.name, typ, id)
	if err := d.apply(h, typ, id); err != nil && !errors.Is(err, archive.ErrNotFound) {
		h.t.Error(err)
	}
}

// randomID returns the id of a random resource that belongs to no case; "": there is none.
func (h *seededHarness) randomID(typ string) string {
	list := slices.DeleteFunc(h.sim.List(typ), func(v *archive.Version) bool {
		return strings.HasPrefix(v.ID,
			"casus-")
	})
	if len(list) == 0 {
		return ""
	}
	return list[h.rand.IntN(len(list))].ID
}

func mark(x object, marked bool) {
	meta, _ := x["meta"].(map[string]any)
	if meta == nil {
		meta = object{}
		x["meta"] = meta
	}
	delete(meta, "security")
	if marked {
		meta["security"] = []any{object{"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "NOPAT"}}
	}
}

func rename(w *seededHarness, x object) {
	x["name"] = []any{object{"use": "official", "text": fmt.Sprintf("Naam %d", w.rand.IntN(1000))}}
}

// replace writes a new document that replaces this one.
func (h *seededHarness) replace(typ, id string) error {
	v, err := h.sim.Get(typ, id)
	if err != nil {
		return err
	}
	var x object
	if err := json.Unmarshal(v.Body, &x); err != nil {
		return err
	}
	x["id"] = fmt.Sprintf("%s.v%d", strings.SplitN(id, ".v", 2)[0], h.requests+len(h.events))
	target := "target"
	if typ == "Composition" {
		target = "targetReference"
	}
	x["relatesTo"] = []any{object{"code": "replaces", target: object{"reference": typ + "/" + id}}}
	raw, err := json.Marshal(x)
	if err != nil {
		return err
	}
	_, err = h.sim.Put(raw)
	return err
}
