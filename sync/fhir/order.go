package fhir

import (
	"cmp"
	"iter"
	"slices"
	"strings"

	"dossiersync/store/dossier"
)

// orderKinds are the types of order that an activity refers to instead of describing what is done
// (FHIR R4, CarePlan.activity.reference and detail.kind), in Dutch.
var orderKinds = map[string]string{
	"Appointment": "Afspraak", "CommunicationRequest": "Verzoek om contact", "DeviceRequest": "Aanvraag van een hulpmiddel",
	"MedicationRequest": "Medicatievoorschrift", "NutritionOrder": "Voedingsvoorschrift", "Task": "Taak",
	"ServiceRequest": "Zorgopdracht", "VisionPrescription": "Brilvoorschrift", "RequestGroup": "Groep van opdrachten",
	"ImmunizationRecommendation": "Vaccinatieadvies", "SupplyRequest": "Bestelling", "CarePlan": "Zorgplan", "Goal": "Doel",
}

// ordered reads v, an activity's Reference to an order, as an action; ok is false where it may not be
// shown. An order that is not written in r is no more than its display or its kind: it is never left
// out.
func (m *mapper) ordered(r *resource, v value) (a dossier.Action, ok bool) {
	t := m.reference(v)
	kind := t.kind
	if t.inside != "" {
		if r.hides(t.inside) {
			return a, false
		}
		in := r.inside(t.inside)
		kind = in.get("resourceType").str()
		if in.ok() {
			if a, ok = m.order(r, in); !ok {
				return a, false
			}
		}
	}
	if a.Description == "" {
		a.Description, a.Of = t.display, m.pulled(v)
	}
	if a.Description == "" {
		a.Description = cmp.Or(orderKinds[kind], "Activiteit") + ": niet beschikbaar"
	}
	return a, true
}

// order reads v, an order that r contains; ok is false where its status or intent does not allow it to
// be shown.
func (m *mapper) order(r *resource, v value) (a dossier.Action, ok bool) {
	if a.Status, ok = orderStatus(v); !ok || intentVerdict(v.get("intent").str()) != shown {
		return a, false
	}
	a.Description = m.orderWords(r, v)
	if v.get("doNotPerform").bool() && a.Description != "" {
		a.Description = "Niet doen: " + a.Description
	}
	a.Timing, a.Reason = m.orderTiming(v), m.reasons(r, v)
	a.Amount = quantity(asObject(v.get("quantityQuantity")))
	switch who := v.get("performer"); {
	case who.ok() && who.node().kind == array:
		a.Team = m.parties(r, who)
	case who.ok():
		a.Team = m.appendParty(nil, r, who)
	}
	a.Team = m.appendParty(a.Team, r, v.get("owner"))
	for _, one := range v.get("participant").each() {
		a.Team = m.appendParty(a.Team, r, one.get("actor"))
	}
	return a, true
}

// orderStatus returns the status of v, an order, as that of an action.
func orderStatus(v value) (status string, ok bool) {
	switch s := v.get("status").str(); s {
	case "active", "in-progress", "accepted", "ready", "arrived", "checked-in":
		return "in-progress", true
	case "on-hold", "waitlist":
		return "on-hold", true
	case "completed", "fulfilled":
		return "completed", true
	case "revoked", "stopped", "failed":
		return "stopped", true
	case "cancelled", "noshow", "rejected":
		return "cancelled", true
	case "booked", "pending", "received", "requested":
		return "scheduled", true
	case "", "unknown":
		return s, true
	}
	return "", false // proposed, draft, entered-in-error, and what is not known
}

