package dossier

import "time"

// Precision says how much of a moment the source knew.
type Precision string

// The precisions of FHIR R4 §2.24.0.1 (dateTime, date, instant).
const (
	PrecisionYear   Precision = "year"
	PrecisionMonth  Precision = "month"
	PrecisionDay    Precision = "day"
	PrecisionSecond Precision = "second"
)

// Moment is a FHIR dateTime: an instant, how precise it is, and the source's
// own words. A partial date stands for its first instant in the tenant's zone.
type Moment struct {
	Time      time.Time `json:"time"`
	Precision Precision `json:"precision"`
	Literal   string    `json:"literal"`
}

// IsZero reports whether the source gave no moment.
func (m Moment) IsZero() bool { return m.Time.IsZero() }

// Party is somebody or something named as an author: by reference, by a name
// written beside it, or both.
type Party struct {
	Ref     Ref    `json:"ref,omitzero"`
	Display string `json:"display,omitempty"`
	// Inline is the content of a contained resource, which has no identity of
	// its own.
	Inline *Staff `json:"inline,omitempty"`
}

// Attachment describes a document that the reader is told of, not given.
type Attachment struct {
	Title       string `json:"title"`
	ContentType string `json:"contentType"`
	Size        *int64 `json:"size"` // bytes; null where the source does not say
}

// Client is the person in care.
type Client struct {
	Name       string `json:"name"`
	Deceased   bool   `json:"deceased,omitempty"`
	ReplacedBy string `json:"replacedBy,omitempty"` // the id of the client into whom this one was merged
}

// Contact is a person around a client: a candidate for a grant.
type Contact struct {
	Name         string `json:"name"`
	Relationship string `json:"relationship"`
	Email        string `json:"email,omitempty"`
	Phone        string `json:"phone,omitempty"`
	Active       bool   `json:"active"`
	Ends         string `json:"ends,omitempty"` // the last local date (YYYY-MM-DD) on which it counts
}

// StaffKind tells what a staff record describes.
type StaffKind string

// The kinds of staff records.
const (
	StaffPerson       StaffKind = "person"       // a FHIR Practitioner
	StaffRole         StaffKind = "role"         // a FHIR PractitionerRole: a person in a role
	StaffOrganization StaffKind = "organization" // a FHIR Organization
)

// Staff is who may be named as an author.
type Staff struct {
	What         StaffKind `json:"what"`
	Name         string    `json:"name,omitempty"`        // of a person or organisation
	Role         string    `json:"role,omitempty"`        // what the person does, for readers
	Person       Ref       `json:"person,omitzero"`       // of a role: whose
	PersonName   string    `json:"personName,omitempty"`  // of a role: the name written beside Person
	Organization Ref       `json:"organization,omitzero"` // of a role: where
	OrgName      string    `json:"orgName,omitempty"`     // of a role: the name written beside Organization
	// Identifiers are what a reference may name it by instead of by its record, made by [Identified].
	Identifiers []Ref `json:"identifiers,omitempty"`
}

// Identified names a record by an identifier of it, as FHIR's logical references do. It holds a digest:
// the identifiers of staff are not for readers.
func Identified(system, value string) Ref {
	return Ref{Type: "identifier", ID: Key("", Ref{Type: system, ID: value})}
}

// Report is one entry of the day reports, or a document.
type Report struct {
	At          Moment       `json:"at"`
	RecordedAt  Moment       `json:"recordedAt,omitzero"`
	CorrectedAt Moment       `json:"correctedAt,omitzero"`
	Title       string       `json:"title,omitempty"` // empty: the tenant's word for a report
	Category    string       `json:"category"`        // CategoryGeneral or CategoryCarePlan
	Text        string       `json:"text"`            // plain, line breaks as \n
	Authors     []Party      `json:"authors,omitempty"`
	Plan        Ref          `json:"plan,omitzero"`
	Goal        Ref          `json:"goal,omitzero"`
	Replaces    []Ref        `json:"replaces,omitempty"`
	Attachments []Attachment `json:"attachments,omitempty"`
}

// The two categories of report that Dutch portals keep apart.
const (
	CategoryGeneral  = "general"   // Algemeen
	CategoryCarePlan = "care-plan" // Zorgleefplan
)

// Domain is one of the four domains of Dutch long-term care (Kwaliteitskader),
// or another that a source uses.
type Domain struct {
	Code string `json:"code"` // mentaal, lichamelijk, participatie, wonen; empty for none
	Name string `json:"name"`
}

