package store

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// logTransfer logs in the access log what a run that has just ended transferred from the
// source (NEN 7513): the number of records by stream, the person or schedule that asked for
// the run, and the client if the run was about one. It is part of the transaction that ends
// the run. It logs nothing for a run that has not ended, never began, or was a dry one.
func logTransfer(ctx context.Context, tx pgx.Tx, run int64) error {
	if _, err := tx.Exec(ctx, logTransferSQL, pgx.StrictNamedArgs{"run": run}); err != nil {
		return fmt.Errorf("log what run %d has transferred: %w", run, err)
	}
	return nil
}

const logTransferSQL = `
	WITH counted AS (
		SELECT t.stream, sum(e.n::bigint) AS records
		FROM run_types t, jsonb_each_text(t.effects) e (effect, n)
		WHERE t.run = @run
		GROUP BY t.stream)
	INSERT INTO access_log (tenant, action, event, outcome, user_id, client, object, query, source)
	SELECT
		r.tenant, 'transfer', 'sync',
		CASE WHEN r.outcome IN ('complete', 'partial') THEN 'success' ELSE 'failed' END,
		coalesce(r.requested_by, r.trigger),
		-- if the client was erased meanwhile, the scope holds no id; see beginErasure
		CASE WHEN r.scope->>'client' !~ ' ' THEN r.scope->>'client' END,
		'run/' || r.id,
		(SELECT string_agg(stream || '=' || records, '&' ORDER BY stream) FROM counted),
		'sync'
	FROM runs r
	WHERE r.id = @run AND r.state = 'done' AND r.started_at IS NOT NULL
	  AND NOT coalesce((r.scope->>'dryRun')::boolean, false)`
