package store

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"dossiersync/store/dossier"
)

// TypeCount is how many records of a type the source counts, beside how many the replica believes
// it to have. The two are equal after a reconcile has listed the type completely.
type TypeCount struct {
	Stream   dossier.Stream
	Type     string
	Compared bool       // the run has done this comparison
	Source   *int64     // what the source counts, less what that count always has beyond its list; nil: unknown
	Replica  *int64     // records that the source should have; nil: unknown until the next complete list
	Absent   int64      // stored records that are missing from the source's list, and not part of Replica
	Before   *int64     // Source less Replica in the last comparison
	Strikes  int        // comparisons in a row in which the count contradicted the replica
	Believed bool       // false: a reconcile did not bear the count out
	Doubted  *time.Time // since when not
	Caused   bool       // the count made this run reconcile the type
	Short    bool       // fewer records came in this run than the source had counted
	// Contradicted reports that the run's list has something that was missing, or hidden, although
	// the source had stated neither, and that more such items are left.
	Contradicted bool
	Moved        *time.Time // when the count last made a run reconcile the type
	Returned     *time.Time // when records that came again last did
}

// TypeCounts returns the counts of the types that the run reads.
func (s *Store) TypeCounts(ctx context.Context, c Claim) ([]TypeCount, error) {
	const q = `
		WITH searches AS (
			SELECT t.stream, t.type,
				-- null if a search has no count, or if it is not known what its count has beyond its list
				CASE WHEN bool_and(coalesce(t.source_count >= 0 AND k.beyond IS NOT NULL, false))
					THEN sum(t.source_count - k.beyond)::bigint END AS source,
				bool_or(t.short) AS short,
				bool_or(t.contradicted) AS contradicted
			FROM run_types t
			LEFT JOIN cursors k ON k.tenant = @tenant AND k.client = ''
				AND (k.stream, k.type, k.query) = (t.stream, t.type, t.query)
			WHERE t.run = @run
			GROUP BY t.stream, t.type)
		SELECT s.stream, s.type,
			coalesce(n.run = @run, false),
			s.source,
			CASE WHEN n.tenant IS NULL THEN 0 ELSE n.records END - absent + ` + unstored + `,
			absent,
			n.source - n.replica,
			coalesce(n.strikes, 0),
			coalesce(n.believed, true),
			n.disbelieved,
			coalesce(n.caused = @run, false),
			s.short,
			s.contradicted AND (absent > 0 OR EXISTS (
				SELECT FROM absences a
				WHERE a.tenant = @tenant AND a.stream = s.stream AND a.type = s.type
			) OR EXISTS (
				SELECT FROM items i
				WHERE i.tenant = @tenant AND i.stream = s.stream AND i.type = s.type
				  AND i.state = 'hidden'
				  AND i.reason IN ('empty', 'no-client', 'not-a-document', 'unknown-status', 'quarantined'))),
			n.moved,
			n.returned
		FROM searches s
		LEFT JOIN type_counts n ON n.tenant = @tenant AND (n.stream, n.type) = (s.stream, s.type)
		CROSS JOIN LATERAL (
			SELECT count(*) AS absent
			FROM absences a
			WHERE a.tenant = @tenant AND a.stream = s.stream AND a.type = s.type
			  AND a.missing = 'record') a
		ORDER BY s.stream, s.type`
	args := pgx.StrictNamedArgs{"tenant": c.Run.Tenant, "run": c.Run.ID}
	list, err := queryList(ctx, s.pool, pgx.RowToStructByPos[TypeCount], q, args)
	if err != nil {
		return nil, fmt.Errorf("read the counts of %s: %w", c.Run.Tenant, err)
	}
	return list, nil
}

// unstored counts the records of a type s that are in quarantine and not stored otherwise.
const unstored = `(
				SELECT count(*)
				FROM quarantine q
				WHERE q.tenant = @tenant AND q.stream = s.stream AND q.type = s.type
				  AND NOT EXISTS (
					SELECT FROM items i
					WHERE i.tenant = @tenant AND i.key = q.key AND ` + thereSQL + `))`

// NoCount is the count of a source that gives none.
const NoCount = -1

// NoteSourceCount stores how many records of the search the source counts, or [NoCount]. It fails
// with [ErrFenced].
func (s *Store) NoteSourceCount(ctx context.Context, c Claim, id TypeID, n, requests int64) error {
	const q = `
		UPDATE run_types SET source_count = @n, requests = requests + @requests
		WHERE ` + ofRunType
	args := id.runArgs(c, pgx.StrictNamedArgs{"n": n, "requests": requests})
	if err := s.asClaimant(ctx, c, q, args); err != nil {
		return fmt.Errorf("store how many %s the source counts: %w", id.Type, err)
	}
	return nil
}

