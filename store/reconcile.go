package store

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"dossiersync/store/dossier"
)

// rechecks is into how many parts a tenant's clients fall, of which one is read
// again in full each day.
const rechecks = 7

// OweRecheck has the next seventh of the tenant's clients read again in full, for
// marks that a source set without a new lastUpdated.
func (s *Store) OweRecheck(ctx context.Context, c Claim) error {
	const turn = `
		UPDATE tenants SET rechecked = now(), recheck_turn = (recheck_turn + 1) % @parts
		WHERE id = @tenant RETURNING recheck_turn`
	const owe = `
		INSERT INTO backfills (tenant, client, recheck)
		SELECT tenant, id, true FROM clients
		WHERE tenant = @tenant AND state = 'shown' AND (hashtext(id) & 2147483647) % @parts = @turn
		ON CONFLICT DO NOTHING`
	err := inTx(ctx, s.pool, func(tx pgx.Tx) error {
		if _, err := holdClaim(ctx, tx, c); err != nil {
			return err
		}
		var part int
		err := tx.QueryRow(ctx, turn, pgx.StrictNamedArgs{"tenant": c.Run.Tenant, "parts": rechecks}).Scan(&part)
		if err != nil {
			return err
		}
		_, err = tx.Exec(ctx, owe, pgx.StrictNamedArgs{"tenant": c.Run.Tenant, "parts": rechecks, "turn": part})
		return err
	})
	if err != nil {
		return fmt.Errorf("begin to recheck clients of %s: %w", c.Run.Tenant, err)
	}
	return nil
}

// MarkReconciled notes that the run has compared everything.
func (s *Store) MarkReconciled(ctx context.Context, c Claim) error {
	// An epoch that began meanwhile is owed a reconcile of its own.
	const q = `
		UPDATE tenants SET reconciled = greatest(reconciled, @started)
		WHERE id = @tenant AND coalesce(epoch_since < @started, true)`
	err := s.asClaimant(ctx, c, q, pgx.StrictNamedArgs{"tenant": c.Run.Tenant, "started": c.Run.StartedAt})
	if err != nil {
		return fmt.Errorf("note a reconcile of %s: %w", c.Run.Tenant, err)
	}
	return nil
}

// MarkDeletionsRead notes up to which source time the deletions of a type are known;
// zero: the source does not tell of them. It reports false, and notes nothing, of a
// type that has not been read yet.
func (s *Store) MarkDeletionsRead(ctx context.Context, c Claim, id TypeID, upto time.Time) (noted bool, err error) {
	const q = `
		UPDATE cursors SET deletes = coalesce(@upto, deletes), feed = @feed
		WHERE tenant = @tenant AND stream = @stream AND type = @type`
	err = inTx(ctx, s.pool, func(tx pgx.Tx) error {
		if _, err := holdClaim(ctx, tx, c); err != nil {
			return err
		}
		tag, err := tx.Exec(ctx, q, pgx.StrictNamedArgs{"tenant": c.Run.Tenant,
			"stream": id.Stream, "type": id.Type, "upto": timeOrNull(upto), "feed": !upto.IsZero()})
		noted = tag.RowsAffected() > 0
		return err
	})
	if err != nil {
		return false, fmt.Errorf("note the deletions of %s: %w", id.Type, err)
	}
	return noted, nil
}

// Versions returns when those of the records were last updated of which something
// is stored that is not withdrawn; zero where the source did not say.
func (s *Store) Versions(ctx context.Context, tenant string, refs []dossier.Ref) (map[dossier.Ref]time.Time, error) {
	const q = `
		SELECT i.* FROM unnest(@keys::text[]) k CROSS JOIN LATERAL (
			SELECT type, id, updated FROM items
			WHERE tenant = @tenant AND key = k AND state <> 'withdrawn' OFFSET 0) i`
	keys := make([]string, 0, len(refs))
	for _, ref := range refs {
		keys = append(keys, dossier.Key(tenant, ref))
	}
	rows, err := s.pool.Query(ctx, q, pgx.StrictNamedArgs{"tenant": tenant, "keys": keys})
	if err != nil {
		return nil, fmt.Errorf("look for versions of %s: %w", tenant, err)
	}
	known := make(map[dossier.Ref]time.Time)
	var ref dossier.Ref
	var updated *time.Time
	_, err = pgx.ForEachRow(rows, []any{&ref.Type, &ref.ID, &updated}, func() error {
		known[ref] = time.Time{}
		if updated != nil {
			known[ref] = *updated
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("look for versions of %s: %w", tenant, err)
	}
	return known, nil
}

// readTypeAnew has the run read a source type from the beginning, which it had read
// from its cursor on.
func readTypeAnew(ctx context.Context, tx pgx.Tx, c Claim, stream, typ string) error {
	const q = `
		UPDATE run_types SET from_time = NULL, upto = NULL, done = false
		WHERE run = @run AND stream = @stream AND type = @type AND failure IS NULL`
	const clients = `
		UPDATE cursors SET run = NULL
		WHERE tenant = @tenant AND stream = @stream AND type = @type AND client <> '' AND run = @run`
	args := pgx.StrictNamedArgs{"run": c.Run.ID, "stream": stream, "type": typ}
	if _, err := tx.Exec(ctx, q, args); err != nil {
		return fmt.Errorf("begin to read %s anew: %w", typ, err)
	}
	args["tenant"] = c.Run.Tenant
	if _, err := tx.Exec(ctx, clients, args); err != nil {
		return fmt.Errorf("begin to read %s anew: %w", typ, err)
	}
	return nil
}
