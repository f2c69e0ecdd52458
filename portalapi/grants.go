package portalapi

import (
	"context"
	"slices"
	"time"

	"dossiersync/portalapi/web"
	"dossiersync/store"
	"dossiersync/store/dossier"
)

// actorHeader names the user on whose behalf the portal manages grants.
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

// beginGrant reads the actor and the path of a request about grants. The client need not be known,
// but its id must be possible.
func (c *call) beginGrant() error {
	if err := c.readActor(); err != nil {
		return err
	}
	c.event.Object = c.grantee()
	if c.client == "" || c.r.PathValue("user") != c.grantee() {
		return web.Absent()
	}
	return nil
}

// readActor reads the actor into the entry of the access log. It may not be this program's own
// user.
func (c *call) readActor() error {
	actor := c.r.Header.Values(actorHeader)
	if len(actor) != 1 || !validUser(actor[0]) || actor[0] == store.SystemUser {
		return web.Invalid(actorHeader, "Zeg in de kopregel "+actorHeader+" namens wie dit gebeurt.")
	}
	c.event.OnBehalfOf = actor[0]
	return nil
}

// grantee returns the user in the path, or empty if that is not a possible user id.
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
	if err := c.beginGrant(); err != nil {
		return nil, err
	}
	st, list, more, err := a.portal.Grants(ctx, c.identity(), c.client, l.startKey())
	if err != nil {
		return nil, err
	}
	items := make([][]byte, 0, len(list))
	for i := range list {
		items = append(items, encode(newGrantJSON(&list[i])))
	}
	var p page
	if more {
		p = l.pageAfter(list[len(list)-1].User)
	}
	return &result{body: listBody(items, p, grantFreshness(c, &st, len(items) == 0))}, nil
}

func (a *API) grant(ctx context.Context, c *call) (*result, error) {
	if err := web.ReadQuery(c.r).Err(); err != nil {
		return nil, err
	}
	if err := c.beginGrant(); err != nil {
		return nil, err
	}
	st, g, err := a.portal.Grant(ctx, c.identity(), c.client, c.grantee())
	if err != nil {
		return nil, err
	}
	return &result{body: itemBody(encode(newGrantJSON(&g)), grantFreshness(c, &st, false))}, nil
}

// grantFreshness is as of now, because grants have no source but the portal.
func grantFreshness(c *call, st *store.Standing, empty bool) freshness {
	f := newBasis(c.tenant, st).freshness()
	f.AsOf, f.Incomplete = c.tenant.timeOrNull(&st.Now), false
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
	if err := c.beginGrant(); err != nil {
		return nil, err
	}
	g, err := readGrant(c)
	if err != nil {
		return nil, err
	}
	st, stored, _, err := a.portal.PutGrant(ctx, c.identity(), g, c.event.OnBehalfOf, c.event)
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
	if err := c.beginGrant(); err != nil {
		return nil, err
	}
	err := a.portal.RevokeGrant(ctx, c.identity(), c.client, c.grantee(), c.event.OnBehalfOf, c.event)
	return &result{}, err
}

// readGrant reads the grant in the request's body. Missing fields are null, except role, parts and
// state, which are required.
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

// grant validates the JSON, and returns it as a grant on the client.
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
	// In a fixed order, so that the same parts make the same grant.
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
