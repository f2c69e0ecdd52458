package cases

import "encoding/json"

func said(link, text string) object { return answered(link, object{"valueString": text}) }

func (m *maker) reopened() {
	form := func(text, status string) Write {
		return m.form("formulier", []object{said("a", text)}, object{"status": status})
	}
	m.start("a form is begun", m.questionnaire("1", "Intake", question("a", "text", "Hoe gaat het?")),
		form("Nog bezig", "in-progress"))
	m.step("it is completed", form("Klaar", "completed"))
	m.step("it is opened again", form("Toch nog bezig", "in-progress"))
	m.step("it is completed again", form("Nu echt klaar", "completed"))
}

func (m *maker) amended() {
	m.start("a form is completed", m.questionnaire("1", "Intake", question("a", "text", "Hoe gaat het?")),
		m.form("formulier", []object{said("a", "Goed")}))
	m.step("it is amended", m.form("formulier", []object{said("a", "Redelijk")}, object{"status": "amended"}))
}

func (m *maker) questionnaires() {
	coded := func(suffix, version string) Write {
		return m.form(suffix, []object{answered("a",
			object{"valueCoding": object{"system": base + "/antwoord", "code": "1"}})},
			object{"questionnaire": m.canonical() + version})
	}
	versioned := func(version, title, text, label string) Write {
		return m.questionnaire(version, title, question("a", "choice", text, options(label)))
	}
	elsewhere := object{"questionnaire": base + "/Questionnaire/nergens|1"}
	m.start("forms answer several versions of a questionnaire",
		versioned("1", "Vragen van 2024", "Hoe slaapt u?", "Goed"), coded("versie-1", "|1"),
		coded("zonder-versie", ""), coded("versie-3", "|3"),
		m.form("nergens", []object{answered("a", object{"valueCoding": object{"code": "1"}})}, elsewhere))
	m.step("version 2 comes, with other words", versioned("2", "Vragen van 2025", "Hoe was uw nacht?", "Prima"),
		coded("versie-2", "|2"))
	m.step("version 3 comes", versioned("3", "Vragen van later", "Sliep u goed?", "Ja"))
	m.step("version 1 is corrected", versioned("1", "Vragen van 2024", "Hoe slaapt u meestal?", "Goed"))
}

// options are answers with the codes 1, 2, … and scores from 0.
func options(labels ...string) object {
	var list []object
	for i, label := range labels {
		list = append(list, object{"valueCoding": object{
			"system": base + "/antwoord", "code": string(rune('1' + i)), "display": label,
			"extension": []object{ordinal(i)},
		}})
	}
	return object{"answerOption": list}
}

func ordinal(value int) object {
	return object{"url": "http://hl7.org/fhir/StructureDefinition/ordinalValue", "valueDecimal": value}
}

func (m *maker) nested() {
	repeats := object{"repeats": true}
	m.start("a form has nested and repeated groups and answers",
		m.questionnaire("1", "Wensen",
			question("1", "group", "De dag", object{"item": []object{
				question("1.1", "group", "Ochtend",
					object{"item": []object{question("1.1.1", "string", "Wat eet u?", repeats)}}),
				question("1.2", "boolean", "Slaapt u overdag?",
					object{"item": []object{question("1.2.1", "string", "Waar?")}}),
			}}),
			question("2", "group", "Een naaste", repeats, object{"item": []object{question("2.1", "string", "Naam")}})),
		m.form("formulier", []object{
			within("1",
				within("1.1", answered("1.1.1", object{"valueString": "Brood"}, object{"valueString": "Een eitje"})),
				answered("1.2", object{"valueBoolean": true,
					"item": []object{said("1.2.1", "In de stoel bij het raam")}})),
			within("2", said("2.1", "Annie")),
			within("2", said("2.1", "Piet")),
		}))
}

