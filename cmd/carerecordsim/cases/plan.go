package cases

// whole is an active plan with its goal.
func (m *maker) whole(suffix string, parts ...object) []Write {
	return []Write{m.goal(suffix+"-doel", "Veilig lopen"), m.plan(suffix, "active", parts...)}
}

func (m *maker) superseded() {
	replaces := object{"replaces": []object{m.ref("CarePlan", "oud")}, "title": "Nieuw zorgleefplan"}
	m.start("there is a plan", m.whole("oud")...)
	m.step("another plan replaces it, and it stays active", m.whole("nieuw", replaces)...)
	m.step("it is completed", m.plan("oud", "completed"))
}

func (m *maker) endsOvernight() {
	m.start("a plan ends today, and one ended yesterday",
		append(m.whole("vandaag", object{"period": object{"start": m.day(-365), "end": m.day(0)}}),
			m.whole("gisteren", object{"period": object{"start": m.day(-365), "end": m.day(-1)}})...)...)
}

func (m *maker) twoPlans() {
	m.start("there are two plans at once",
		append(m.whole("een", object{"title": "Zorgleefplan"}), m.whole("twee", object{"title": "Behandelplan"})...)...)
}

func (m *maker) noPeriod() {
	m.start("one plan has no period, one has no end", append(m.whole("zonder", object{"period": nil}),
		m.whole("begin", object{"period": object{"start": m.day(-30)}})...)...)
}

func (m *maker) revoked() {
	m.start("there is a plan", m.whole("plan")...)
	m.step("it is revoked", m.plan("plan", "revoked"))
}

func (m *maker) onHold() {
	m.start("there is a plan", m.whole("plan")...)
	m.step("the plan is on hold", m.plan("plan", "on-hold"))
}

func (m *maker) draft() {
	proposed := object{"lifecycleStatus": "proposed"}
	m.start("a plan is a draft, and a report is about it",
		m.goal("plan-doel", "Nog geheim doel", proposed), m.plan("plan", "draft", object{"title": "Nog geheim plan"}),
		m.report("verslag", "Over het plan in de maak.", object{
			"basedOn": []object{merged(m.ref("CarePlan", "plan"), object{"display": "Nog geheim plan"})},
			"focus":   []object{merged(m.ref("Goal", "plan-doel"), object{"display": "Nog geheim doel"})},
		}))
	m.step("it is active", m.goal("plan-doel", "Niet meer geheim doel"),
		m.plan("plan", "active", object{"title": "Niet meer geheim plan"}))
}

func (m *maker) narrativeOnly() {
	text := `<h2>Zorgleefplan</h2><p>Mevrouw wil <b>elke dag</b> naar buiten.</p><ul><li>Wandelen om 10 uur</li><li>Jas aan</li></ul><p onclick="alert(1)">Tot ziens</p>`
	m.start("a plan is a narrative only", m.plan("plan", "active",
		object{"goal": nil, "activity": nil, "text": narrative("additional", text)}))
}

func (m *maker) manyPlans() {
	part := func(suffix, title string, link object) []Write {
		return []Write{m.goal(suffix+"-doel", title), m.plan(suffix, "active", object{"title": title}, link)}
	}
	empty := object{"goal": nil, "activity": nil}
	writes := []Write{
		m.plan("een", "active", empty, object{"title": "Plan met delen"}),
		m.plan("twee", "active", empty, object{"title": "Plan waarop andere steunen"}),
	}
	for _, w := range [][]Write{
		part("een-a", "Veilig lopen", object{"partOf": []object{m.ref("CarePlan", "een")}}),
		part("een-b", "Goed eten", object{"partOf": []object{m.ref("CarePlan", "een")}}),
		part("twee-a", "Beter slapen", object{"basedOn": []object{m.ref("CarePlan", "twee")}}),
		part("los", "Een plan zonder geheel", object{"partOf": []object{m.ref("CarePlan", "nergens")}}),
	} {
		writes = append(writes, w...)
	}
	m.start("plans consist of many CarePlans", writes...)
	m.step("a part is replaced", part("een-c", "Goed eten en drinken", object{
		"partOf": []object{m.ref("CarePlan", "een")}, "replaces": []object{m.ref("CarePlan", "een-b")},
	})...)
}

