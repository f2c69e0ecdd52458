package store

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// Cursor is the time up to which one type of a tenant is known to be read.
type Cursor struct {
	TypeID
	Upto        *time.Time // source's clock; nil: no window was drained yet
	AsOf        *time.Time // database's clock; nil: never read to the end
	Fingerprint string
	Hiding      string
	Rechecking  bool
	Deletes     *time.Time // source's clock: up to when deletions are known; nil: never asked for
	Feed        *bool      // whether the source has a feed of deletions; nil: not known yet
}

// Cursors returns the tenant's cursors.
func (s *Store) Cursors(ctx context.Context, tenant string) (map[TypeID]Cursor, error) {
	const q = `
		SELECT stream, type, query, upto, as_of, fingerprint, hiding, rechecking, deletes, feed
		FROM cursors
		WHERE tenant = @tenant AND client = ''`
	args := pgx.StrictNamedArgs{"tenant": tenant}
	list, err := queryList(ctx, s.pool, pgx.RowToStructByPos[Cursor], q, args)
	if err != nil {
		return nil, fmt.Errorf("read the cursors of %s: %w", tenant, err)
	}
	cursors := make(map[TypeID]Cursor, len(list))
	for _, c := range list {
		cursors[c.TypeID] = c
	}
	return cursors, nil
}

// BeginCursor inserts the type's cursor unless it exists. It must be called when the type's
// first page has come, before that page is applied: from then on a client that becomes known
// is owed a backfill. It fails with [ErrFenced].
func (s *Store) BeginCursor(ctx context.Context, c Claim, id TypeID) error {
	const q = `
		WITH begun AS (
			DELETE FROM unread
			WHERE tenant = @tenant AND ` + ofType + `)
		INSERT INTO cursors (tenant, stream, type, query, fingerprint, hiding)
		SELECT @tenant, stream, type, query, fingerprint, hiding
		FROM run_types
		WHERE ` + ofRunType + `
		ON CONFLICT DO NOTHING`
	args := id.runArgs(c, pgx.StrictNamedArgs{"tenant": c.Run.Tenant})
	if err := s.asClaimant(ctx, c, q, args); err != nil {
		return fmt.Errorf("begin to read %s of %s: %w", id.Type, c.Run.Tenant, err)
	}
	return nil
}

// Drained is a window that was read to its end.
type Drained struct {
	Upto  time.Time // the window's end, in the source's clock
	Short bool      // fewer records came than the source had counted
	Last  bool      // it is the last window: the run is done with this type
	IDs   int64     // of a census: how many records the window has listed
}

// moveCursor stores a drained window with the run, and moves the tenant's cursor if the window
// begins at or before the cursor. It is part of the transaction of the window's last batch
// (I3).
func moveCursor(ctx context.Context, tx pgx.Tx, c Claim, id TypeID, d Drained) error {
	// @now: the run reads everything up to now.
	const move = `
		UPDATE cursors k SET
			upto = greatest(k.upto, @upto),
			as_of = CASE WHEN @now THEN greatest(k.as_of, t.as_of) ELSE k.as_of END,
			rechecking = k.rechecking AND NOT (@now AND t.from_time IS NULL)
		FROM run_types t
		WHERE t.run = @run AND t.stream = @stream AND t.type = @type AND t.query = @query
		  AND k.tenant = @tenant AND k.client = ''
		  AND k.stream = t.stream AND k.type = t.type AND k.query = t.query
		  AND k.fingerprint = t.fingerprint AND k.hiding = t.hiding
		  AND (t.from_time IS NULL OR t.from_time <= k.upto)`
	if err := noteDrained(ctx, tx, c, id, d); err != nil {
		return err
	}
	if c.Run.Scope.Client != "" {
		return nil
	}
	now := d.Last && c.Run.Scope.To.IsZero()
	args := id.runArgs(c, pgx.StrictNamedArgs{"tenant": c.Run.Tenant, "upto": d.Upto, "now": now})
	if _, err := tx.Exec(ctx, move, args); err != nil {
		return fmt.Errorf("move the cursor of %s: %w", id.Type, err)
	}
	if !now {
		return nil
	}
	return dropUnseen(ctx, tx, c, id.Stream)
}

// noteDrained stores a drained window with the run.
func noteDrained(ctx context.Context, tx pgx.Tx, c Claim, id TypeID, d Drained) error {
	const q = `
		UPDATE run_types SET upto = @upto, short = short OR @short, done = @last
		WHERE ` + ofRunType
	args := id.runArgs(c, pgx.StrictNamedArgs{"upto": d.Upto, "short": d.Short, "last": d.Last})
	if _, err := tx.Exec(ctx, q, args); err != nil {
		return fmt.Errorf("store a drained window of %s: %w", id.Type, err)
	}
	return nil
}
