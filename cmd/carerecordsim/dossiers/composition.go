package dossiers

import (
	"fmt"
	"html"
	"strings"
	"time"
)

type composition struct {
	ResourceType string            `json:"resourceType"`
	ID           string            `json:"id"`
	Meta         *meta             `json:"meta,omitempty"`
	Status       string            `json:"status"`
	Type         concept           `json:"type"`
	Subject      reference         `json:"subject"`
	Date         string            `json:"date"`
	Author       []reference       `json:"author"`
	Title        string            `json:"title"`
	RelatesTo    []compositionLink `json:"relatesTo,omitempty"`
	Section      []documentSection `json:"section"`
}

type compositionLink struct {
	Code            string    `json:"code"`
	TargetReference reference `json:"targetReference"`
}

type documentSection struct {
	Title string    `json:"title"`
	Text  narrative `json:"text"`
}

type narrative struct {
	Status string `json:"status"`
	Div    string `json:"div"`
}

// xhtml returns a narrative of plain-text paragraphs.
func xhtml(status string, paragraphs ...string) narrative {
	var b strings.Builder
	b.WriteString(`<div xmlns="http://www.w3.org/1999/xhtml">`)
	for _, p := range paragraphs {
		b.WriteString("<p>" + strings.ReplaceAll(html.EscapeString(p), "\n", "<br/>") + "</p>")
	}
	b.WriteString("</div>")
	return narrative{status, b.String()}
}

var soepTitles = []string{"Subjectief", "Objectief", "Evaluatie", "Plan"}

// writeNotes writes the client's SOEP reports: Compositions with a section per letter.
func (w *writer) writeNotes() {
	for day := w.epoch; !day.After(w.now); day = day.AddDate(0, 0, 1) {
		at := w.officeHour(w.r, day)
		if w.client.inCare(at) && w.client.survivor == nil && chance(w.r, 0.05) {
			w.writeNote(at)
		}
	}
}

func (w *writer) writeNote(at time.Time) {
	c := w.newNote(at)
	later := at.Add(within(w.r, time.Hour, days(4)))
	put := func(at time.Time, c *composition, status string) {
		c.Status = status
		w.put(at, "Composition", c.ID, c)
	}
	switch n := w.r.IntN(100); {
	case n < 6: // replaced by another
		next := w.newNote(later)
		next.RelatesTo = []compositionLink{{"replaces", reference{Reference: "Composition/" + c.ID}}}
		first, second := c, next
		if chance(w.r, 0.4) {
			first, second = next, c // the replaced one is written later
		}
		put(at, first, "final")
		put(later, second, "final")
	case n < 11:
		put(at, c, "preliminary")
		put(later, c, "final")
	case n < 15:
		put(at, c, "final")
		c.Section[3].Text = xhtml("generated", "Aangepast na overleg: plan loopt door tot de volgende controle.")
		put(later, c, "amended")
	case n < 17:
		put(at, c, "final")
		put(later, c, "entered-in-error")
	case n < 19:
		c.Meta = &meta{Security: []coding{notForPatient}}
		put(at, c, "final")
	default:
		put(at, c, "final")
	}
}

func (w *writer) newNote(at time.Time) *composition {
	t := w.client.team(at)
	author := pick(w.r, t.members)
	if chance(w.r, 0.3) {
		author = pick(w.r, t.specialists)
	}
	w.notes++
	c := &composition{
		ResourceType: "Composition", ID: fmt.Sprintf("soep-%s-%d", w.client.id, w.notes), Status: "final",
		Type:    concept{Coding: []coding{{System: snomed, Code: reportCode, Display: "patiëntcontactverslag"}}},
		Subject: w.client.reference(), Date: at.Format(time.RFC3339),
		Author: []reference{author.reference()}, Title: "SOEP-rapportage",
	}
	for i, text := range w.book.Document(w.r, w.cast(w.r, w.client, author), "soep") {
		c.Section = append(c.Section, documentSection{soepTitles[i], xhtml("generated", text)})
	}
	return c
}