func (m *maker) goals() {
	achieved := func(code, text string) object {
		return object{"achievementStatus": object{"text": text, "coding": []object{{
			"system": "http://terminology.hl7.org/CodeSystem/goal-achievement", "code": code,
		}}}}
	}
	goals := object{"goal": []object{m.ref("Goal", "een"), m.ref("Goal", "twee"), m.ref("Goal", "drie")},
		"activity": []object{
			action(m.ref("Goal", "een"), "Oefenen met de trap."), action(m.ref("Goal", "twee"), "Elke week wegen."),
			action(m.ref("Goal", "drie"), "Naar het koor."),
		}}
	m.start("a plan has three goals", m.goal("een", "Weer traplopen"), m.goal("twee", "Gewicht blijft gelijk"),
		m.goal("drie", "Elke week zingen"), m.plan("plan", "active", goals))
	m.step("one goal is achieved, one cancelled, one entered in error",
		m.goal("een", "Weer traplopen", object{"lifecycleStatus": "completed", "statusDate": m.day(0)},
			achieved("achieved", "Behaald")),
		m.goal("twee", "Gewicht blijft gelijk", object{"lifecycleStatus": "cancelled", "statusDate": m.day(0),
			"note": []object{{"text": "Past niet meer."}}}),
		m.goal("drie", "Elke week zingen", object{"lifecycleStatus": "entered-in-error"}))
}

func (m *maker) evaluated() {
	walk := merged(action(m.ref("Goal", "plan-doel"), "Twee keer per dag een stukje lopen."), object{
		"progress":               []object{{"time": m.moment(0), "text": "Het lopen gaat beter.", "authorReference": m.author()}},
		"outcomeCodeableConcept": []object{{"text": "Op weg naar het doel"}},
	})
	note := object{"note": []object{{"time": m.moment(0), "text": "Doel blijft staan."}}}
	m.start("there is a plan", m.whole("plan")...)
	m.step("it is evaluated", m.plan("plan", "active", object{"activity": []object{walk}}),
		m.goal("plan-doel", "Veilig lopen", note))
}

func (m *maker) agreed() {
	who := m.ref("RelatedPerson", "dochter")
	signature := m.put("Provenance", "akkoord", object{
		"target": []object{m.ref("CarePlan", "een")}, "recorded": m.now.Format("2006-01-02T15:04:05.000Z07:00"),
		"agent": []object{{"who": who}},
		"signature": []object{{
			"type": []object{{"system": "urn:iso-astm:E1762-95:2013", "code": "1.2.840.10065.1.12.1.7"}},
			"when": m.now.Format("2006-01-02T15:04:05.000Z07:00"), "who": who,
		}},
	})
	consent := func(status string) Write {
		return m.put("Consent", "toestemming", object{
			"status": status, "patient": m.subject(), "dateTime": m.moment(0), "performer": []object{who},
			"scope":        object{"coding": []object{{"system": "http://terminology.hl7.org/CodeSystem/consentscope", "code": "treatment"}}},
			"category":     []object{{"text": "Akkoord met zorgplan"}},
			"verification": []object{{"verified": true, "verifiedWith": who, "verificationDate": m.moment(0)}},
			"provision": object{"type": "permit",
				"data": []object{{"meaning": "instance", "reference": m.ref("CarePlan", "twee")}}},
		})
	}
	m.start("there are two plans without an agreement",
		append(append(m.whole("een"), m.whole("twee")...), m.contact("dochter"))...)
	m.step("the daughter agrees to both plans", signature, consent("active"))
	m.step("the daughter withdraws", m.deleted("Provenance", "akkoord"), consent("inactive"))
}

func (m *maker) reactivated() {
	m.start("there is a plan", m.whole("plan")...)
	m.step("it is completed", m.plan("plan", "completed"))
	m.step("it is active again", m.plan("plan", "active"))
}
