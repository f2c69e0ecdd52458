package portalapi

import (
	"context"
	"time"

	"dossiersync/portalapi/web"
	"dossiersync/store"
)

type accessJSON struct {
	Day        string         `json:"day"`
	First      string         `json:"first"`
	Last       string         `json:"last"`
	Count      int64          `json:"count"`
	Action     string         `json:"action"`
	Event      string         `json:"event"`
	Outcome    string         `json:"outcome"`
	User       accessUserJSON `json:"user"`
	OnBehalfOf *string        `json:"onBehalfOf"`
}

type accessUserJSON struct {
	ID   string  `json:"id"`
	Name *string `json:"name"`
	Role *string `json:"role"`
}

// accessLog lists who did what with the dossier and when, for the client and managers (NEN 7513,
// Wabvpz art. 15e). Unlike the dossier, it stays readable after the client's death.
func (a *API) accessLog(ctx context.Context, c *call) (*result, error) {
	q := web.ReadQuery(c.r, "from", "to", "limit", "cursor")
	from, to := q.Interval(c.tenant.Location)
	ask := store.AccessQuery{From: from, To: to, Limit: q.Int("limit", defaultLimit, 1, maxLimit)}
	if err := q.Err(); err != nil {
		return nil, err
	}
	l, err := newListing(c, q)
	if err != nil {
		return nil, err
	}
	if l.from != nil {
		ask.Start, ask.StartDay = l.from.position(), web.NextDay(l.from.at.In(c.tenant.Location))
	}
	c.event.Query = q.Encode(nil, "cursor")
	st, list, more, err := a.portal.Accesses(ctx, c.identity(), c.client, ask)
	if err != nil {
		return nil, err
	}
	if err := c.requireDossier(&st); err != nil {
		return nil, err
	}
	items := make([][]byte, 0, len(list))
	for i := range list {
		e := &list[i]
		items = append(items, encode(accessJSON{
			Day: e.Day.Format(time.DateOnly), First: c.tenant.time(e.First), Last: c.tenant.time(e.Last), Count: e.Count,
			Action: e.Action, Event: e.Event, Outcome: e.Outcome,
			User: accessUserJSON{e.User, e.UserName, e.UserRole}, OnBehalfOf: e.OnBehalfOf,
		}))
	}
	var p page
	if more {
		last := list[len(list)-1]
		p.Next, p.NextCursor = l.link(cursor{at: last.Last, key: last.Key})
	}
	f := a.logFreshness(c, &st, len(items) == 0, l.from != nil || !from.IsZero() || !to.IsZero())
	return &result{body: listBody(items, p, f), denied: !st.Dossier.Manager}, nil
}

// logFreshness is as of now, because the log has no source but this program.
func (a *API) logFreshness(c *call, st *store.Standing, empty, filtered bool) freshness {
	f := newBasis(c.tenant, st).freshness()
	f.AsOf, f.Incomplete = c.tenant.timeOrNull(&st.Now), false
	if empty {
		r := nothingYet
		switch {
		case !st.Dossier.Manager:
			r = noRight
		case filtered:
			r = noMatch
		}
		f.Reason = &r
	}
	return f
}
