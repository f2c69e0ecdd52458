package cases

// scripts are the cases by number. There is no case 25.
var scripts = map[int]script{
	1: {"moved within the organisation", (*maker).moved},
	2: {"out of care and back", (*maker).returned},
	3: {"deceased, and later corrected to alive", (*maker).mistakenForDead},
	4: {"merged into another", (*maker).merged},
	5: {"item on the wrong client, corrected on the same id", (*maker).wrongClient},
	6: {"client no longer shared", (*maker).unshared},
	7: {"the same person at two tenants", (*maker).samePerson},
	8: {"erasure", (*maker).erased},
	9: {"no contacts", (*maker).alone},

	10: {"corrected in place", (*maker).corrected},
	11: {"replaced by a new id, either order of arrival", (*maker).replaced},
	12: {"entered-in-error after being read", (*maker).withdrawn},
	13: {"gone without a trace", (*maker).gone},
	14: {"made invisible, then visible", (*maker).hidden},
	15: {"preliminary to final", (*maker).preliminary},
	16: {"late entry", (*maker).late},
	17: {"backdated a year", (*maker).backdated},
	18: {"in the future", (*maker).future},
	19: {"category switched", (*maker).switched},
	20: {"linked goal or plan missing, invisible, late", (*maker).linked},
	21: {"author missing, organisation only, contained, display only", (*maker).authors},
	22: {"empty text, 200 kB of text, emoji, right-to-left, NUL, CRLF", (*maker).texts},
	23: {"shared identifier", (*maker).sharedIdentifier},
	24: {"narrative contradicts value", (*maker).contradicting},
	26: {"two in one second", (*maker).sameSecond},
	27: {"unknown status, unknown extension, modifierExtension", (*maker).unknown},
	28: {"implicitRules", (*maker).implicitRules},

	29: {"in-progress, completed, reopened, completed", (*maker).reopened},
	30: {"amended form", (*maker).amended},
	31: {"questionnaire changed version, or missing, or late", (*maker).questionnaires},
	32: {"nested groups, answer.item, repeats", (*maker).nested},
	33: {"every answer type, 1.50, quantity without unit", (*maker).answerTypes},
	34: {"hidden items", (*maker).hiddenItems},
	35: {"score", (*maker).score},
	36: {"attachment in a form", (*maker).formAttachment},
	37: {"stopped form", (*maker).stopped},

	38: {"superseded plan", (*maker).superseded},
	39: {"period ends between syncs", (*maker).endsOvernight},
	40: {"two current plans at once", (*maker).twoPlans},
	41: {"plan without a period", (*maker).noPeriod},
	42: {"revoked plan", (*maker).revoked},
	43: {"plan on hold", (*maker).onHold},
	44: {"a draft must not leak", (*maker).draft},
	45: {"narrative only", (*maker).narrativeOnly},
	46: {"many CarePlans, one plan", (*maker).manyPlans},
	47: {"goal cancelled, achieved", (*maker).goals},
	48: {"evaluation later", (*maker).evaluated},
	49: {"agreement later, withdrawn", (*maker).agreed},
	50: {"reactivated plan", (*maker).reactivated},

	51: {"both DST nights", (*maker).dstNights},
	52: {"partial dates", (*maker).partialDates},
	53: {"no offset", (*maker).noOffset},
	54: {"+01:00 in summer", (*maker).winterInSummer},
	55: {"23:59:60", (*maker).leapSecond},
	56: {"the source's clock is wrong", (*maker).wrongClock},

	57: {"script, handlers, style, iframe, remote image, javascript: links, deep nesting, malformed",
		(*maker).wildHTML},
	58: {"attachment on another host", (*maker).otherHost},
	59: {"size or hash mismatch, dead Binary, wrong content type", (*maker).mismatched},
	60: {"inline base64", (*maker).inline},
}

func (m *maker) moved() {
	team := func(name string) object {
		return object{"managingOrganization": object{"reference": "Organization/" + m.id(name),
			"display": "Team " + name}}
	}
	m.start("the client lives with team west",
		m.put("Organization", "west", object{"active": true, "name": "Team west"}),
		m.put("Organization", "oost", object{"active": true, "name": "Team oost"}),
		m.client("", team("west")),
		m.report("west-verslag", "Geschreven door team west.",
			object{"performer": []object{m.ref("Organization", "west")}}))
	m.step("the client moves to team oost", m.client("", team("oost")))
	m.step("team oost writes", m.report("oost-verslag", "Geschreven door team oost.",
		object{"performer": []object{m.ref("Organization", "oost")}}))
}

