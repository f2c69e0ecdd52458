package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
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
}

// grantFields are the columns that the portal sets. grantColumns are those of a [Grant].
const (
	grantFields  = `role, manager, parts, state, valid_from, valid_until, contact, name`
	grantColumns = `client, user_id, ` + grantFields + `, version`
)

// getGrant reads the user's grant on the client.
const getGrant = `
	SELECT ` + grantColumns + `
	FROM grants
	WHERE tenant = @tenant
	  AND client = @client
	  AND user_id = @user`

// PutGrant stores g for the portal's tenant in place of the user's grant on the client, returns it as
// stored, and reports whether anything changed. by is the person on whose behalf the portal acts. An
// unknown client is allowed: the grant waits for the client. A grant on an erased client is not
// stored, and the answer is the same as for an unknown client. A revocation takes effect for the next
// request. e is logged in the same transaction: where the log cannot be written, nothing is stored.
// PutGrant fails with [ErrAwaitingGrants] while the portal has to send all grants.
func (p *Portal) PutGrant(
	ctx context.Context, id Identity, g Grant, by string, log *AccessLog, e AccessEvent,
) (Grant, bool, error) {
	put := `
		INSERT INTO grants (tenant, client, user_id, updated_by, ` + grantFields + `)
		VALUES (@tenant, @client, @user, @by,
		        @role, @manager, @parts, @state, @from, @until, @contact, @name)
		ON CONFLICT (tenant, user_id, client) DO UPDATE
		SET (` + grantFields + `) = (` + prefixed("excluded", grantFields) + `),
		    version = grants.version + 1,
		    updated_at = now(),
		    updated_by = excluded.updated_by
		-- Leaves an equal grant, and its version, alone.
		WHERE (` + prefixed("grants", grantFields) + `)
		   IS DISTINCT FROM (` + prefixed("excluded", grantFields) + `)`
	var changed bool
	err := p.asPortal(ctx, id, func(tx pgx.Tx) error {
		if err := notAwaiting(ctx, tx, id.Tenant); err != nil {
			return err
		}
		tag, err := tx.Exec(ctx, put, pgx.StrictNamedArgs{
			"tenant": id.Tenant, "client": g.Client, "user": g.User, "role": g.Role, "manager": g.Manager,
			"parts": g.Parts, "state": g.State, "from": g.From, "until": g.Until, "contact": g.Contact,
			"name": g.Name, "by": by})
		if err := awaitedTenant(err); err != nil {
			return err
		}
		changed = tag.RowsAffected() == 1
		stored, err := queryOne(ctx, tx, pgx.RowToStructByPos[Grant], getGrant, pgx.StrictNamedArgs{
			"tenant": id.Tenant, "client": g.Client, "user": g.User})
		e.Action = "change"
		switch {
		case errors.Is(err, pgx.ErrNoRows): // trigger keep_out_erased left the row out
			e.Action, e.Outcome, g.Version = "add", "denied", 1
		case err != nil:
			return err
		default:
			g = stored
			if g.Version == 1 && changed {
				e.Action = "add"
			}
		}
		return log.within(ctx, tx, e)
	})
	if err != nil {
		return Grant{}, false, fmt.Errorf("put a grant of %s: %w", id.Tenant, err)
	}
	return g, changed, nil
}

// notAwaiting fails with [ErrAwaitingGrants] while the portal has to send all grants of the tenant.
func notAwaiting(ctx context.Context, tx pgx.Tx, tenant string) error {
	const q = `
		SELECT EXISTS (
			SELECT
			FROM tenants
			WHERE id = @tenant
			  AND awaiting_grants IS NOT NULL)`
	var awaiting bool
	err := tx.QueryRow(ctx, q, pgx.StrictNamedArgs{"tenant": tenant}).Scan(&awaiting)
	if err == nil && awaiting {
		err = ErrAwaitingGrants
	}
	return err
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
// RevokeGrant fails with [ErrNotFound] where there is no such grant. e is logged as by
// [Portal.PutGrant].
func (p *Portal) RevokeGrant(
	ctx context.Context, id Identity, client, user, by string, log *AccessLog, e AccessEvent,
) error {
	// A revoked grant is updated too, to itself: the number of rows tells whether there is a grant.
	const q = `
		UPDATE grants
		SET version = version + (state <> 'revoked')::int,
		    state = 'revoked',
		    updated_at = CASE WHEN state = 'revoked' THEN updated_at ELSE now() END,
		    updated_by = CASE WHEN state = 'revoked' THEN updated_by ELSE @by END
		WHERE tenant = @tenant
		  AND client = @client
		  AND user_id = @user`
	err := p.asPortal(ctx, id, func(tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, q, pgx.StrictNamedArgs{
			"tenant": id.Tenant, "client": client, "user": user, "by": by})
		if err != nil {
			return err
		}
		if tag.RowsAffected() == 0 {
			return ErrNotFound
		}
		return log.within(ctx, tx, e)
	})
	if err != nil {
		return fmt.Errorf("revoke a grant of %s: %w", id.Tenant, err)
	}
	return nil
}

// Grants returns the grants on the client, revoked ones included, ordered by user and beginning after
// the given user; at most [listMax], and whether there are more. The standing is that of the tenant's
// clients.
func (p *Portal) Grants(
	ctx context.Context, id Identity, client, after string,
) (Standing, []Grant, bool, error) {
	const q = `
		SELECT ` + grantColumns + `
		FROM grants
		WHERE tenant = @tenant
		  AND client = @client
		  AND user_id > @after
		ORDER BY user_id
		LIMIT @limit`
	return p.grants(ctx, id, q, pgx.StrictNamedArgs{
		"tenant": id.Tenant, "client": client, "after": after, "limit": listMax + 1})
}

// Register returns the standing of the tenant's clients.
func (p *Portal) Register(ctx context.Context, id Identity) (Standing, error) {
	var s Standing
	err := p.readAs(ctx, id, scopeGrants, "", &s, func(b *pgx.Batch) {
		queueStanding(b, id, "", &s)
	})
	if err != nil {
		return Standing{}, fmt.Errorf("read the standing of %s: %w", id.Tenant, err)
	}
	return s, nil
}

// Grant returns the user's grant on the client, or fails with [ErrNotFound].
func (p *Portal) Grant(
	ctx context.Context, id Identity, client, user string,
) (Standing, Grant, error) {
	s, list, _, err := p.grants(ctx, id, getGrant, pgx.StrictNamedArgs{
		"tenant": id.Tenant, "client": client, "user": user})
	if err != nil {
		return Standing{}, Grant{}, err
	}
	if len(list) == 0 {
		return s, Grant{}, fmt.Errorf("grant of %s: %w", id.Tenant, ErrNotFound)
	}
	return s, list[0], nil
}

func (p *Portal) grants(
	ctx context.Context, id Identity, q string, args pgx.StrictNamedArgs,
) (Standing, []Grant, bool, error) {
	var s Standing
	var list []Grant
	err := p.readAs(ctx, id, scopeGrants, "", &s, func(b *pgx.Batch) {
		queueStanding(b, id, "", &s)
		b.Queue(q, args).Query(collect(&list, pgx.RowToStructByPos[Grant]))
	})
	if err != nil {
		return Standing{}, nil, false, fmt.Errorf("read grants of %s: %w", id.Tenant, err)
	}
	list, more := cut(list, listMax)
	return s, list, more, nil
}
