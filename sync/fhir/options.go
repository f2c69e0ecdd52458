package fhir

import (
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"dossiersync/store/dossier"
	"dossiersync/sync/source"
)

// Options says where one tenant's care record system is and how it is to be
// asked and understood. Tenant and BaseURL are required.
type Options struct {
	// Tenant is the id of the care organisation.
	Tenant string
	// BaseURL is the FHIR service base: https, or http, without query. Every
	// request stays on its origin.
	BaseURL *url.URL
	// Transport carries the requests, authenticated already: see [Basic], [Bearer],
	// [ClientCredentials], [PrivateKeyJWT] and [MutualTLS]. Nil stands for
	// NewTransport(nil).
	Transport http.RoundTripper

	// PageSize is how many records one page asks for; default 500.
	PageSize int
	// Concurrency is how many requests may be under way at once; default 4.
	Concurrency int
	// RequestsPerSecond is how many requests may begin in a second; default 50.
	RequestsPerSecond float64
	// Patience is how long in all one call waits inside for a source that asks
	// for patience; default 60 s. Beyond it the call fails as throttled.
	Patience time.Duration

	// Searches lists what is pulled for each stream, as a FHIR search without
	// its base: "Observation?code=…". A stream that is not in it has its
	// default; one with an empty list is not pulled.
	Searches map[dossier.Stream][]string
	// Mapping is what the tenant's codes mean.
	Mapping Mapping
	// Zone is where times without an offset, and dates, are; nil stands for UTC.
	Zone *time.Location
	// Limits bounds what an answer may hold.
	Limits Limits

	// Observe is told of every attempt. It may be nil.
	Observe func(Request)
	// OnBreaker is told when the circuit to the source changes: "closed",
	// "half-open", "open". It may be nil, and must neither block nor call the
	// Source.
	OnBreaker func(state string)
}

// Request is what became of one attempt, for metrics. Its texts are from closed
// sets.
type Request struct {
	Type     string        // the resource type, "other", or "metadata"
	Class    string        // "2xx" to "5xx", "throttled", "refused" by the breaker, or "error"
	Waited   time.Duration // for the limiter, before it was sent
	Duration time.Duration // from the first byte sent to the last received
	Bytes    int64         // received, as packed
}

const dayReport = "http://snomed.info/sct|11591000146107"

// defaultSearches is domain.md §3.
var defaultSearches = map[dossier.Stream][]string{
	dossier.StreamClients:        {"Patient"},
	dossier.StreamContacts:       {"RelatedPerson"},
	dossier.StreamStaff:          {"Practitioner", "PractitionerRole", "Organization"},
	dossier.StreamQuestionnaires: {"Questionnaire"},
	dossier.StreamGoals:          {"Goal"},
	dossier.StreamCarePlans:      {"CarePlan"},
	dossier.StreamReports:        {"Observation?code=" + dayReport, "DocumentReference", "Composition?type=" + dayReport},
	dossier.StreamForms:          {"QuestionnaireResponse"},
}

// ours are the parameters that a search may not set, because paging, windows
// and decoding depend on them.
var ours = []string{"_lastUpdated", "_sort", "_count", "_total", "_elements", "_summary", "_format", "_include",
	"_revinclude", "_contained", "_id", "patient", "subject"}

// withDefaults returns o with defaults filled in, or every fault in it.
func (o Options) withDefaults() (Options, error) {
	var errs []error
	fault := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if o.Tenant == "" {
		fault("no tenant")
	}
	switch u := o.BaseURL; {
	case u == nil:
		fault("no base URL")
	case u.Scheme != "https" && u.Scheme != "http" || u.Host == "":
		fault("base URL: not an http or https URL")
	case u.User != nil || u.RawQuery != "" || u.Fragment != "":
		fault("base URL: must have no user, query or fragment")
	}
	if o.PageSize < 0 || o.Concurrency < 0 || o.RequestsPerSecond < 0 || o.Patience < 0 {
		fault("page size, concurrency, requests per second and patience must not be negative")
	}
	o.PageSize = cmp.Or(o.PageSize, 500)
	o.Concurrency = cmp.Or(o.Concurrency, 4)
	o.RequestsPerSecond = cmp.Or(o.RequestsPerSecond, 50)
	o.Patience = cmp.Or(o.Patience, 60*time.Second)
	o.Zone = cmp.Or(o.Zone, time.UTC)
	o.Limits = o.Limits.withDefaults()
	if o.Transport == nil {
		o.Transport = NewTransport(nil)
	}
	if o.Observe == nil {
		o.Observe = func(Request) {}
	}
	if o.OnBreaker == nil {
		o.OnBreaker = func(string) {}
	}
	return o, errors.Join(append(errs, o.Mapping.validate())...)
}

// types returns what is to be pulled, in the order of [dossier.Streams].
func (o Options) types(m *mapper) ([]source.Type, error) {
	var all []source.Type
	var errs []error
	for _, stream := range dossier.Streams() {
		searches := o.Searches[stream]
		if searches == nil {
			searches = defaultSearches[stream]
		}
		for _, s := range searches {
			t, err := parseSearch(stream, s, m)
			if err == nil && slices.Contains(all, t) {
				err = errors.New("given twice")
			}
			if err != nil {
				errs = append(errs, fmt.Errorf("search %q of %s: %w", s, stream, err))
			}
			all = append(all, t)
		}
	}
	for stream := range o.Searches {
		if !slices.Contains(dossier.Streams(), stream) {
			errs = append(errs, fmt.Errorf("search of %q: no such stream", stream))
		}
	}
	return all, errors.Join(errs...)
}

func parseSearch(stream dossier.Stream, s string, m *mapper) (source.Type, error) {
	name, query, _ := strings.Cut(s, "?")
	k, ok := kindNamed(name)
	if !ok || k.stream != stream {
		return source.Type{}, fmt.Errorf("%s is not a type of this stream; it may be %s", name, typesOf(stream))
	}
	params, err := url.ParseQuery(query)
	if err != nil {
		return source.Type{}, errors.New("not a query")
	}
	for p := range params {
		bare, _, _ := strings.Cut(p, ":")
		if slices.Contains(ours, bare) {
			return source.Type{}, fmt.Errorf("parameter %s is dossiersync's own", bare)
		}
	}
	return source.Type{Stream: stream, Name: name, Query: query, Fingerprint: m.fingerprint(k), Hiding: m.hiding(k)}, nil
}

func typesOf(stream dossier.Stream) string {
	var names []string
	for _, k := range kinds {
		if k.stream == stream {
			names = append(names, k.name)
		}
	}
	return strings.Join(names, ", ")
}
