package store

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// listedNow are the searches of a type that the run's reconcile has listed: what each counts, what
// it has listed, and what its count had beyond its list before.
const listedNow = `
			SELECT x.stream, x.type, x.query, x.ids, k.beyond,
				CASE WHEN t.source_count >= 0 THEN t.source_count END AS total
			FROM censuses x
			JOIN run_types t USING (run, stream, type, query)
			LEFT JOIN cursors k ON k.tenant = @tenant AND k.client = ''
				AND (k.stream, k.type, k.query) = (x.stream, x.type, x.query)
			WHERE x.run = @run AND x.stream = @stream AND x.type = @type`

// ListedCount is how many records of a type a reconcile has listed.
type ListedCount struct {
	Listed int64
	// Beyond is by how much the count and the list now differ, less by how much they differed
	// before; nil: one of these is unknown.
	Beyond *int64
}

// ListedCount returns what the run's reconcile has listed of the type.
func (s *Store) ListedCount(ctx context.Context, c Claim, t AbsentType) (ListedCount, error) {
	const q = `
		SELECT coalesce(sum(ids), 0)::bigint,
			CASE WHEN bool_and(total IS NOT NULL AND beyond IS NOT NULL)
				THEN sum(total - ids - beyond)::bigint END
		FROM (` + listedNow + `) l`
	args := t.args(c, pgx.StrictNamedArgs{"run": c.Run.ID})
	n, err := queryOne(ctx, s.pool, pgx.RowToStructByPos[ListedCount], q, args)
	if err != nil {
		return n, fmt.Errorf("read how many %s were listed: %w", t.Type, err)
	}
	return n, nil
}

// LearnCount takes over what the run's reconcile, which listed the type completely, has shown: the
// counter of records is set to what was listed, and what each search counts beyond that is kept. It
// fails with [ErrFenced].
func (s *Store) LearnCount(ctx context.Context, c Claim, t AbsentType, believed bool) error {
	const beyond = `
		UPDATE cursors k SET beyond = l.total - l.ids
		FROM (` + listedNow + `) l
		WHERE k.tenant = @tenant AND k.client = ''
		  AND (k.stream, k.type, k.query) = (l.stream, l.type, l.query)`
	const records = `
		WITH l AS (
			SELECT sum(ids)::bigint AS ids, bool_and(total IS NOT NULL) AS counted
			FROM (` + listedNow + `) l),
		s AS (SELECT @stream::text AS stream, @type::text AS type)
		INSERT INTO type_counts AS n
			(tenant, stream, type, records, source, replica, counted, run, believed, disbelieved)
		SELECT @tenant, s.stream, s.type,
			l.ids - ` + unstored + ` + (
				SELECT count(*)
				FROM absences a
				WHERE a.tenant = @tenant AND a.stream = s.stream AND a.type = s.type
				  AND a.missing = 'record'),
			CASE WHEN l.counted THEN l.ids END,
			CASE WHEN l.counted THEN l.ids END,
			CASE WHEN l.counted THEN now() END,
			@run, @believed, CASE WHEN NOT @believed THEN now() END
		FROM l, s
		WHERE l.ids IS NOT NULL
		ON CONFLICT (tenant, stream, type) DO UPDATE SET
			records = excluded.records,
			source = coalesce(excluded.source, n.source),
			replica = coalesce(excluded.replica, n.replica),
			counted = coalesce(excluded.counted, n.counted),
			run = excluded.run,
			strikes = 0,
			since = NULL,
			believed = excluded.believed,
			disbelieved = CASE WHEN NOT @believed THEN coalesce(n.disbelieved, now()) END`
	const run = `
		UPDATE run_types t SET
			source_count = l.total,
			replica_count = n.replica,
			difference = n.source - n.replica,
			believed = n.believed
		FROM (` + listedNow + `) l, type_counts n
		WHERE t.run = @run AND (t.stream, t.type, t.query) = (l.stream, l.type, l.query)
		  AND n.tenant = @tenant AND (n.stream, n.type) = (t.stream, t.type)
		  AND l.total IS NOT NULL`
	args := t.args(c, pgx.StrictNamedArgs{"run": c.Run.ID})
	_, err := s.allAsClaimant(ctx, c, func(b *pgx.Batch) {
		b.Queue(beyond, args)
		b.Queue(records, t.args(c, pgx.StrictNamedArgs{"run": c.Run.ID, "believed": believed}))
		b.Queue(run, args)
	})
	if err != nil {
		return fmt.Errorf("learn the count of %s: %w", t.Type, err)
	}
	return nil
}

