package cases

import (
	"encoding/json"
	"strings"
	"time"
)

func (m *maker) corrected() {
	m.start("a report is written", m.report("verslag", "Heeft goed gegeten."))
	m.step("it is corrected", m.report("verslag", "Heeft redelijk gegeten.", object{"status": "corrected"}))
	m.step("the report is amended", m.report("verslag", "Heeft redelijk gegeten. Aanvulling: ook gedronken.",
		object{"status": "amended"}))
}

func (m *maker) replaced() {
	document := func(suffix, replaces, status string) Write {
		parts := object{"status": status}
		if replaces != "" {
			parts["relatesTo"] = []object{{"code": "replaces", "target": m.ref("DocumentReference", replaces)}}
		}
		return m.document(suffix, "Document "+suffix, inlineText("Tekst van "+suffix+"."), parts)
	}
	note := func(suffix, replaces string) Write {
		parts := object{}
		if replaces != "" {
			parts["relatesTo"] = []object{{"code": "replaces", "targetReference": m.ref("Composition", replaces)}}
		}
		return m.note(suffix, []object{section("Subjectief", "<p>Tekst van "+suffix+".</p>")}, parts)
	}
	m.start("of two pairs the old document comes, of two the new one",
		document("a-oud", "", "current"), note("c-oud", ""), document("b-nieuw", "b-oud", "current"),
		note("d-nieuw", "d-oud"))
	m.step("the other of each pair comes",
		document("a-nieuw", "a-oud", "current"), note("c-nieuw", "c-oud"), document("b-oud", "", "current"),
		note("d-oud", ""))
	m.step("the old documents are marked", document("a-oud", "", "superseded"), document("b-oud", "", "superseded"))
}

func (m *maker) withdrawn() {
	m.start("a report is written", m.report("verslag", "Dit was voor iemand anders bedoeld."))
	m.step("the report is entered in error", m.report("verslag", "Dit was voor iemand anders bedoeld.",
		object{"status": "entered-in-error"}))
}

func (m *maker) gone() {
	m.start("two reports are written", m.report("spoorloos", "Dit verdwijnt zonder spoor."),
		m.report("verwijderd", "Dit wordt verwijderd."))
	m.step("one report vanishes, one is deleted", m.vanished("Observation", "spoorloos"),
		m.deleted("Observation", "verwijderd"))
}

func (m *maker) hidden() {
	m.start("a report is written", m.report("verslag", "Eerst zichtbaar."))
	m.step("the report is marked as not for the client", m.report("verslag", "Eerst zichtbaar.", notForPatient))
	m.step("the mark is taken away", m.report("verslag", "Eerst zichtbaar."))
}

func (m *maker) preliminary() {
	m.start("a report is preliminary", m.report("verslag", "Nog niet af", object{"status": "preliminary"}))
	m.step("it is final", m.report("verslag", "Nu is het af."))
}

func (m *maker) late() {
	m.start("a report is about a week ago", m.report("verslag", "Dit was vorige week.",
		object{"effectiveDateTime": m.moment(-7 * day), "issued": m.moment(0)}))
}

func (m *maker) backdated() {
	m.start("a report has the date of a year ago", m.report("verslag", "Een jaar te vroeg.",
		object{"effectiveDateTime": m.now.AddDate(-1, 0, 0).Format(time.RFC3339), "issued": m.moment(0)}))
}

func (m *maker) future() {
	m.start("a report has a date in a month", m.report("verslag", "Een maand te laat.",
		object{"effectiveDateTime": m.now.AddDate(0, 1, 0).Format(time.RFC3339), "issued": m.moment(0)}))
}

func (m *maker) switched() {
	m.start("two reports are written", m.report("naar-plan", "Eerst algemeen."),
		m.report("naar-algemeen", "Eerst zorgleefplan.", ofCarePlan))
	m.step("the two swap their categories", m.report("naar-plan", "Eerst algemeen.", ofCarePlan),
		m.report("naar-algemeen", "Eerst zorgleefplan."))
}

