package dossier

import (
	"encoding/json"
	"strings"
)

// Questionnaire holds the labels of a form's questions, in one version.
type Questionnaire struct {
	URL     string     `json:"url"`
	Version string     `json:"version,omitempty"`
	Title   string     `json:"title,omitempty"`
	Items   []Question `json:"items,omitempty"`
}

// Question is one item of a questionnaire.
type Question struct {
	LinkID string `json:"linkId"`
	Text   string `json:"text,omitempty"`
	// Hidden reports that people are not to see it (the extension questionnaire-hidden).
	Hidden bool `json:"hidden,omitempty"`
	// Total reports that its answer is the form's score.
	Total   bool     `json:"total,omitempty"`
	Options []Option `json:"options,omitempty"`
	// Units are the units that an answer may have. An option's value is as [Answer.Unit].
	Units []Option   `json:"units,omitempty"`
	Items []Question `json:"items,omitempty"`
	// When holds the conditions on which it is asked; empty: always. With Any, one of them
	// is enough.
	When []Condition `json:"when,omitempty"`
	Any  bool        `json:"any,omitempty"`
}

// Condition is met by the answers to another question of the form.
type Condition struct {
	LinkID   string `json:"linkId"`
	Operator string `json:"operator"` // FHIR's: exists, =, !=, >, <, >=, <=
	Answer   Answer `json:"answer"`
}

// Option is one answer to choose.
type Option struct {
	Value   string `json:"value"` // as [Answer.Option]
	Display string `json:"display,omitempty"`
	Score   string `json:"score,omitempty"` // the ordinal value, a decimal
}

// Form is one filled-in questionnaire. Its questions get their labels when it is rendered,
// from the version of the questionnaire that it names.
type Form struct {
	At Moment `json:"at"`
	// AtUnknown reports that the source gave no moment; At is then its last update there.
	AtUnknown   bool    `json:"atUnknown,omitempty"`
	CorrectedAt Moment  `json:"correctedAt,omitzero"`
	Title       string  `json:"title,omitempty"` // where the form itself has one
	Authors     []Party `json:"authors,omitempty"`
	// Canonical is the questionnaire that it answers, url|version; empty: not given.
	Canonical string `json:"canonical,omitempty"`
	// Questionnaire is the record of the questionnaire, where the form names that instead of
	// or beside the canonical.
	Questionnaire Ref            `json:"questionnaire,omitzero"`
	Own           *Questionnaire `json:"own,omitempty"` // written inside the form
	Items         []FormItem     `json:"items,omitempty"`
	Score         string         `json:"score,omitempty"`   // a decimal, where the form itself has one
	ScoreOf       string         `json:"scoreOf,omitempty"` // the linkId of the question that asks for Score; empty: none
	// Pruned reports that answers which the questionnaire hides were left out and are not
	// stored. Before another questionnaire can label it, the form has to be read again.
	Pruned bool `json:"pruned,omitempty"`
}

// FormItem is a question with its answers, or a group of questions.
type FormItem struct {
	LinkID  string     `json:"linkId"`
	Text    string     `json:"text,omitempty"` // the label, where the form itself has one
	Answers []Answer   `json:"answers,omitempty"`
	Items   []FormItem `json:"items,omitempty"`
}

// Answer is one answer, of any of FHIR's types.
type Answer struct {
	// Type is FHIR R4's name of the type of value[x]: Boolean, Quantity.
	Type string `json:"type,omitempty"`
	// Display is the answer in Dutch words: Ja, 3 maart 2025. It is empty for a coded answer
	// without words of its own, whose words the question's option has.
	Display string `json:"display,omitempty"`
	// Value is JSON: a boolean, an integer, or a string (decimals are strings,
	// written out with the digits that the source gave); for a coding
	// {system, code}, for a quantity {value, unit} and, if it is no exact value, comparator; for an attachment
	// {title, contentType, size}; null for a reference.
	Value json.RawMessage `json:"value"`
	// Unit identifies the unit of a quantity: system|code. It is empty if the unit has no code.
	Unit string `json:"unit,omitempty"`
	// Moment is the time of a date or dateTime.
	Moment Moment `json:"moment,omitzero"`
	// Option identifies a chosen option: system|code, or the value itself.
	Option string     `json:"option,omitempty"`
	Ref    Ref        `json:"ref,omitzero"`    // the record that it names
	Score  string     `json:"score,omitempty"` // the ordinal value, a decimal, where the answer itself has one
	Items  []FormItem `json:"items,omitempty"` // questions that this answer raised
}

// Definition names a questionnaire by its canonical URL, as forms do (FHIR R4 §2.3.0.1,
// canonical).
func Definition(canonical string) Ref { return Ref{Type: "canonical", ID: canonical} }

// Kind implements [Content].
func (*Questionnaire) Kind() Kind { return KindQuestionnaire }

// Refs implements [Content].
func (*Questionnaire) Refs() []Ref { return nil }

// Names lists the references by which forms may name the questionnaire: its canonical URL
// with and without its version.
func (q *Questionnaire) Names() []Ref {
	switch {
	case q.URL == "":
		return nil
	case q.Version == "":
		return []Ref{Definition(q.URL)}
	}
	return []Ref{Definition(q.URL + "|" + q.Version), Definition(q.URL)}
}

// Kind implements [Content].
func (*Form) Kind() Kind { return KindForm }

// Refs implements [Content].
func (f *Form) Refs() []Ref {
	var refs []Ref
	for _, a := range f.Authors {
		refs = a.appendTo(refs)
	}
	refs = append(refs, f.Definitions()...)
	return appendNamed(appendRefs(refs, f.Questionnaire), f.Items)
}

// appendNamed appends the records that the answers to the items name.
func appendNamed(refs []Ref, items []FormItem) []Ref {
	for _, it := range items {
		for _, a := range it.Answers {
			refs = appendNamed(appendRefs(refs, a.Ref), a.Items)
		}
		refs = appendNamed(refs, it.Items)
	}
	return refs
}

// Definitions lists the references by which the form names its questionnaire, the exact
// version first, because a source may not give its questionnaires versions.
func (f *Form) Definitions() []Ref {
	url, version, _ := strings.Cut(f.Canonical, "|")
	switch {
	case url == "":
		return nil
	case version == "":
		return []Ref{Definition(url)}
	}
	return []Ref{Definition(f.Canonical), Definition(url)}
}