// LearnFirstCounts learns from types that the run has read whole from the beginning what was not
// known of their counts. It fails with [ErrFenced].
func (s *Store) LearnFirstCounts(ctx context.Context, c Claim) error {
	const read = `
		WITH read AS (
			SELECT t.*, (
				SELECT coalesce(sum(e.value::bigint), 0)
				FROM jsonb_each_text(t.effects) e
				WHERE e.key NOT IN ('withdrawn:deleted', 'withdrawn:absent')) AS seen
			FROM run_types t
			WHERE t.run = @run AND t.from_time IS NULL AND NOT t.by_client
			  AND t.done AND NOT t.short AND t.failure IS NULL)`
	const beyond = read + `
		UPDATE cursors k SET beyond = t.source_count - t.seen
		FROM read t
		WHERE k.tenant = @tenant AND k.client = '' AND k.beyond IS NULL AND t.source_count >= 0
		  AND (k.stream, k.type, k.query) = (t.stream, t.type, t.query)`
	const records = read + `,
		s AS (
			SELECT stream, type, sum(seen)::bigint AS seen
			FROM read
			GROUP BY stream, type)
		UPDATE type_counts n SET records = s.seen - ` + unstored + `
		FROM s
		WHERE n.tenant = @tenant AND (n.stream, n.type) = (s.stream, s.type)
		  AND n.records IS NULL
		  AND NOT EXISTS ( -- another search of the type
			SELECT FROM run_types t
			WHERE t.run = @run AND (t.stream, t.type) = (s.stream, s.type) AND t.from_time IS NOT NULL)
		  AND NOT EXISTS (
			SELECT FROM absences a
			WHERE a.tenant = @tenant AND (a.stream, a.type) = (s.stream, s.type))`
	args := pgx.StrictNamedArgs{"tenant": c.Run.Tenant, "run": c.Run.ID}
	_, err := s.allAsClaimant(ctx, c, func(b *pgx.Batch) {
		b.Queue(beyond, args)
		b.Queue(records, args)
	})
	if err != nil {
		return fmt.Errorf("learn the counts of %s: %w", c.Run.Tenant, err)
	}
	return nil
}

// EmptiedTypes returns the types of which the run, which read them from the beginning, found
// nothing, although items of them are shown.
func (s *Store) EmptiedTypes(ctx context.Context, c Claim) ([]AbsentType, error) {
	const q = `
		SELECT t.stream, t.type
		FROM run_types t
		WHERE t.run = @run
		GROUP BY t.stream, t.type
		HAVING bool_and(t.done AND t.failure IS NULL AND t.from_time IS NULL AND t.effects = '{}')
		   AND EXISTS ( -- quick, where nothing was ever read
			SELECT FROM type_counts n
			WHERE n.tenant = @tenant AND (n.stream, n.type) = (t.stream, t.type)
			  AND n.records IS DISTINCT FROM 0)
		   AND EXISTS (
			SELECT FROM items i
			WHERE i.tenant = @tenant AND i.stream = t.stream AND i.type = t.type AND i.state = 'shown')
		   AND NOT EXISTS ( -- a reconcile of this run, whose lists have no end in time, found some
			SELECT FROM censuses c
			WHERE c.run = @run AND c.stream = t.stream AND c.type = t.type AND c.ids > 0)
		ORDER BY t.stream, t.type`
	scope := c.Run.Scope
	if scope.Client != "" || scope.Only != "" || !scope.To.IsZero() {
		return nil, nil
	}
	args := pgx.StrictNamedArgs{"tenant": c.Run.Tenant, "run": c.Run.ID}
	list, err := queryList(ctx, s.pool, pgx.RowToStructByPos[AbsentType], q, args)
	if err != nil {
		return nil, fmt.Errorf("read which types are empty: %w", err)
	}
	return list, nil
}

// NoteVainReconcile notes that a reconcile, which was due because fewer records of the type came
// than the source had counted, found nothing: another one today would not either. It fails with
// [ErrFenced].
func (s *Store) NoteVainReconcile(ctx context.Context, c Claim, t AbsentType) error {
	const q = `
		UPDATE type_counts SET moved = now()
		WHERE tenant = @tenant AND stream = @stream AND type = @type`
	if err := s.asClaimant(ctx, c, q, t.args(c, nil)); err != nil {
		return fmt.Errorf("note a reconcile of %s: %w", t.Type, err)
	}
	return nil
}
