package store

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// RunKeep is for how long runs that have ended are remembered: longer than a year,
// so that every slot can be compared with last year's.
const RunKeep = 400 * 24 * time.Hour

// ForgetRuns removes the runs that ended longer ago than [RunKeep], with their
// accounting, some at a time, and returns how many.
func (s *Store) ForgetRuns(ctx context.Context) (int64, error) {
	const q = `
		DELETE FROM runs WHERE id IN (
			SELECT id FROM runs WHERE state = 'done' AND finished_at < now() - @keep::interval
			ORDER BY id LIMIT @some FOR UPDATE SKIP LOCKED)`
	const some = 1000
	var forgotten int64
	for {
		tag, err := s.pool.Exec(ctx, q, pgx.StrictNamedArgs{"keep": RunKeep, "some": some})
		if err != nil {
			return forgotten, fmt.Errorf("forget old runs: %w", err)
		}
		forgotten += tag.RowsAffected()
		if tag.RowsAffected() < some {
			return forgotten, nil
		}
	}
}
