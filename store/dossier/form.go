package dossier

import (
	"encoding/json"
	"strings"
)

// Questionnaire is what a form's questions are called, in one version.
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
	// Hidden says that people are not to see it (the extension
	// questionnaire-hidden).
	Hidden bool `json:"hidden,omitempty"`
	// Total says that its answer is the form's score.
	Total   bool     `json:"total,omitempty"`
	Options []Option `json:"options,omitempty"`
	// Units are the units that an answer may have, as options: system|code, and the word for it.
	Units []Option   `json:"units,omitempty"`
	Items []Question `json:"items,omitempty"`
	// When says by which answers it is asked at all; empty: always. Any says that
	// one of the conditions is enough.
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

// Form is one filled-in questionnaire. Its questions are labelled when it is
// rendered, from the questionnaire's version that it names.
type Form struct {
	At Moment `json:"at"`
	// AtUnknown says that the source gave no moment: At is when it was last
	// updated there.
	AtUnknown   bool    `json:"atUnknown,omitempty"`
	CorrectedAt Moment  `json:"correctedAt,omitzero"`
	Title       string  `json:"title,omitempty"` // where the form itself has one
	Authors     []Party `json:"authors,omitempty"`
	// Canonical is the questionnaire that it answers, url|version; empty: it
	// does not say.
	Canonical string `json:"canonical,omitempty"`
	// Questionnaire is its record, where the form names that, instead of or
	// beside the canonical.
	Questionnaire Ref            `json:"questionnaire,omitzero"`
	Own           *Questionnaire `json:"own,omitempty"` // written inside the form
	Items         []FormItem     `json:"items,omitempty"`
	Score         string         `json:"score,omitempty"`   // a decimal, where the form itself says it
	ScoreOf       string         `json:"scoreOf,omitempty"` // the linkId of the question that asks for Score; empty: none does
	// Pruned says that answers were left out which the questionnaire hides: they
	// are not stored. To be rendered by another questionnaire, the form has to be
	// read again.
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
	// Type is what FHIR R4 calls the type of value[x]: Boolean, Quantity.
	Type string `json:"type,omitempty"`
	// Display is the answer as a Dutch reader would say it: Ja, 3 maart 2025.
	// Empty for a coded answer without words of its own: then the question's
	// option has them.
	Display string `json:"display,omitempty"`
	// Value is JSON: a boolean, an integer, or a string (decimals are strings,
	// written out with the digits that the source gave); for a coding {system, code}, for a quantity
	// {value, unit} and, if it is no exact value, comparator; for an attachment
	// {title, contentType, size}; null for a reference.
	Value json.RawMessage `json:"value"`
	// Unit tells the unit of a quantity from others: system|code. Empty: it has words at most.
	Unit string `json:"unit,omitempty"`
	// Moment is when a date or dateTime is.
	Moment Moment `json:"moment,omitzero"`
	// Option tells a chosen option from others: system|code, or the value
	// itself.
	Option string     `json:"option,omitempty"`
	Ref    Ref        `json:"ref,omitzero"`    // whom or what it names
	Score  string     `json:"score,omitempty"` // the ordinal value, a decimal, where the answer itself says it
	Items  []FormItem `json:"items,omitempty"` // questions that this answer raised
}

// Definition names a questionnaire by its canonical URL, which is how forms
// refer to one (FHIR R4 §2.3.0.1, canonical).
func Definition(canonical string) Ref { return Ref{Type: "canonical", ID: canonical} }

// Kind implements [Content].
func (*Questionnaire) Kind() Kind { return KindQuestionnaire }

// Refs implements [Content].
func (*Questionnaire) Refs() []Ref { return nil }

// Names lists what forms may call the questionnaire: its canonical URL with and
// without its version.
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

// appendNamed appends whom the answers to the items name.
func appendNamed(refs []Ref, items []FormItem) []Ref {
	for _, it := range items {
		for _, a := range it.Answers {
			refs = appendNamed(appendRefs(refs, a.Ref), a.Items)
		}
		refs = appendNamed(refs, it.Items)
	}
	return refs
}

// Definitions lists what the form calls its questionnaire, the exact version
// first: a source may not give its questionnaires versions.
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
