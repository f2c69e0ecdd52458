package dossier

import "time"

// Kind is what an item is to a reader.
type Kind string

// The kinds of items.
const (
	KindClient        Kind = "client"
	KindContact       Kind = "contact"
	KindStaff         Kind = "staff"
	KindQuestionnaire Kind = "questionnaire"
	KindGoal          Kind = "goal"
	KindCarePlan      Kind = "care-plan"
	KindPlanPart      Kind = "care-plan-part" // a care plan that is shown within another
	KindReport        Kind = "report"
	KindForm          Kind = "form"
	KindAgreement     Kind = "agreement"
)

// State is what the replica holds of an item.
type State string

// The states of an item. Content is stored in StateShown only (I6).
const (
	StateShown       State = "shown"       // stored, and readable with the right grant
	StateHidden      State = "hidden"      // not for the client's eyes now; see Reason
	StateWithdrawn   State = "withdrawn"   // a tombstone
	StateQuarantined State = "quarantined" // could not be applied; never the state of a stored row
)

// Item is one record as the source had it at one moment, mapped but not yet rendered: names
// of other records are still references.
type Item struct {
	Ref

	Stream Stream
	Client string // the client's id in the source; empty where the record belongs to none
	State  State
	Reason Reason // why State is not StateShown
	// Missing is what the record lacks where State is StateHidden and nothing in the record
	// states that it is not to be shown: the reason is then inferred. Else it is empty.
	Missing Missing
	Detail  string // for operators: what exactly could not be read; holds no personal data

	// EnvelopeRead reports for a quarantined item that id, status, subject and marks could
	// be read and still allow it to be shown for Client: only then may the last good
	// version stay.
	EnvelopeRead bool
	// Raw holds the bytes of a quarantined item; RawCut reports that they are only the first
	// part of a larger one.
	Raw    []byte
	RawCut bool

	Version string    // opaque, has no order; empty where the source sends none
	Updated time.Time // the source's lastUpdated; zero where it sends none
	Hash    Hash
	// Aliases are the references by which others may name the record of a person or an organisation
	// instead of by its id. While it is hidden its name is not shown by way of them either.
	Aliases []Ref
	// Content is nil unless State is StateShown, with one exception: a client merged into
	// another (HiddenMerged) has a *Client that holds only ReplacedBy.
	Content Content

	// LeftOut lists the places whose words reach no reader, of an item whose body was read. It is no
	// part of Hash.
	LeftOut []LeftOut
	// Words holds the visible words of the record, of a sample of the records; else it is nil.
	Words []SourceWords
}

// Content is the mapped content of an item: one of *Client, *Contact, *Staff,
// *Questionnaire, *Goal, *CarePlan, *PlanAgreement, *Report, *Form.
type Content interface {
	// Kind is what the item is to a reader.
	Kind() Kind
	// Refs lists the records that the content names and is rendered from, possibly with
	// duplicates.
	Refs() []Ref
}
