package dossier

import "slices"

// Stream is one kind of source data. A stream may be several FHIR resource types.
type Stream string

// The streams.
const (
	StreamClients        Stream = "clients"
	StreamContacts       Stream = "contacts"
	StreamStaff          Stream = "staff"
	StreamQuestionnaires Stream = "questionnaires"
	StreamGoals          Stream = "goals"
	StreamCarePlans      Stream = "care-plans"
	StreamReports        Stream = "reports"
	StreamForms          Stream = "forms"
)

// Part is a part of a dossier: a grant gives a right to some of them.
type Part string

// The parts of a dossier.
const (
	PartReports   Part = "reports"
	PartForms     Part = "forms"
	PartCarePlans Part = "care-plans"
	// PartContacts is the part of contacts. No grant names it; managers have it.
	PartContacts Part = "contacts"
)

// Parts lists the parts that a grant may name, in the order in which the portal shows them.
func Parts() []Part { return []Part{PartReports, PartForms, PartCarePlans} }

// streams holds for each stream the FHIR R4 resource types that it can be read from, the part
// that its items are shown in (empty: none), and whether its records belong to clients. The
// order is the reading order: records that others refer to come first, so that most
// references resolve at once.
var streams = []struct {
	stream    Stream
	types     []string
	part      Part
	ofClients bool
}{
	{StreamClients, []string{"Patient"}, "", false},
	{StreamContacts, []string{"RelatedPerson"}, PartContacts, true},
	{StreamStaff, []string{"Practitioner", "PractitionerRole", "Organization"}, "", false},
	{StreamQuestionnaires, []string{"Questionnaire"}, "", false},
	{StreamGoals, []string{"Goal"}, PartCarePlans, true},
	{StreamCarePlans, []string{"CarePlan", "Provenance", "Consent"}, PartCarePlans, true},
	{StreamReports, []string{"Observation", "DocumentReference", "Composition"}, PartReports, true},
	{StreamForms, []string{"QuestionnaireResponse"}, PartForms, true},
}

// Streams lists every stream in reading order.
func Streams() []Stream {
	list := make([]Stream, len(streams))
	for i := range streams {
		list[i] = streams[i].stream
	}
	return list
}

// Types lists the FHIR R4 resource types that s can be read from, in reading order.
func (s Stream) Types() []string {
	for i := range streams {
		if streams[i].stream == s {
			return slices.Clone(streams[i].types)
		}
	}
	return nil
}

// Part returns the part that items of s are shown in; empty: none.
func (s Stream) Part() Part {
	for i := range streams {
		if streams[i].stream == s {
			return streams[i].part
		}
	}
	return ""
}

// OfClients reports whether the records of s belong to clients.
func (s Stream) OfClients() bool {
	for i := range streams {
		if streams[i].stream == s {
			return streams[i].ofClients
		}
	}
	return false
}

// Streams lists the streams that p is read from. Staff and questionnaires are not among them,
// because an item is right without its author's name or its questionnaire's labels.
func (p Part) Streams() []Stream {
	var list []Stream
	for i := range streams {
		if streams[i].part == p && p != "" {
			list = append(list, streams[i].stream)
		}
	}
	return list
}

// StreamOf returns the stream that resources of the FHIR type belong to, and false if the
// type cannot be read.
func StreamOf(resourceType string) (Stream, bool) {
	for i := range streams {
		if slices.Contains(streams[i].types, resourceType) {
			return streams[i].stream, true
		}
	}
	return "", false
}