func (m *maker) linked() {
	about := func(plan string) object {
		return object{"basedOn": []object{m.ref("CarePlan", plan)}, "focus": []object{m.ref("Goal", plan+"-doel")}}
	}
	m.start("reports are about plans that are missing, hidden and late",
		m.report("a-verslag", "Over een plan dat er nooit komt.", about("a")),
		m.goal("b-doel", "Niet voor de cliënt", notForPatient), m.plan("b", "active", notForPatient),
		m.report("b-verslag", "Over een plan dat niet getoond mag worden.", about("b")),
		m.report("c-verslag", "Over een plan dat later komt.", about("c")))
	m.step("the late plan and goal come", m.goal("c-doel", "Later gekomen"), m.plan("c", "active"))
	m.step("the late goal is marked as not for the client", m.goal("c-doel", "Later gekomen", notForPatient))
}

func (m *maker) authors() {
	by := func(authors ...object) object {
		if len(authors) == 0 {
			return object{"performer": nil}
		}
		return object{"performer": authors}
	}
	m.start("reports have authors of every kind",
		m.put("Organization", "team", object{"active": true, "name": "Team noord"}),
		m.report("geen", "Zonder schrijver.", by()),
		m.report("onbekend", "Van iemand die de bron niet toont.", by(m.ref("PractitionerRole", "onbekend"))),
		m.report("team", "Van een team.", by(m.ref("Organization", "team"))),
		m.report("binnen", "Van iemand die erin zit.", by(object{"reference": "#ik"}), object{"contained": []object{
			{"resourceType": "Practitioner", "id": "ik", "name": []object{{"text": "Piet Ingesloten"}}},
		}}),
		m.report("naam", "Van iemand met alleen een naam.", by(object{"display": "Karin Naamloos"})),
		m.report("twee", "Van twee mensen.", by(m.author(), object{"display": "Karin Naamloos"})))
}

func (m *maker) texts() {
	raw := func(suffix, quoted string) Write {
		return m.report(suffix, "", object{"valueString": json.RawMessage(quoted)})
	}
	m.start("reports have odd texts",
		m.report("leeg", ""),
		m.report("geen", "", object{"valueString": nil}),
		m.report("spaties", " \n\t "),
		m.report("lang", strings.Repeat("Dit is een lang verslag. ", 8000)),
		m.report("emoji", "Fijne dag gehad 😊👩‍🦽🎂 met koffie ☕️"),
		m.report("rechts-naar-links", "Mevrouw zegt: \u202bשלום\u202c en مرحبا"),
		m.report("regels", "Regel een\r\nRegel twee\rRegel drie\n\nRegel vijf"),
		raw("nul", `"Hier staat een nul: \u0000 en het gaat verder"`),
		raw("half-teken", `"Hier staat een half teken: \ud83d en het gaat verder"`),
		raw("stuurtekens", `"Bel: \u0007, en een BOM: \ufeff."`))
}

func (m *maker) sharedIdentifier() {
	same := object{"identifier": []object{{"system": base + "/verslag", "value": "42"}}}
	m.start("two reports have the same identifier", m.report("a", "De eerste van twee.", same),
		m.report("b", "De tweede van twee.", same))
}

func (m *maker) contradicting() {
	m.start("the narrative belongs to another report", m.report("verslag", "Om 8 uur gewassen en aangekleed.",
		object{"text": narrative("generated", "<p>Om 7 uur gevallen. Dit gaat over iemand anders.</p>")}))
}

func (m *maker) sameSecond() {
	same := object{"effectiveDateTime": m.moment(-day)}
	m.start("two reports have the same second", m.report("a", "Van dezelfde seconde, een.", same),
		m.report("b", "Van dezelfde seconde, twee.", same))
}

func (m *maker) unknown() {
	m.start("reports have an unknown status, extension and element",
		m.report("status", "Een onbekende status.", object{"status": "bijna-klaar"}),
		m.report("extensie", "Een onbekende extensie.",
			object{"extension": []object{{"url": base + "/onbekend", "valueString": "iets"}}}),
		m.report("element", "Een onbekend element.", object{"morgen": object{"iets": []int{1}}}),
		m.report("modifier", "Een extensie die alles anders maakt.",
			object{"modifierExtension": []object{{"url": base + "/niet-waar", "valueBoolean": true}}}))
}

func (m *maker) implicitRules() {
	m.start("a report has implicitRules", m.report("verslag", "Volgens onbekende regels.",
		object{"implicitRules": base + "/regels"}))
}
