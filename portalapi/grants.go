package portalapi

import (
	"context"
	"encoding/json"
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

// grantAnswer is a grant with what only this program knows of it.
type grantAnswer struct {
	grantJSON
	Counts     bool             `json:"counts"`
	Why        *store.WhyClosed `json:"why"`
	InvitedAt  *string          `json:"invitedAt"`
	AcceptedAt *string          `json:"acceptedAt"`
	GrantedBy  *string          `json:"grantedBy"`

	// For people, in the organisation's words.
	RoleLabel   string  `json:"roleLabel"`
	StateLabel  string  `json:"stateLabel"`
	WhySentence *string `json:"whySentence"`
}

func (t *Tenant) grantAnswer(g *store.Grant) []byte {
	a := grantAnswer{
		grantJSON: grantJSON{
			User: g.User, Role: g.Role, Manager: g.Manager, Parts: g.Parts, State: g.State,
			From: date(g.From), Until: date(g.Until), Contact: g.Contact, Name: g.Name,
		},
		Counts: g.Counts, InvitedAt: t.timeOrNull(g.InvitedAt), AcceptedAt: t.timeOrNull(g.AcceptedAt),
		GrantedBy: g.GrantedBy,
		RoleLabel: t.word("role", string(g.Role)), StateLabel: t.word("grant_state", string(g.State)),
	}
	if g.Why != "" {
		said := t.word("why", string(g.Why))
		a.Why, a.WhySentence = &g.Why, &said
	}
	return encode(a)
}

// grantRequest is a grant as it is sent. What a grant is answered with may be sent back: fields that
// only this program knows are ignored.
type grantRequest struct {
	grantJSON
	Counts     json.RawMessage `json:"counts"`
	Why        json.RawMessage `json:"why"`
	InvitedAt  json.RawMessage `json:"invitedAt"`
	AcceptedAt json.RawMessage `json:"acceptedAt"`
	GrantedBy  json.RawMessage `json:"grantedBy"`

	RoleLabel   json.RawMessage `json:"roleLabel"`
	StateLabel  json.RawMessage `json:"stateLabel"`
	WhySentence json.RawMessage `json:"whySentence"`
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

// actor returns the person on whose behalf the portal changes a grant.
func (a *API) actor(c *call) store.Actor {
	return store.Actor{User: c.event.OnBehalfOf, Check: a.checkActor}
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
		items = append(items, c.tenant.grantAnswer(&list[i]))
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
	return &result{body: itemBody(c.tenant.grantAnswer(&g), grantFreshness(c, &st, false))}, nil
}

// grantFreshness is as of now, because grants have no source but the portal.
func grantFreshness(c *call, st *store.Standing, empty bool) freshness {
	f := newBasis(c.tenant, st).freshnessOfNow()
	if empty {
		f.because(c.tenant, nothingYet)
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
	st, stored, _, err := a.portal.PutGrant(ctx, c.identity(), g, a.actor(c), c.event)
	if err != nil {
		return nil, err
	}
	return &result{body: itemBody(c.tenant.grantAnswer(&stored), grantFreshness(c, &st, false))}, nil
}

func (a *API) deleteGrant(ctx context.Context, c *call) (*result, error) {
	c.event.Action = "delete"
	if err := web.ReadQuery(c.r).Err(); err != nil {
		return nil, err
	}
	if err := c.beginGrant(); err != nil {
		return nil, err
	}
	err := a.portal.RevokeGrant(ctx, c.identity(), c.client, c.grantee(), a.actor(c), c.event)
	return &result{}, err
}

// readGrant reads the grant in the request's body. Missing fields are null, except role, parts and
// state, which are required. It fails with all faults of the grant.
func readGrant(c *call) (store.Grant, error) {
	var in grantRequest
	var faults web.Faults
	if err := web.ReadFields(c.w, c.r, maxGrant, &in, &faults); err != nil {
		return store.Grant{}, err
	}
	if in.User != "" && in.User != c.grantee() {
		faults.Add("user", "Dit is een andere gebruiker dan die in het adres.")
	}
	in.User = c.grantee()
	g := in.grant(c.client, "", &faults)
	return g, faults.Err()
}

// grant returns the JSON as a grant on the client, and adds its faults, with the names of its fields
// after prefix.
func (in *grantJSON) grant(client, prefix string, faults *web.Faults) store.Grant {
	g := store.Grant{
		Client: client, User: in.User, Role: in.Role, Manager: in.Manager, State: in.State,
		Contact: in.Contact, Name: in.Name, Parts: []dossier.Part{},
	}
	if !slices.Contains([]store.Role{store.RoleClient, store.RoleContact, store.RoleRepresentative}, in.Role) {
		faults.Add(prefix+"role", "Kies uit client, contact, representative.")
	}
	if !slices.Contains([]store.GrantState{store.GrantInvited, store.GrantAccepted, store.GrantRevoked}, in.State) {
		faults.Add(prefix+"state", "Kies uit invited, accepted, revoked.")
	}
	if in.Parts == nil {
		faults.Add(prefix+"parts", "Noem de onderdelen, of geef een lege lijst.")
	}
	if in.Contact != nil && !clientID.MatchString(*in.Contact) {
		faults.Add(prefix+"contact", "Dit kan geen id van een contactpersoon zijn.")
	}
	if in.Name != nil && (*in.Name == "" || !validText(*in.Name, maxName)) {
		faults.Add(prefix+"name", "Geef een naam van hooguit 200 bytes, of null.")
	}
	for _, p := range in.Parts {
		if !slices.Contains(dossier.Parts(), p) {
			faults.Add(prefix+"parts", "Kies uit reports, forms, care-plans.")
		}
	}
	// In a fixed order, so that the same parts make the same grant.
	for _, p := range dossier.Parts() {
		if slices.Contains(in.Parts, p) {
			g.Parts = append(g.Parts, p)
		}
	}
	g.From = readDate(prefix+"from", in.From, faults)
	g.Until = readDate(prefix+"until", in.Until, faults)
	if g.From != nil && g.Until != nil && g.Until.Before(*g.From) {
		faults.Add(prefix+"until", "De datum bij until ligt voor die bij from.")
	}
	return g
}

func readDate(name string, s *string, faults *web.Faults) *time.Time {
	if s == nil {
		return nil
	}
	t, ok := web.ParseDate(*s, time.UTC)
	if !ok {
		faults.Add(name, "Geef een datum als 2026-03-01, of null.")
		return nil
	}
	return &t
}
