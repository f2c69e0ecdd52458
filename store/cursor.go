package store

import (
	"context"
	"fmt"
	"slices"
	"strings"
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

// IsUnshared reports whether the cursor's type is no longer pulled, and items of it may be left.
func (c Cursor) IsUnshared() bool {
	word, _, _ := strings.Cut(c.Fingerprint, " ")
	return word == unshared
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

// moveCursors moves the cursors of drained windows (@streams, @types, @queries) to their ends
// (@upto), if the windows begin at or before the cursors. @now: with the window the run has read
// everything up to now.
const moveCursors = `
	UPDATE cursors k SET
		upto = greatest(k.upto, w.upto),
		as_of = CASE WHEN w.now THEN greatest(k.as_of, t.as_of) ELSE k.as_of END,
		rechecking = k.rechecking AND NOT (w.now AND t.from_time IS NULL)
	FROM unnest(@streams::text[], @types::text[], @queries::text[], @upto::timestamptz[], @now::boolean[])
		w (stream, type, query, upto, now)
	JOIN run_types t ON t.run = @run AND (t.stream, t.type, t.query) = (w.stream, w.type, w.query)
	WHERE k.tenant = @tenant AND k.client = ''
	  AND (k.stream, k.type, k.query) = (t.stream, t.type, t.query)
	  AND k.fingerprint = t.fingerprint AND k.hiding = t.hiding
	  AND (t.from_time IS NULL OR t.from_time <= k.upto)`

// nowOf returns for windows, of which the last of their types are known, whether the run has read
// everything up to now with them.
func nowOf(c Claim, last ...bool) []bool {
	now := slices.Clone(last)
	for i := range now {
		now[i] = now[i] && c.Run.Scope.To.IsZero()
	}
	return now
}

// moveCursor stores a drained window with the run, and moves the tenant's cursor if the window
// begins at or before the cursor. It is part of the transaction of the window's last batch
// (I3).
func moveCursor(ctx context.Context, tx pgx.Tx, c Claim, id TypeID, d Drained) error {
	if err := noteDrained(ctx, tx, c, id, d); err != nil {
		return err
	}
	if c.Run.Scope.Client != "" {
		return nil
	}
	now := nowOf(c, d.Last)
	args := pgx.StrictNamedArgs{"run": c.Run.ID, "tenant": c.Run.Tenant,
		"streams": []string{string(id.Stream)}, "types": []string{id.Type}, "queries": []string{id.Query},
		"upto": []time.Time{d.Upto}, "now": now}
	if _, err := tx.Exec(ctx, moveCursors, args); err != nil {
		return fmt.Errorf("move the cursor of %s: %w", id.Type, err)
	}
	if !now[0] {
		return nil
	}
	if _, err := tx.Exec(ctx, dropUnseen, dropUnseenArgs(c, id.Stream)); err != nil {
		return fmt.Errorf("drop quarantined items that are gone: %w", err)
	}
	return nil
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
