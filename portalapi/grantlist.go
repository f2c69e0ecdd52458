package portalapi

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"dossiersync/portalapi/problem"
	"dossiersync/portalapi/request"
	"dossiersync/store"
)

const (
	maxGrants     = 200_000  // of one organisation
	maxGrantsBody = 64 << 20 // bytes of all of them in JSON
)

// grantsJSON has all grants of an organisation.
type grantsJSON struct {
	Items []json.RawMessage `json:"items"`
}

// clientGrantJSON is a grant with whose dossier it is on.
type clientGrantJSON struct {
	Client string `json:"client"`
	grantJSON
}

// putGrants stores all grants of the organisation, and revokes every other: what a
// portal does after the replica was restored from a backup, and may do at any
// time.
func (a *API) putGrants(ctx context.Context, c *call) (*reading, error) {
	c.event.Action = "change"
	if err := request.ReadQuery(c.r).Err(); err != nil {
		return nil, err
	}
	if err := c.actFor(); err != nil {
		return nil, err
	}
	var in grantsJSON
	if err := request.ReadJSON(c.w, c.r, maxGrantsBody, &in); err != nil {
		return nil, err
	}
	list, err := in.grants()
	if err != nil {
		return nil, err
	}
	put, err := a.reader.PutGrants(ctx, c.identity(), list, c.event.OnBehalfOf, a.access, c.event)
	if err != nil {
		return nil, err
	}
	return &reading{body: encode(map[string]any{"item": put})}, nil
}

// grants checks the list. What is wrong is named by its place.
func (in *grantsJSON) grants() ([]store.Grant, error) {
	switch {
	case in.Items == nil:
		return nil, problem.Invalid("items", "Noem alle rechten, of geef een lege lijst: dan vervallen ze alle.")
	case len(in.Items) > maxGrants:
		return nil, problem.Invalid("items", fmt.Sprintf("Geef hooguit %d rechten.", maxGrants))
	}
	list := make([]store.Grant, 0, len(in.Items))
	type holder struct{ client, user string }
	known := make(map[holder]bool, len(in.Items))
	for i := range in.Items {
		var it clientGrantJSON
		at := func(name, detail string) error {
			return problem.Invalid(strings.TrimSuffix(fmt.Sprintf("items[%d].%s", i, name), "."), detail)
		}
		if p, ok := errors.AsType[*problem.Problem](request.ParseJSON(in.Items[i], &it)); ok {
			return nil, at(p.Parameter, p.Detail)
		}
		switch {
		case !clientID.MatchString(it.Client):
			return nil, at("client", "Dit kan geen id van een cliënt zijn.")
		case !validUser(it.User):
			return nil, at("user", "Dit kan geen gebruiker zijn.")
		case known[holder{it.Client, it.User}]:
			return nil, at("user", "Deze gebruiker staat er bij deze cliënt al.")
		}
		known[holder{it.Client, it.User}] = true
		g, err := it.grant(it.Client)
		if p, ok := errors.AsType[*problem.Problem](err); ok {
			return nil, at(p.Parameter, p.Detail)
		}
		if err != nil {
			return nil, err
		}
		list = append(list, g)
	}
	return list, nil
}
