package faults

import (
	"bytes"
	"encoding/json"
	"net/http"
	"slices"
	"time"
)

// bundle is an answer parsed as far as faults need. The rest is sent unchanged.
type bundle struct {
	members map[string]json.RawMessage
	links   []link
	entries []entry
}

type link struct {
	Relation string `json:"relation"`
	URL      string `json:"url"`
}

type entry map[string]json.RawMessage

// open parses a Bundle, or reports that the answer is not one.
func open(a *answer) (bundle, bool) {
	var b bundle
	if a.status != http.StatusOK || json.Unmarshal(a.body, &b.members) != nil ||
		string(b.members["resourceType"]) != `"Bundle"` {
		return b, false
	}
	for name, to := range map[string]any{"link": &b.links, "entry": &b.entries} {
		if raw, ok := b.members[name]; ok && json.Unmarshal(raw, to) != nil {
			return b, false
		}
	}
	return b, true
}

// close writes the Bundle back into the answer.
func (b *bundle) close(a *answer) {
	b.members["link"] = encode(b.links)
	delete(b.members, "entry")
	if len(b.entries) > 0 { // FHIR has no empty lists
		b.members["entry"] = encode(b.entries)
	}
	a.body = encode(b.members)
}

func encode(v any) []byte {
	var buf bytes.Buffer
	encoder := json.NewEncoder(&buf)
	encoder.SetEscapeHTML(false)
	_ = encoder.Encode(v) // valid JSON stays valid
	return bytes.TrimSuffix(buf.Bytes(), []byte("\n"))
}

func quote(s string) string { return string(encode(s)) }

func (b *bundle) link(relation string) string {
	for _, l := range b.links {
		if l.Relation == relation {
			return l.URL
		}
	}
	return ""
}

// setLink sets or, with "", removes a link.
func (b *bundle) setLink(relation, url string) {
	b.links = slices.DeleteFunc(b.links, func(l link) bool { return l.Relation == relation })
	if url != "" {
		b.links = append(b.links, link{relation, url})
	}
}

// resource returns the members of the entry's resource.
func (e entry) resource() map[string]json.RawMessage {
	var r map[string]json.RawMessage
	_ = json.Unmarshal(e["resource"], &r) // nil if there is none
	return r
}

// lastUpdated returns the resource's lastUpdated, or zero.
func (e entry) lastUpdated() time.Time {
	var r struct {
		Meta struct{ LastUpdated time.Time }
	}
	_ = json.Unmarshal(e["resource"], &r) // zero if it is missing
	return r.Meta.LastUpdated
}

// onPages restricts a fault to searches and histories.
func onPages(f Fault) Fault {
	f.needs = (*request).isPaged
	return f
}

// pageFault makes a fault from a function that changes a Bundle. Other answers are unchanged.
func pageFault(name string, f func(b *bundle, h *occurrence)) Fault {
	return onPages(alter(name, func(a *answer, h *occurrence) {
		if b, ok := open(a); ok {
			f(&b, h)
			b.close(a)
		}
	}))
}

// OutcomeEntry adds an OperationOutcome to the entries, as a server does to report on a search.
func OutcomeEntry() Fault {
	return pageFault("outcome-entry", func(b *bundle, h *occurrence) {
		e := entry{
			"resource": json.RawMessage(`{"resourceType":"OperationOutcome","issue":[{"severity":"warning","code":"incomplete","diagnostics":"a fault on request"}]}`),
			"search":   json.RawMessage(`{"mode":"outcome"}`),
		}
		b.entries = slices.Insert(b.entries, h.r.IntN(len(b.entries)+1), e)
	})
}

// Duplicates repeats n entries of a page.
func Duplicates(n int) Fault {
	return pageFault("duplicates", func(b *bundle, h *occurrence) {
		for range min(n, len(b.entries)) {
			e := b.entries[h.r.IntN(len(b.entries))]
			b.entries = slices.Insert(b.entries, h.r.IntN(len(b.entries)+1), e)
		}
	})
}

// Drop leaves out n entries of a page, for good.
func Drop(n int) Fault {
	return pageFault("drop", func(b *bundle, h *occurrence) {
		for range min(n, len(b.entries)) {
			i := h.r.IntN(len(b.entries))
			b.entries = slices.Delete(b.entries, i, i+1)
		}
	})
}

// SkipTies leaves out the first entries of a later page that have the lastUpdated of the last entry
// of the page before.
func SkipTies() Fault {
	f := pageFault("skip-ties", func(b *bundle, h *occurrence) {
		last := h.request.page.last
		for !last.IsZero() && len(b.entries) > 0 && b.entries[0].lastUpdated().Equal(last) {
			b.entries = b.entries[1:]
		}
	})
	f.tracks = true
	return f
}

// Total is a fault of Bundle.total.
type Total string

// Dropped, ZeroTotal and Scrambled are that it is not there, zero, or some
// other number.
const (
	Dropped   Total = "drop"
	ZeroTotal Total = "zero"
	Scrambled Total = "scramble"
)

// WrongTotal changes Bundle.total, where there is one.
func WrongTotal(kind Total) Fault {
	return pageFault("total "+string(kind), func(b *bundle, h *occurrence) {
		var total int
		if json.Unmarshal(b.members["total"], &total) != nil {
			return
		}
		switch kind {
		case Dropped:
			delete(b.members, "total")
		case ZeroTotal:
			b.members["total"] = encode(0)
		default:
			b.members["total"] = encode(max(0, total-10+h.r.IntN(21)))
		}
	})
}
