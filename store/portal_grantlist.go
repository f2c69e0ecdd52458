package store

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

// GrantList is all grants of a tenant, as they come in: there may be very many.
type GrantList struct {
	Next func() (*Grant, error) // the next one; nil: that was the last
	// AsOf returns when the list was taken, by the portal's clock; nil: just now. It
	// is asked after the last grant.
	AsOf func() *time.Time
}

// GrantsPut says what storing all grants has changed.
type GrantsPut struct {
	Changed int64 `json:"changed"` // new, or other than before
	Revoked int64 `json:"revoked"` // there before, and not in the list
	Kept    int64 `json:"kept"`    // left as they are, although the list has them otherwise
}

// ErrListBusy says that another list of the tenant's grants is being stored.
var ErrListBusy = fmt.Errorf("%w: another list of grants is being stored", ErrUnavailable)

// ErrListAsOf says that a list cannot be as of then: it is of the future, or from
// before the backup was restored after which it was asked for.
var ErrListAsOf = errors.New("the list is of the future, or from before the restore")

// DuplicateGrantError says that a list has a user twice on one client.
type DuplicateGrantError struct {
	Index int64 // of the second, from 0
}

func (e *DuplicateGrantError) Error() string {
	return fmt.Sprintf("grant %d of the list is of a user and a client that it has already", e.Index)
}

// PutGrants stores all grants of the portal's tenant: those in the list are as
// they say, and every other is revoked. With it a database that was restored from
// a backup may be read again. Each change is logged as e with its client and user,
// and, where the log fails, nothing is stored. by is as with [Portal.PutGrant].
//
// What ended stays so where the list cannot know: a grant that this program
// revoked, since the client was merged or removed, or one that the portal revoked
// after the list was taken. A single [Portal.PutGrant] gives it again. What else
// was changed after the list was taken stays as well. Between the portal's clock
// and the database's there may be a minute, to the side of showing less.
//
// It holds a connection while the list comes in, and memory for a few grants.
func (p *Portal) PutGrants(ctx context.Context, id Identity, all GrantList, by string, log *AccessLog, e AccessEvent) (GrantsPut, error) {
	var out GrantsPut
	var coming error // what is wrong with the list, and not with the database
	err := p.asPortal(ctx, id, func(tx pgx.Tx) error {
		if err := beginList(ctx, tx, id.Tenant); err != nil {
			return err
		}
		if coming = readList(ctx, tx, all); coming != nil {
			return coming
		}
		var err error
		if out, err = mergeList(ctx, tx, id.Tenant, all.AsOf(), by); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, `SELECT grants_received()`); err != nil {
			return err
		}
		if err := log.withinEach(ctx, tx, e); err != nil {
			return err
		}
		e.Query = fmt.Sprintf("changed=%d&revoked=%d&kept=%d", out.Changed, out.Revoked, out.Kept)
		return log.within(ctx, tx, e)
	})
	if coming != nil {
		err = coming
	}
	if err != nil {
		return GrantsPut{}, fmt.Errorf("put the grants of %s: %w", id.Tenant, err)
	}
	return out, nil
}

// beginList makes sure that no other list of the tenant is being stored, and makes
// room for this one.
func beginList(ctx context.Context, tx pgx.Tx, tenant string) error {
	const alone = `
		SELECT pg_try_advisory_xact_lock(hashtextextended('dossiersync all grants of ' || @tenant, 0)),
			set_config('plan_cache_mode', 'force_custom_plan', true)`
	var mine bool
	if err := tx.QueryRow(ctx, alone, pgx.StrictNamedArgs{"tenant": tenant}).Scan(&mine, nil); err != nil {
		return err
	}
	if !mine {
		return ErrListBusy
	}
	for _, sql := range []string{
		`CREATE TEMPORARY TABLE listed (n bigint, client text, user_id text, role text, manager boolean, parts text[],
			state text, valid_from date, valid_until date, contact text, name text) ON COMMIT DROP`,
		`CREATE TEMPORARY TABLE told (action text, client text, user_id text) ON COMMIT DROP`,
	} {
		if _, err := tx.Exec(ctx, sql); err != nil {
			return err
		}
	}
	return nil
}

var listedColumns = []string{"n", "client", "user_id", "role", "manager", "parts", "state", "valid_from", "valid_until", "contact", "name"}

