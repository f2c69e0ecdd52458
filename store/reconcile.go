package store

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"dossiersync/store/dossier"
)

// rechecks is the number of parts into which a tenant's clients are divided. One part is read
// again in full each day.
const rechecks = 7

// OweRecheck queues the next seventh of the tenant's clients to be read again in full, for
// marks that a source set without a new lastUpdated. It fails with [ErrFenced].
func (s *Store) OweRecheck(ctx context.Context, c Claim) error {
	const turn = `
		UPDATE tenants SET rechecked = now(), recheck_turn = (recheck_turn + 1) % @parts
		WHERE id = @tenant
		RETURNING recheck_turn`
	const owe = `
		INSERT INTO backfills (tenant, client, recheck)
		SELECT tenant, id, true
		FROM clients
		WHERE tenant = @tenant AND state = 'shown'
		  AND (hashtext(id) & 2147483647) % @parts = @turn -- without the sign
		ON CONFLICT DO NOTHING`
	err := inTx(ctx, s.pool, func(tx pgx.Tx) error {
		if _, err := holdClaim(ctx, tx, c); err != nil {
			return err
		}
		args := pgx.StrictNamedArgs{"tenant": c.Run.Tenant, "parts": rechecks}
		part, err := queryOne(ctx, tx, pgx.RowTo[int], turn, args)
		if err != nil {
			return err
		}
		args["turn"] = part
		_, err = tx.Exec(ctx, owe, args)
		return err
	})
	if err != nil {
		return fmt.Errorf("begin to recheck clients of %s: %w", c.Run.Tenant, err)
	}
	return nil
}

// MarkReconciled stores that the run has compared everything. If an epoch began during the
// run, it stores nothing, because the new epoch needs a reconcile of its own. It fails with
// [ErrFenced].
func (s *Store) MarkReconciled(ctx context.Context, c Claim) error {
	const q = `
		UPDATE tenants SET reconciled = greatest(reconciled, @started)
		WHERE id = @tenant AND coalesce(epoch_since < @started, true)`
	args := pgx.StrictNamedArgs{"tenant": c.Run.Tenant, "started": c.Run.StartedAt}
	if err := s.asClaimant(ctx, c, q, args); err != nil {
		return fmt.Errorf("mark %s as reconciled: %w", c.Run.Tenant, err)
	}
	return nil
}

// DeletionsRead is a type of which the deletions are known.
type DeletionsRead struct {
	Stream dossier.Stream
	Type   string
	Upto   time.Time // source's clock; zero: the source has no feed of them
}

// NoteDeletionsRead stores up to when the deletions of types are known. Of a type that has not been
// read yet, it stores nothing. It reports whether it stored a time. It fails with [ErrFenced].
func (s *Store) NoteDeletionsRead(ctx context.Context, c Claim, list []DeletionsRead) (stored bool, err error) {
	const q = `
		WITH noted AS (
			UPDATE cursors k SET deletes = coalesce(d.upto, k.deletes), feed = d.upto IS NOT NULL
			FROM unnest(@streams::text[], @types::text[], @upto::timestamptz[]) d (stream, type, upto)
			WHERE k.tenant = @tenant AND k.stream = d.stream AND k.type = d.type
			RETURNING d.upto)
		SELECT count(upto) > 0
		FROM noted`
	var streams, types []string
	var upto []*time.Time
	for _, d := range list {
		streams, types, upto = append(streams, string(d.Stream)), append(types, d.Type), append(upto, timeOrNull(d.Upto))
	}
	args := pgx.StrictNamedArgs{"tenant": c.Run.Tenant, "streams": streams, "types": types, "upto": upto}
	_, err = s.allAsClaimant(ctx, c, func(b *pgx.Batch) {
		b.Queue(q, args).QueryRow(func(row pgx.Row) error { return row.Scan(&stored) })
	})
	if err != nil {
		return false, fmt.Errorf("store which deletions of %s are known: %w", c.Run.Tenant, err)
	}
	return stored, nil
}

// Versions returns the lastUpdated of those records that are stored and not withdrawn, or in
// quarantine; zero where the source gave none. Records whose deletion waits to be confirmed, or for
// an operator, are left out (see [Store.AddDeletions]).
func (s *Store) Versions(ctx context.Context, tenant string, refs []dossier.Ref) (map[dossier.Ref]time.Time, error) {
	const q = `
		SELECT i.*
		FROM unnest(@keys::text[]) k
		CROSS JOIN LATERAL ( -- by key
			SELECT type, id, updated
			FROM items
			WHERE tenant = @tenant AND key = k AND state <> 'withdrawn'
			  AND NOT EXISTS (
				SELECT FROM absences a
				WHERE a.tenant = @tenant AND a.key = k AND a.named)
			OFFSET 0) i
		UNION ALL
		SELECT q.type, q.id, q.updated
		FROM quarantine q
		WHERE q.tenant = @tenant AND q.key = ANY(@keys) AND q.id IS NOT NULL
		  AND NOT EXISTS (
			SELECT FROM items i
			WHERE i.tenant = @tenant AND i.key = q.key AND i.state <> 'withdrawn')`
	rows, err := s.pool.Query(ctx, q, pgx.StrictNamedArgs{"tenant": tenant, "keys": keysOfRefs(tenant, refs)})
	if err != nil {
		return nil, fmt.Errorf("look up versions of %s: %w", tenant, err)
	}
	versions := make(map[dossier.Ref]time.Time)
	var ref dossier.Ref
	var updated *time.Time
	_, err = pgx.ForEachRow(rows, []any{&ref.Type, &ref.ID, &updated}, func() error {
		versions[ref] = timeOrZero(updated)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("look up versions of %s: %w", tenant, err)
	}
	return versions, nil
}

// readTypeAnew makes the run read a source type from the beginning instead of from its cursor.
func readTypeAnew(ctx context.Context, tx pgx.Tx, c Claim, stream, typ string) error {
	const searches = `
		UPDATE run_types SET from_time = NULL, upto = NULL, done = false
		WHERE run = @run AND stream = @stream AND type = @type AND failure IS NULL`
	const clients = `
		UPDATE cursors SET run = NULL
		WHERE tenant = @tenant AND stream = @stream AND type = @type
		  AND client <> '' AND run = @run`
	args := pgx.StrictNamedArgs{"run": c.Run.ID, "stream": stream, "type": typ}
	if _, err := tx.Exec(ctx, searches, args); err != nil {
		return fmt.Errorf("begin to read %s anew: %w", typ, err)
	}
	args["tenant"] = c.Run.Tenant
	if _, err := tx.Exec(ctx, clients, args); err != nil {
		return fmt.Errorf("begin to read %s anew: %w", typ, err)
	}
	return nil
}
