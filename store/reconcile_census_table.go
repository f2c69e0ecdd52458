package store

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// censusTable returns the name of the partition of table census for a run. Rows copied into
// the partition itself need no routing, index, constraint or log, and dropping it deletes them
// all at once.
func censusTable(run int64) pgx.Identifier { return pgx.Identifier{fmt.Sprintf("census_%d", run)} }

// makeCensus makes an empty partition for the run.
func makeCensus(ctx context.Context, tx pgx.Tx, run int64) error {
	_, err := tx.Exec(ctx, `SELECT make_census($1)`, run)
	return err
}

// ForgetCensus deletes the censuses of done runs. While a reconcile keeps a partition locked
// for longer than a second, it leaves the rest to the next call.
func (s *Store) ForgetCensus(ctx context.Context) error {
	const partitions = `
		WITH forgotten AS (
			DELETE FROM censuses x
			WHERE NOT EXISTS (
				SELECT FROM runs r
				WHERE r.id = x.run AND r.state <> 'done')),
		partition AS (
			SELECT substr(c.relname, length('census_') + 1)::bigint AS run
			FROM pg_inherits h
			JOIN pg_class c ON c.oid = h.inhrelid
			WHERE h.inhparent = 'census'::regclass)
		SELECT run
		FROM partition
		WHERE NOT EXISTS (
			SELECT FROM runs r
			WHERE r.id = partition.run AND r.state <> 'done')`
	runs, err := queryList(ctx, s.pool, pgx.RowTo[int64], partitions)
	for _, run := range runs {
		if err != nil {
			break
		}
		err = s.dropCensus(ctx, run)
	}
	if pg, ok := errors.AsType[*pgconn.PgError](err); ok && pg.Code == "55P03" { // lock_not_available
		return nil
	}
	if err != nil {
		return fmt.Errorf("forget the censuses of done runs: %w", err)
	}
	return nil
}

func (s *Store) dropCensus(ctx context.Context, run int64) error {
	return inTx(ctx, s.pool, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, `SET LOCAL lock_timeout = '1s'`); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, `SELECT drop_census($1)`, run)
		return err
	})
}
