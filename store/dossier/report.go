package dossier

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

// Attachment describes a document. Its bytes are not stored.
type Attachment struct {
	Title       string `json:"title"`
	ContentType string `json:"contentType"`
	Size        *int64 `json:"size"` // bytes; null where the source does not give it
}

// Kind implements [Content].
func (*Report) Kind() Kind { return KindReport }

// Refs implements [Content]. Plan and Goal are not among them, because each reader's rights
// decide at reading time whether these are shown.
func (r *Report) Refs() []Ref {
	var refs []Ref
	for _, a := range r.Authors {
		refs = a.appendTo(refs)
	}
	return refs
}