// readList reads the list into the table listed.
func readList(ctx context.Context, tx pgx.Tx, all GrantList) error {
	const twice = `
		SELECT n FROM (SELECT n, row_number() OVER (PARTITION BY client, user_id ORDER BY n) AS nth FROM listed) l
		WHERE nth > 1 ORDER BY n LIMIT 1`
	var wrong error
	n := int64(-1)
	_, err := tx.CopyFrom(ctx, pgx.Identifier{"listed"}, listedColumns, pgx.CopyFromFunc(func() ([]any, error) {
		g, err := all.Next()
		if err != nil || g == nil {
			wrong = err
			return nil, err
		}
		n++
		return []any{n, g.Client, g.User, g.Role, g.Manager, g.Parts, g.State, g.From, g.Until, g.Contact, g.Name}, nil
	}))
	if wrong != nil {
		return wrong
	}
	if err != nil {
		return err
	}
	// Of how many there are, and of what each of the policies leaves of the grants,
	// the planner knows nothing by itself.
	for _, sql := range []string{`CREATE INDEX ON listed (user_id, client)`, `ANALYZE listed`} {
		if _, err := tx.Exec(ctx, sql); err != nil {
			return err
		}
	}
	var second int64
	switch err := tx.QueryRow(ctx, twice).Scan(&second); {
	case errors.Is(err, pgx.ErrNoRows):
		return nil
	case err != nil:
		return err
	}
	return &DuplicateGrantError{second}
}

// grantFields is what a grant says.
const grantFields = `role, manager, parts, state, valid_from, valid_until, contact, name`

// changedLater is true of grants that were changed after @as_of, or now, and
// endedLater also of those of which the list cannot know that they have ended.
const (
	changedLater = `g.updated_at > coalesce(@as_of::timestamptz + interval '1 minute', now())`
	endedLater   = `(` + changedLater + ` OR g.state = 'revoked' AND (
		g.updated_by = '` + SystemUser + `' OR g.updated_at > coalesce(@as_of::timestamptz - interval '1 minute', now())))`
)

// mergeList makes the tenant's grants what the table listed says, and tells in the
// table told which have changed.
func mergeList(ctx context.Context, tx pgx.Tx, tenant string, asOf *time.Time, by string) (GrantsPut, error) {
	const possible = `
		SELECT coalesce(@as_of::timestamptz BETWEEN coalesce(awaiting_grants - interval '1 minute', '-infinity') AND now() + interval '1 minute', true)
		FROM tenants WHERE id = @tenant`
	put := `
		WITH put AS (
			INSERT INTO grants AS g (tenant, client, user_id, updated_by, ` + grantFields + `)
			SELECT @tenant, client, user_id, @by, ` + grantFields + ` FROM listed l
			WHERE NOT EXISTS ( -- most are as they were
				SELECT FROM grants o WHERE o.tenant = @tenant AND o.client = l.client AND o.user_id = l.user_id
				  AND (` + prefixed("o", grantFields) + `) IS NOT DISTINCT FROM (` + prefixed("l", grantFields) + `))
			ORDER BY user_id, client
			ON CONFLICT (tenant, user_id, client) DO UPDATE
			SET (` + grantFields + `) = (` + prefixed("excluded", grantFields) + `),
				version = g.version + 1, updated_at = now(), updated_by = excluded.updated_by
			WHERE (` + prefixed("g", grantFields) + `) IS DISTINCT FROM (` + prefixed("excluded", grantFields) + `)
			  AND NOT ` + endedLater + `
			RETURNING client, user_id)
		INSERT INTO told SELECT 'change', client, user_id FROM put`
	const revoke = `
		WITH revoked AS (
			UPDATE grants g SET state = 'revoked', version = version + 1, updated_at = now(), updated_by = @by
			WHERE g.tenant = @tenant AND g.state <> 'revoked' AND NOT ` + changedLater + `
			  AND NOT EXISTS (SELECT FROM listed l WHERE l.client = g.client AND l.user_id = g.user_id)
			RETURNING client, user_id)
		INSERT INTO told SELECT 'delete', client, user_id FROM revoked`
	kept := `
		SELECT count(*) FROM listed l JOIN grants g ON g.tenant = @tenant AND g.client = l.client AND g.user_id = l.user_id
		WHERE (` + prefixed("g", grantFields) + `) IS DISTINCT FROM (` + prefixed("l", grantFields) + `)`
	var out GrantsPut
	var fits bool
	err := tx.QueryRow(ctx, possible, pgx.StrictNamedArgs{"tenant": tenant, "as_of": asOf}).Scan(&fits)
	if err != nil && !errors.Is(err, pgx.ErrNoRows) { // of an unknown tenant: see below
		return out, err
	}
	if err == nil && !fits {
		return out, ErrListAsOf
	}
	args := pgx.StrictNamedArgs{"tenant": tenant, "as_of": asOf, "by": by}
	tag, err := tx.Exec(ctx, put, args)
	if err != nil {
		return out, awaitedTenant(err)
	}
	out.Changed = tag.RowsAffected()
	if tag, err = tx.Exec(ctx, revoke, args); err != nil {
		return out, err
	}
	out.Revoked = tag.RowsAffected()
	return out, tx.QueryRow(ctx, kept, pgx.StrictNamedArgs{"tenant": tenant}).Scan(&out.Kept)
}

// prefixed returns the columns of a list as those of a table.
func prefixed(table, columns string) string {
	return table + "." + strings.ReplaceAll(columns, ", ", ", "+table+".")
}
