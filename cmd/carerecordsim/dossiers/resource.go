package dossiers

import "encoding/json"

type organization struct {
	ResourceType string     `json:"resourceType"`
	ID           string     `json:"id"`
	Active       bool       `json:"active"`
	Type         []concept  `json:"type,omitempty"`
	Name         string     `json:"name"`
	PartOf       *reference `json:"partOf,omitempty"`
	Telecom      []telecom  `json:"telecom,omitempty"`
	Address      []address  `json:"address,omitempty"`
}

type practitioner struct {
	ResourceType string       `json:"resourceType"`
	ID           string       `json:"id"`
	Identifier   []identifier `json:"identifier,omitempty"`
	Active       *bool        `json:"active,omitempty"`
	Name         []humanName  `json:"name"`
	Gender       string       `json:"gender,omitempty"`
}

type practitionerRole struct {
	ResourceType string     `json:"resourceType"`
	ID           string     `json:"id"`
	Active       bool       `json:"active"`
	Practitioner reference  `json:"practitioner"`
	Organization *reference `json:"organization,omitempty"`
	Code         []concept  `json:"code"`
}

type patient struct {
	ResourceType         string        `json:"resourceType"`
	ID                   string        `json:"id"`
	Identifier           []identifier  `json:"identifier"`
	Active               bool          `json:"active"`
	Name                 []humanName   `json:"name"`
	Gender               string        `json:"gender"`
	BirthDate            string        `json:"birthDate,omitempty"`
	DeceasedBoolean      *bool         `json:"deceasedBoolean,omitempty"`
	DeceasedDateTime     string        `json:"deceasedDateTime,omitempty"`
	Address              []address     `json:"address,omitempty"`
	ManagingOrganization *reference    `json:"managingOrganization,omitempty"`
	Link                 []patientLink `json:"link,omitempty"`
}

type patientLink struct {
	Other reference `json:"other"`
	Type  string    `json:"type"`
}

type relatedPerson struct {
	ResourceType string      `json:"resourceType"`
	ID           string      `json:"id"`
	Active       *bool       `json:"active,omitempty"`
	Patient      reference   `json:"patient"`
	Relationship []concept   `json:"relationship"`
	Name         []humanName `json:"name"`
	Telecom      []telecom   `json:"telecom,omitempty"`
	Gender       string      `json:"gender,omitempty"`
	Period       *period     `json:"period,omitempty"`
}

type observation struct {
	ResourceType      string         `json:"resourceType"`
	ID                string         `json:"id"`
	Meta              *meta          `json:"meta,omitempty"`
	Contained         []practitioner `json:"contained,omitempty"`
	BasedOn           []reference    `json:"basedOn,omitempty"`
	Status            string         `json:"status"`
	Category          []concept      `json:"category,omitempty"`
	Code              concept        `json:"code"`
	Subject           reference      `json:"subject"`
	Focus             []reference    `json:"focus,omitempty"`
	EffectiveDateTime string         `json:"effectiveDateTime,omitempty"`
	EffectivePeriod   *period        `json:"effectivePeriod,omitempty"`
	Issued            string         `json:"issued,omitempty"`
	Performer         []reference    `json:"performer,omitempty"`
	ValueString       string         `json:"valueString,omitempty"`
	ValueQuantity     *quantity      `json:"valueQuantity,omitempty"`
}

type quantity struct {
	Value  json.Number `json:"value"`
	Unit   string      `json:"unit,omitempty"`
	System string      `json:"system,omitempty"`
	Code   string      `json:"code,omitempty"`
}

type documentReference struct {
	ResourceType  string             `json:"resourceType"`
	ID            string             `json:"id"`
	Meta          *meta              `json:"meta,omitempty"`
	Status        string             `json:"status"`
	DocStatus     string             `json:"docStatus,omitempty"`
	Type          concept            `json:"type"`
	Subject       reference          `json:"subject"`
	Date          string             `json:"date"`
	Author        []reference        `json:"author,omitempty"`
	RelatesTo     []documentRelation `json:"relatesTo,omitempty"`
	Description   string             `json:"description,omitempty"`
	SecurityLabel []concept          `json:"securityLabel,omitempty"`
	Content       []content          `json:"content"`
	Context       *documentContext   `json:"context,omitempty"`
}

type documentRelation struct {
	Code   string    `json:"code"`
	Target reference `json:"target"`
}

