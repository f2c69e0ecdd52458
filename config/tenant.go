package config

import (
	"net/url"
	"regexp"
	"time"
)

// Tenant is one care organisation.
type Tenant struct {
	// ID is part of every key in the store, and cannot be changed later:
	// lower-case letters, digits and hyphens, at most 63.
	ID string
	// Name is shown to people.
	Name string
	// Location is the zone of the schedule and of what readers see. Default:
	// Europe/Amsterdam.
	Location *time.Location
	// Schedule says when runs are due. Default: 0 7-23/4 * * *.
	Schedule Schedule
	// MaxRemoved is the fraction of a stream, from 0 to 1, of which inferred
	// removals within 24 hours are held for an operator. Default: 0.05.
	MaxRemoved float64
	Source     Source
	Mapping    Mapping
}

// Source is a tenant's care record system. There is one kind as yet.
type Source struct {
	FHIR FHIR
}

// FHIR is a source that speaks FHIR R4 over HTTP.
type FHIR struct {
	// BaseURL is absolute, without a slash at its end.
	BaseURL *url.URL
	Auth    Auth
	// AttachmentPrefixes are where files of documents may be fetched from, and where redirects and
	// links to a next page may lead, beside the base URL: addresses on its server. Default: none.
	AttachmentPrefixes []string
	// Search has the searches of the streams that are not read as usual. A stream
	// with an empty list is not pulled: the organisation does not share it.
	Search map[string][]string
	// PageSize is the _count asked for, 1 to 10000. Default: 500.
	PageSize int
	// Concurrency is the number of requests at once, 1 to 64. Default: 4.
	Concurrency int
	// RequestsPerSecond is above 0, at most 10000. Default: 50.
	RequestsPerSecond float64
	// RequestsPerRun is how many requests one run may make, about. Default: 0,
	// any number.
	RequestsPerRun int
	// Lag is how far behind the source's own clock a run stops. Default: 150s.
	Lag time.Duration
	// Overlap is how far before the cursor a run begins. Default: 150s.
	Overlap time.Duration
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
		ID:         s.key("id").required("give lower-case letters, digits and hyphens, such as amaris; it cannot be changed later").tenantID(ids),
		Name:       s.key("name").required("give the name of the organisation as people know it").text(""),
		Location:   location,
		Schedule:   s.key("schedule").schedule("0 7-23/4 * * *", location),
		MaxRemoved: s.key("max_removed").percent(0.05),
		Source:     s.key("source").required("give the care record system, under source.fhir").source(),
		Mapping:    mapping,
	}
}

func (v value) tenantID(ids map[string]string) string {
	id := v.distinct(ids)
	if id != "" && !tenantID.MatchString(id) {
		v.faultf("must be lower-case letters, digits and hyphens, beginning with a letter or digit, at most 63, not %s", shorten(asWritten(v.node)))
	}
	return id
}

func (v value) location(def string) *time.Location {
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
