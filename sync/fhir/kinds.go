package fhir

import (
	"cmp"

	"dossiersync/store/dossier"
)

// A kindOfResource says how one FHIR resource type is read. The functions of
// the envelope (client, status, allow) must not look at content.
type kindOfResource struct {
	name string
	// version is raised whenever resources are mapped differently than before,
	// so that what is stored is read again.
	version int

	client   func(*mapper, *resource, *envelope) bool // sets the client; false: it names none
	search   string                                   // the search parameter for one client's; empty: it belongs to none
	elements string                                   // what beside id, meta and the like an envelope needs
	code     string                                   // the members by which rules know it
	category string
	label    string
	mark     func(*mapper, *resource, *envelope) // adds marks that these do not give; nil: there are none
	status   func(*mapper, *resource) verdict    // nil: has none
	allow    func(*mapper, *envelope) verdict    // what else must be so; nil: nothing

	body    func(*mapper, *resource, *envelope) (dossier.Content, verdict)
	remains func(*mapper, *resource) dossier.Content // what is kept of one that was merged
	uses    func(Mapping) any                        // the rules, beside those that hide, that body follows
}

// stream returns the stream that resources of the type belong to.
func (k *kindOfResource) stream() dossier.Stream {
	s, _ := dossier.StreamOf(k.name) // TestEveryTypeOfTheTableCanBeRead
	return s
}

// kindNamed returns how resources of the type are read.
func kindNamed(name string) (*kindOfResource, bool) {
	for i := range kinds {
		if kinds[i].name == name {
			return &kinds[i], true
		}
	}
	return nil, false
}

// kinds holds every resource type that is pulled, in reading order. It is never
// written to.
var kinds = []kindOfResource{{
	name: "Patient", version: 4,
	client: itself, search: "_id", elements: "active,link,deceased,deceasedBoolean,deceasedDateTime,identifier",
	status: patientStatus, body: (*mapper).patient, remains: patientRemains,
}, {
	name: "RelatedPerson", version: 3,
	client: clientIn("patient"), search: "patient", elements: "patient,identifier",
	body: (*mapper).relatedPerson,
}, {
	name: "Practitioner", version: 3,
	client: nobodys, elements: "identifier", body: (*mapper).practitioner,
}, {
	name: "PractitionerRole", version: 3,
	client: nobodys, elements: "code,identifier", code: "code",
	body: (*mapper).practitionerRole,
}, {
	name: "Organization", version: 3,
	client: nobodys, elements: "identifier", body: (*mapper).organization,
}, {
	name: "Questionnaire", version: 4,
	client: nobodys, elements: "status,url,version,code",
	mark: markQuestionnaire, status: questionnaireStatus, body: (*mapper).questionnaire,
}, {
	name: "Goal", version: 4,
	client: clientIn("subject"), search: "patient", elements: "lifecycleStatus,subject,description,category",
	code: "description", category: "category",
	status: goalStatus, body: (*mapper).goal, uses: domainRules,
}, {
	name: "CarePlan", version: 5,
	client: clientIn("subject"), search: "patient", elements: "status,intent,subject,category",
	category: "category",
	status:   carePlanStatus, body: (*mapper).carePlan, uses: domainRules,
}, {
	name: "Provenance", version: 3,
	client: nobodys, elements: "activity", code: "activity",
	body: (*mapper).signature,
}, {
	name: "Consent", version: 4,
	client: clientIn("patient"), search: "patient", elements: "status,patient,category",
	category: "category",
	status:   consentStatus, body: (*mapper).consent,
}, {
	name: "Observation", version: 6,
	client: clientIn("subject"), search: "patient", elements: "status,subject,code,category",
	code: "code", category: "category",
	status: observationStatus, allow: isReport, body: (*mapper).observation, uses: reportRules,
}, {
	name: "DocumentReference", version: 6,
	client: clientIn("subject"), search: "patient", elements: "status,docStatus,subject,type,category,securityLabel",
	code: "type", category: "category", label: "securityLabel",
	status: documentStatus, body: (*mapper).document, uses: reportRules,
}, {
	name: "Composition", version: 5,
	client: clientIn("subject"), search: "patient", elements: "status,subject,type,category,confidentiality",
	code: "type", category: "category",
	mark: markComposition, status: compositionStatus, allow: isReport, body: (*mapper).composition, uses: reportRules,
}, {
	name: "QuestionnaireResponse", version: 4,
	client: clientIn("subject"), search: "patient", elements: "status,subject,questionnaire",
	mark: markForm, status: formStatus, body: (*mapper).form, uses: formRules,
}}

func domainRules(m Mapping) any { return m.Domain }

func formRules(m Mapping) any { return []bool{m.ShowInProgress, m.ShowStopped} }

func reportRules(m Mapping) any {
	codes := m.ReportCodes
	if codes == nil {
		codes = []Code{reportCode}
	}
	return []any{codes, m.Category, m.ShowPreliminary, m.ShowSuperseded, cmp.Or(m.DocumentTime, DocumentService)}
}
