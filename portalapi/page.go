package portalapi

import (
	"dossiersync/portalapi/web"

	"bytes"
	"slices"
	"strconv"
	"strings"
	"time"

	"dossiersync/store"
)

const (
	defaultLimit = 20
	maxLimit     = 100
)

// page says where the pages beside this one are: relative URLs that keep the
// filters, or null.
type page struct {
	Next     *string `json:"next"`     // older
	Previous *string `json:"previous"` // newer
	Changed  bool    `json:"changed"`  // the dossier has moved on since the first page
}

// listing is a list being paged through.
type listing struct {
	query *web.Query
	path  string
	id    string  // what cursors are bound to
	from  *cursor // nil: the first page
}

// newListing reads the parameter cursor. A cursor is bound to the path and to
// every parameter but limit.
func newListing(c *call, q *web.Query) (*listing, error) {
	l := &listing{query: q, path: c.r.URL.EscapedPath()}
	l.id = c.tenant.ID + " " + l.path + "?" + q.Encode(nil, "cursor", "limit", "around")
	if !q.Has("cursor") {
		return l, nil
	}
	from, ok := parseCursor(q.Text("cursor"), l.id)
	if !ok {
		return nil, web.Invalid("cursor", "Deze cursor hoort niet bij deze lijst. Begin opnieuw bij de eerste pagina.")
	}
	l.from = &from
	return l, nil
}

// link returns the URL of the page at c.
func (l *listing) link(c cursor) *string {
	s := l.path + "?" + l.query.Encode(map[string]string{"cursor": c.encode(l.id)}, "around")
	return &s
}

// after returns the key after which a page of a list without times begins.
func (l *listing) after() string {
	if l.from == nil {
		return ""
	}
	return l.from.key
}

// following returns the URL of the page after key of a list without times. Such
// lists are read forwards only.
func (l *listing) following(key string) *string {
	return l.link(cursor{at: time.Unix(0, 0), key: key})
}

// since returns the dossier's change number when the first page was read.
func (l *listing) since(now int64) int64 {
	if l.from == nil {
		return now
	}
	return l.from.since
}

// beside returns what is beside a page of items.
func (l *listing) beside(list *store.List) page {
	change := list.Standing.Dossier.Change
	since := l.since(change)
	p := page{Changed: since != change}
	// Beside an empty page are the ends of the list.
	oldest, newest := store.Position{}, store.OldestEnd()
	if n := len(list.Items); n > 0 {
		newest = store.Position{At: list.Items[0].At, Key: list.Items[0].Key}
		oldest = store.Position{At: list.Items[n-1].At, Key: list.Items[n-1].Key}
	}
	if list.Older {
		p.Next = l.link(cursor{since: since, at: oldest.At, key: oldest.Key})
	}
	if list.Newer {
		p.Previous = l.link(cursor{since: since, at: newest.At, key: newest.Key, newer: true})
	}
	return p
}

// listBody joins items, each a JSON object, with what belongs to the list.
func listBody(items [][]byte, p page, f freshness) []byte {
	size := 256
	for _, item := range items {
		size += len(item) + 1
	}
	b := bytes.NewBuffer(make([]byte, 0, size))
	b.WriteString(`{"items":[`)
	b.Write(bytes.Join(items, []byte(",")))
	b.WriteString(`],"page":`)
	b.Write(encode(p))
	b.WriteString(`,"freshness":`)
	b.Write(encode(f))
	b.WriteString("}")
	return b.Bytes()
}

// itemBody joins one item, a JSON object, with what belongs to it.
func itemBody(item []byte, f freshness) []byte {
	return slices.Concat([]byte(`{"item":`), item, []byte(`,"freshness":`), encode(f), []byte("}"))
}

// merge joins JSON objects into one. They have no names in common.
func merge(objects ...[]byte) []byte {
	out := []byte("{")
	for _, o := range objects {
		o = bytes.TrimSpace(o)
		if len(o) < 2 {
			continue
		}
		o = bytes.TrimSpace(o[1 : len(o)-1])
		if len(o) == 0 {
			continue
		}
		if len(out) > 1 {
			out = append(out, ',')
		}
		out = append(out, o...)
	}
	return append(out, '}')
}

// version joins what an answer's ETag covers. One that is about parts of which the
// user may see none does not tell by it that the dossier has moved on.
func (s *basis) version(c *call, f freshness, more ...string) string {
	parts := []string{string(encode(f)), s.Now.In(c.tenant.Location).Format("2006-01-02")}
	for _, p := range s.parts {
		// What is withheld while rules are rechecked moves no change number.
		parts = append(parts, strconv.FormatBool(s.rechecking(p)))
	}
	if d := s.Dossier; d != nil {
		parts = append(parts, strconv.FormatInt(d.GrantVersion, 10))
		if len(s.parts) == 0 || len(s.visible) > 0 {
			parts = append(parts, strconv.FormatInt(d.Change, 10))
		}
	}
	return strings.Join(append(parts, more...), "\n")
}
