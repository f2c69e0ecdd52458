package config

import (
	"net/url"
	"strings"
	"time"
)

// Source is a tenant's care record system. FHIR is the only kind so far.
type Source struct {
	FHIR FHIR
}

// FHIR is a source that speaks FHIR R4 over HTTP.
type FHIR struct {
	BaseURL *url.URL // absolute, without a slash at its end
	// Aliases are other addresses under which the source writes references to its own
	// records. No request goes there.
	Aliases []*url.URL
	Auth    Auth
	// AttachmentPrefixes are addresses on the same server that may be read beside those below
	// BaseURL: files of documents, and where redirects and links to a next page lead.
	AttachmentPrefixes []string
	// Search has the searches of the streams for which the default ones do not fit. A
	// stream with an empty list is not pulled: the organisation does not share it.
	Search            map[string][]string
	PageSize          int // the _count asked for
	Concurrency       int // the largest number of requests at once
	RequestsPerSecond float64
	RequestsPerRun    int           // about how many requests one run may make; 0: any number
	Lag               time.Duration // how far behind the source's own clock a run stops
	Overlap           time.Duration // how far before the cursor a run begins
}

func (v value) source() Source {
	s := v.section()
	defer s.end()
	fhir := s.key("fhir").required("give it with at least its base_url: FHIR is the only kind of source")
	return Source{FHIR: fhir.fhir()}
}

func (v value) fhir() FHIR {
	s := v.section()
	defer s.end()
	base := s.key("base_url").required("give the address of the FHIR server, such as https://ecd.example/fhir").baseURL()
	f := FHIR{
		BaseURL:            base,
		Aliases:            s.key("aliases").aliases(),
		Auth:               s.key("auth").auth(),
		AttachmentPrefixes: s.key("attachment_prefixes").prefixes(base),
		Search:             s.key("search").searches(),
		PageSize:           s.key("page_size").whole(500, 1, 10_000),
		Concurrency:        s.key("concurrency").whole(4, 1, 64),
		RequestsPerSecond:  s.key("requests_per_second").rate(50, 10_000),
		RequestsPerRun:     s.key("requests_per_run").whole(100_000, 0, 1_000_000_000),
		Lag:                s.key("lag").duration(150 * time.Second),
		Overlap:            s.key("overlap").duration(150 * time.Second),
	}
	if f.Lag+f.Overlap < leastMargin {
		at := s.key("lag")
		if !at.given() {
			at = s.key("overlap")
		}
		at.warnf("lag and overlap are %s together: what a transaction of the source of more than that writes is missed "+
			"until the next reconcile; give them a minute or more together", f.Lag+f.Overlap)
	}
	return f
}

// leastMargin is the least that lag and overlap should be together.
const leastMargin = time.Minute

// aliases reads other base addresses.
func (v value) aliases() []*url.URL {
	var all []*url.URL
	for _, item := range v.list() {
		if u := item.baseURL(); u != nil {
			all = append(all, u)
		}
	}
	return all
}

// prefixes reads beginnings of addresses. They must be on the server of base, because requests carry
// its credentials.
func (v value) prefixes(base *url.URL) []string {
	var all []string
	for _, item := range v.list() {
		u := item.url("https://ecd.example/files/")
		switch {
		case u == nil:
		case u.RawQuery != "" || u.ForceQuery:
			item.faultf("has a ? part; give the beginning of addresses, without what differs")
		case base != nil && (u.Scheme != base.Scheme || !strings.EqualFold(u.Host, base.Host)):
			item.faultf("is on another server than base_url; requests carry the credentials of that one")
		default:
			all = append(all, u.String())
		}
	}
	return all
}

func (v value) baseURL() *url.URL {
	u := v.url("https://ecd.example/fhir")
	if u == nil {
		return nil
	}
	if u.RawQuery != "" || u.ForceQuery {
		v.faultf("has a ? part; remove it, and write searches under search")
	}
	u.Path, u.RawPath = strings.TrimRight(u.Path, "/"), strings.TrimRight(u.RawPath, "/")
	return u
}
