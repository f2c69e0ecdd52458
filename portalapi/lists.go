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

// timeline lists the cards of reports and forms, newest first.
func (a *API) timeline(ctx context.Context, c *call) (*result, error) {
	q := web.ReadQuery(c.r, "from", "to", "kind", "category", "plan", "goal", "author", "around", "limit", "cursor")
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

// cardKinds returns the kinds with cards on the time line, narrowed by the parameter kind.
func (t *Tenant) cardKinds(q *web.Query) []dossier.Kind {
	kind := q.OneOf("kind", string(dossier.KindReport), string(dossier.KindForm))
	if kind == "" {
		return t.Timeline
	}
	return slices.DeleteFunc(slices.Clone(t.Timeline), func(k dossier.Kind) bool { return string(k) != kind })
}

func (a *API) reports(ctx context.Context, c *call) (*result, error) {
	q := web.ReadQuery(c.r, "from", "to", "category", "plan", "goal", "author", "limit", "cursor")
	return a.list(ctx, c, q, []dossier.Kind{dossier.KindReport},
		store.ListQuery{Category: q.OneOf("category", categories...), Bodies: true})
}

func (a *API) forms(ctx context.Context, c *call) (*result, error) {
	q := web.ReadQuery(c.r, "from", "to", "plan", "author", "limit", "cursor")
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

// list answers with a page of items of the kinds. It is the end of every list of items: list has
// the parameters of its own route, and q those that all lists have.
func (a *API) list(
	ctx context.Context, c *call, q *web.Query, kinds []dossier.Kind, list store.ListQuery,
) (*result, error) {
	var parts []dossier.Part
	list.Kinds, parts = c.tenant.served(kinds)
	list.Plan, list.Goal, list.Author = q.Match("plan", itemID), q.Match("goal", itemID), q.Match("author", itemID)
	if !c.tenant.shares(dossier.PartCarePlans) && (list.Plan != "" || list.Goal != "") {
		list.Kinds = nil // no item has a plan that it shows
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
	// The ETag covers nothing that needs the page's items, not even whether there are any, so that
	// a conditional request is answered without reading them.
	filtered := l.from != nil || q.Encode(nil, "limit", "cursor") != ""
	version := func(s *basis) string { return s.version(c, s.emptyFreshness(filtered)) }
	same, err := a.unchanged(ctx, c, func(st *store.Standing) *result {
		s := newBasis(c.tenant, st, parts...)
		return &result{version: version(s), denied: len(s.visible) == 0}
	})
	if same != nil || err != nil {
		return same, err
	}
	found, err := a.portal.List(ctx, c.identity(), c.client, list)
	if err != nil {
		return nil, err
	}
	if err := c.requireDossier(&found.Standing); err != nil {
		return nil, err
	}
	s := newBasis(c.tenant, &found.Standing, parts...)
	items := make([][]byte, 0, len(found.Items))
	for i := range found.Items {
		items = append(items, itemJSON(&found.Items[i], kinds[0], c.tenant))
	}
	f := s.freshness()
	if len(items) == 0 {
		f = s.emptyFreshness(filtered)
	}
	return &result{
		body: listBody(items, l.pageOf(&found), f), version: version(s), denied: len(s.visible) == 0,
	}, nil
}

// item returns a handler that answers with one item of the kind.
func (a *API) item(kind dossier.Kind) func(context.Context, *call) (*result, error) {
	return func(ctx context.Context, c *call) (*result, error) {
		var known []string
		if kind == dossier.KindReport {
			known = append(known, "category")
		}
		q := web.ReadQuery(c.r, known...)
		category := q.OneOf("category", categories...)
		if err := q.Err(); err != nil {
			return nil, err
		}
		version := func(s *basis) string { return s.version(c, s.freshness()) }
		same, err := a.unchanged(ctx, c, func(st *store.Standing) *result {
			return &result{version: version(newBasis(c.tenant, st, partOf[kind]))}
		})
		if same != nil || err != nil {
			return same, err
		}
		st, it, err := a.open(ctx, c, c.item(), kind, category)
		if err != nil {
			return nil, err
		}
		s := newBasis(c.tenant, st, partOf[kind])
		beside := encode(neighboursJSON{newNeighbour(it.Older), newNeighbour(it.Newer)})
		body := itemBody(itemJSON(&it.Listed, kind, c.tenant), s.freshness(), beside)
		return &result{body: body, version: version(s)}, nil
	}
}

// open reads one item of the dossier that is asked for. It fails as for an item that does not exist
// where the user may not read it.
func (a *API) open(
	ctx context.Context, c *call, key string, kind dossier.Kind, category string,
) (*store.Standing, *store.Opened, error) {
	st, it, err := a.portal.Item(ctx, c.identity(), c.client, key, c.tenant.servedKind(kind), category)
	if err == nil {
		err = c.requireDossier(&st)
	}
	if err == nil && it == nil {
		err = web.Absent()
	}
	return &st, it, err
}

// neighboursJSON has the items beside an opened one in the list of its kind.
type neighboursJSON struct {
	Next     *neighbourJSON `json:"next"`     // older
	Previous *neighbourJSON `json:"previous"` // newer
}

type neighbourJSON struct {
	ID    string       `json:"id"`
	Kind  dossier.Kind `json:"kind"`
	At    *string      `json:"at"` // null: a plan
	Title string       `json:"title"`
}

func newNeighbour(card []byte) *neighbourJSON {
	var n neighbourJSON
	if card == nil || json.Unmarshal(card, &n) != nil {
		return nil
	}
	return &n
}

// itemJSON returns an item as served: its card, its body if it was read, and the fields that depend
// on the moment or on the reader's rights.
func itemJSON(it *store.Listed, kind dossier.Kind, t *Tenant) []byte {
	switch {
	case kind == dossier.KindCarePlan:
		state := "expired"
		if it.Open != nil && *it.Open {
			state = "current"
		}
		return merge(it.Card, encode(struct {
			State string `json:"state"`
			Label string `json:"stateLabel"`
		}{state, t.word("plan_state", state)}), it.Body)
	case kind == dossier.KindReport && it.Body != nil:
		if !t.shares(dossier.PartCarePlans) {
			it.Plan, it.Goal = nil, nil
		}
		return merge(it.Card, it.Body, encode(struct {
			Plan *linkJSON `json:"plan"`
			Goal *linkJSON `json:"goal"`
		}{newLink(it.Plan), newLink(it.Goal)}))
	}
	return merge(it.Card, it.Body)
}

// linkJSON is the plan or goal of a report.
type linkJSON struct {
	ID    string `json:"id"`
	Title string `json:"title"`
}

func newLink(card []byte) *linkJSON {
	var l linkJSON
	if card == nil || json.Unmarshal(card, &l) != nil {
		return nil
	}
	return &l
}
