package portalapi

import (
	"dossiersync/portalapi/web"

	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"dossiersync/store"
)

const (
	maxGrants     = 200_000   // of one organisation
	maxGrantsBody = 128 << 20 // bytes of all of them in JSON
	// listTime is how long a list of all grants may take, from its first byte to the
	// answer; sendTime is for the answer to be read.
	listTime = 5 * time.Minute
	sendTime = 30 * time.Second
	// Of each leastSize bytes of it, for no longer than leastTime is waited.
	leastSize = 64 << 10
	leastTime = 30 * time.Second
	// mostLists is how many lists come in at once, each of another tenant: each holds
	// a connection to the database.
	mostLists = 3
	// listRetry is when who came while another list is stored is asked to come back.
	listRetry = 30 * time.Second
)

// clientGrantJSON is a grant with whose dossier it is on.
type clientGrantJSON struct {
	Client string `json:"client"`
	grantJSON
}

// putGrants stores all grants of the organisation, and revokes every other: what a
// portal does after the replica was restored from a backup, and may do at any
// time. It reads the list as it comes in, one of each organisation at a time.
func (a *API) putGrants(ctx context.Context, c *call) (*result, error) {
	c.event.Action = "change"
	if err := web.ReadQuery(c.r).Err(); err != nil {
		return nil, err
	}
	if err := c.actFor(); err != nil {
		return nil, err
	}
	if err := a.lists.enter(c.tenant.ID); err != nil {
		return nil, err
	}
	defer a.lists.leave(c.tenant.ID)
	body, err := c.takeTime(a.lists.wait)
	if err != nil {
		return nil, err
	}
	defer body.stop()
	in, err := web.NewListBody(c.w, c.r, maxGrantsBody, maxGrant, "items", "asOf")
	if err != nil {
		return nil, err
	}
	list := &grantList{in: in}
	put, err := a.reader.PutGrants(ctx, c.identity(), store.GrantList{Next: list.next, AsOf: func() *time.Time { return list.asOf }},
		c.event.OnBehalfOf, a.access, c.event)
	if twice, ok := errors.AsType[*store.DuplicateGrantError](err); ok {
		return nil, web.Invalid(fmt.Sprintf("items[%d].user", twice.Index), "Deze gebruiker staat er bij deze cliënt al.")
	}
	if errors.Is(err, store.ErrListAsOf) {
		return nil, web.Invalid("asOf", "Dit moment ligt in de toekomst, of vóór het terugzetten van de back-up: stuur een nieuwe lijst.")
	}
	if err != nil {
		return nil, err
	}
	return &result{body: encode(map[string]any{"item": put})}, nil
}

// grantList is all grants of an organisation, as they come in. What is wrong is
// named by its place.
type grantList struct {
	in   *web.ListBody
	n    int // how many there were
	asOf *time.Time
}

// next returns the next grant, or nil after the last.
func (l *grantList) next() (*store.Grant, error) {
	for {
		name, value, err := l.in.Next()
		switch {
		case errors.Is(err, io.EOF) && !l.in.Listed():
			return nil, web.Invalid("items", "Noem alle rechten, of geef een lege lijst: dan vervallen ze alle.")
		case errors.Is(err, io.EOF):
			return nil, nil
		case err != nil:
			return nil, err
		case name == "":
			return l.grant(value)
		}
		var text *string
		if json.Unmarshal(value, &text) != nil {
			return nil, wrongMoment
		}
		if text == nil {
			continue
		}
		at, err := time.Parse(time.RFC3339, *text)
		if err != nil {
			return nil, wrongMoment
		}
		l.asOf = &at
	}
}

var wrongMoment = web.Invalid("asOf", "Geef een moment als 2026-03-01T09:30:00+01:00, of null.")

func (l *grantList) grant(value []byte) (*store.Grant, error) {
	if l.n == maxGrants {
		return nil, web.Invalid("items", fmt.Sprintf("Geef hooguit %d rechten.", maxGrants))
	}
	at := func(name, detail string) error {
		return web.Invalid(strings.TrimSuffix(fmt.Sprintf("items[%d].%s", l.n, name), "."), detail)
	}
	var it clientGrantJSON
	if p, ok := errors.AsType[*web.Problem](web.ParseJSON(value, &it)); ok {
		return nil, at(p.Parameter, p.Detail)
	}
	switch {
	case !clientID.MatchString(it.Client):
		return nil, at("client", "Dit kan geen id van een cliënt zijn.")
	case !validUser(it.User):
		return nil, at("user", "Dit kan geen gebruiker zijn.")
	}
	g, err := it.grant(it.Client)
	if p, ok := errors.AsType[*web.Problem](err); ok {
		return nil, at(p.Parameter, p.Detail)
	}
	l.n++
	return &g, err
}
