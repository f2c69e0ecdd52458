package config

import (
	"net/url"
	"strings"
	"time"
)

// source reads where the care record system is.
func (v value) source() Source {
	s := v.section()
	defer s.end()
	return Source{FHIR: s.key("fhir").required("it is the one kind of source there is; give at least its base_url").fhir()}
}

func (v value) fhir() FHIR {
	s := v.section()
	defer s.end()
	base := s.key("base_url").required("give the address of the FHIR server, such as https://ecd.example/fhir").baseURL()
	return FHIR{
		BaseURL:            base,
		Auth:               s.key("auth").auth(),
		AttachmentPrefixes: s.key("attachment_prefixes").prefixes(base),
		Search:             s.key("search").searches(),
		PageSize:           s.key("page_size").whole(500, 1, 10_000),
		Concurrency:        s.key("concurrency").whole(4, 1, 64),
		RequestsPerSecond:  s.key("requests_per_second").rate(50, 10_000),
		RequestsPerRun:     s.key("requests_per_run").whole(0, 0, 1_000_000_000),
		Lag:                s.key("lag").duration(150 * time.Second),
		Overlap:            s.key("overlap").duration(150 * time.Second),
	}
}

// prefixes reads addresses on the same server as base, which has the credentials.
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