// Goal is what client and care have agreed to work towards.
type Goal struct {
	Description string   `json:"description"`
	Domain      Domain   `json:"domain,omitzero"`
	Status      string   `json:"status"`                // FHIR lifecycleStatus
	Achievement string   `json:"achievement,omitempty"` // FHIR achievementStatus code
	Start       string   `json:"start,omitempty"`       // FHIR date
	Targets     []Target `json:"targets,omitempty"`
	Notes       []Note   `json:"notes,omitempty"`
	// StatusReason says in words why Status is what it is.
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

// Evaluation is how something in a plan goes, or went.
type Evaluation struct {
	Note

	// Of is the record that says it, where that is one of the source; the evaluation is not for
	// readers if that record is hidden.
	Of       Ref   `json:"of,omitzero"`
	Action   int   `json:"action,omitempty"` // the place in the plan's Actions, from 1; 0: of none
	Goals    []Ref `json:"goals,omitempty"`
	OwnGoals []int `json:"ownGoals,omitempty"` // places in the plan's OwnGoals
}

// Action is what is done for a goal.
type Action struct {
	Description string `json:"description"`
	// Of is the record that is described, where Description is no more than what the plan calls it.
	Of       Ref     `json:"of,omitzero"`
	Status   string  `json:"status,omitempty"`
	Domain   Domain  `json:"domain,omitzero"`
	Goals    []Ref   `json:"goals,omitempty"`
	OwnGoals []int   `json:"ownGoals,omitempty"` // places in the plan's OwnGoals
	Timing   string  `json:"timing,omitempty"`   // when and how often, in Dutch
	Product  string  `json:"product,omitempty"`
	Amount   string  `json:"amount,omitempty"`
	Location string  `json:"location,omitempty"`
	Reason   string  `json:"reason,omitempty"`
	Team     []Party `json:"team,omitempty"` // who does it
}

// CarePlan is a care plan with what hangs on it, or a part of one.
type CarePlan struct {
	Title       string       `json:"title,omitempty"` // empty: the tenant's word for a plan
	Description string       `json:"description,omitempty"`
	Status      string       `json:"status"`               // FHIR status
	Open        bool         `json:"open"`                 // the source says it is in force
	Superseded  bool         `json:"superseded,omitempty"` // it would be open, had not another plan taken its place
	Start       string       `json:"start,omitempty"`      // FHIR date
	End         string       `json:"end,omitempty"`        // FHIR date
	Ends        string       `json:"ends,omitempty"`       // the last local date (YYYY-MM-DD) on which it counts
	At          Moment       `json:"at"`                   // its place in a list: start of period, else created
	Author      []Party      `json:"author,omitempty"`
	Team        []Party      `json:"team,omitempty"`      // who else works on it
	Addresses   []string     `json:"addresses,omitempty"` // what it is about: conditions, in words
	Goals       []Ref        `json:"goals,omitempty"`
	OwnGoals    []Goal       `json:"ownGoals,omitempty"` // goals written inside the plan, without an identity
	Actions     []Action     `json:"actions,omitempty"`
	Evaluations []Evaluation `json:"evaluations,omitempty"`
	Notes       []Note       `json:"notes,omitempty"`     // remarks on the plan as a whole
	Narrative   string       `json:"narrative,omitempty"` // plain text
	Replaces    []Ref        `json:"replaces,omitempty"`
	PartOf      []Ref        `json:"partOf,omitempty"` // plans of which it says it is a part, the likeliest first
}

// PlanAgreement is an agreement to care plans that the source keeps as a record
// of its own: a signature, or a consent. One may be of no client: then the plans
// say whose it is, and By holds no name where it refers to somebody.
type PlanAgreement struct {
	Plans []Ref  `json:"plans"`
	By    Party  `json:"by"`
	At    Moment `json:"at,omitzero"`
}

// Kind implements [Content].
func (*Client) Kind() Kind { return KindClient }

// Kind implements [Content].
func (*Contact) Kind() Kind { return KindContact }

// Kind implements [Content].
func (*Staff) Kind() Kind { return KindStaff }

// Kind implements [Content].
func (*Goal) Kind() Kind { return KindGoal }

// Kind implements [Content].
func (*CarePlan) Kind() Kind { return KindCarePlan }

// Kind implements [Content].
func (*PlanAgreement) Kind() Kind { return KindAgreement }

// Kind implements [Content].
func (*Report) Kind() Kind { return KindReport }

// Refs implements [Content].
func (*Client) Refs() []Ref { return nil }

// Refs implements [Content].
func (*Contact) Refs() []Ref { return nil }

// Refs implements [Content]: a role is rendered from its person and
// organisation.
func (s *Staff) Refs() []Ref { return appendRefs(nil, s.Person, s.Organization) }

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

// Refs implements [Content].
func (p *CarePlan) Refs() []Ref {
	refs := appendRefs(nil, p.PartOf...)
	refs = appendRefs(refs, p.Goals...)
	for _, a := range p.Actions {
		refs = appendRefs(appendRefs(refs, a.Goals...), a.Of)
		for _, who := range a.Team {
			refs = who.appendTo(refs)
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

// PlansOf lists the care plans that c names, and that may be rendered from it.
func PlansOf(c Content) []Ref {
	switch c := c.(type) {
	case *CarePlan:
		return c.PartOf
	case *PlanAgreement:
		return c.Plans
	}
	return nil
}

// Refs implements [Content].
func (a *PlanAgreement) Refs() []Ref { return a.By.appendTo(appendRefs(nil, a.Plans...)) }

// Refs implements [Content]. Plan and Goal are not among them: whether a reader
// may see these is decided at reading time.
func (r *Report) Refs() []Ref {
	var refs []Ref
	for _, a := range r.Authors {
		refs = a.appendTo(refs)
	}
	return refs
}

func (p Party) appendTo(refs []Ref) []Ref {
	refs = appendRefs(refs, p.Ref)
	if p.Inline != nil {
		refs = appendRefs(refs, p.Inline.Person, p.Inline.Organization)
	}
	return refs
}

// appendRefs appends those of more that name something.
func appendRefs(refs []Ref, more ...Ref) []Ref {
	for _, r := range more {
		if !r.IsZero() {
			refs = append(refs, r)
		}
	}
	return refs
}

// LocalDate formats t's date in loc as YYYY-MM-DD, the form of every Ends.
func LocalDate(t time.Time, loc *time.Location) string { return t.In(loc).Format(time.DateOnly) }
