package dossier

// Domain is one of the four domains of Dutch long-term care (Kwaliteitskader), or another
// that a source uses.
type Domain struct {
	Code string `json:"code"` // mentaal, lichamelijk, participatie, wonen; empty for none
	Name string `json:"name"`
}

// Goal is an aim that client and carers have agreed on.
type Goal struct {
	Description string   `json:"description"`
	Domain      Domain   `json:"domain,omitzero"`
	Status      string   `json:"status"`                // FHIR lifecycleStatus
	Achievement string   `json:"achievement,omitempty"` // FHIR achievementStatus code
	Start       string   `json:"start,omitempty"`       // FHIR date
	Targets     []Target `json:"targets,omitempty"`
	Notes       []Note   `json:"notes,omitempty"`
	// StatusReason is the reason for Status, in words.
	StatusReason string       `json:"statusReason,omitempty"`
	ExpressedBy  Party        `json:"expressedBy,omitzero"`
	Outcomes     []Evaluation `json:"outcomes,omitempty"` // what was achieved
}

// Target is one measure of a goal.
type Target struct {
	Text string `json:"text"`
	Due  string `json:"due,omitempty"` // FHIR date
	// DueWithin is how long reaching it may take, in Dutch: 6 weken.
	DueWithin string `json:"dueWithin,omitempty"`
}

// Note is a remark with its author and moment.
type Note struct {
	At     Moment `json:"at,omitzero"`
	Author Party  `json:"author,omitzero"`
	Text   string `json:"text"`
}

// Evaluation is a remark on the progress or the outcome of a plan, an action or goals.
type Evaluation struct {
	Note

	// Of is the record that the remark comes from, if the source has one. If that record is
	// hidden, the evaluation is not for readers.
	Of       Ref   `json:"of,omitzero"`
	Action   int   `json:"action,omitempty"` // the place in the plan's Actions, from 1; 0: none
	Goals    []Ref `json:"goals,omitempty"`
	OwnGoals []int `json:"ownGoals,omitempty"` // indexes into the plan's OwnGoals
}

// Action is an activity for a goal.
type Action struct {
	Description string `json:"description"`
	// Of is the record that is described, if Description is only the name that the plan gives it.
	Of       Ref     `json:"of,omitzero"`
	Status   string  `json:"status,omitempty"`
	Domain   Domain  `json:"domain,omitzero"`
	Goals    []Ref   `json:"goals,omitempty"`
	OwnGoals []int   `json:"ownGoals,omitempty"` // indexes into the plan's OwnGoals
	Timing   string  `json:"timing,omitempty"`   // when and how often, in Dutch
	Product  string  `json:"product,omitempty"`
	Amount   string  `json:"amount,omitempty"`
	Location string  `json:"location,omitempty"`
	Reason   string  `json:"reason,omitempty"`
	Team     []Party `json:"team,omitempty"` // the people who do it
}

// CarePlan is a care plan with its goals, actions and evaluations, or a part of one.
type CarePlan struct {
	Title       string       `json:"title,omitempty"` // empty: the tenant's word for a plan
	Description string       `json:"description,omitempty"`
	Status      string       `json:"status"`               // FHIR status
	Open        bool         `json:"open"`                 // in force according to the source
	Superseded  bool         `json:"superseded,omitempty"` // it would be open if no other plan had replaced it
	Start       string       `json:"start,omitempty"`      // FHIR date
	End         string       `json:"end,omitempty"`        // FHIR date
	Ends        string       `json:"ends,omitempty"`       // the last local date (YYYY-MM-DD) on which it counts
	At          Moment       `json:"at"`                   // its place in a list: start of period, else created
	Author      []Party      `json:"author,omitempty"`
	Team        []Party      `json:"team,omitempty"`      // others who work on it
	Addresses   []string     `json:"addresses,omitempty"` // the conditions that it is about, in words
	Goals       []Ref        `json:"goals,omitempty"`
	OwnGoals    []Goal       `json:"ownGoals,omitempty"` // goals written inside the plan, without an identity
	Actions     []Action     `json:"actions,omitempty"`
	Evaluations []Evaluation `json:"evaluations,omitempty"`
	Notes       []Note       `json:"notes,omitempty"`     // remarks on the plan as a whole
	Narrative   string       `json:"narrative,omitempty"` // plain text
	Replaces    []Ref        `json:"replaces,omitempty"`
	PartOf      []Ref        `json:"partOf,omitempty"` // the plans that it may be a part of, the likeliest first
}

// PlanAgreement is an agreement to care plans that the source keeps as a record of its own:
// a signature or a consent. It may name no client; the client is then that of the plans, and
// By holds no name where it is a reference.
type PlanAgreement struct {
	Plans []Ref  `json:"plans"`
	By    Party  `json:"by"`
	At    Moment `json:"at,omitzero"`
}

// Kind implements [Content].
func (*Goal) Kind() Kind { return KindGoal }

// Refs implements [Content].
func (g *Goal) Refs() []Ref {
	var refs []Ref
	for _, n := range g.Notes {
		refs = n.Author.appendTo(refs)
	}
	for _, e := range g.Outcomes {
		refs = appendRefs(refs, e.Of)
	}
	return g.ExpressedBy.appendTo(refs)
}

// Kind implements [Content].
func (*CarePlan) Kind() Kind { return KindCarePlan }

// Refs implements [Content].
func (p *CarePlan) Refs() []Ref {
	refs := appendRefs(nil, p.PartOf...)
	refs = appendRefs(refs, p.Goals...)
	for _, a := range p.Actions {
		refs = appendRefs(appendRefs(refs, a.Goals...), a.Of)
		for _, performer := range a.Team {
			refs = performer.appendTo(refs)
		}
	}
	for _, a := range p.Author {
		refs = a.appendTo(refs)
	}
	for _, a := range p.Team {
		refs = a.appendTo(refs)
	}
	for _, e := range p.Evaluations {
		refs = appendRefs(e.Author.appendTo(refs), e.Of)
	}
	for _, n := range p.Notes {
		refs = n.Author.appendTo(refs)
	}
	for _, g := range p.OwnGoals {
		refs = appendRefs(refs, g.Refs()...)
	}
	return refs
}

// Kind implements [Content].
func (*PlanAgreement) Kind() Kind { return KindAgreement }

// Refs implements [Content].
func (a *PlanAgreement) Refs() []Ref { return a.By.appendTo(appendRefs(nil, a.Plans...)) }

// PlansOf lists the care plans that c names and that may be rendered from it.
func PlansOf(c Content) []Ref {
	switch c := c.(type) {
	case *CarePlan:
		return c.PartOf
	case *PlanAgreement:
		return c.Plans
	}
	return nil
}
