package store

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// Quarantined is an item that could not be applied, and why.
type Quarantined struct {
	Tenant    string    `json:"tenant"`
	Key       string    `json:"key"`
	Stream    Stream    `json:"stream"`
	Type      string    `json:"type"`
	ID        string    `json:"id"` // empty where it has none
	Reason    Reason    `json:"reason"`
	Detail    string    `json:"detail"`
	FirstSeen time.Time `json:"firstSeen"`
	LastSeen  time.Time `json:"lastSeen"`
	Attempts  int       `json:"attempts"`
}

const quarantineColumns = `tenant, key, stream, type, coalesce(id, ''), reason, detail, first_seen, last_seen, attempts`

// Quarantine returns what a tenant has in quarantine, or all tenants if tenant
// is empty; the oldest first, at most limit.
func (s *Store) Quarantine(ctx context.Context, tenant string, limit int) ([]Quarantined, error) {
	const q = `
		SELECT ` + quarantineColumns + ` FROM quarantine
		WHERE @tenant = '' OR tenant = @tenant ORDER BY first_seen, key LIMIT @limit`
	rows, err := s.pool.Query(ctx, q, pgx.StrictNamedArgs{"tenant": tenant, "limit": limit})
	if err != nil {
		return nil, fmt.Errorf("read the quarantine: %w", err)
	}
	list, err := pgx.CollectRows(rows, pgx.RowToStructByPos[Quarantined])
	if err != nil {
		return nil, fmt.Errorf("read the quarantine: %w", err)
	}
	return list, nil
}

// QuarantineToRetry returns items with an id that the run has not tried yet.
func (s *Store) QuarantineToRetry(ctx context.Context, c Claim, limit int) ([]Quarantined, error) {
	const q = `
		SELECT ` + quarantineColumns + ` FROM quarantine
		WHERE tenant = @tenant AND id IS NOT NULL AND last_seen < @started
		ORDER BY last_seen, key LIMIT @limit`
	rows, err := s.pool.Query(ctx, q, pgx.StrictNamedArgs{
		"tenant": c.Run.Tenant, "started": c.Run.StartedAt, "limit": limit})
	if err != nil {
		return nil, fmt.Errorf("read the quarantine of %s: %w", c.Run.Tenant, err)
	}
	list, err := pgx.CollectRows(rows, pgx.RowToStructByPos[Quarantined])
	if err != nil {
		return nil, fmt.Errorf("read the quarantine of %s: %w", c.Run.Tenant, err)
	}
	return list, nil
}

// TouchQuarantine notes that the item was tried again in vain, unless the run has
// noted that already.
func (s *Store) TouchQuarantine(ctx context.Context, c Claim, key string) error {
	const q = `
		UPDATE quarantine SET last_seen = now(), attempts = attempts + 1
		WHERE tenant = @tenant AND key = @key AND last_seen < @started`
	args := pgx.StrictNamedArgs{"tenant": c.Run.Tenant, "key": key, "started": c.Run.StartedAt}
	if err := s.asClaimant(ctx, c, q, args); err != nil {
		return fmt.Errorf("note a retry: %w", err)
	}
	return nil
}

// DropQuarantine forgets an item that no longer exists in the source.
func (s *Store) DropQuarantine(ctx context.Context, c Claim, key string) error {
	const q = `DELETE FROM quarantine WHERE tenant = @tenant AND key = @key`
	if err := s.asClaimant(ctx, c, q, pgx.StrictNamedArgs{"tenant": c.Run.Tenant, "key": key}); err != nil {
		return fmt.Errorf("forget a quarantined item: %w", err)
	}
	return nil
}

// forgetGone removes from quarantine what cannot be asked for by id (records
// without one, and stray ones of types that the stream does not have) once the
// run has read the whole stream and they were not in it. It is part of the
// transaction of the stream's last window.
func forgetGone(ctx context.Context, tx pgx.Tx, c Claim, stream Stream) error {
	const q = `
		DELETE FROM quarantine q
		WHERE q.tenant = @tenant AND q.stream = @stream AND q.last_seen < @started
		  AND (q.id IS NULL OR NOT EXISTS (
			SELECT FROM run_types t WHERE t.run = @run AND t.stream = @stream AND t.type = q.type))
		  AND NOT EXISTS (
			SELECT FROM run_types t WHERE t.run = @run AND t.stream = @stream
			AND (t.from_time IS NOT NULL OR NOT t.done OR t.short))`
	_, err := tx.Exec(ctx, q, pgx.StrictNamedArgs{
		"tenant": c.Run.Tenant, "run": c.Run.ID, "stream": stream, "started": c.Run.StartedAt})
	if err != nil {
		return fmt.Errorf("forget quarantined items that are gone: %w", err)
	}
	return nil
}

// CountQuarantine returns how much a tenant has in quarantine.
func (s *Store) CountQuarantine(ctx context.Context, tenant string) (int64, error) {
	const q = `SELECT count(*) FROM quarantine WHERE tenant = @tenant`
	var n int64
	if err := s.pool.QueryRow(ctx, q, pgx.StrictNamedArgs{"tenant": tenant}).Scan(&n); err != nil {
		return 0, fmt.Errorf("count the quarantine of %s: %w", tenant, err)
	}
	return n, nil
}

// QuarantineSizes returns how much each tenant has in quarantine; a tenant with
// nothing is not in it.
func (s *Store) QuarantineSizes(ctx context.Context) (map[string]int64, error) {
	const q = `SELECT tenant, count(*) FROM quarantine GROUP BY tenant`
	rows, err := s.pool.Query(ctx, q)
	if err != nil {
		return nil, fmt.Errorf("count the quarantine: %w", err)
	}
	sizes := make(map[string]int64)
	if err := collectMap(sizes)(rows); err != nil {
		return nil, fmt.Errorf("count the quarantine: %w", err)
	}
	return sizes, nil
}
