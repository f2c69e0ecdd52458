package store

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// Cursor is how far one type of a tenant is known to be read.
type Cursor struct {
	TypeID
	Upto        *time.Time // source's clock; nil: nothing drained yet
	AsOf        *time.Time // database's clock; nil: never complete
	Fingerprint string
	Hiding      string
	Rechecking  bool
	Deletes     *time.Time // source's clock: up to when deletions are known; nil: they were never asked for
	Feed        *bool      // whether the source tells of deletions; nil: not known yet
}

// Cursors returns the tenant's cursors.
func (s *Store) Cursors(ctx context.Context, tenant string) (map[TypeID]Cursor, error) {
	const q = `
		SELECT stream, type, query, upto, as_of, fingerprint, hiding, rechecking, deletes, feed
		FROM cursors WHERE tenant = @tenant AND client = ''`
	rows, err := s.pool.Query(ctx, q, pgx.StrictNamedArgs{"tenant": tenant})
	if err != nil {
		return nil, fmt.Errorf("read the cursors of %s: %w", tenant, err)
	}
	list, err := pgx.CollectRows(rows, pgx.RowToStructByPos[Cursor])
	if err != nil {
		return nil, fmt.Errorf("read the cursors of %s: %w", tenant, err)
	}
	cursors := make(map[TypeID]Cursor, len(list))
	for _, c := range list {
		cursors[c.TypeID] = c
	}
	return cursors, nil
}

// BeginCursor makes sure that the type has a cursor. It is called when the
// type's first page has come, and before that page is applied: from then on a
// client who becomes known is owed a backfill.
func (s *Store) BeginCursor(ctx context.Context, c Claim, id TypeID) error {
	const q = `
		WITH begun AS (
			DELETE FROM unread WHERE tenant = @tenant AND stream = @stream AND type = @type AND query = @query)
		INSERT INTO cursors (tenant, stream, type, query, fingerprint, hiding)
		SELECT @tenant, stream, type, query, fingerprint, hiding FROM run_types
		WHERE run = @run AND stream = @stream AND type = @type AND query = @query
		ON CONFLICT DO NOTHING`
	err := s.asClaimant(ctx, c, q, pgx.StrictNamedArgs{
		"tenant": c.Run.Tenant, "run": c.Run.ID, "stream": id.Stream, "type": id.Type, "query": id.Query})
	if err != nil {
		return fmt.Errorf("begin to read %s of %s: %w", id.Type, c.Run.Tenant, err)
	}
	return nil
}

// Drained says that a window has been read to its end.
type Drained struct {
	Upto  time.Time // the window's end, in the source's clock
	Short bool      // fewer records came than the source had counted
	Last  bool      // it is the last window: the run is done with this type
}

// moveCursor notes a drained window with the run, and moves the tenant's cursor
// where the window continues what the cursor stands for. It is part of the
// transaction of the window's last batch (I3).
func moveCursor(ctx context.Context, tx pgx.Tx, c Claim, id TypeID, d Drained) error {
	if err := noteDrained(ctx, tx, c, id, d); err != nil {
		return err
	}
	if c.Run.Scope.Client != "" {
		return nil
	}
	// Only a run up to now says as of when all is true.
	const move = `
		UPDATE cursors k SET
			upto = greatest(k.upto, @upto),
			as_of = CASE WHEN @now THEN greatest(k.as_of, t.as_of) ELSE k.as_of END,
			rechecking = k.rechecking AND NOT (@now AND t.from_time IS NULL)
		FROM run_types t
		WHERE t.run = @run AND t.stream = @stream AND t.type = @type AND t.query = @query
		  AND k.tenant = @tenant AND k.stream = t.stream AND k.type = t.type AND k.query = t.query AND k.client = ''
		  AND k.fingerprint = t.fingerprint AND k.hiding = t.hiding
		  AND (t.from_time IS NULL OR t.from_time <= k.upto)`
	_, err := tx.Exec(ctx, move, pgx.StrictNamedArgs{
		"run": c.Run.ID, "tenant": c.Run.Tenant, "stream": id.Stream, "type": id.Type, "query": id.Query,
		"upto": d.Upto, "now": d.Last && c.Run.Scope.To.IsZero()})
	if err != nil {
		return fmt.Errorf("move the cursor of %s: %w", id.Type, err)
	}
	if !d.Last || !c.Run.Scope.To.IsZero() {
		return nil
	}
	return forgetGone(ctx, tx, c, id.Stream)
}

// noteDrained notes a drained window with the run.
func noteDrained(ctx context.Context, tx pgx.Tx, c Claim, id TypeID, d Drained) error {
	const q = `
		UPDATE run_types SET upto = @upto, short = short OR @short, done = @last
		WHERE run = @run AND stream = @stream AND type = @type AND query = @query`
	_, err := tx.Exec(ctx, q, pgx.StrictNamedArgs{
		"run": c.Run.ID, "stream": id.Stream, "type": id.Type, "query": id.Query,
		"upto": d.Upto, "short": d.Short, "last": d.Last})
	if err != nil {
		return fmt.Errorf("note a window of %s: %w", id.Type, err)
	}
	return nil
}