func (m *maker) answerTypes() {
	decimal := json.RawMessage("1.50")
	answers := []struct {
		kind, text string
		value      object
	}{
		{"boolean", "Heeft u pijn?", object{"valueBoolean": false}},
		{"decimal", "Lengte in meters", object{"valueDecimal": decimal}},
		{"integer", "Aantal kinderen", object{"valueInteger": 3}},
		{"date", "Datum van verhuizing", object{"valueDate": "2025-03-03"}},
		{"dateTime", "Tijdstip van het gesprek", object{"valueDateTime": "2025-07-01T14:30:00+02:00"}},
		{"time", "Bedtijd", object{"valueTime": "22:15:00"}},
		{"string", "Roepnaam", object{"valueString": "Jo"}},
		{"text", "Toelichting", object{"valueString": "Eerste regel.\nTweede regel."}},
		{"url", "Website", object{"valueUri": "https://casus.example/jo?a=1&b=2"}},
		{"choice", "Burgerlijke staat", object{"valueCoding": object{"system": base + "/antwoord", "code": "2"}}},
		{"open-choice", "Geloof", object{"valueString": "Iets anders: humanist"}},
		{"attachment", "Foto", object{"valueAttachment": object{"contentType": "image/png", "title": "foto.png",
			"url": "Binary/" + m.id("foto"), "size": len(picture)}}},
		{"quantity", "Gewicht", object{"valueQuantity": object{"value": json.RawMessage("64.0"), "unit": "kg",
			"system": "http://unitsofmeasure.org", "code": "kg"}}},
		{"quantity", "Glazen water per dag", object{"valueQuantity": object{"value": 6}}},
		{"reference", "Contactpersoon", object{"valueReference": m.ref("RelatedPerson", "dochter")}},
	}
	var questions, items []object
	for i, a := range answers {
		link := string(rune('a' + i))
		q := question(link, a.kind, a.text)
		if a.kind == "choice" || a.kind == "open-choice" {
			q["answerOption"] = options("Ongehuwd", "Weduwe")["answerOption"]
		}
		questions, items = append(questions, q), append(items, answered(link, a.value))
	}
	m.start("a form has an answer of every type", m.contact("dochter"), m.picture("foto"),
		m.questionnaire("1", "Alle soorten vragen", questions...), m.form("formulier", items))
}

func (m *maker) hiddenItems() {
	hidden := object{"extension": []object{{"url": "http://hl7.org/fhir/StructureDefinition/questionnaire-hidden",
		"valueBoolean": true}}}
	when := func(link string, yes bool) object {
		return object{"enableWhen": []object{{"question": link, "operator": "=", "answerBoolean": yes}}}
	}
	m.start("a form has hidden and disabled questions",
		m.questionnaire("1", "Pijn",
			question("pijn", "boolean", "Heeft u pijn?"),
			question("waar", "string", "Waar heeft u pijn?", when("pijn", true)),
			question("fijn", "string", "Wat gaat er goed?", when("pijn", false)),
			question("intern", "string", "Intern nummer", hidden),
			question("groep", "group", "Voor de zorg", hidden,
				object{"item": []object{question("groep.1", "string", "Aantekening")}})),
		m.form("formulier", []object{
			answered("pijn", object{"valueBoolean": false}),
			said("waar", "Oud antwoord op een vraag die niet gesteld is"), said("fijn", "Het lopen"),
			said("intern", "INT-4711"), within("groep", said("groep.1", "Niet tonen")),
		}))
}

func (m *maker) score() {
	scored := func(code string, score int) object {
		return object{"valueCoding": object{"system": base + "/antwoord", "code": code,
			"extension": []object{ordinal(score)}}}
	}
	m.start("a form has answers with scores, and a total",
		m.questionnaire("1", "MUST",
			question("bmi", "choice", "BMI", options("Meer dan 20", "18,5 tot 20", "Minder dan 18,5")),
			question("verlies", "choice", "Gewichtsverlies", options("Minder dan 5%", "5 tot 10%", "Meer dan 10%")),
			question("totaal", "integer", "Totaalscore", object{"readOnly": true})),
		m.form("formulier", []object{
			answered("bmi", scored("2", 1)),
			answered("verlies", object{"valueCoding": object{"system": base + "/antwoord", "code": "3"}}), // the score is in the question
			answered("totaal", object{"valueInteger": 3}),
		}))
}

func (m *maker) formAttachment() {
	photo := object{"contentType": "image/png", "title": "kamer.png", "size": len(picture)}
	m.start("pictures are added to a form", m.picture("foto"),
		m.questionnaire("1", "Wonen", question("a", "attachment", "Foto van de kamer", object{"repeats": true})),
		m.form("formulier", []object{answered("a",
			object{"valueAttachment": merged(photo, object{"data": picture})},
			object{"valueAttachment": merged(photo, object{"url": "Binary/" + m.id("foto")})},
			object{"valueAttachment": merged(photo, object{"url": "https://bestanden.elders.example/kamer.png"})},
		)}))
}

func (m *maker) stopped() {
	m.start("a form is begun and never finished", m.questionnaire("1", "Intake",
		question("a", "text", "Hoe gaat het?"), question("b", "text", "En verder?")),
		m.form("formulier", []object{said("a", "Goed")}, object{"status": "in-progress"}))
	m.step("it is stopped", m.form("formulier", []object{said("a", "Goed")}, object{"status": "stopped"}))
}
