package simulator

import (
	"slices"

	"dossiersync/cmd/carerecordsim/archive"
)

// kind is the type of a search parameter.
type kind string

const (
	token     kind = "token"
	reference kind = "reference"
)

// parameter is a search parameter of a resource type, besides those of all types.
type parameter struct {
	name    string
	kind    kind
	element int // of archive, for tokens
}

var (
	byPatient   = parameter{name: "patient", kind: reference}
	bySubject   = parameter{name: "subject", kind: reference}
	byCode      = parameter{"code", token, archive.Code}
	byType      = parameter{"type", token, archive.Type}
	byCategory  = parameter{"category", token, archive.Category}
	byStatus    = parameter{"status", token, archive.Status}
	byLifecycle = parameter{"lifecycle-status", token, archive.LifecycleStatus}
	byActive    = parameter{"active", token, archive.Active}
)

// parametersOf lists the types that the server serves even when it holds none, with their search
// parameters in FHIR R4.
var parametersOf = map[string][]parameter{
	"Binary":                {},
	"CarePlan":              {byPatient, bySubject, byCategory, byStatus},
	"Composition":           {byPatient, bySubject, byType, byCategory, byStatus},
	"Consent":               {byPatient, byCategory, byStatus},
	"DocumentReference":     {byPatient, bySubject, byType, byCategory, byStatus},
	"Goal":                  {byPatient, bySubject, byCategory, byLifecycle},
	"Observation":           {byPatient, bySubject, byCode, byCategory, byStatus},
	"Organization":          {byType, byActive},
	"Patient":               {byActive},
	"Practitioner":          {byActive},
	"PractitionerRole":      {byActive},
	"Provenance":            {},
	"Questionnaire":         {byCode, byStatus},
	"QuestionnaireResponse": {byPatient, bySubject, byStatus},
	"RelatedPerson":         {byPatient, byActive},
}

// commonParameters are the token parameters of every type.
var commonParameters = []parameter{
	{"_tag", token, archive.Tag},
	{"_security", token, archive.Security},
}

func findParameter(resourceType, name string) (parameter, bool) {
	for _, list := range [][]parameter{commonParameters, parametersOf[resourceType]} {
		if i := slices.IndexFunc(list, func(p parameter) bool { return p.name == name }); i >= 0 {
			return list[i], true
		}
	}
	return parameter{}, false
}

// belongsToClients reports whether a type has a patient parameter.
func belongsToClients(resourceType string) bool {
	return slices.ContainsFunc(parametersOf[resourceType], func(p parameter) bool { return p.kind == reference })
}

// knows reports whether the server serves a type: it is in the table, or was ever written.
func (s *Server) knows(resourceType string) bool {
	_, listed := parametersOf[resourceType]
	return listed || slices.Contains(s.archive.Types(), resourceType)
}
