package fhir

import (
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"dossiersync/store/dossier"
)

// Options says where one tenant's care record system is and how it is to be
// asked and understood. Tenant and BaseURL are required.
type Options struct {
	// Tenant is the id of the care organisation.
	Tenant string
	// BaseURL is the FHIR service base: https, or http, without query. Every
	// request stays on its origin.
	BaseURL *url.URL
	// Aliases are other addresses under which the source writes references to its
	// own records, such as its public and its internal name. Nothing is asked of them.
	Aliases []*url.URL
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

	// AttachmentPrefixes are where files of documents may be fetched from beside {base}/Binary/{id}, and
	// where redirects and links to a next page may lead beside the base URL: URLs on the base URL's
	// origin, or paths there.
	AttachmentPrefixes []string

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
	for i, prefix := range o.AttachmentPrefixes {
		if o.BaseURL == nil {
			break
		}
		if _, wrong := parsePrefix(o.BaseURL, prefix); wrong != "" {
			fault("attachment prefix %d: %w", i+1, wrong)
		}
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
