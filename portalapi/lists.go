package portalapi

import (
	"context"
	"encoding/json"
	"slices"

	"dossiersync/portalapi/web"
	"dossiersync/store"
	"dossiersync/store/dossier"
)

var categories = []string{"general", "care-plan"}

// timeline is cards of reports and forms, the newest first.
func (a *API) timeline(ctx context.Context, c *call) (*result, error) {
	q := web.ReadQuery(c.r, "from", "to", "kind", "category", "around", "limit", "cursor")
	kinds := c.tenant.cardKinds(q)
	around := q.Date("around", c.tenant.Location)
	list := store.ListQuery{Category: q.OneOf("category", categories...)}
	if !around.IsZero() {
		list.Start, list.Between = store.Position{At: web.NextDay(around)}, true
		if q.Has("cursor") {
			return nil, web.Invalid("around", "Geef around of cursor, niet beide.")
		}
	}
	return a.list(ctx, c, q, kinds, list)
}

// cardKinds returns the kinds that the parameter kind leaves of those that make
// cards.
func (t *Tenant) cardKinds(q *web.Query) []dossier.Kind {
	kind := q.OneOf("kind", string(dossier.KindReport), string(dossier.KindForm))
	if kind == "" {
		return t.Timeline
	}
	return slices.DeleteFunc(slices.Clone(t.Timeline), func(k dossier.Kind) bool { return string(k) != kind })
}

func (a *API) reports(ctx context.Context, c *call) (*result, error) {
	q := web.ReadQuery(c.r, "from", "to", "category", "limit", "cursor")
	return a.list(ctx, c, q, []dossier.Kind{dossier.KindReport},
		store.ListQuery{Category: q.OneOf("category", categories...), Bodies: true})
}

func (a *API) forms(ctx context.Context, c *call) (*result, error) {
	q := web.ReadQuery(c.r, "from", "to", "limit", "cursor")
	return a.list(ctx, c, q, []dossier.Kind{dossier.KindForm}, store.ListQuery{})
}

func (a *API) carePlans(ctx context.Context, c *call) (*result, error) {
	q := web.ReadQuery(c.r, "from", "to", "state", "limit", "cursor")
	var list store.ListQuery
	if state := q.OneOf("state", "current", "expired"); state != "" {
		open := state == "current"
		list.Open = &open
	}
	return a.list(ctx, c, q, []dossier.Kind{dossier.KindCarePlan}, list)
}

// list answers with a page of items of the kinds.
func (a *API) list(ctx context.Context, c *call, q *web.Query, kinds []dossier.Kind, list store.ListQuery) (*result, error) {
	list.Kinds = make([]dossier.Kind, 0, len(kinds))
	for _, k := range kinds {
		list.Kinds = append(list.Kinds, c.tenant.asked(k))
	}
	list.From, list.To = q.Interval(c.tenant.Location)
	list.Limit = q.Int("limit", defaultLimit, 1, maxLimit)
	if err := q.Err(); err != nil {
		return nil, err
	}
	l, err := newListing(c, q)
	if err != nil {
		return nil, err
	}
	if l.from != nil {
		list.Start, list.Newer = l.from.position(), l.from.newer
	}
	c.event.Query = q.Encode(nil, "cursor")
	parts := make([]dossier.Part, 0, len(kinds))
	for _, k := range kinds {
		parts = append(parts, partOf[k])
	}
	// What the tag covers can be told without reading the page: why it is empty, if
	// it is, follows from the rest.
	filtered := l.from != nil || q.Encode(nil, "limit", "cursor") != ""
	version := func(s *basis) string { return s.version(c, s.ofEmpty(filtered)) }
	if c.conditional() {
		known, err := a.reader.List(ctx, c.identity(), c.client, store.ListQuery{})
		if err != nil {
			return nil, err
		}
		if err := c.know(&known.Standing); err != nil {
			return nil, err
		}
		s := newBasis(c.tenant, &known.Standing, parts...)
		if r := (&result{version: version(s), unchanged: true, denied: len(s.visible) == 0}); c.has(r, a.build) {
			return r, nil
		}
	}
	found, err := a.reader.List(ctx, c.identity(), c.client, list)
	if err != nil {
		return nil, err
	}
	if err := c.know(&found.Standing); err != nil {
		return nil, err
	}
	s := newBasis(c.tenant, &found.Standing, parts...)
	items := make([][]byte, 0, len(found.Items))
	for i := range found.Items {
		items = append(items, object(&found.Items[i], kinds[0], c.tenant))
	}
	f := s.freshness()
	if len(items) == 0 {
		f = s.ofEmpty(filtered)
	}
	return &result{
		body: listBody(items, l.beside(&found), f), version: version(s), denied: len(s.visible) == 0,
	}, nil
}

// item answers with one item of the kind.
func (a *API) item(kind dossier.Kind) func(context.Context, *call) (*result, error) {
	return func(ctx context.Context, c *call) (*result, error) {
		if err := web.ReadQuery(c.r).Err(); err != nil {
			return nil, err
		}
		st, it, err := a.reader.Item(ctx, c.identity(), c.client, c.item(), c.tenant.asked(kind))
		if err != nil {
			return nil, err
		}
		if err := c.know(&st); err != nil {
			return nil, err
		}
		if it == nil {
			return nil, web.Absent()
		}
		s := newBasis(c.tenant, &st, partOf[kind])
		f := s.freshness()
		return &result{body: itemBody(object(it, kind, c.tenant), f), version: s.version(c, f)}, nil
	}
}

// object returns an item as served: its card, its body where it was read, and
// what is decided only now.
func object(it *store.Listed, kind dossier.Kind, t *Tenant) []byte {
	switch {
	case kind == dossier.KindCarePlan:
		state := "expired"
		if it.Open != nil && *it.Open {
			state = "current"
		}
		return merge(it.Card, []byte(`{"state":"`+state+`"}`), it.Body)
	case kind == dossier.KindReport && it.Body != nil:
		if !t.shares(dossier.PartCarePlans) {
			it.Plan, it.Goal = nil, nil
		}
		return merge(it.Card, it.Body, encode(struct {
			Plan *linkJSON `json:"plan"`
			Goal *linkJSON `json:"goal"`
		}{link(it.Plan), link(it.Goal)}))
	}
	return merge(it.Card, it.Body)
}

// linkJSON names what a report belongs to.
type linkJSON struct {
	ID    string `json:"id"`
	Title string `json:"title"`
}

func link(card []byte) *linkJSON {
	var l linkJSON
	if card == nil || json.Unmarshal(card, &l) != nil {
		return nil
	}
	return &l
}
