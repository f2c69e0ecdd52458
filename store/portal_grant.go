package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"dossiersync/store/dossier"
)

// GrantState is what the portal has done with a grant.
type GrantState string

// The states of a grant. Only an accepted one counts.
const (
	GrantInvited  GrantState = "invited"
	GrantAccepted GrantState = "accepted"
	GrantRevoked  GrantState = "revoked"
)

// Grant is one person's right to parts of one dossier, as the portal gives it.
type Grant struct {
	Client  string
	User    string
	Role    Role
	Manager bool
	Parts   []dossier.Part
	State   GrantState
	From    *time.Time // the first local date on which it counts; nil: at once
	Until   *time.Time // the last local date on which it counts; nil: until revoked
	Contact *string    // a contact's id in the source: when that contact ends, the grant stops counting
	Name    *string    // the person's name as the portal knows it, for the access log
	Version int64      // rises with every change

	// As the database knows them; they are not put.
	Counts     bool       // it opens the dossier today
	Why        WhyClosed  // empty if it counts
	InvitedAt  *time.Time // of the last invitation; nil: none, or not known
	AcceptedAt *time.Time // since when it is, or was, accepted; nil: never, or not known
	GrantedBy  *string    // on whose behalf it was given; nil: not known
}

// WhyClosed is why a grant does not count: the first condition of view open_dossiers that it does not
// meet.
type WhyClosed string

// The reasons. Of a client who is not shown, none is told apart from another.
const (
	NotAccepted    WhyClosed = "not-accepted"
	NotYet         WhyClosed = "not-yet"
	Ended          WhyClosed = "ended"
	UnknownClient  WhyClosed = "unknown-client"
	ClientNotShown WhyClosed = "client-not-shown"
	UnknownContact WhyClosed = "unknown-contact" // or a contact of another client
	ContactEnded   WhyClosed = "contact-ended"
	Dormant        WhyClosed = "dormant"        // the client was out of sight for too long
	AnotherPerson  WhyClosed = "another-person" // the client's id was given to somebody else
)

// Actor is the person on whose behalf the portal changes a grant.
type Actor struct {
	User string
	// Check makes the change fail with [ErrNotManager] unless the person can manage the dossier today.
	Check bool
}

// ErrNotManager reports that the acting person may not manage the dossier, or that there is none.
var ErrNotManager = errors.New("the acting person may not manage this dossier")

// PutGrant stores g for the portal's tenant in place of the user's grant on the client, returns it as
// stored, and reports whether anything changed. An
// unknown client is allowed: the grant waits for the client. An actor that is checked may always accept
// an invitation as it stands. A grant on an erased client is not
// stored, and the answer is the same as for an unknown client. A revocation takes effect for the next
// request. The change is logged in the same transaction, with the event and access point of e: where
// the log cannot be written, nothing is stored. PutGrant fails with [ErrAwaitingGrants] while the
// portal has to send all grants. The standing is that of the tenant's clients.
func (p *Portal) PutGrant(
	ctx context.Context, id Identity, g Grant, by Actor, e AccessEvent,
) (Standing, Grant, bool, error) {
	const columns = `,
		f.changed, f.version, f.counts, coalesce(f.why, ''), f.invited, f.accepted, f.giver`
	var s Standing
	var changed bool
	var version *int64
	args := p.callArgs(purposeGrants, id, g.Client,
		g.User, g.Role, g.Manager, g.Parts, g.State, g.From, g.Until, g.Contact, g.Name,
		by.User, e.Event, e.AccessPoint, e.UserName, by.Check)
	err := p.ask(ctx, &s, `portal_put_grant`+parameters(len(args)), columns, args,
		&changed, &version, &g.Counts, &g.Why, &g.InvitedAt, &g.AcceptedAt, &g.GrantedBy)
	if err != nil {
		return Standing{}, Grant{}, false, fmt.Errorf("put a grant of %s: %w", id.Tenant, awaitedTenant(err))
	}
	g.Version = 1 // trigger keep_out_erased left the row out
	if version != nil {
		g.Version = *version
	}
	return s, g, changed, nil
}

