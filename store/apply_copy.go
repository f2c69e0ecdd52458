package store

import (
	"context"
	"fmt"
	"runtime/debug"

	"github.com/jackc/pgx/v5"
)

// For each row of a COPY PostgreSQL checks its tenant (a foreign key). Planning that check
// each time, as the pool is set up to do, would take as long as storing the row.
const (
	planOnce = `SET LOCAL plan_cache_mode = auto`
	planEach = `SET LOCAL plan_cache_mode = force_custom_plan`
)

// copyItems stores the items that were decided on, and decides on the fresh ones meanwhile.
func (a *application) copyItems(ctx context.Context) error {
	if len(a.fresh) == 0 && len(a.out.items) == 0 {
		return nil
	}
	rows := &itemRows{a: a, fresh: a.fresh}
	_, err := a.tx.CopyFrom(ctx, pgx.Identifier{"items"}, itemColumns, rows)
	if rows.err != nil {
		err = rows.err
	}
	if err != nil {
		return a.orNotNew(fmt.Errorf("copy items: %w", err))
	}
	if a.areNew {
		return a.copyNew(ctx)
	}
	return nil
}

// itemRows hands rows to COPY: first those of items decided on before, then those of fresh
// items, one by one, so that PostgreSQL stores some while the next are rendered. It implements
// [pgx.CopyFromSource]; pgx calls the methods in a goroutine of its own, so a panic is caught
// here.
type itemRows struct {
	a     *application
	fresh []int // items not decided on yet
	next  int   // index into a.out.items
	row   []any
	err   error
}

// Next implements [pgx.CopyFromSource].
func (r *itemRows) Next() (more bool) {
	defer func() {
		if p := recover(); p != nil {
			// The value of the panic may hold text of a dossier; its type does not.
			r.err = fmt.Errorf("the program failed (%T) at %s", p, debug.Stack())
			more = false
		}
	}()
	w := &r.a.out
	for r.next == len(w.items) {
		if len(r.fresh) == 0 {
			return false
		}
		w.items, r.next = w.items[:0], 0
		r.a.decide(r.fresh[0])
		r.fresh = r.fresh[1:]
		if r.a.areNew && r.a.withoutRow {
			r.err = errWithoutRow
			return false
		}
	}
	r.row = w.items[r.next]
	r.next++
	return true
}

// Values implements [pgx.CopyFromSource].
func (r *itemRows) Values() ([]any, error) { return r.row, nil }

// Err implements [pgx.CopyFromSource].
func (r *itemRows) Err() error { return r.err }