// orderWords returns what v, a resource that r contains, asks for or says.
func (m *mapper) orderWords(r *resource, v value) string {
	var all []string
	say := func(s string) {
		if s = strings.TrimSpace(s); s != "" && !slices.Contains(all, s) {
			all = append(all, s)
		}
	}
	switch v.get("resourceType").str() {
	case "MedicationRequest":
		say(m.product(r, v, "medication"))
		for _, d := range v.get("dosageInstruction").each() {
			say(m.text(d.get("text")))
			say(m.text(d.get("patientInstruction")))
		}
	case "NutritionOrder":
		diet := v.get("oralDiet")
		for _, c := range diet.get("type").each() {
			say(wordsOrCode(c))
		}
		say(m.text(diet.get("instruction")))
		for _, s := range v.get("supplement").each() {
			say(cmp.Or(dutchLine(s.get("productName")), wordsOrCode(s.get("type"))))
			say(m.text(s.get("instruction")))
		}
		say(m.text(v.get("enteralFormula").get("administrationInstruction")))
		for _, c := range asList(v.get("foodPreferenceModifier")) {
			say(wordsOrCode(c))
		}
		for _, c := range asList(v.get("excludeFoodModifier")) {
			if s := wordsOrCode(c); s != "" {
				say("niet: " + s)
			}
		}
	case "DeviceRequest":
		say(m.product(r, v, "code"))
	case "CommunicationRequest":
		for _, p := range v.get("payload").each() {
			say(m.text(p.get("contentString")))
		}
	case "RequestGroup":
		m.groupedWords(v.get("action"), say)
	case "Observation":
		say(wordsOrCode(v.get("code")))
		s, _ := m.valueText(v.get)
		say(s)
		return strings.Join(all, ": ")
	case "Medication", "Substance":
		return wordsOrCode(v.get("code"))
	case "Device":
		for _, n := range v.get("deviceName").each() {
			say(dutchLine(n.get("name")))
		}
		if len(all) == 0 {
			say(wordsOrCode(v.get("type")))
		}
		return strings.Join(all, ", ")
	case "SupplyRequest":
		say(m.product(r, v, "item"))
	case "Appointment":
		say(m.text(v.get("description")))
		for _, c := range v.get("serviceType").each() {
			say(wordsOrCode(c))
		}
		say(m.text(v.get("comment")))
		say(m.text(v.get("patientInstruction")))
	case "Location", "Organization", "HealthcareService", "CareTeam":
		return dutchLine(v.get("name"))
	case "VisionPrescription":
	default:
		say(m.text(asText(v.get("description"))))
		if c := v.get("code"); len(all) == 0 && c.ok() && c.node().kind == object {
			say(wordsOrCode(c))
		}
		for _, c := range asList(v.get("orderDetail")) {
			say(wordsOrCode(c))
		}
		say(m.text(asText(v.get("patientInstruction"))))
	}
	if len(all) == 0 && v.get("resourceType").str() == "VisionPrescription" {
		for _, lens := range v.get("lensSpecification").each() {
			for _, n := range lens.get("note").each() {
				say(m.text(n.get("text")))
			}
		}
		if len(all) > 0 {
			all[0] = orderKinds["VisionPrescription"] + ": " + all[0]
		}
	}
	for _, n := range asList(v.get("note")) {
		say(m.text(n.get("text")))
	}
	return strings.Join(all, ", ")
}

// groupedWords says what the actions of v, of a RequestGroup, are.
func (m *mapper) groupedWords(v value, say func(string)) {
	for _, a := range v.each() {
		title, description := dutchLine(a.get("title")), m.text(a.get("description"))
		if title != "" && description != "" && !strings.Contains(description, title) {
			title += ": " + description
			description = ""
		}
		say(cmp.Or(title, description))
		m.groupedWords(a.get("action"), say)
	}
}

// orderTiming returns when what v, an order, asks for is done.
func (m *mapper) orderTiming(v value) string {
	if s := m.scheduled(v, "occurrence"); s != "" {
		return s
	}
	var all []string
	for _, d := range asList(v.get("dosageInstruction")) {
		if s := m.timing(d.get("timing")); s != "" && !slices.Contains(all, s) {
			all = append(all, s)
		}
	}
	if s := m.timing(v.get("oralDiet").get("schedule").at(0)); s != "" {
		all = append(all, s)
	}
	if v.get("resourceType").str() == "Appointment" {
		all = append(all, m.period(v))
	}
	if p := v.get("executionPeriod"); p.ok() {
		all = append(all, m.period(p))
	}
	return joinWith("; ", all...)
}

// product returns what prefix[x] of v names: a CodeableConcept, or a Reference.
func (m *mapper) product(r *resource, v value, prefix string) string {
	if s := wordsOrCode(v.get(prefix + "CodeableConcept")); s != "" {
		return s
	}
	return m.thing(r, v.get(prefix+"Reference"))
}

// thing is named for a Reference to a thing or a place; what else it names may not be for readers.
func (m *mapper) thing(r *resource, v value) string {
	if !m.pulled(v).IsZero() {
		return ""
	}
	return m.named(r, v)
}

// reasons returns in words why v, an action or an order, is done, or is done no longer: a list of
// CodeableConcept, references to conditions, and the reason of its status.
func (m *mapper) reasons(r *resource, v value) string {
	var all []string
	say := func(s string) {
		if s != "" && !slices.Contains(all, s) {
			all = append(all, s)
		}
	}
	for _, c := range asList(v.get("reasonCode")) {
		say(wordsOrCode(c))
	}
	if list := v.get("reasonReference"); asList(list) != nil {
		for _, s := range m.conditions(r, list) {
			say(s)
		}
	}
	say(wordsOrCode(asObject(v.get("statusReason"))))
	return strings.Join(all, ", ")
}

func perDay(v value) string {
	if s := quantity(v); s != "" {
		return s + " per dag"
	}
	return ""
}

// eachOf yields the elements of v, a list, without their places.
func eachOf(v value) iter.Seq[value] {
	return func(yield func(value) bool) {
		for _, e := range v.each() {
			if !yield(e) {
				return
			}
		}
	}
}

// asList, asObject and asText return v if it is that, else nothing: members of one name are of other
// types in other resources.
func asList(v value) []value {
	if !v.ok() || v.node().kind != array {
		return nil
	}
	return slices.Collect(eachOf(v))
}

func asObject(v value) value {
	if !v.ok() || v.node().kind != object {
		return value{}
	}
	return v
}

func asText(v value) value {
	if !v.ok() || v.node().kind != text {
		return value{}
	}
	return v
}

// joinWith joins what is not empty.
func joinWith(separator string, parts ...string) string {
	return strings.Join(slices.DeleteFunc(slices.Clone(parts), func(s string) bool { return s == "" }), separator)
}
