package store

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// logTransfer notes in the access log what a run that has just ended has
// transferred from the source (NEN 7513): how many records of which streams, for
// whom it ran, and of which client where it was about one only. It is part of the
// transaction that ends the run. Of a run that has not ended, has not begun, or was
// a dry one, there is nothing to note.
func logTransfer(ctx context.Context, tx pgx.Tx, run int64) error {
	// Of a client who was erased meanwhile the scope holds no id; see beginErasure.
	const q = `
		INSERT INTO access_log (tenant, action, event, outcome, user_id, client, object, query, source)
		SELECT r.tenant, 'transfer', 'sync', CASE WHEN r.outcome IN ('complete', 'partial') THEN 'success' ELSE 'failed' END,
			coalesce(r.requested_by, r.trigger), CASE WHEN r.scope->>'client' !~ ' ' THEN r.scope->>'client' END, 'run/' || r.id,
			(SELECT string_agg(stream || '=' || records, '&' ORDER BY stream) FROM (
				SELECT t.stream, sum(e.n::bigint) AS records
				FROM run_types t, jsonb_each_text(t.effects) e (effect, n)
				WHERE t.run = r.id GROUP BY t.stream) counted),
			'sync'
		FROM runs r
		WHERE r.id = @run AND r.state = 'done' AND r.started_at IS NOT NULL AND NOT coalesce((r.scope->>'dryRun')::boolean, false)`
	if _, err := tx.Exec(ctx, q, pgx.StrictNamedArgs{"run": run}); err != nil {
		return fmt.Errorf("log what run %d has transferred: %w", run, err)
	}
	return nil
}