// CountCause is why the run reconciles a type because of its count.
type CountCause struct {
	Moved    bool // the count contradicts the replica
	Short    bool // fewer records came than the source had counted
	Returned bool // what was missing, or hidden, has come again
}

// NoteComparison stores the comparison of a type's count with the replica, and whether the run
// reconciles the type because of it. It fails with [ErrFenced].
func (s *Store) NoteComparison(ctx context.Context, c Claim, n TypeCount, cause CountCause) error {
	const row = `
		INSERT INTO type_counts (tenant, stream, type)
		VALUES (@tenant, @stream, @type)
		ON CONFLICT DO NOTHING`
	const counts = `
		UPDATE type_counts SET
			source = coalesce(@source::bigint, source),
			replica = coalesce(@replica::bigint, replica),
			counted = CASE WHEN @source::bigint IS NULL THEN counted ELSE now() END,
			run = @run::bigint,
			strikes = @strikes::smallint,
			since = CASE WHEN @strikes::smallint > 0 THEN coalesce(since, now()) END,
			caused = CASE WHEN @moved::boolean OR @short::boolean THEN @run::bigint ELSE caused END,
			moved = CASE WHEN @moved::boolean THEN now() ELSE moved END,
			returned = CASE WHEN @returned::boolean THEN now() ELSE returned END
		WHERE tenant = @tenant AND stream = @stream AND type = @type`
	const run = `
		UPDATE run_types SET
			replica_count = @replica::bigint,
			difference = @source::bigint - @replica::bigint,
			believed = @believed
		WHERE run = @run AND stream = @stream AND type = @type AND source_count >= 0`
	t := AbsentType{Stream: n.Stream, Type: n.Type}
	source, replica := n.Source, n.Replica
	if source == nil || replica == nil {
		source, replica = nil, nil
	}
	err := inTx(ctx, s.pool, func(tx pgx.Tx) error {
		if _, err := holdClaim(ctx, tx, c); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, row, t.args(c, nil)); err != nil {
			return err
		}
		args := t.args(c, pgx.StrictNamedArgs{"run": c.Run.ID, "source": source, "replica": replica,
			"strikes": n.Strikes, "moved": cause.Moved, "short": cause.Short, "returned": cause.Returned})
		if _, err := tx.Exec(ctx, counts, args); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, run, pgx.StrictNamedArgs{"run": c.Run.ID, "stream": n.Stream, "type": n.Type,
			"source": source, "replica": n.Replica, "believed": n.Believed})
		return err
	})
	if err != nil {
		return fmt.Errorf("store the count of %s: %w", n.Type, err)
	}
	return nil
}

// Contradiction is a type whose count contradicts the replica, and is believed.
type Contradiction struct {
	Tenant  string         `json:"tenant"`
	Stream  dossier.Stream `json:"stream"`
	Type    string         `json:"type"`
	Source  int64          `json:"source"`  // what the source counts, comparable with Replica
	Replica int64          `json:"replica"` // records that the source should have
	Runs    int            `json:"runs"`    // in a row
	Since   time.Time      `json:"since"`
}

// CountContradictions returns the types of the tenant, or of all tenants if tenant is empty, whose
// counts contradict the replica now: no reconcile has explained the difference yet.
func (s *Store) CountContradictions(ctx context.Context, tenant string) ([]Contradiction, error) {
	const q = `
		SELECT tenant, stream, type, source, replica, strikes, since
		FROM type_counts
		WHERE (@tenant = '' OR tenant = @tenant)
		  AND strikes > 0
		  AND believed
		  AND source IS NOT NULL
		  AND replica IS NOT NULL
		ORDER BY tenant, stream, type`
	list, err := queryList(ctx, s.pool, pgx.RowToStructByPos[Contradiction], q, pgx.StrictNamedArgs{"tenant": tenant})
	if err != nil {
		return nil, fmt.Errorf("read the counts of %s: %w", tenant, err)
	}
	return list, nil
}

// RecordCount is how many records of a type the source counted last, and how many the replica
// believed it to have.
type RecordCount struct {
	Tenant  string
	Stream  dossier.Stream
	Type    string
	Source  int64
	Replica int64
}

// RecordCounts returns the last counts of all tenants' types that have one.
func (s *Store) RecordCounts(ctx context.Context) ([]RecordCount, error) {
	const q = `
		SELECT tenant, stream, type, source, replica
		FROM type_counts
		WHERE source IS NOT NULL AND replica IS NOT NULL`
	list, err := queryList(ctx, s.pool, pgx.RowToStructByPos[RecordCount], q)
	if err != nil {
		return nil, fmt.Errorf("read the counts: %w", err)
	}
	return list, nil
}
