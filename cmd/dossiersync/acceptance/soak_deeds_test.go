package acceptance

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"dossiersync/cmd/carerecordsim/archive"
)

// object is a resource as it is changed.
type object = map[string]any

// deed is something that people do in a care record system and that the simulator
// does not do by itself.
type deed struct {
	what string
	typ  string // to what; "": a report, form, plan or goal
	do   func(w *world, typ, id string) error
}

// change is a deed to what is there.
func change(what, typ string, f func(w *world, x object)) deed {
	return deed{what, typ, func(w *world, typ, id string) error {
		_, err := w.sim.Update(typ, id, func(x map[string]any) { f(w, x) })
		return err
	}}
}

// trackless deeds can only be found out by a reconcile.
var trackless = deed{"forgets", "", func(w *world, typ, id string) error {
	w.sim.Forget(typ, id)
	return nil
}}

var deeds = []deed{
	change("marks", "", func(_ *world, x object) { mark(x, true) }),
	change("unmarks", "", func(_ *world, x object) { mark(x, false) }),
	change("moves", "", func(w *world, x object) {
		x["subject"] = object{"reference": "Patient/" + w.any("Patient")}
	}),
	change("touches", "", func(*world, object) {}),
	{"deletes", "", func(w *world, typ, id string) error {
		_, err := w.sim.Delete(typ, id)
		return err
	}},
	{"deletes, and writes again", "", (*world).recreate},
	{"replaces", "DocumentReference", (*world).replace},
	{"replaces", "Composition", (*world).replace},
	change("renames", "Practitioner", rename),
	change("marks", "Practitioner", func(_ *world, x object) { mark(x, true) }),
	change("unmarks", "Practitioner", func(_ *world, x object) { mark(x, false) }),
	change("renames", "RelatedPerson", rename),
	change("ends", "RelatedPerson", func(w *world, x object) { x["active"] = w.dice.IntN(2) == 0 }),
	change("renames", "Patient", rename),
	change("marks", "Patient", func(w *world, x object) { mark(x, w.dice.IntN(3) == 0) }),
	change("lets go", "Patient", func(w *world, x object) { x["active"] = w.dice.IntN(3) > 0 }),
	change("retitles", "Questionnaire", func(w *world, x object) { x["title"] = fmt.Sprintf("Vragen %d", w.dice.IntN(100)) }),
	change("marks", "Questionnaire", func(w *world, x object) { mark(x, w.dice.IntN(3) == 0) }),
	{"deletes, and writes again", "Questionnaire", (*world).recreate},
}

// recreate gives an id to another record, which says the same.
func (w *world) recreate(typ, id string) error {
	v, err := w.sim.Get(typ, id)
	if err != nil {
		return err
	}
	if _, err := w.sim.Delete(typ, id); err != nil {
		return err
	}
	_, err = w.sim.Put(v.Body)
	return err
}

// act does one of the deeds.
func (w *world) act() {
	d := deeds[w.dice.IntN(len(deeds))]
	if w.forgetful && w.dice.IntN(10) == 0 {
		d = trackless
	}
	typ := d.typ
	if typ == "" {
		typ = []string{"Observation", "Observation", "DocumentReference", "Composition", "QuestionnaireResponse", "CarePlan", "Goal"}[w.dice.IntN(7)]
	}
	id := w.any(typ)
	if id == "" {
		return
	}
	w.tell("somebody %s %s/%s", d.what, typ, id)
	if err := d.do(w, typ, id); err != nil && !errors.Is(err, archive.ErrNotFound) {
		w.t.Error(err)
	}
}

// any returns the id of some resource, or nothing. Those of cases go their own
// way.
func (w *world) any(typ string) string {
	list := slices.DeleteFunc(w.sim.List(typ), func(v *archive.Version) bool { return strings.HasPrefix(v.ID, "casus-") })
	if len(list) == 0 {
		return ""
	}
	return list[w.dice.IntN(len(list))].ID
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

func rename(w *world, x object) {
	x["name"] = []any{object{"use": "official", "text": fmt.Sprintf("Naam %d", w.dice.IntN(1000))}}
}

// replace writes another in the place of a document, which may itself be in the
// place of one.
func (w *world) replace(typ, id string) error {
	v, err := w.sim.Get(typ, id)
	if err != nil {
		return err
	}
	var x object
	if err := json.Unmarshal(v.Body, &x); err != nil {
		return err
	}
	x["id"] = fmt.Sprintf("%s.v%d", strings.SplitN(id, ".v", 2)[0], w.requests+len(w.told))
	target := "target"
	if typ == "Composition" {
		target = "targetReference"
	}
	x["relatesTo"] = []any{object{"code": "replaces", target: object{"reference": typ + "/" + id}}}
	raw, err := json.Marshal(x)
	if err != nil {
		return err
	}
	_, err = w.sim.Put(raw)
	return err
}
