package fhir

import (
	"dossiersync/store/dossier"
)

// patientStatus hides a client who was merged into another, or whom the source
// has deactivated. A client without active is active. One who has died stays
// known, though most sources deactivate them: readers are told that reading has
// ended.
func patientStatus(_ *mapper, r *resource) verdict {
	merged := replacedBy(r).ok()
	active := r.get("active")
	switch {
	case merged:
		return hidden(dossier.HiddenMerged)
	case active.ok() && !active.bool() && !hasDied(r):
		return hidden(dossier.HiddenInactive)
	}
	return shown
}

// hasDied reads deceased[x], of which the date may be any.
func hasDied(r *resource) bool {
	return r.get("deceasedBoolean").bool() || r.get("deceasedDateTime").str() != ""
}

// replacedBy returns the Reference to the Patient that replaces r.
func replacedBy(r *resource) value {
	for _, link := range r.get("link").each() {
		if link.get("type").str() == "replaced-by" {
			return link.get("other")
		}
	}
	return value{}
}

// patientRemains is all that is kept of a client who was merged into another:
// into whom.
func patientRemains(m *mapper, r *resource) dossier.Content {
	other := m.reference(replacedBy(r))
	if other.Type != "Patient" {
		return nil
	}
	return &dossier.Client{ReplacedBy: other.ID}
}

func (m *mapper) patient(r *resource, _ *envelope) (dossier.Content, verdict) {
	return &dossier.Client{
		Name:      m.nameOf(r.get("name")),
		Family:    m.familyOf(r.get("name")),
		BirthDate: r.get("birthDate").strIfText(),
		Deceased:  hasDied(r),
		SortName:  m.bestName(r.get("name"), sortName),
		Team:      line(r.get("managingOrganization").get("display").strIfText()),
	}, shown
}
