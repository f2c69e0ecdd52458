package dossier

import (
	"maps"
	"slices"
)

// Reason is why an item is hidden, withdrawn or quarantined. The set is closed: reasons are
// metric labels and are explained in the runbook.
type Reason string

// Reasons for StateHidden.
const (
	HiddenMarked            Reason = "marked"             // a security label or rule: not for the client
	HiddenStatus            Reason = "status"             // a status that is not (yet) shown, such as preliminary
	HiddenUnknownStatus     Reason = "unknown-status"     // a status that this program does not know
	HiddenModifierExtension Reason = "modifier-extension" // FHIR R4 §2.4.1; also where marks on parts leave nothing
	HiddenImplicitRules     Reason = "implicit-rules"     // FHIR R4 §2.26.3.2: likewise
	HiddenNotAReport        Reason = "not-a-report"       // an Observation or Composition of another code
	HiddenNoClient          Reason = "no-client"          // names no client, or one of another server
	HiddenSuperseded        Reason = "superseded"         // replaced by another item
	HiddenInactive          Reason = "inactive"           // a client or contact that the source has deactivated
	HiddenMerged            Reason = "merged"             // a client merged into another
	HiddenEmpty             Reason = "empty"              // has no content for a reader
	HiddenQuarantined       Reason = "quarantined"        // the newest version, in quarantine, forbids the last good one
	HiddenUnknownClient     Reason = "unknown-client"     // belongs to a client that the source has not (yet) shown
	HiddenClientHidden      Reason = "client-hidden"      // belongs to a client that is not shown
	HiddenNotADocument      Reason = "not-a-document"     // a document without readable content
	HiddenErased            Reason = "erased"             // its client was erased for good; nothing of it is stored
	HiddenWithheld          Reason = "withheld"           // an operator withholds it, or something that it may hold words of
	HiddenNotAnAgreement    Reason = "not-an-agreement"   // a signature or consent that is no agreement to a care plan
)

// Reasons for StateWithdrawn.
const (
	WithdrawnInError Reason = "entered-in-error" // a mistake according to the source
	WithdrawnDeleted Reason = "deleted"          // deleted according to the source
	WithdrawnAbsent  Reason = "absent"           // no longer in the source, confirmed by a direct read
	WithdrawnPurged  Reason = "purged"           // its client or its type is no longer shared
)

// Reasons for StateQuarantined.
const (
	BadJSON      Reason = "bad-json"      // not JSON, or not an object
	BadID        Reason = "bad-id"        // no id, or not a FHIR id
	BadEnvelope  Reason = "bad-envelope"  // id, status, subject or marks could not be read
	BadBody      Reason = "bad-body"      // the envelope could be read, the content could not
	BadDate      Reason = "bad-date"      // an invalid date
	BadText      Reason = "bad-text"      // U+0000, or not UTF-8
	TooLarge     Reason = "too-large"     // beyond the limits of I12
	TooDeep      Reason = "too-deep"      // nested beyond the limits of I12
	BadType      Reason = "bad-type"      // an entry of a type that was not asked for
	BadReference Reason = "bad-reference" // a reference that cannot be read
	NotStorable  Reason = "not-storable"  // PostgreSQL refused it
)

// reasons holds for each reason its meaning for an operator, and whether the item's envelope
// settles it (see [Reason.InEnvelope]).
var reasons = map[Reason]struct {
	meaning    string
	inEnvelope bool
}{
	HiddenMarked:            {"marked as not for the client", true},
	HiddenStatus:            {"a status that is not shown: preliminary, draft, in progress (reports and forms: mapping: show)", true},
	HiddenUnknownStatus:     {"a status that dossiersync does not know", true},
	HiddenModifierExtension: {"a modifierExtension changes its meaning, or all that it says is marked as not for the client", false},
	HiddenImplicitRules:     {"carries implicitRules, which change its meaning", true},
	HiddenNotAReport:        {"of another kind than the reports (mapping: report_codes)", true},
	HiddenNoClient:          {"names no client, or not one of this source (base_url)", true},
	HiddenSuperseded:        {"replaced by another, or marked so (mapping: show)", false},
	HiddenInactive:          {"out of care according to the source", true},
	HiddenMerged:            {"merged into another client", true},
	HiddenEmpty:             {"has no content to show", false},
	HiddenQuarantined:       {"its newest version could not be read, and the last good one may no longer be shown", false},
	HiddenUnknownClient:     {"belongs to a client that the source has not shown", false},
	HiddenClientHidden:      {"belongs to a client that is not shown", false},
	HiddenNotADocument:      {"a document without content that can be read", false},
	HiddenErased:            {"belongs to a client whose dossier was erased for good; nothing of it is stored", false},
	HiddenWithheld:          {"withheld by an operator", false},
	HiddenNotAnAgreement:    {"a signature or consent that is not the client's agreement to a care plan", false},
	WithdrawnInError:        {"recorded by mistake according to the source", true},
	WithdrawnDeleted:        {"deleted in the source", true},
	WithdrawnAbsent:         {"no longer in the source, which reported no deletion", true},
	WithdrawnPurged:         {"no longer shared, or its client is not", false},
	BadJSON:                 {"not a JSON object", false},
	BadID:                   {"has no id, or an invalid one", false},
	BadEnvelope:             {"its id, status, client or marks cannot be read", false},
	BadBody:                 {"its content cannot be read", false},
	BadDate:                 {"has an invalid date", false},
	BadText:                 {"has a text with characters that are not allowed", false},
	TooLarge:                {"too large", false},
	TooDeep:                 {"nested too deeply", false},
	BadType:                 {"of a type that was not asked for", false},
	BadReference:            {"has a reference that cannot be read", false},
	NotStorable:             {"cannot be stored or shown", false},
}

// Meaning returns a few words that explain the reason to an operator.
func (r Reason) Meaning() string { return reasons[r].meaning }

// InEnvelope reports whether a list of envelopes (id, status, subject, marks) settles the
// reason: where such a list shows an item, an item that is stored as hidden or withdrawn for
// r differs from the source. The other reasons lie in the item's body, or in other items.
func (r Reason) InEnvelope() bool { return reasons[r].inEnvelope }

// Reasons lists every reason, in no order.
func Reasons() []Reason { return slices.Collect(maps.Keys(reasons)) }

// EnvelopeReasons lists the reasons that a list of envelopes settles, sorted.
func EnvelopeReasons() []Reason {
	var list []Reason
	for _, r := range slices.Sorted(maps.Keys(reasons)) {
		if r.InEnvelope() {
			list = append(list, r)
		}
	}
	return list
}
