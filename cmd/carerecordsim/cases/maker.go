package cases

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"time"
)

// object is a JSON object.
type object map[string]any

// script writes the steps of one case.
type script struct {
	name  string
	write func(m *maker)
}

// maker makes the resources of one case.
type maker struct {
	number int
	now    time.Time
	steps  []Step
}

// step adds a step, an hour after the one before.
func (m *maker) step(what string, writes ...Write) {
	m.steps = append(m.steps, Step{Name: what, After: time.Hour, Writes: writes})
}

// id returns "casus-12-suffix".
func (m *maker) id(suffix string) string {
	if suffix == "" {
		return clientOf(m.number)
	}
	return clientOf(m.number) + "-" + suffix
}

func (m *maker) ref(typ, suffix string) object {
	return object{"reference": typ + "/" + m.id(suffix)}
}

func (m *maker) subject() object { return m.ref("Patient", "") }

// moment returns now plus d as a dateTime, with the offset of Amsterdam.
func (m *maker) moment(d time.Duration) string { return m.now.Add(d).Format(time.RFC3339) }

// day returns the date that many days from today.
func (m *maker) day(days int) string { return m.now.AddDate(0, 0, days).Format(time.DateOnly) }

const day = 24 * time.Hour

// put makes a resource from parts; later parts win, and nil removes an element.
func (m *maker) put(typ, suffix string, parts ...object) Write {
	r := object{"resourceType": typ, "id": m.id(suffix)}
	for _, part := range parts {
		maps.Copy(r, part)
	}
	maps.DeleteFunc(r, func(_ string, v any) bool { return v == nil })
	return Write{Type: typ, ID: m.id(suffix), Body: encode(r)}
}

