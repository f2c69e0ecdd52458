package portalapi

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"dossiersync/portalapi/web"
	"dossiersync/store"
)

const (
	maxGrants     = 200_000   // of one organisation
	maxGrantsBody = 128 << 20 // bytes of all grants in JSON
	// maxUploads is how many uploads run at once, each of another tenant, because each holds a
	// connection to the database.
	maxUploads = 3
	// uploadRetry is the Retry-After of an upload that came during another one.
	uploadRetry = 30 * time.Second
)

// clientGrantJSON is a grant with the client whose dossier it opens.
type clientGrantJSON struct {
	Client string `json:"client"`
	grantJSON
}

// putGrants stores all grants of the organisation, and revokes every other. A portal must do so
// after the replica was restored from a backup, and may do so at any time. The list is stored while
// it is received; there is one such upload per organisation at a time.
func (a *API) putGrants(ctx context.Context, c *call) (*result, error) {
	c.event.Action = "change"
	if err := web.ReadQuery(c.r).Err(); err != nil {
		return nil, err
	}
	if err := c.readActor(); err != nil {
		return nil, err
	}
	if err := a.uploads.acquire(c.tenant.ID); err != nil {
		return nil, err
	}
	defer a.uploads.release(c.tenant.ID)
	body, err := c.paceBody(a.uploads.readWait)
	if err != nil {
		return nil, err
	}
	defer body.abort()
	in, err := web.NewListBody(c.w, c.r, maxGrantsBody, maxGrant, "items", "asOf")
	if err != nil {
		return nil, err
	}
	list := &grantList{in: in}
	grants := store.GrantList{Next: list.next, AsOf: func() *time.Time { return list.asOf }}
	stored, err := a.portal.PutGrants(ctx, c.identity(), grants, c.event.OnBehalfOf, c.event)
	if duplicate, ok := errors.AsType[*store.DuplicateGrantError](err); ok {
		return nil, web.Invalid(fmt.Sprintf("items[%d].user", duplicate.Index),
			"Deze gebruiker staat er bij deze cliënt al.")
	}
	if errors.Is(err, store.ErrListAsOf) {
		return nil, web.Invalid("asOf",
			"Dit moment ligt in de toekomst, of vóór het terugzetten van de back-up: stuur een nieuwe lijst.")
	}
	if err != nil {
		return nil, err
	}
	return &result{body: encode(map[string]any{"item": stored})}, nil
}

// grantList reads all grants of an organisation from a request. Its errors name the faulty element.
type grantList struct {
	in   *web.ListBody
	n    int // grants read so far
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
		// The only other field is asOf.
		var text *string
		if json.Unmarshal(value, &text) != nil {
			return nil, errAsOf
		}
		if text == nil {
			continue
		}
		at, err := time.Parse(time.RFC3339, *text)
		if err != nil {
			return nil, errAsOf
		}
		l.asOf = &at
	}
}

var errAsOf = web.Invalid("asOf", "Geef een moment als 2026-03-01T09:30:00+01:00, of null.")

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
