package portalapi

import (
	"bytes"
	"slices"
	"strconv"
	"strings"
	"time"

	"dossiersync/portalapi/web"
	"dossiersync/store"
)

const (
	defaultLimit = 20
	maxLimit     = 100
)

// page links to the pages beside this one: relative URLs that keep the filters, or null.
type page struct {
	Next     *string `json:"next"`     // older
	Previous *string `json:"previous"` // newer
	Changed  bool    `json:"changed"`  // the dossier has changed since the first page

	// The parameter cursor of these URLs.
	NextCursor     *string `json:"nextCursor"`
	PreviousCursor *string `json:"previousCursor"`
}

// listing is a list being paged through.
type listing struct {
	query *web.Query
	path  string
	id    string  // cursors are bound to it
	from  *cursor // nil: the first page
}

// newListing reads the parameter cursor. A cursor is bound to the tenant, the path, and the
// parameters other than limit and around.
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

// link returns the URL of the page at c, and the cursor in it.
func (l *listing) link(c cursor) (link, encoded *string) {
	text := c.encode(l.id)
	s := l.path + "?" + l.query.Encode(map[string]string{"cursor": text}, "around")
	return &s, &text
}

// startKey returns the key after which the page begins, in a list without times.
func (l *listing) startKey() string {
	if l.from == nil {
		return ""
	}
	return l.from.key
}

// pageAfter returns the links of a page that ends with key, in a list without times. Such lists have
// no links backwards.
func (l *listing) pageAfter(key string) (p page) {
	p.Next, p.NextCursor = l.link(cursor{at: time.Unix(0, 0), key: key})
	return p
}

// since returns the dossier's change number at the first page.
func (l *listing) since(now int64) int64 {
	if l.from == nil {
		return now
	}
	return l.from.since
}

// pageOf returns the links of a page of items.
func (l *listing) pageOf(list *store.List) page {
	change := list.Standing.Dossier.Change
	since := l.since(change)
	p := page{Changed: since != change}
	// An empty page links to the ends of the list.
	oldest, newest := store.Position{}, store.OldestEnd()
	if n := len(list.Items); n > 0 {
		newest = store.Position{At: list.Items[0].At, Key: list.Items[0].Key}
		oldest = store.Position{At: list.Items[n-1].At, Key: list.Items[n-1].Key}
	}
	if list.Older {
		p.Next, p.NextCursor = l.link(cursor{since: since, at: oldest.At, key: oldest.Key})
	}
	if list.Newer {
		p.Previous, p.PreviousCursor = l.link(cursor{since: since, at: newest.At, key: newest.Key, newer: true})
	}
	return p
}

// listBody joins items, each a JSON object, with the page and freshness of their list.
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

// itemBody joins an item, a JSON object, with its freshness, and more objects without common names.
func itemBody(item []byte, f freshness, more ...[]byte) []byte {
	body := slices.Concat([]byte(`{"item":`), item, []byte(`,"freshness":`), encode(f), []byte("}"))
	if len(more) == 0 {
		return body
	}
	return merge(append([][]byte{body}, more...)...)
}

// merge joins JSON objects without common names into one.
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

// version returns the part of an answer's ETag that changes with the data. If the user may see none
// of the parts, it does not depend on the dossier's change number, which would show that the
// dossier changed.
func (b *basis) version(c *call, f freshness, more ...string) string {
	parts := []string{string(encode(f)), b.Now.In(c.tenant.Location).Format("2006-01-02")}
	for _, p := range b.parts {
		// Rechecking withholds items without a new change number.
		parts = append(parts, strconv.FormatBool(b.rechecking(p)))
	}
	if d := b.Dossier; d != nil {
		parts = append(parts, strconv.FormatInt(d.GrantVersion, 10))
		if len(b.parts) == 0 || len(b.visible) > 0 {
			parts = append(parts, strconv.FormatInt(d.Change, 10))
		}
	}
	return strings.Join(append(parts, more...), "\n")
}
