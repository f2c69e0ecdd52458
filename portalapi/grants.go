package portalapi

import (
	"context"
	"slices"
	"time"

	"dossiersync/portalapi/web"
	"dossiersync/store"
	"dossiersync/store/dossier"
)

// actorHeader says on whose behalf the portal manages grants.
const actorHeader = "Dossier-Actor"

const (
	maxGrant = 16 << 10 // bytes of a grant in JSON
	maxName  = 200      // bytes of a person's name
)

type grantJSON struct {
	User    string           `json:"user"`
	Role    store.Role       `json:"role"`
	Manager bool             `json:"manager"`
	Parts   []dossier.Part   `json:"parts"`
	State   store.GrantState `json:"state"`
	From    *string          `json:"from"`
	Until   *string          `json:"until"`
	Contact *string          `json:"contact"`
	Name    *string          `json:"name"`
}

func newGrantJSON(g *store.Grant) grantJSON {
	return grantJSON{
		User: g.User, Role: g.Role, Manager: g.Manager, Parts: g.Parts, State: g.State,
		From: date(g.From), Until: date(g.Until), Contact: g.Contact, Name: g.Name,
	}
}

func date(t *time.Time) *string {
	if t == nil {
		return nil
	}
	s := t.Format(time.DateOnly)
	return &s
}

// manage begins what is done with grants: it notes on whose behalf. The client's
// id must be one that a client can have, but need not be known.
func (c *call) manage() error {
	if err := c.actFor(); err != nil {
		return err
	}
	c.event.Object = c.grantee()
	if c.client == "" {
		return web.Absent()
	}
	if c.r.PathValue("user") != c.grantee() {
		return web.Absent()
	}
	return nil
}

// actFor notes on whose behalf the portal manages grants: never this program's own.
func (c *call) actFor() error {
	actor := c.r.Header.Values(actorHeader)
	if len(actor) != 1 || !validUser(actor[0]) || actor[0] == store.SystemUser {
		return web.Invalid(actorHeader, "Zeg in de kopregel "+actorHeader+" namens wie dit gebeurt.")
	}
	c.event.OnBehalfOf = actor[0]
	return nil
}

// grantee returns whom the path names, or empty where it names nobody that can be.
func (c *call) grantee() string {
	if u := c.r.PathValue("user"); validUser(u) {
		return u
	}
	return ""
}

func (a *API) grants(ctx context.Context, c *call) (*result, error) {
	q := web.ReadQuery(c.r, "cursor")
	if err := q.Err(); err != nil {
		return nil, err
	}
	l, err := newListing(c, q)
	if err != nil {
		return nil, err
	}
	if err := c.manage(); err != nil {
		return nil, err
	}
	st, list, more, err := a.reader.Grants(ctx, c.identity(), c.client, l.after())
	if err != nil {
		return nil, err
	}
	items := make([][]byte, 0, len(list))
	for i := range list {
		items = append(items, encode(newGrantJSON(&list[i])))
	}
	var p page
	if more {
		p.Next = l.following(list[len(list)-1].User)
	}
	return &result{body: listBody(items, p, grantFreshness(c, &st, len(items) == 0))}, nil
}

func (a *API) grant(ctx context.Context, c *call) (*result, error) {
	if err := web.ReadQuery(c.r).Err(); err != nil {
		return nil, err
	}
	if err := c.manage(); err != nil {
		return nil, err
	}
	st, g, err := a.reader.Grant(ctx, c.identity(), c.client, c.grantee())
	if err != nil {
		return nil, err
	}
	return &result{body: itemBody(encode(newGrantJSON(&g)), grantFreshness(c, &st, false))}, nil
}

// grantFreshness is as of now: grants are kept here, and come from no source.
func grantFreshness(c *call, st *store.Standing, empty bool) freshness {
	f := newBasis(c.tenant, st).freshness()
	f.AsOf, f.Incomplete = c.tenant.timeOrNil(&st.Now), false
	if empty {
		r := nothingYet
		f.Reason = &r
	}
	return f
}

