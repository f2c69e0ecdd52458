package store

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

// GrantList is a stream of all grants of a tenant.
type GrantList struct {
	Next func() (*Grant, error) // the next grant; nil after the last
	// AsOf returns when the portal took the list, by the portal's clock; nil: just now. It is called
	// after the last grant.
	AsOf func() *time.Time
}

// GrantsPut counts the grants that a list has changed.
type GrantsPut struct {
	Changed int64 `json:"changed"` // stored: new, or other than before
	Revoked int64 `json:"revoked"` // not in the list
	Kept    int64 `json:"kept"`    // in the list, and left as they were although the list differs
}

// ErrListBusy reports that another list of the tenant's grants is being stored.
var ErrListBusy = fmt.Errorf("%w: another list of grants is being stored", ErrUnavailable)

// ErrListAsOf reports that the time at which a list was taken is in the future, or before the restore
// of the backup that made the list necessary.
var ErrListAsOf = errors.New("the list is of the future, or from before the restore")

// DuplicateGrantError reports that a list has two grants of one user on one client.
type DuplicateGrantError struct {
	Index int64 // of the second, from 0
}

func (e *DuplicateGrantError) Error() string {
	return fmt.Sprintf("grant %d of the list is of a user and a client that it has already", e.Index)
}

// PutGrants stores all grants of the portal's tenant: it stores the grants in the list and revokes
// every other grant. If the tenant was waiting for them after a restore, its dossiers can be read
// again. Each change is logged as e with the grant's client and user; where the log cannot be
// written, nothing is stored. by is as with [Portal.PutGrant].
//
// A grant stays revoked, whatever the list says, if this program revoked it because the client was
// merged or removed, or if the portal revoked it after the list was taken; [Portal.PutGrant] gives it
// again. Every other change after the list was taken is kept too. The portal's clock and the
// database's may differ by a minute; within it, the choice is to show less.
//
// PutGrants holds a connection while it reads the list, and keeps no more than a few grants in
// memory.
func (p *Portal) PutGrants(
	ctx context.Context, id Identity, all GrantList, by string, log *AccessLog, e AccessEvent,
) (GrantsPut, error) {
	var out GrantsPut
	var listErr error // a fault of the list, not of the database
	err := p.asPortal(ctx, id, func(tx pgx.Tx) error {
		if err := beginList(ctx, tx, id.Tenant); err != nil {
			return err
		}
		if listErr = readList(ctx, tx, all); listErr != nil {
			return listErr
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
	if listErr != nil {
		err = listErr // without classify's ErrUnavailable
	}
	if err != nil {
		return GrantsPut{}, fmt.Errorf("put the grants of %s: %w", id.Tenant, err)
	}
	return out, nil
}

// beginList makes the temporary tables listed (the list) and changed (the grants whose change is to be logged). It
// fails with [ErrListBusy] while another list of the tenant is being stored.
func beginList(ctx context.Context, tx pgx.Tx, tenant string) error {
	const alone = `
		SELECT pg_try_advisory_xact_lock(
		           hashtextextended('dossiersync all grants of ' || @tenant, 0)),
		       -- identify asks for generic plans, which know nothing of the list's size.
		       set_config('plan_cache_mode', 'force_custom_plan', true)`
	var mine bool
	if err := tx.QueryRow(ctx, alone, pgx.StrictNamedArgs{"tenant": tenant}).Scan(&mine, nil); err != nil {
		return err
	}
	if !mine {
		return ErrListBusy
	}
	for _, sql := range []string{
		`CREATE TEMPORARY TABLE listed (
			n bigint, client text, user_id text, role text, manager boolean, parts text[],
			state text, valid_from date, valid_until date, contact text, name text
		) ON COMMIT DROP`,
		`CREATE TEMPORARY TABLE changed (
			action text, client text, user_id text
		) ON COMMIT DROP`,
	} {
		if _, err := tx.Exec(ctx, sql); err != nil {
			return err
		}
	}
	return nil
}

var listedColumns = append([]string{"n", "client", "user_id"}, strings.Split(grantFields, ", ")...)

// readList reads the list into the table listed.
func readList(ctx context.Context, tx pgx.Tx, all GrantList) error {
	const twice = `
		SELECT n
		FROM (
			SELECT n, row_number() OVER (PARTITION BY client, user_id ORDER BY n) AS nth
			FROM listed) l
		WHERE nth > 1
		ORDER BY n
		LIMIT 1`
	var nextErr error
	n := int64(-1)
	_, err := tx.CopyFrom(ctx, pgx.Identifier{"listed"}, listedColumns, pgx.CopyFromFunc(func() ([]any, error) {
		g, err := all.Next()
		if err != nil || g == nil {
			nextErr = err
			return nil, err
		}
		n++
		return []any{n, g.Client, g.User,
			g.Role, g.Manager, g.Parts, g.State, g.From, g.Until, g.Contact, g.Name}, nil
	}))
	if nextErr != nil {
		return nextErr
	}
	if err != nil {
		return err
	}
	// Without statistics the planner would not know how long the list is.
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

// changedLater is true for grants g that were changed after the list was taken. endedLater is also
// true for grants that were revoked for a reason that the list does not know.
const (
	changedLater = `g.updated_at > coalesce(@as_of::timestamptz + interval '1 minute', now())`
	endedLater   = `(` + changedLater + ` OR g.state = 'revoked' AND (
				g.updated_by = '` + SystemUser + `'
				OR g.updated_at > coalesce(@as_of::timestamptz - interval '1 minute', now())))`
)

// checkAsOf fails with [ErrListAsOf] if a list cannot be as of that time. An unknown tenant passes,
// because storing its grants fails.
func checkAsOf(ctx context.Context, tx pgx.Tx, tenant string, asOf *time.Time) error {
	const q = `
		SELECT coalesce(
		           @as_of::timestamptz
		           BETWEEN coalesce(awaiting_grants - interval '1 minute', '-infinity')
		               AND now() + interval '1 minute',
		           true)
		FROM tenants
		WHERE id = @tenant`
	var possible bool
	err := tx.QueryRow(ctx, q, pgx.StrictNamedArgs{"tenant": tenant, "as_of": asOf}).Scan(&possible)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return nil
	case err == nil && !possible:
		return ErrListAsOf
	}
	return err
}

// mergeList makes the tenant's grants equal to the table listed, and adds the changed ones to the
// table changed.
func mergeList(
	ctx context.Context, tx pgx.Tx, tenant string, asOf *time.Time, by string,
) (GrantsPut, error) {
	put := `
		WITH put AS (
			INSERT INTO grants AS g (tenant, client, user_id, updated_by, ` + grantFields + `)
			SELECT @tenant, client, user_id, @by, ` + grantFields + `
			FROM listed l
			-- Most grants are as they were: an upsert would lock each of them.
			WHERE NOT EXISTS (
				SELECT
				FROM grants o
				WHERE o.tenant = @tenant
				  AND o.client = l.client
				  AND o.user_id = l.user_id
				  AND (` + prefixed("o", grantFields) + `)
				      IS NOT DISTINCT FROM (` + prefixed("l", grantFields) + `))
			ORDER BY user_id, client
			ON CONFLICT (tenant, user_id, client) DO UPDATE
			SET (` + grantFields + `) = (` + prefixed("excluded", grantFields) + `),
			    version = g.version + 1,
			    updated_at = now(),
			    updated_by = excluded.updated_by
			WHERE (` + prefixed("g", grantFields) + `)
			      IS DISTINCT FROM (` + prefixed("excluded", grantFields) + `)
			  AND NOT ` + endedLater + `
			RETURNING client, user_id)
		INSERT INTO changed
		SELECT 'change', client, user_id
		FROM put`
	const revoke = `
		WITH revoked AS (
			UPDATE grants g
			SET state = 'revoked',
			    version = version + 1,
			    updated_at = now(),
			    updated_by = @by
			WHERE g.tenant = @tenant
			  AND g.state <> 'revoked'
			  AND NOT ` + changedLater + `
			  AND NOT EXISTS (
				SELECT
				FROM listed l
				WHERE l.client = g.client
				  AND l.user_id = g.user_id)
			RETURNING client, user_id)
		INSERT INTO changed
		SELECT 'delete', client, user_id
		FROM revoked`
	kept := `
		SELECT count(*)
		FROM listed l
		JOIN grants g ON g.tenant = @tenant AND g.client = l.client AND g.user_id = l.user_id
		WHERE (` + prefixed("g", grantFields) + `)
		      IS DISTINCT FROM (` + prefixed("l", grantFields) + `)`
	var out GrantsPut
	if err := checkAsOf(ctx, tx, tenant, asOf); err != nil {
		return out, err
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

// prefixed returns a list of columns with the table's name before each.
func prefixed(table, columns string) string {
	return table + "." + strings.ReplaceAll(columns, ", ", ", "+table+".")
}
