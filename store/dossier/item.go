package dossier

import (
	"crypto/sha256"
	"encoding/base64"
	"time"
)

// Kind says what an item is to a reader.
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

// State says what the replica holds of an item.
type State string

// The states of an item. Content is stored in StateShown only (I6).
const (
	StateShown       State = "shown"       // stored, and readable by who has the right
	StateHidden      State = "hidden"      // not for the client's eyes now; Reason says why
	StateWithdrawn   State = "withdrawn"   // a tombstone
	StateQuarantined State = "quarantined" // could not be applied; never a row's state
)

// Ref names a record of the source: its type (a FHIR resource type) and id.
type Ref struct {
	Type string `json:"type"`
	ID   string `json:"id"`
}

// IsZero reports whether r names nothing.
func (r Ref) IsZero() bool { return r.ID == "" }

// Key returns the opaque id by which tenant's item r is known to readers. It
// depends on nothing but the item's identity (tenant, type, id), so that it
// survives a resync and a new database.
func Key(tenant string, r Ref) string {
	h := sha256.New()
	for _, s := range [...]string{tenant, r.Type, r.ID} {
		h.Write([]byte(s))
		h.Write([]byte{0})
	}
	return base64.RawURLEncoding.EncodeToString(h.Sum(nil)[:16])
}

// Hash is a digest over an item's body and the rules by which it was mapped.
type Hash [16]byte

// Mix returns a digest of what both are digests of.
func (h Hash) Mix(o Hash) Hash {
	for i, b := range o {
		h[i] ^= b
	}
	return h
}

// IdentityHash returns a digest by which records of one tenant can be told apart.
func IdentityHash(typ, id string) Hash {
	h := sha256.New()
	h.Write([]byte(typ))
	h.Write([]byte{0})
	h.Write([]byte(id))
	return Hash(h.Sum(nil)[:16])
}

// Item is what a source said of one record at one moment, mapped but not yet
// rendered: names of others are still references.
type Item struct {
	Ref

	Stream Stream
	Client string // the client's id in the source; empty where the record belongs to none
	State  State
	Reason Reason // why State is not StateShown
	Detail string // for people: what exactly could not be read; holds no personal data

	// EnvelopeRead reports for a quarantined item that id, status, subject and
	// marks could be read and still allow it to be shown for Client: only then
	// may the last good version stay.
	EnvelopeRead bool
	// Raw holds the bytes of a quarantined item; RawCut says that they are only
	// the first of a larger one.
	Raw    []byte
	RawCut bool

	Version string    // opaque, has no order; empty where the source sends none
	Updated time.Time // the source's lastUpdated; zero where it sends none
	Hash    Hash
	// Content is nil unless State is StateShown. Of a client merged into another
	// (HiddenMerged) it is a *Client that holds nothing but ReplacedBy.
	Content Content
}

// Content is the mapped content of an item: one of *Client, *Contact, *Staff,
// *Questionnaire, *Goal, *CarePlan, *PlanAgreement, *Report, *Form.
type Content interface {
	// Kind says what the item is to a reader.
	Kind() Kind
	// Refs lists the records that the content names and is rendered from; some
	// perhaps more than once.
	Refs() []Ref
}
