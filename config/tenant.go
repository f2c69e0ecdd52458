package config

import (
	"regexp"
	"time"
)

// Tenant is one care organisation.
type Tenant struct {
	// ID is part of every key in the store, and cannot be changed later: lower-case
	// letters, digits and hyphens, at most 63.
	ID       string
	Name     string         // shown to people
	Location *time.Location // the zone of the schedule and of what readers see
	Schedule Schedule       // when runs are due
	// MaxRemoved is the fraction of a stream, from 0 to 1; more inferred removals than
	// that within 24 hours are held for an operator.
	MaxRemoved float64
	// GrantsDormantAfter is how long a client may not be shown before the grants on it do
	// not count any more when it is shown again.
	GrantsDormantAfter time.Duration
	Source             Source
	Mapping            Mapping
}

var tenantID = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,62}$`)

func (v value) tenants() []Tenant {
	var tenants []Tenant
	ids := map[string]string{}
	for _, item := range v.items("give at least one tenant: a care organisation whose dossiers are to be synchronised") {
		tenants = append(tenants, item.tenant(ids))
	}
	return tenants
}

func (v value) tenant(ids map[string]string) Tenant {
	s := v.section()
	defer s.end()
	location := s.key("timezone").location("Europe/Amsterdam")
	mapping := s.key("mapping").mapping()
	return Tenant{
		ID: s.key("id").required("give lower-case letters, digits and hyphens, such as amaris; " +
			"it cannot be changed later").tenantID(ids),
		Name:               s.key("name").required("give the name of the organisation as people know it").text(""),
		Location:           location,
		Schedule:           s.key("schedule").schedule("0 7-23/4 * * *", location),
		MaxRemoved:         s.key("max_removed").percent(0.05),
		GrantsDormantAfter: time.Duration(s.key("grants_dormant_after").whole(90, 1, 3650)) * 24 * time.Hour,
		Source:             s.key("source").required("give the care record system, under source.fhir").source(),
		Mapping:            mapping,
	}
}

func (v value) tenantID(ids map[string]string) string {
	id := v.distinct(ids)
	v.describe(schema{"pattern": orVariable(tenantID.String())})
	if id != "" && !tenantID.MatchString(id) {
		v.faultf("must be lower-case letters, digits and hyphens, beginning with a letter or digit, at most 63, not %s",
			shorten(asWritten(v.node)))
	}
	return id
}

func (v value) location(def string) *time.Location {
	v.describeText(def)
	s, ok := v.scalar()
	if !ok {
		s = scalar{text: def, shown: shorten(def)}
	}
	loc, err := time.LoadLocation(s.text)
	if err != nil || s.text == "Local" {
		v.faultf("%s is not a time zone that this machine knows; write a name such as Europe/Amsterdam", s.shown)
		return time.UTC
	}
	return loc
}
