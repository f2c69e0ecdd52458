package fhir

import (
	"encoding/json"
	"errors"
	"net/url"
	"strconv"
	"strings"
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

// readBundle takes body apart, in one go. What is wrong with one entry is no error;
// an error is plain.
func readBundle(body []byte, limits Limits) (bundle, error) {
	b, r := bundle{total: -1}, resource{limits: limits}
	r.begin(body)
	one := resource{limits: limits}
	end, err := membersAt(body, skipSpace(body, 0), func(name span, i int) (end int, err error) {
		depth := 0
		if string(name.of(body)) == "entry" && i < len(body) && body[i] == '[' {
			end, err = b.readEntries(&one, body, i)
		} else {
			end, depth, err = skip(body, i)
		}
		if err != nil {
			return 0, err
		}
		return end, r.add(name, span{int32(i), int32(end)}, depth)
	})
	switch {
	case errors.Is(err, errCutOff):
		return b, errBroken
	case errors.Is(err, errMany):
		return b, plain("not a Bundle: entry: " + err.Error())
	case err != nil || skipSpace(body, end) != len(body):
		if json.Valid(body) {
			return b, plain("not a Bundle: the answer is JSON, but not an object")
		}
		return b, errNotJSON
	}
	return b, b.readHead(&r)
}

// readHead reads what r, a Bundle, says beside its entries.
func (b *bundle) readHead(r *resource) error {
	switch r.get("resourceType").str() {
	case "Bundle":
	case "OperationOutcome":
		return plain("an OperationOutcome instead of a Bundle: " + issueCode(r.raw))
	default:
		return plain("not a Bundle")
	}
	b.kind = r.get("type").str()
	if n, err := strconv.Atoi(r.get("total").number()); err == nil && n >= 0 {
		b.total = n
	}
	for _, l := range r.get("link").each() {
		switch strings.ToLower(l.get("relation").str()) {
		case "next":
			b.next = l.get("url").str()
		case "self":
			b.self, _ = url.Parse(l.get("url").str())
		}
	}
	entries := r.written("entry")
	if r.failed != nil {
		return plain("not a Bundle: " + r.failed.detail)
	}
	if entries != nil && entries[0] != '[' {
		return plain("not a Bundle: entry: " + errSyntax.Error())
	}
	return nil
}

// readEntries reads the array of entries that begins at body[i], and returns the
// index just past it.
func (b *bundle) readEntries(r *resource, body []byte, i int) (int, error) {
	return walk(body, i, '[', ']', func(i int) (int, error) {
		if len(b.entries) == maxEntries {
			return 0, errMany
		}
		e, end, err := readEntry(r, body, i)
		if err != nil { // in this one: where it ends, its brackets tell
			if end, _, err = skip(body, i); err != nil {
				return 0, err
			}
			e = entry{}
		}
		b.entries = append(b.entries, e)
		return end, nil
	})
}

func readEntry(r *resource, body []byte, i int) (entry, int, error) {
	r.begin(body)
	end, err := membersAt(body, i, func(name span, i int) (int, error) {
		end, depth, err := skip(body, i)
		if err != nil {
			return 0, err
		}
		return end, r.add(name, span{int32(i), int32(end)}, depth)
	})
	if err != nil {
		return entry{}, 0, err
	}
	return entry{body[i:end], r.written("resource"), r.get("fullUrl").str(), r.get("search").get("mode").str()}, end, nil
}