func (m *maker) returned() {
	m.start("the client is in care", m.report("eerste", "Voor het vertrek."))
	m.step("the client leaves", m.client("", object{"active": false}))
	m.step("the client returns", m.client(""), m.report("tweede", "Na de terugkeer."))
}

func (m *maker) mistakenForDead() {
	m.start("the client is alive", m.report("verslag", "Leeft en geniet."))
	m.step("the client is recorded as deceased", m.client("",
		object{"active": false, "deceasedDateTime": m.moment(-day)}))
	m.step("the client is alive again", m.client("", object{"deceasedBoolean": false}))
}

func (m *maker) merged() {
	other := object{"subject": m.ref("Patient", "dubbel")}
	m.start("the client has two dossiers",
		m.client("dubbel"),
		m.report("verslag", "In het goede dossier."),
		m.report("dubbel-verslag", "In het dubbele dossier.", other))
	m.step("the second is merged into the first",
		m.client("dubbel", object{"active": false, "link": []object{{"other": m.subject(), "type": "replaced-by"}}}),
		m.client("", object{"link": []object{{"other": m.ref("Patient", "dubbel"), "type": "replaces"}}}))
	m.step("the report follows", m.report("dubbel-verslag", "In het dubbele dossier."))
}

func (m *maker) wrongClient() {
	wrong := object{"subject": m.ref("Patient", "ander")}
	m.start("a report, a form and a plan are about the wrong client",
		m.client("ander"),
		m.report("verslag", "Hoort bij casus 5.", wrong),
		m.form("formulier", []object{answered("a", object{"valueString": "Hoort bij casus 5."})}, wrong),
		m.goal("plan-doel", "Hoort bij casus 5", wrong), m.plan("plan", "active", wrong))
	m.step("the three are put right",
		m.report("verslag", "Hoort bij casus 5."),
		m.form("formulier", []object{answered("a", object{"valueString": "Hoort bij casus 5."})}),
		m.goal("plan-doel", "Hoort bij casus 5"), m.plan("plan", "active"))
}

// everything is a dossier with one item of each kind, and the types of these by suffix.
func (m *maker) everything() (writes []Write, types map[string]string) {
	return []Write{
			m.report("verslag", "Een verslag."),
			m.form("formulier", []object{answered("a", object{"valueBoolean": true})}),
			m.goal("plan-doel", "Een doel"), m.plan("plan", "active"), m.contact("dochter"),
		}, map[string]string{
			"verslag": "Observation", "formulier": "QuestionnaireResponse", "plan-doel": "Goal", "plan": "CarePlan",
			"dochter": "RelatedPerson", "": "Patient",
		}
}

// removalOrder is the order in which the items of everything are removed.
var removalOrder = []string{"verslag", "formulier", "plan", "plan-doel", "dochter", ""}

func (m *maker) contact(suffix string, parts ...object) Write {
	head := object{
		"active": true, "patient": m.subject(), "name": []object{{"text": "Dochter van casus"}},
		"relationship": []object{{"text": "dochter"}},
	}
	return m.put("RelatedPerson", suffix, append([]object{head}, parts...)...)
}

func (m *maker) unshared() {
	writes, types := m.everything()
	m.start("the client is shared", writes...)
	var gone []Write
	for _, suffix := range removalOrder {
		gone = append(gone, m.vanished(types[suffix], suffix))
	}
	m.step("everything vanishes without a tombstone", gone...)
}

func (m *maker) erased() {
	writes, types := m.everything()
	m.start("the client has a dossier", writes...)
	var gone []Write
	for _, suffix := range removalOrder {
		gone = append(gone, m.deleted(types[suffix], suffix))
	}
	m.step("the client is erased", gone...)
}

func (m *maker) samePerson() {
	m.start("the client is known here; load this case at two sources",
		m.client("", object{"identifier": []object{{"system": base + "/landelijk", "value": "dezelfde-persoon"}}}),
		m.report("verslag", "Geschreven bij deze organisatie."))
}

func (m *maker) alone() {
	m.start("the client has no contacts", m.report("verslag", "Er komt geen bezoek."))
}
