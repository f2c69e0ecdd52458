package store

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// StartRunTypes stores the types that the run is going to read; repeating it changes nothing.
// Types without a first page are recorded in table unread; until then their stream has no
// asOf. A run of the whole tenant also brings the tenant's cursors in line with its types; see
// settleCursors. It fails with [ErrFenced].
func (s *Store) StartRunTypes(ctx context.Context, c Claim, types []RunType) error {
	const insert = `
		INSERT INTO run_types (run, ordinal, stream, type, query, from_time, to_time, as_of,
			fingerprint, hiding, done, named)
		VALUES (@run, @ordinal, @stream, @type, @query, @from, @to, @as_of,
			@fingerprint, @hiding, @done, @named)
		ON CONFLICT DO NOTHING`
	const unread = `
		INSERT INTO unread (tenant, stream, type, query)
		SELECT @tenant, t.stream, t.type, t.query
		FROM run_types t
		WHERE t.run = @run AND NOT @dry
		  AND NOT EXISTS (
			SELECT FROM cursors k
			WHERE k.tenant = @tenant AND k.client = ''
			  AND (k.stream, k.type, k.query) = (t.stream, t.type, t.query))
		ON CONFLICT DO NOTHING`
	err := inTx(ctx, s.pool, func(tx pgx.Tx) error {
		if _, err := holdClaim(ctx, tx, c); err != nil {
			return err
		}
		for i, t := range types {
			args := t.runArgs(c, pgx.StrictNamedArgs{
				"ordinal": i, "from": t.From, "to": t.To, "as_of": t.AsOf,
				"fingerprint": t.Fingerprint, "hiding": t.Hiding, "done": t.Done, "named": t.Named})
			if _, err := tx.Exec(ctx, insert, args); err != nil {
				return err
			}
		}
		args := pgx.StrictNamedArgs{"run": c.Run.ID, "tenant": c.Run.Tenant, "dry": c.Run.Scope.DryRun}
		if _, err := tx.Exec(ctx, unread, args); err != nil {
			return err
		}
		if !c.Run.Scope.IsWhole() {
			return nil
		}
		return settleCursors(ctx, tx, c)
	})
	if err != nil {
		return fmt.Errorf("begin run %d: %w", c.Run.ID, err)
	}
	return nil
}

// settleCursors brings the tenant's cursors in line with the types of a run.
func settleCursors(ctx context.Context, tx pgx.Tx, c Claim) error {
	// Types that the tenant no longer has are not unread either.
	const unread = `
		DELETE FROM unread u
		WHERE u.tenant = @tenant
		  AND NOT EXISTS (
			SELECT FROM run_types t
			WHERE t.run = @run AND (u.stream, u.type, u.query) = (t.stream, t.type, t.query))`
	// If the rules have changed, or the source's clock was put back, the cursor goes back to
	// where the run begins. If the rules hide other items than before, no item of the type is
	// shown until all have been read again.
	const back = `
		UPDATE cursors k SET
			upto = CASE WHEN k.fingerprint = t.fingerprint THEN least(k.upto, t.to_time) END,
			as_of = CASE WHEN split_part(k.fingerprint, ' ', 1) <> @unshared THEN k.as_of END,
			fingerprint = t.fingerprint,
			hiding = t.hiding,
			rechecking = k.rechecking OR k.hiding <> t.hiding
		FROM run_types t
		WHERE t.run = @run AND k.tenant = @tenant AND k.client = ''
		  AND (k.stream, k.type, k.query) = (t.stream, t.type, t.query)
		  AND (k.fingerprint <> t.fingerprint OR k.hiding <> t.hiding OR k.upto > t.to_time)`
	// Types that are no longer pulled are left to Store.Unshare.
	const unshare = `
		UPDATE cursors k SET fingerprint = @unshared, upto = NULL
		WHERE k.tenant = @tenant AND k.client = '' AND k.stream <> 'clients'
		  AND NOT EXISTS (
			SELECT FROM run_types t
			WHERE t.run = @run AND (k.stream, k.type) = (t.stream, t.type))`
	// The type is pulled by other searches.
	const drop = `
		DELETE FROM cursors k
		WHERE k.tenant = @tenant AND k.fingerprint <> @unshared
		  AND NOT EXISTS (
			SELECT FROM run_types t
			WHERE t.run = @run AND (k.stream, k.type, k.query) = (t.stream, t.type, t.query))`
	args := pgx.StrictNamedArgs{"run": c.Run.ID, "tenant": c.Run.Tenant}
	if _, err := tx.Exec(ctx, unread, args); err != nil {
		return err
	}
	args["unshared"] = unshared
	for _, q := range []string{back, unshare, drop} {
		if _, err := tx.Exec(ctx, q, args); err != nil {
			return err
		}
	}
	return nil
}
