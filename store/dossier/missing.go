package dossier

import "slices"

// Missing is the part that a record lacks, if the record is hidden for that and says
// nothing itself about being hidden (I5).
type Missing string

// What can be missing.
const (
	MissingRecord  Missing = "record"  // the whole record, from a complete list
	MissingContent Missing = "content" // everything that a reader would read
	MissingClient  Missing = "client"  // a reference to a client of this source
	MissingStatus  Missing = "status"  // the status
	MissingCode    Missing = "code"    // the code that makes it a report
	MissingMark    Missing = "mark"    // the mark that hid the item; the mirror of the others (I6)
)

// MarkReasons lists the reasons of items that a mark or a rule hides. Such an item is
// shown again only after its record was read by its id.
func MarkReasons() []Reason {
	return []Reason{HiddenMarked, HiddenModifierExtension, HiddenImplicitRules}
}

// IsMark reports whether a mark or a rule is the reason.
func (r Reason) IsMark() bool { return slices.Contains(MarkReasons(), r) }

// UnstatedReasons lists the reasons for which an item may be hidden without a statement of the
// source.
func UnstatedReasons() []Reason {
	return []Reason{HiddenEmpty, HiddenNoClient, HiddenNotADocument, HiddenUnknownStatus, HiddenQuarantined}
}