func (a *API) putGrant(ctx context.Context, c *call) (*result, error) {
	c.event.Action = "change"
	if err := web.ReadQuery(c.r).Err(); err != nil {
		return nil, err
	}
	if err := c.manage(); err != nil {
		return nil, err
	}
	g, err := readGrant(c)
	if err != nil {
		return nil, err
	}
	stored, _, err := a.reader.PutGrant(ctx, c.identity(), g, c.event.OnBehalfOf, a.access, c.event)
	if err != nil {
		return nil, err
	}
	st, err := a.reader.Register(ctx, c.identity())
	if err != nil {
		return nil, err
	}
	return &result{body: itemBody(encode(newGrantJSON(&stored)), grantFreshness(c, &st, false))}, nil
}

func (a *API) deleteGrant(ctx context.Context, c *call) (*result, error) {
	c.event.Action = "delete"
	if err := web.ReadQuery(c.r).Err(); err != nil {
		return nil, err
	}
	if err := c.manage(); err != nil {
		return nil, err
	}
	err := a.reader.RevokeGrant(ctx, c.identity(), c.client, c.grantee(), c.event.OnBehalfOf, a.access, c.event)
	return &result{}, err
}

// readGrant reads the grant in the request's body. What is left out is null,
// except role, parts and state, which must be there.
func readGrant(c *call) (store.Grant, error) {
	var in grantJSON
	if err := web.ReadJSON(c.w, c.r, maxGrant, &in); err != nil {
		return store.Grant{}, err
	}
	if in.User != "" && in.User != c.grantee() {
		return store.Grant{}, web.Invalid("user", "Dit is een andere gebruiker dan die in het adres.")
	}
	in.User = c.grantee()
	return in.grant(c.client)
}

// grant checks what was sent, and returns it as a grant on the client.
func (in *grantJSON) grant(client string) (store.Grant, error) {
	g := store.Grant{
		Client: client, User: in.User, Role: in.Role, Manager: in.Manager, State: in.State,
		Contact: in.Contact, Name: in.Name,
	}
	switch {
	case in.Role != store.RoleClient && in.Role != store.RoleContact && in.Role != store.RoleRepresentative:
		return g, web.Invalid("role", "Kies uit client, contact, representative.")
	case in.State != store.GrantInvited && in.State != store.GrantAccepted && in.State != store.GrantRevoked:
		return g, web.Invalid("state", "Kies uit invited, accepted, revoked.")
	case in.Parts == nil:
		return g, web.Invalid("parts", "Noem de onderdelen, of geef een lege lijst.")
	case in.Contact != nil && !clientID.MatchString(*in.Contact):
		return g, web.Invalid("contact", "Dit kan geen id van een contactpersoon zijn.")
	case in.Name != nil && (*in.Name == "" || !validText(*in.Name, maxName)):
		return g, web.Invalid("name", "Geef een naam van hooguit 200 bytes, of null.")
	}
	for _, p := range in.Parts {
		if !slices.Contains(dossier.Parts(), p) {
			return g, web.Invalid("parts", "Kies uit reports, forms, care-plans.")
		}
	}
	// Stored in one order, so that the same parts are the same grant.
	g.Parts = []dossier.Part{}
	for _, p := range dossier.Parts() {
		if slices.Contains(in.Parts, p) {
			g.Parts = append(g.Parts, p)
		}
	}
	var err error
	if g.From, err = readDate("from", in.From); err != nil {
		return g, err
	}
	if g.Until, err = readDate("until", in.Until); err != nil {
		return g, err
	}
	if g.From != nil && g.Until != nil && g.Until.Before(*g.From) {
		return g, web.Invalid("until", "De datum bij until ligt voor die bij from.")
	}
	return g, nil
}

func readDate(name string, s *string) (*time.Time, error) {
	if s == nil {
		return nil, nil
	}
	t, ok := web.ParseDate(*s, time.UTC)
	if !ok {
		return nil, web.Invalid(name, "Geef een datum als 2026-03-01, of null.")
	}
	return &t, nil
}