// awaitedTenant turns the error of a grant whose tenant is not known yet into [ErrUnavailable], and
// returns any other error as it is.
func awaitedTenant(err error) error {
	if pg, ok := errors.AsType[*pgconn.PgError](err); ok && pg.ConstraintName == "grants_tenant_fkey" {
		return fmt.Errorf("%w: no worker has begun with this tenant yet", ErrUnavailable)
	}
	return err
}

// RevokeGrant revokes the user's grant on the client; a revoked one stays as it is. The row is kept.
// RevokeGrant fails with [ErrNotFound] where there is no such grant. It is logged as by
// [Portal.PutGrant]. An actor that is checked may always revoke their own right.
func (p *Portal) RevokeGrant(
	ctx context.Context, id Identity, client, user string, by Actor, e AccessEvent,
) error {
	args := p.callArgs(purposeGrants, id, client, user, by.User, e.Event, e.AccessPoint, e.UserName, by.Check)
	var found bool
	err := p.pool.QueryRow(ctx, `SELECT portal_revoke_grant`+parameters(len(args)), args...).Scan(&found)
	if err == nil && !found {
		err = ErrNotFound
	}
	if err != nil {
		return fmt.Errorf("revoke a grant of %s: %w", id.Tenant, classify(err))
	}
	return nil
}

// Grants returns the grants on the client, revoked ones included, ordered by user and beginning after
// the given user; at most [listMax], and whether there are more. The standing is that of the tenant's
// clients.
func (p *Portal) Grants(
	ctx context.Context, id Identity, client, after string,
) (Standing, []Grant, bool, error) {
	return p.grants(ctx, id, client, "", after)
}

// Grant returns the user's grant on the client, or fails with [ErrNotFound].
func (p *Portal) Grant(
	ctx context.Context, id Identity, client, user string,
) (Standing, Grant, error) {
	s, list, _, err := p.grants(ctx, id, client, user, "")
	if err != nil {
		return Standing{}, Grant{}, err
	}
	if len(list) == 0 {
		return s, Grant{}, fmt.Errorf("grant of %s: %w", id.Tenant, ErrNotFound)
	}
	return s, list[0], nil
}

func (p *Portal) grants(
	ctx context.Context, id Identity, client, user, after string,
) (Standing, []Grant, bool, error) {
	const columns = `,
		f.users, f.roles, f.managers, f.parts, f.states, f.froms, f.untils, f.contacts, f.names,
		f.versions, f.counts, f.whys, f.invited, f.accepted, f.givers`
	var s Standing
	var users, parts []string
	var roles []Role
	var managers []bool
	var states []GrantState
	var froms, untils []*time.Time
	var contacts, names []*string
	var versions []int64
	var counts []bool
	var whys []*WhyClosed
	var invited, accepted []*time.Time
	var givers []*string
	args := p.callArgs(purposeGrants, id, client, user, after, listMax+1)
	err := p.ask(ctx, &s, `portal_grants`+parameters(len(args)), columns, args,
		&users, &roles, &managers, &parts, &states, &froms, &untils, &contacts, &names, &versions,
		&counts, &whys, &invited, &accepted, &givers)
	if err != nil {
		return Standing{}, nil, false, fmt.Errorf("read grants of %s: %w", id.Tenant, err)
	}
	list := make([]Grant, len(users))
	for i := range list {
		list[i] = Grant{
			Client: client, User: users[i], Role: roles[i], Manager: managers[i], Parts: splitParts(parts[i]),
			State: states[i], From: froms[i], Until: untils[i], Contact: contacts[i], Name: names[i],
			Version: versions[i], Counts: counts[i], InvitedAt: invited[i], AcceptedAt: accepted[i],
			GrantedBy: givers[i],
		}
		if whys[i] != nil {
			list[i].Why = *whys[i]
		}
	}
	list, more := cut(list, listMax)
	return s, list, more, nil
}
