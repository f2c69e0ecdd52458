package portalapi

import (
	"context"
	"slices"
	"strings"
	"time"

	"dossiersync/portalapi/web"
	"dossiersync/store"
	"dossiersync/store/dossier"
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

	OnBehalfOfName *string            `json:"onBehalfOfName"`
	What           string             `json:"what"`
	OutcomeLabel   string             `json:"outcomeLabel"`
	Events         []string           `json:"events"`
	Pages          int64              `json:"pages"`
	Opened         int64              `json:"opened"`
	Objects        []accessObjectJSON `json:"objects"`
}

type accessObjectJSON struct {
	Event string  `json:"event"`
	Kind  *string `json:"kind"`
	ID    *string `json:"id"`
	Title *string `json:"title"`
	At    *string `json:"at"`
}

// visitEvent is the event of a visit of several events.
const visitEvent = "visit"

// accessJSON returns an access as it is served.
func (t *Tenant) accessJSON(e *store.Access) accessJSON {
	event := e.Events[0]
	if len(e.Events) > 1 {
		event = visitEvent
	}
	out := accessJSON{
		Day: e.Day.Format(time.DateOnly), First: t.time(e.First), Last: t.time(e.Last), Count: e.Count,
		Action: e.Action, Event: event, Outcome: e.Outcome,
		User: accessUserJSON{e.User, e.UserName, e.UserRole, nil}, OnBehalfOf: e.OnBehalfOf, OnBehalfOfName: e.BehalfName,
		What: t.what(e), OutcomeLabel: t.word("outcome", e.Outcome), Events: e.Events, Pages: e.Pages, Opened: e.Opened,
		Objects: make([]accessObjectJSON, len(e.Objects)),
	}
	if e.UserRole != nil {
		label := t.word("role", *e.UserRole)
		out.User.RoleLabel = &label
	}
	for i := range e.Objects {
		out.Objects[i] = t.accessObjectJSON(&e.Objects[i])
	}
	return out
}

// what returns in the organisation's words what was done: "Startscherm, Tijdlijn bekeken".
func (t *Tenant) what(e *store.Access) string {
	var words []string
	for _, event := range e.Events {
		if w := t.word("event", event); !slices.Contains(words, w) {
			words = append(words, w)
		}
	}
	said := strings.Join(words, ", ")
	switch of := "event." + e.Events[0] + "-" + e.Action; {
	case t.Words[of] != "":
		said = t.Words[of]
	case e.Action != "execute" && e.Action != "transfer" && e.Events[0] != "erasure":
		// The words for other events have their verb.
		said += " " + strings.ToLower(t.word("action", e.Action))
	}
	if e.Outcome != "success" {
		said = t.word("outcome", e.Outcome) + ": " + said
	}
	return said
}

// accessObjectJSON returns an object as it is served: a user with a grant, an item that the reader may
// see now, or else no more than the kind of item.
func (t *Tenant) accessObjectJSON(o *store.AccessObject) accessObjectJSON {
	out := accessObjectJSON{Event: o.Event}
	kind := dossier.Kind(o.Event)
	switch {
	case o.User != nil:
		kind = "user"
		out.ID, out.Title = o.User, o.Name
	case o.Kind != nil && t.shares(partOf[*o.Kind]):
		kind = *o.Kind
		out.ID, out.Title, out.At = o.Key, o.Title, t.timeOrNull(o.At)
	case partOf[kind] == "":
		return out
	}
	out.Kind = (*string)(&kind)
	return out
}

type accessUserJSON struct {
	ID   string  `json:"id"`
	Name *string `json:"name"`
	Role *string `json:"role"`

	RoleLabel *string `json:"roleLabel"`
}

// accessLog lists who did what with the dossier and when, for the client and managers (NEN 7513,
// Wabvpz art. 15e). Unlike the dossier, it stays readable after the client's death.
func (a *API) accessLog(ctx context.Context, c *call) (*result, error) {
	q := web.ReadQuery(c.r, "from", "to", "fold", "limit", "cursor")
	from, to := q.Interval(c.tenant.Location)
	ask := store.AccessQuery{From: from, To: to, Folded: q.OneOf("fold", "true", "false") != "false",
		Limit: q.Int("limit", defaultLimit, 1, maxLimit)}
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
		items = append(items, encode(c.tenant.accessJSON(&list[i])))
	}
	var p page
	if more {
		last := list[len(list)-1]
		p.Next, p.NextCursor = l.link(cursor{at: last.First, key: last.Key})
	}
	f := a.logFreshness(c, &st, len(items) == 0, l.from != nil || !from.IsZero() || !to.IsZero())
	return &result{body: listBody(items, p, f), denied: !st.Dossier.Manager}, nil
}

// logFreshness is as of now, because the log has no source but this program.
func (a *API) logFreshness(c *call, st *store.Standing, empty, filtered bool) freshness {
	f := newBasis(c.tenant, st).freshnessOfNow()
	if empty {
		r := nothingYet
		switch {
		case !st.Dossier.Manager:
			r = noRight
		case filtered:
			r = noMatch
		}
		f.because(c.tenant, r)
	}
	return f
}
