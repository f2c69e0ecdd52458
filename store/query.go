package store

import (
	"context"

	"github.com/jackc/pgx/v5"
)

// Two forms recur in the statements of this package. A comment at each use names the form.
//
// By key: unnest(@keys::text[]) k CROSS JOIN LATERAL (SELECT … WHERE tenant = @tenant AND
// key = k OFFSET 0) looks rows up in the index, one key after the other. OFFSET 0 keeps the
// planner from flattening the subquery into a join: while a table has no statistics yet, as
// in a first load, it would choose to read the whole table.
//
// By place: ctid = ANY(ARRAY(SELECT ctid …)), or a join with such a ctid, changes or deletes
// the rows that a look-up by key has found, because a statement cannot join LATERAL to its
// own target. The conditions on tenant and key are repeated outside the subquery, because a
// ctid is a place within one partition: if a table is partitioned by tenant, other tenants have
// rows in the same place.

// querier is a pool, a connection or a transaction.
type querier interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
}

// queryOne returns the only row of a query. It fails with [pgx.ErrNoRows] if there is none.
func queryOne[T any](
	ctx context.Context, db querier, scan pgx.RowToFunc[T], sql string, args ...any,
) (T, error) {
	rows, err := db.Query(ctx, sql, args...)
	if err != nil {
		var zero T
		return zero, err
	}
	return pgx.CollectExactlyOneRow(rows, scan)
}

// queryList returns the rows of a query in their order.
func queryList[T any](
	ctx context.Context, db querier, scan pgx.RowToFunc[T], sql string, args ...any,
) ([]T, error) {
	rows, err := db.Query(ctx, sql, args...)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, scan)
}

// queryMap returns the rows of a query with two columns, the second by the first.
func queryMap[K comparable, V any](
	ctx context.Context, db querier, sql string, args ...any,
) (map[K]V, error) {
	rows, err := db.Query(ctx, sql, args...)
	if err != nil {
		return nil, err
	}
	m := make(map[K]V)
	return m, collectMap(m)(rows)
}

// collectMap returns a callback for [pgx.QueuedQuery] that stores the second column of each
// row in m, by the first.
func collectMap[K comparable, V any](m map[K]V) func(pgx.Rows) error {
	return func(rows pgx.Rows) error {
		var k K
		var v V
		_, err := pgx.ForEachRow(rows, []any{&k, &v}, func() error {
			m[k] = v
			return nil
		})
		return err
	}
}

// collectKeys returns a callback for [pgx.QueuedQuery] that appends the only column of each
// row to keys.
func collectKeys(keys *[]string) func(pgx.Rows) error {
	return func(rows pgx.Rows) error {
		more, err := pgx.CollectRows(rows, pgx.RowTo[string])
		*keys = append(*keys, more...)
		return err
	}
}

// collect returns a function that reads a query's rows into list.
func collect[T any](list *[]T, scan pgx.RowToFunc[T]) func(pgx.Rows) error {
	return func(rows pgx.Rows) (err error) {
		*list, err = pgx.CollectRows(rows, scan)
		return err
	}
}