type content struct {
	Attachment attachment `json:"attachment"`
}

type attachment struct {
	ContentType string `json:"contentType"`
	Language    string `json:"language,omitempty"`
	Data        []byte `json:"data,omitempty"` // base64 in JSON
	URL         string `json:"url,omitempty"`
	Size        int    `json:"size"`
	Hash        []byte `json:"hash"` // SHA-1, as FHIR R4 has it
	Title       string `json:"title"`
	Creation    string `json:"creation"`
}

type binary struct {
	ResourceType string `json:"resourceType"`
	ID           string `json:"id"`
	ContentType  string `json:"contentType"`
	Data         []byte `json:"data"`
}

type documentContext struct {
	Period  *period     `json:"period,omitempty"`
	Related []reference `json:"related,omitempty"`
}

type carePlan struct {
	ResourceType string      `json:"resourceType"`
	ID           string      `json:"id"`
	Text         *narrative  `json:"text,omitempty"`
	BasedOn      []reference `json:"basedOn,omitempty"`
	Replaces     []reference `json:"replaces,omitempty"`
	PartOf       []reference `json:"partOf,omitempty"`
	Status       string      `json:"status"`
	Intent       string      `json:"intent"`
	Category     []concept   `json:"category,omitempty"`
	Title        string      `json:"title,omitempty"`
	Description  string      `json:"description,omitempty"`
	Subject      reference   `json:"subject"`
	Period       *period     `json:"period,omitempty"`
	Created      string      `json:"created,omitempty"`
	Author       *reference  `json:"author,omitempty"`
	Goal         []reference `json:"goal,omitempty"`
	Activity     []activity  `json:"activity,omitempty"`
}

type activity struct {
	Outcome  []concept      `json:"outcomeCodeableConcept,omitempty"`
	Progress []annotation   `json:"progress,omitempty"`
	Detail   activityDetail `json:"detail"`
}

type activityDetail struct {
	Goal            []reference `json:"goal,omitempty"`
	Status          string      `json:"status"`
	ScheduledString string      `json:"scheduledString,omitempty"`
	Description     string      `json:"description"`
}

type goal struct {
	ResourceType      string       `json:"resourceType"`
	ID                string       `json:"id"`
	LifecycleStatus   string       `json:"lifecycleStatus"`
	AchievementStatus *concept     `json:"achievementStatus,omitempty"`
	Category          []concept    `json:"category"`
	Description       concept      `json:"description"`
	Subject           reference    `json:"subject"`
	StartDate         string       `json:"startDate,omitempty"`
	Target            []goalTarget `json:"target,omitempty"`
	StatusDate        string       `json:"statusDate,omitempty"`
	Note              []annotation `json:"note,omitempty"`
}

type goalTarget struct {
	DueDate string `json:"dueDate"`
}

type provenance struct {
	ResourceType string            `json:"resourceType"`
	ID           string            `json:"id"`
	Target       []reference       `json:"target"`
	Recorded     string            `json:"recorded"`
	Activity     *concept          `json:"activity,omitempty"`
	Agent        []provenanceAgent `json:"agent"`
	Signature    []signature       `json:"signature"`
}

type provenanceAgent struct {
	Type *concept  `json:"type,omitempty"`
	Who  reference `json:"who"`
}

type signature struct {
	Type      []coding  `json:"type"`
	When      string    `json:"when"`
	Who       reference `json:"who"`
	SigFormat string    `json:"sigFormat,omitempty"`
	Data      []byte    `json:"data,omitempty"`
}

type consent struct {
	ResourceType string                `json:"resourceType"`
	ID           string                `json:"id"`
	Status       string                `json:"status"`
	Scope        concept               `json:"scope"`
	Category     []concept             `json:"category"`
	Patient      reference             `json:"patient"`
	DateTime     string                `json:"dateTime"`
	Performer    []reference           `json:"performer,omitempty"`
	Policy       concept               `json:"policyRule"`
	Verification []consentVerification `json:"verification,omitempty"`
	Provision    consentProvision      `json:"provision"`
}

type consentVerification struct {
	Verified         bool      `json:"verified"`
	VerifiedWith     reference `json:"verifiedWith"`
	VerificationDate string    `json:"verificationDate"`
}

type consentProvision struct {
	Type string        `json:"type"`
	Data []consentData `json:"data"`
}

type consentData struct {
	Meaning   string    `json:"meaning"`
	Reference reference `json:"reference"`
}
