package dossier

// Client is the person in care.
type Client struct {
	Name       string `json:"name"`
	Family     string `json:"family,omitempty"`    // the family name, where the source tells it apart
	BirthDate  string `json:"birthDate,omitempty"` // FHIR date
	Deceased   bool   `json:"deceased,omitempty"`
	SortName   string `json:"sortName,omitempty"`   // the name with the family name first, for sorting
	Team       string `json:"team,omitempty"`       // the team or location that cares for the client
	ReplacedBy string `json:"replacedBy,omitempty"` // the id of the client into which this one was merged
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

// StaffKind is what a staff record describes.
type StaffKind string

// The kinds of staff records.
const (
	StaffPerson       StaffKind = "person"       // a FHIR Practitioner
	StaffRole         StaffKind = "role"         // a FHIR PractitionerRole: a person in a role
	StaffOrganization StaffKind = "organization" // a FHIR Organization
)

// StaffKindOf returns what records of the FHIR type describe; empty: not staff.
func StaffKindOf(resourceType string) StaffKind {
	switch resourceType {
	case "Practitioner":
		return StaffPerson
	case "PractitionerRole":
		return StaffRole
	case "Organization":
		return StaffOrganization
	}
	return ""
}

// Staff is a person, role or organisation that can be named as an author.
type Staff struct {
	What         StaffKind `json:"what"`
	Name         string    `json:"name,omitempty"`        // of a person or organisation
	Role         string    `json:"role,omitempty"`        // what the person does, for readers
	Person       Ref       `json:"person,omitzero"`       // of a role: the person in it
	PersonName   string    `json:"personName,omitempty"`  // of a role: the name written beside Person
	Organization Ref       `json:"organization,omitzero"` // of a role: where
	OrgName      string    `json:"orgName,omitempty"`     // of a role: the name written beside Organization
	// Identifiers are the references, made by [Identified], by which others may name the record.
	Identifiers []Ref `json:"identifiers,omitempty"`
}

// Identified returns the reference to a record by one of its identifiers (FHIR R4 §2.3.0.2,
// logical references). It holds a digest, because identifiers of staff are not for readers.
func Identified(system, value string) Ref {
	return Ref{Type: "identifier", ID: Key("", Ref{Type: system, ID: value})}
}

// Party is an author as an item names one: by reference, by a name written beside it, or
// both.
type Party struct {
	Ref     Ref    `json:"ref,omitzero"`
	Display string `json:"display,omitempty"`
	// Inline is the content of a contained resource, which has no identity of its own.
	Inline *Staff `json:"inline,omitempty"`
}

func (p Party) appendTo(refs []Ref) []Ref {
	refs = appendRefs(refs, p.Ref)
	if p.Inline != nil {
		refs = appendRefs(refs, p.Inline.Person, p.Inline.Organization)
		refs = appendRefs(refs, p.Inline.Identifiers...)
	}
	return refs
}

// Kind implements [Content].
func (*Client) Kind() Kind { return KindClient }

// Refs implements [Content].
func (*Client) Refs() []Ref { return nil }

// Kind implements [Content].
func (*Contact) Kind() Kind { return KindContact }

// Refs implements [Content].
func (*Contact) Refs() []Ref { return nil }

// Kind implements [Content].
func (*Staff) Kind() Kind { return KindStaff }

// Refs implements [Content]: a role is rendered from its person and organisation.
func (s *Staff) Refs() []Ref { return appendRefs(nil, s.Person, s.Organization) }
