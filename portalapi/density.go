package portalapi

import (
	"context"
	"time"

	"dossiersync/portalapi/web"
	"dossiersync/store"
	"dossiersync/store/dossier"
)

type densityJSON struct {
	From    string `json:"from"`
	To      string `json:"to"` // inclusive
	Reports int64  `json:"reports"`
	Forms   int64  `json:"forms"`
}

// density counts the cards per period, for the time bar. The next page counts the time before.
func (a *API) density(ctx context.Context, c *call) (*result, error) {
	q := web.ReadQuery(c.r, "by", "from", "to", "kind", "category")
	from, to := q.Interval(c.tenant.Location)
	ask := store.DensityQuery{
		By:    store.Period(q.OneOf("by", string(store.Day), string(store.Week), string(store.Month))),
		Kinds: c.tenant.cardKinds(q), Category: q.OneOf("category", categories...), From: from, To: to,
	}
	if err := q.Err(); err != nil {
		return nil, err
	}
	if ask.By == "" {
		return nil, web.Invalid("by", "Kies uit day, week, month.")
	}
	c.event.Query = q.Encode(nil)
	var parts []dossier.Part
	ask.Kinds, parts = c.tenant.served(ask.Kinds)
	// As in list, the ETag covers nothing that needs the periods.
	filtered := q.Encode(nil, "by") != ""
	version := func(s *basis) string { return s.version(c, s.emptyFreshness(filtered)) }
	same, err := a.unchanged(ctx, c, func(st *store.Standing) *result {
		s := newBasis(c.tenant, st, parts...)
		return &result{version: version(s), denied: len(s.visible) == 0}
	})
	if same != nil || err != nil {
		return same, err
	}
	st, periods, more, err := a.portal.Density(ctx, c.identity(), c.client, ask)
	if err != nil {
		return nil, err
	}
	if err := c.requireDossier(&st); err != nil {
		return nil, err
	}
	items := make([][]byte, 0, len(periods))
	for _, p := range periods {
		items = append(items, encode(densityJSON{
			p.Start.Format(time.DateOnly), lastDate(p.Start, ask.By).Format(time.DateOnly), p.Reports, p.Forms}))
	}
	var p page
	if more {
		before := periods[len(periods)-1].Start.AddDate(0, 0, -1).Format(time.DateOnly)
		next := c.r.URL.EscapedPath() + "?" + q.Encode(map[string]string{"to": before})
		p.Next = &next
	}
	s := newBasis(c.tenant, &st, parts...)
	f := s.freshness()
	if len(items) == 0 {
		f = s.emptyFreshness(filtered)
	}
	return &result{body: listBody(items, p, f), version: version(s), denied: len(s.visible) == 0}, nil
}

// lastDate returns the last date of the period that begins at start.
func lastDate(start time.Time, by store.Period) time.Time {
	switch by {
	case store.Week:
		return start.AddDate(0, 0, 6)
	case store.Month:
		return start.AddDate(0, 1, -1)
	}
	return start
}
