package dossiers

import (
	"fmt"
	"time"
)

// documentKind is a kind of report that is a DocumentReference.
type documentKind struct {
	topic, code, title string
	perDay             float64
	related            bool // to the care plan
	specialist         bool
}

var documentKinds = []documentKind{
	{topic: "overdracht", code: "overdracht", title: "Overdracht", perDay: 0.02},
	{topic: "mdo", code: "mdo-verslag", title: "MDO-verslag", perDay: 1.0 / 180, related: true},
	{topic: "brief", code: "consultverslag", title: "Verslag van consult", perDay: 1.0 / 150, specialist: true},
}

func (w *writer) writeDocument(at time.Time, k documentKind) {
	d := w.newDocument(at, k)
	if w.client.survivor != nil {
		d.Subject = w.client.survivor.reference()
	}
	switch n := w.r.IntN(1000); {
	case n < 30:
		w.replaceDocument(d, at, k)
		return
	case n < 45:
		d.DocStatus = "preliminary"
	case n < 60:
		d.Meta = &meta{Security: []coding{notForPatient}}
	case n < 70:
		d.SecurityLabel = []concept{{Coding: []coding{notForPatient}}}
	case n < 100: // confidential, and shown to the client
		d.SecurityLabel = []concept{code("http://terminology.hl7.org/CodeSystem/v3-Confidentiality", "V",
			"very restricted")}
	}
	w.put(at, "DocumentReference", d.ID, d)
	if d.DocStatus == "preliminary" {
		d.DocStatus = "final"
		w.put(at.Add(within(w.r, time.Hour, days(3))), "DocumentReference", d.ID, d)
	}
}

// replaceDocument writes d, and soon another document that replaces it. Sometimes the new one
// is written first.
func (w *writer) replaceDocument(d *documentReference, at time.Time, k documentKind) {
	early := chance(w.r, 0.6)
	if early {
		w.put(at, "DocumentReference", d.ID, d)
	}
	later := at.Add(within(w.r, time.Hour, days(5)))
	next := w.newDocument(later, k)
	next.Subject = d.Subject
	next.RelatesTo = []documentRelation{{Code: "replaces", Target: reference{Reference: "DocumentReference/" + d.ID}}}
	w.put(later, "DocumentReference", next.ID, next)
	if early {
		d.Status = "superseded"
	} else {
		later = later.Add(time.Hour)
	}
	w.put(later, "DocumentReference", d.ID, d)
}

func (w *writer) newDocument(at time.Time, k documentKind) *documentReference {
	t := w.client.team(at)
	author := pick(w.r, t.members)
	if k.specialist {
		author = pick(w.r, t.specialists)
	}
	colleague := pick(w.r, t.members)
	paragraphs := w.book.Document(w.r, w.cast(w.r, w.client, colleague), k.topic)
	w.documents++
	d := &documentReference{
		ResourceType: "DocumentReference",
		ID:           fmt.Sprintf("doc.%s.%d", w.client.id, w.documents),
		Status:       "current", DocStatus: "final",
		Type:    code(base+"/documentsoort", k.code, k.title),
		Subject: w.client.reference(), Date: at.Format(instant),
		Author:      []reference{author.reference()},
		Description: fmt.Sprintf("%s %s", k.title, at.Format("2-1-2006")),
	}
	w.attach(d, at, k.title, paragraphs)
	if p := w.client.plan(at); k.related && p != nil {
		d.Context = &documentContext{Related: []reference{p.reference()}}
	}
	return d
}
