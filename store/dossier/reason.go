package dossier

import (
	"maps"
	"slices"
)

// Reason says why an item is hidden, withdrawn or quarantined. The set is
// closed: reasons are metric labels and are explained in the runbook.
type Reason string

// Reasons for StateHidden.
const (
	HiddenMarked            Reason = "marked"             // a security label or rule says: not for the client
	HiddenStatus            Reason = "status"             // a status that is not (yet) shown: preliminary, draft, in-progress
	HiddenUnknownStatus     Reason = "unknown-status"     // a status this program does not know
	HiddenModifierExtension Reason = "modifier-extension" // FHIR R4 §2.4.1: must not be processed when not understood
	HiddenImplicitRules     Reason = "implicit-rules"     // FHIR R4 §2.26.3.2: likewise
	HiddenNotAReport        Reason = "not-a-report"       // an Observation or Composition whose code is not in report_codes
	HiddenNoClient          Reason = "no-client"          // names no client, or one of another server
	HiddenSuperseded        Reason = "superseded"         // replaced by another item
	HiddenInactive          Reason = "inactive"           // a client or contact that the source has deactivated
	HiddenMerged            Reason = "merged"             // a client merged into another
	HiddenEmpty             Reason = "empty"              // nothing in it for a reader
	HiddenQuarantined       Reason = "quarantined"        // the newest version could not be read, and the last one may no longer be shown
	HiddenUnknownClient     Reason = "unknown-client"     // belongs to a client whom the source has not (yet) shown
	HiddenClientHidden      Reason = "client-hidden"      // belongs to a client who is not shown
	HiddenNotADocument      Reason = "not-a-document"     // a document without readable content
	HiddenErased            Reason = "erased"             // its client was erased for good; nothing of it is stored
	HiddenNotAnAgreement    Reason = "not-an-agreement"   // a signature or consent by which nobody agrees to a care plan
)

// Reasons for StateWithdrawn.
const (
	WithdrawnInError Reason = "entered-in-error" // the source says it was a mistake
	WithdrawnDeleted Reason = "deleted"          // the source says it is deleted
	WithdrawnAbsent  Reason = "absent"           // gone without a trace, confirmed by a direct read
	WithdrawnPurged  Reason = "purged"           // its client, or all of its kind, is no longer shared
)

// Reasons for StateQuarantined.
const (
	BadJSON      Reason = "bad-json"      // not JSON, or not an object
	BadID        Reason = "bad-id"        // no id, or not a FHIR id
	BadEnvelope  Reason = "bad-envelope"  // id, status, subject or marks could not be read
	BadBody      Reason = "bad-body"      // the envelope could, the content could not
	BadDate      Reason = "bad-date"      // a date that is none
	BadText      Reason = "bad-text"      // U+0000, or no UTF-8
	TooLarge     Reason = "too-large"     // beyond the limits of I12
	TooDeep      Reason = "too-deep"      // nested beyond the limits of I12
	BadType      Reason = "bad-type"      // an entry of a type that was not asked for
	BadReference Reason = "bad-reference" // a reference that cannot be read
	NotStorable  Reason = "not-storable"  // PostgreSQL refused it
)

// meanings says each reason to an operator.
var meanings = map[Reason]string{
	HiddenMarked:            "marked as not for the client",
	HiddenStatus:            "its status is not one that is shown: preliminary, draft, in progress (reports and forms: mapping: show)",
	HiddenUnknownStatus:     "a status that dossiersync does not know",
	HiddenModifierExtension: "carries a modifierExtension, which changes its meaning",
	HiddenImplicitRules:     "carries implicitRules, which change its meaning",
	HiddenNotAReport:        "of another kind than the reports (mapping: report_codes)",
	HiddenNoClient:          "names no client, or not one of this source (base_url)",
	HiddenSuperseded:        "replaced by another, or marked so (mapping: show)",
	HiddenInactive:          "out of care, says the source",
	HiddenMerged:            "merged into another client",
	HiddenEmpty:             "has nothing to read",
	HiddenQuarantined:       "its newest version could not be read, and the last good one may no longer be shown",
	HiddenUnknownClient:     "belongs to a client whom the source has not shown",
	HiddenClientHidden:      "belongs to a client who is not shown",
	HiddenNotADocument:      "a document without content that can be read",
	HiddenErased:            "belongs to a client whose dossier was erased for good; nothing of it is stored",
	HiddenNotAnAgreement:    "a signature or consent by which no client, nor anybody for one, agrees to a care plan",
	WithdrawnInError:        "recorded by mistake, says the source",
	WithdrawnDeleted:        "deleted in the source",
	WithdrawnAbsent:         "gone from the source without a trace",
	WithdrawnPurged:         "no longer shared, or its client is not",
	BadJSON:                 "is no JSON object",
	BadID:                   "has no id, or not a valid one",
	BadEnvelope:             "its id, status, client or marks cannot be read",
	BadBody:                 "its content cannot be read",
	BadDate:                 "has a date that is none",
	BadText:                 "has a text with characters that are not allowed",
	TooLarge:                "is too large",
	TooDeep:                 "is nested too deeply",
	BadType:                 "is of a type that was not asked for",
	BadReference:            "names another record in a way that cannot be read",
	NotStorable:             "cannot be stored or shown",
}

// Meaning says the reason to an operator, in a few words.
func (r Reason) Meaning() string { return meanings[r] }

// Reasons lists every reason, in no order.
func Reasons() []Reason { return slices.Collect(maps.Keys(meanings)) }
