package store

import (
	"context"
	"fmt"
	"io/fs"

	"github.com/jackc/pgx/v5/pgxpool"
)

// Ready returns nil if the database answers and its schema fits this program. An error that is not
// [ErrUnavailable] does not pass by itself: the schema has to be migrated.
func (s *Store) Ready(ctx context.Context) error { return ready(ctx, s.pool) }

// Ready is [Store.Ready] for the portal API.
func (p *Portal) Ready(ctx context.Context) error { return ready(ctx, p.pool) }

func ready(ctx context.Context, pool *pgxpool.Pool) error {
	var current, latest int
	// Fails where the schema is older than the function.
	if err := pool.QueryRow(ctx, `SELECT schema_version()`).Scan(&current); err != nil {
		return fmt.Errorf("ask for the version of the schema: %w", classify(err))
	}
	files, err := fs.Glob(migrations, "migrations/*.sql")
	if err != nil {
		return err
	}
	if latest = len(files); current < latest {
		return fmt.Errorf("the schema is at version %d, and this program needs %d", current, latest)
	}
	return nil
}
