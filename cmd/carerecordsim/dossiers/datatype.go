package dossiers

import "encoding/json"

// Systems of codes.
const (
	base         = "https://ecd.example"
	kindSystem   = base + "/kind"
	domainSystem = base + "/domein"
	snomed       = "http://snomed.info/sct"
	ucum         = "http://unitsofmeasure.org"
	actCode      = "http://terminology.hl7.org/CodeSystem/v3-ActCode"

	reportCode = "11591000146107"

	instant = "2006-01-02T15:04:05.000Z07:00" // the layout of a FHIR instant
)

type coding struct {
	Extension []extension `json:"extension,omitempty"`
	System    string      `json:"system,omitempty"`
	Code      string      `json:"code"`
	Display   string      `json:"display,omitempty"`
}

type concept struct {
	Coding []coding `json:"coding,omitempty"`
	Text   string   `json:"text,omitempty"`
}

type reference struct {
	Reference  string      `json:"reference,omitempty"`
	Type       string      `json:"type,omitempty"`
	Identifier *identifier `json:"identifier,omitempty"`
	Display    string      `json:"display,omitempty"`
}

type period struct {
	Start string `json:"start,omitempty"`
	End   string `json:"end,omitempty"`
}

type meta struct {
	Tag      []coding `json:"tag,omitempty"`
	Security []coding `json:"security,omitempty"`
}

type identifier struct {
	System string `json:"system"`
	Value  string `json:"value"`
}

type telecom struct {
	System string `json:"system"`
	Value  string `json:"value"`
	Use    string `json:"use,omitempty"`
}

type address struct {
	Use        string   `json:"use,omitempty"`
	Line       []string `json:"line,omitempty"`
	City       string   `json:"city,omitempty"`
	PostalCode string   `json:"postalCode,omitempty"`
	Country    string   `json:"country,omitempty"`
}

type extension struct {
	URL             string      `json:"url"`
	ValueString     string      `json:"valueString,omitempty"`
	ValueCode       string      `json:"valueCode,omitempty"`
	ValueBoolean    bool        `json:"valueBoolean,omitempty"`
	ValueDecimal    json.Number `json:"valueDecimal,omitempty"`
	ValueCoding     *coding     `json:"valueCoding,omitempty"`
	ValueExpression *expression `json:"valueExpression,omitempty"`
}

type expression struct {
	Language   string `json:"language"`
	Expression string `json:"expression"`
}

type extensions struct {
	Extension []extension `json:"extension"`
}

type humanName struct {
	Extension []extension  `json:"extension,omitempty"`
	Use       string       `json:"use,omitempty"`
	Text      string       `json:"text,omitempty"`
	Family    string       `json:"family,omitempty"`
	FamilyExt *extensions  `json:"_family,omitempty"`
	Given     []string     `json:"given,omitempty"`
	GivenExt  []extensions `json:"_given,omitempty"`
}

type annotation struct {
	AuthorReference *reference `json:"authorReference,omitempty"`
	Time            string     `json:"time,omitempty"`
	Text            string     `json:"text"`
}

func to(typ, id, display string) reference {
	return reference{Reference: typ + "/" + id, Type: typ, Display: display}
}

func code(system, code, display string) concept {
	return concept{Coding: []coding{{System: system, Code: code, Display: display}}, Text: display}
}
