package store

import (
	"context"
	"fmt"
	"runtime/debug"

	"github.com/jackc/pgx/v5"
)

// With each row of a COPY PostgreSQL checks that its tenant exists. Planned anew
// each time, as all else is, that would take as long as the row itself.
const (
	planOnce = `SET LOCAL plan_cache_mode = auto`
	planEach = `SET LOCAL plan_cache_mode = force_custom_plan`
)

// copyItems stores the items that were decided on, and decides on the fresh ones
// meanwhile.
func (a *application) copyItems(ctx context.Context) error {
	if len(a.fresh) == 0 && len(a.out.items) == 0 {
		return nil
	}
	rows := &copying{a: a, fresh: a.fresh}
	_, err := a.tx.CopyFrom(ctx, pgx.Identifier{"items"}, itemColumns, rows)
	if rows.err != nil {
		err = rows.err
	}
	if err != nil {
		return fmt.Errorf("copy items: %w", err)
	}
	return nil
}

// copying hands rows to COPY: those that were decided on before it, and then one
// by one those of fresh items, so that PostgreSQL stores some while the next are
// rendered. It implements [pgx.CopyFromSource], whose methods are called in a
// goroutine of pgx's.
type copying struct {
	a     *application
	fresh []int // items not decided on yet
	next  int   // of a.out.items
	row   []any
	err   error
}

// Next implements [pgx.CopyFromSource].
func (c *copying) Next() (more bool) {
	defer func() {
		if p := recover(); p != nil {
			c.err = fmt.Errorf("the program failed (%T) at %s", p, debug.Stack())
			more = false
		}
	}()
	w := &c.a.out
	for c.next == len(w.items) {
		if len(c.fresh) == 0 {
			return false
		}
		w.items, c.next = w.items[:0], 0
		c.a.take(c.fresh[0])
		c.fresh = c.fresh[1:]
	}
	c.row = w.items[c.next]
	c.next++
	return true
}

// Values implements [pgx.CopyFromSource].
func (c *copying) Values() ([]any, error) { return c.row, nil }

// Err implements [pgx.CopyFromSource].
func (c *copying) Err() error { return c.err }
