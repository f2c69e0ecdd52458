package faults

import (
	"encoding/json"
	"net/http"
	"time"
)

// resourceFault makes a fault from a function that changes resources, in pages and in reads.
func resourceFault(name string, f func(resource map[string]json.RawMessage)) Fault {
	fault := alter(name, func(a *answer, h *occurrence) {
		if b, ok := open(a); ok && h.request.isPaged() {
			for _, e := range b.entries {
				if r := e.resource(); r != nil {
					f(r)
					e["resource"] = encode(r)
				}
			}
			b.close(a)
			return
		}
		var r map[string]json.RawMessage
		if a.status == http.StatusOK && json.Unmarshal(a.body, &r) == nil && r != nil {
			f(r)
			a.body = encode(r)
		}
	})
	fault.needs = func(q *request) bool {
		return q.isPaged() || q.interaction == Read || q.interaction == VRead
	}
	return fault
}

// MissingMeta removes meta, or the named members of it.
func MissingMeta(members ...string) Fault {
	return resourceFault("missing-meta", func(r map[string]json.RawMessage) {
		if len(members) == 0 {
			delete(r, "meta")
			return
		}
		changeMeta(r, func(meta map[string]json.RawMessage) {
			for _, name := range members {
				delete(meta, name)
			}
		})
	})
}

// SecondsOnly truncates lastUpdated to the second.
func SecondsOnly() Fault {
	return resourceFault("seconds-only", func(r map[string]json.RawMessage) {
		changeMeta(r, func(meta map[string]json.RawMessage) {
			var at time.Time
			if json.Unmarshal(meta["lastUpdated"], &at) == nil && !at.IsZero() {
				meta["lastUpdated"] = encode(at.Format(time.RFC3339))
			}
		})
	})
}

func changeMeta(r map[string]json.RawMessage, f func(meta map[string]json.RawMessage)) {
	var meta map[string]json.RawMessage
	if json.Unmarshal(r["meta"], &meta) == nil && meta != nil {
		f(meta)
		r["meta"] = encode(meta)
	}
}

// Poison is a fault of one entry that can spoil a whole batch.
type Poison string

// NUL and LoneSurrogate are characters in a text that no database takes; NoID
// is a resource without an id.
const (
	NUL           Poison = "nul"
	LoneSurrogate Poison = "lone-surrogate"
	NoID          Poison = "no-id"
)

// Poisoned changes one entry of a page.
func Poisoned(kind Poison) Fault {
	return pageFault("poison "+string(kind), func(b *bundle, h *occurrence) {
		if len(b.entries) == 0 {
			return
		}
		e := b.entries[h.r.IntN(len(b.entries))]
		r := e.resource()
		if r == nil {
			return
		}
		switch kind {
		case NoID:
			delete(r, "id")
		case NUL:
			insert(r, `\u0000`)
		default:
			insert(r, `\ud83d`)
		}
		e["resource"] = encode(r)
	})
}

// insert puts an escape sequence at the beginning of a resource's text.
func insert(r map[string]json.RawMessage, escape string) {
	for _, name := range []string{"valueString", "description", "title", "language"} {
		if text := r[name]; len(text) > 0 && text[0] == '"' {
			r[name] = json.RawMessage(`"` + escape + string(text[1:]))
			return
		}
	}
	r["language"] = json.RawMessage(`"` + escape + `"`)
}