func encode(v any) []byte {
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(v); err != nil {
		panic(fmt.Sprintf("a case that cannot be written: %v", err)) // unreachable: cases are constants, and tests write all of them
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}

func (m *maker) deleted(typ, suffix string) Write { return Write{Type: typ, ID: m.id(suffix)} }

func (m *maker) vanished(typ, suffix string) Write {
	return Write{Type: typ, ID: m.id(suffix), Forget: true}
}

// client is the Patient; a suffix makes another client of the same case.
func (m *maker) client(suffix string, parts ...object) Write {
	name := fmt.Sprintf("Casus %d", m.number)
	if suffix != "" {
		name += " " + suffix
	}
	head := object{
		"active": true, "name": []object{{"text": name, "family": name, "use": "official"}},
		"gender": "female", "birthDate": "1940-05-17",
		"identifier": []object{{"system": base + "/clientnummer", "value": m.id(suffix)}},
	}
	return m.put("Patient", suffix, append([]object{head}, parts...)...)
}

// start adds the first step: the client, a member of staff, and these writes.
func (m *maker) start(what string, writes ...Write) {
	m.step(what, append([]Write{m.client(""), m.person(), m.role()}, writes...)...)
}

func (m *maker) person() Write {
	return m.put("Practitioner", "mw", object{"active": true, "name": []object{{"text": "Joke Voorbeeld"}}})
}

func (m *maker) role() Write {
	return m.put("PractitionerRole", "mw-rol", object{
		"active": true, "practitioner": m.ref("Practitioner", "mw"),
		"code": []object{{"text": "verzorgende IG"}},
	})
}

func (m *maker) author() object { return m.ref("PractitionerRole", "mw-rol") }

// report is a final report of yesterday.
func (m *maker) report(suffix, text string, parts ...object) Write {
	head := object{
		"status": "final", "code": reportCode, "subject": m.subject(), "performer": []object{m.author()},
		"effectiveDateTime": m.moment(-day), "issued": m.moment(-day), "valueString": text,
	}
	return m.put("Observation", suffix, append([]object{head}, parts...)...)
}

// note is a SOEP report.
func (m *maker) note(suffix string, sections []object, parts ...object) Write {
	head := object{
		"status": "final", "type": reportCode, "subject": m.subject(), "author": []object{m.author()},
		"date": m.moment(-day), "title": "SOEP-rapportage", "section": sections,
	}
	return m.put("Composition", suffix, append([]object{head}, parts...)...)
}

func section(title, xhtml string) object {
	return object{"title": title, "text": narrative("generated", xhtml)}
}

func narrative(status, xhtml string) object {
	return object{"status": status, "div": `<div xmlns="http://www.w3.org/1999/xhtml">` + xhtml + `</div>`}
}

// document is a current document of yesterday with one attachment.
func (m *maker) document(suffix, title string, attachment object, parts ...object) Write {
	return m.put("DocumentReference", suffix, append([]object{{
		"status": "current", "docStatus": "final", "type": object{"text": "Verslag"}, "subject": m.subject(),
		"author": []object{m.author()}, "date": m.now.Add(-day).Format("2006-01-02T15:04:05.000Z07:00"),
		"description": title, "content": []object{{"attachment": attachment}},
	}}, parts...)...)
}

func (m *maker) goal(suffix, text string, parts ...object) Write {
	head := object{
		"lifecycleStatus": "active", "subject": m.subject(), "description": object{"text": text},
		"category": []object{{"coding": []object{{"system": base + "/domein", "code": "lichamelijk"}}}},
	}
	return m.put("Goal", suffix, append([]object{head}, parts...)...)
}

// plan is a plan of the last month, with the goal whose suffix ends in -doel.
func (m *maker) plan(suffix, status string, parts ...object) Write {
	head := object{
		"status": status, "intent": "plan", "title": "Zorgleefplan", "subject": m.subject(), "author": m.author(),
		"created": m.moment(-30 * day), "period": object{"start": m.day(-30), "end": m.day(335)},
		"goal":     []object{m.ref("Goal", suffix+"-doel")},
		"activity": []object{action(m.ref("Goal", suffix+"-doel"), "Twee keer per dag een stukje lopen.")},
	}
	return m.put("CarePlan", suffix, append([]object{head}, parts...)...)
}

func action(goal object, text string) object {
	return object{"detail": object{"status": "in-progress", "description": text, "goal": []object{goal}}}
}

// questionnaire is one version of the case's questionnaire.
func (m *maker) questionnaire(version, title string, items ...object) Write {
	return m.put("Questionnaire", "vragen-"+version, object{
		"status": "active", "url": m.canonical(), "version": version, "title": title, "item": items,
	})
}

func (m *maker) canonical() string { return base + "/Questionnaire/" + m.id("vragen") }

// form is a completed form of yesterday, for version 1 of the questionnaire.
func (m *maker) form(suffix string, items []object, parts ...object) Write {
	head := object{
		"status": "completed", "questionnaire": m.canonical() + "|1", "subject": m.subject(), "author": m.author(),
		"authored": m.moment(-day), "item": items,
	}
	return m.put("QuestionnaireResponse", suffix, append([]object{head}, parts...)...)
}

func question(link, kind, text string, parts ...object) object {
	q := object{"linkId": link, "type": kind, "text": text}
	for _, part := range parts {
		maps.Copy(q, part)
	}
	return q
}

// answered is an item with answers, such as {"valueBoolean": true}.
func answered(link string, answers ...object) object {
	return object{"linkId": link, "answer": answers}
}

func within(link string, items ...object) object {
	return object{"linkId": link, "item": items}
}

const base = "https://ecd.example"

// Parts of several cases.
var (
	reportCode = object{
		"coding": []object{{"system": "http://snomed.info/sct", "code": "11591000146107"}}, "text": "Dagrapportage",
	}
	notForPatient = object{"meta": object{"security": []object{
		{"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "NOPAT"},
	}}}
	ofCarePlan = object{"meta": object{"tag": []object{{"system": base + "/kind", "code": "zorgleefplan"}}}}
)
