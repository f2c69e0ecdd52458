package fhir

import (
	"net/url"
	"strconv"
)

// A bundle is a FHIR Bundle taken apart, its resources as they are written.
type bundle struct {
	kind    string // its type: searchset, history
	total   int    // -1: not said
	next    string
	self    *url.URL // nil: not said
	entries []entry
}

// maxEntries is the most that one page may hold, whatever was asked for.
const maxEntries = 100_000

type entry struct {
	raw      []byte // the whole entry
	resource []byte // nil: there is none
	fullURL  string
	mode     string // search.mode: match, include, outcome, or nothing
}

// readBundle takes body apart. What is wrong with one entry is no error; an
// error is plain.
func readBundle(body []byte, limits Limits) (bundle, error) {
	b, r := bundle{total: -1}, resource{limits: limits}
	if r.load(body) != nil {
		return b, errNotJSON
	}
	switch r.get("resourceType").str() {
	case "Bundle":
	case "OperationOutcome":
		return b, plain("an OperationOutcome instead of a Bundle: " + issueCode(body))
	default:
		return b, plain("not a Bundle")
	}
	b.kind = r.get("type").str()
	if n, err := strconv.Atoi(r.get("total").number()); err == nil && n >= 0 {
		b.total = n
	}
	for _, l := range r.get("link").each() {
		switch l.get("relation").str() {
		case "next":
			b.next = l.get("url").str()
		case "self":
			b.self, _ = url.Parse(l.get("url").str())
		}
	}
	entries := r.written("entry")
	if r.failed != nil {
		return b, plain("not a Bundle: " + r.failed.detail)
	}
	if entries == nil {
		return b, nil
	}
	one := resource{limits: limits}
	err := elements(entries, func(is span) error {
		if len(b.entries) == maxEntries {
			return errMany
		}
		b.entries = append(b.entries, readEntry(&one, is.of(entries)))
		return nil
	})
	if err != nil {
		return b, plain("not a Bundle: entry: " + err.Error())
	}
	return b, nil
}

func readEntry(r *resource, raw []byte) entry {
	if r.load(raw) != nil {
		return entry{}
	}
	return entry{raw, r.written("resource"), r.get("fullUrl").str(), r.get("search").get("mode").str()}
}
