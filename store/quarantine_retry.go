package store

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"dossiersync/store/dossier"
)

// QuarantineToRetry returns up to limit items that the run has not tried yet, the longest
// untried first. Each has an id to ask the source for, or bytes that may hold one. If the
// run's scope names keys, other items are left out.
func (s *Store) QuarantineToRetry(ctx context.Context, c Claim, limit int) ([]Quarantined, error) {
	const q = `
		SELECT` + quarantineColumns + `
		FROM quarantine
		WHERE tenant = @tenant
		  AND (id IS NOT NULL OR kept AND @sealer)
		  AND last_seen < @started
		  AND (@keys::text[] IS NULL OR key = ANY(@keys))
		ORDER BY last_seen, key
		LIMIT @limit`
	list, err := queryList(ctx, s.pool, pgx.RowToStructByPos[Quarantined], q, pgx.StrictNamedArgs{
		"tenant": c.Run.Tenant, "started": c.Run.StartedAt,
		"keys": c.Run.Scope.Keys, "sealer": s.sealer != nil, "limit": limit})
	if err != nil {
		return nil, fmt.Errorf("read the quarantine: %w", err)
	}
	return list, nil
}

// TouchQuarantine counts an attempt at the item that failed; once per run. It fails with
// [ErrFenced].
func (s *Store) TouchQuarantine(ctx context.Context, c Claim, key string) error {
	const q = `
		UPDATE quarantine SET last_seen = now(), attempts = attempts + 1
		WHERE tenant = @tenant AND key = @key AND last_seen < @started`
	args := pgx.StrictNamedArgs{"tenant": c.Run.Tenant, "key": key, "started": c.Run.StartedAt}
	if err := s.asClaimant(ctx, c, q, args); err != nil {
		return fmt.Errorf("count an attempt at a quarantined item: %w", err)
	}
	return nil
}

// DropQuarantine deletes an item that the source no longer has from quarantine. It leaves an
// item whose last good version is still shown, because only a reconcile removes that. It fails
// with [ErrFenced].
func (s *Store) DropQuarantine(ctx context.Context, c Claim, key string) error {
	const q = `
		DELETE FROM quarantine q
		WHERE q.tenant = @tenant AND q.key = @key
		  AND NOT EXISTS (
			SELECT FROM items i
			WHERE i.tenant = @tenant AND i.key = @key AND i.state = 'shown')`
	args := pgx.StrictNamedArgs{"tenant": c.Run.Tenant, "key": key}
	if err := s.asClaimant(ctx, c, q, args); err != nil {
		return fmt.Errorf("drop a quarantined item: %w", err)
	}
	return nil
}

// dropUnseen deletes items from quarantine that cannot be asked for by id (records without
// one, and stray records of types that the stream does not have), once the run has read the
// whole stream without meeting them. It is part of the transaction of the stream's last
// window.
const dropUnseen = `
	DELETE FROM quarantine q
	WHERE q.tenant = @tenant AND q.stream = ANY(@streams) AND q.last_seen < @started
	  AND (q.id IS NULL OR NOT EXISTS (
		SELECT FROM run_types t
		WHERE t.run = @run AND t.stream = q.stream AND t.type = q.type))
	  AND NOT EXISTS ( -- a type that is not read in full
		SELECT FROM run_types t
		WHERE t.run = @run AND t.stream = q.stream
		  AND (t.from_time IS NOT NULL OR NOT t.done OR t.short))`

func dropUnseenArgs(c Claim, streams ...dossier.Stream) pgx.StrictNamedArgs {
	return pgx.StrictNamedArgs{
		"tenant": c.Run.Tenant, "run": c.Run.ID, "streams": streams, "started": c.Run.StartedAt}
}
