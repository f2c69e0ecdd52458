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

// SourceCount is how many records of a search the source counts, or [NoCount], and how many requests
// it took to ask.
type SourceCount struct {
	TypeID
	Records, Requests int64
}

// NoteSourceCounts stores counts. It fails with [ErrFenced].
func (s *Store) NoteSourceCounts(ctx context.Context, c Claim, counts []SourceCount) error {
	const q = `
		UPDATE run_types t SET source_count = n.records, requests = t.requests + n.requests
		FROM unnest(@streams::text[], @types::text[], @queries::text[], @records::bigint[],
			@requests::bigint[]) n (stream, type, query, records, requests)
		WHERE t.run = @run AND (t.stream, t.type, t.query) = (n.stream, n.type, n.query)`
	var streams, types, queries []string
	var records, requests []int64
	for _, n := range counts {
		streams, types, queries = append(streams, string(n.Stream)), append(types, n.Type), append(queries, n.Query)
		records, requests = append(records, n.Records), append(requests, n.Requests)
	}
	args := pgx.StrictNamedArgs{"run": c.Run.ID, "streams": streams, "types": types, "queries": queries,
		"records": records, "requests": requests}
	if err := s.asClaimant(ctx, c, q, args); err != nil {
		return fmt.Errorf("store how much the source of %s counts: %w", c.Run.Tenant, err)
	}
	return nil
}

// CountCause is why the run reconciles a type because of its count.
type CountCause struct {
	Moved    bool // the count contradicts the replica
	Short    bool // fewer records came than the source had counted
	Returned bool // what was missing, or hidden, has come again
}

// Comparison is a type's count beside the replica, and why the run reconciles the type.
type Comparison struct {
	TypeCount
	Cause CountCause
}

// NoteComparisons stores the comparisons of the types' counts with the replica. A comparison that
// came to the same as the last one is stored with the run only. It fails with [ErrFenced].
func (s *Store) NoteComparisons(ctx context.Context, c Claim, list []Comparison) error {
	const compared = `
		unnest(@streams::text[], @types::text[], @source::bigint[], @replica::bigint[],
			@known::bigint[], @strikes::smallint[], @moved::boolean[], @short::boolean[],
			@returned::boolean[], @believed::boolean[])
			x (stream, type, source, replica, known, strikes, moved, short, returned, believed)`
	const counts = `
		INSERT INTO type_counts AS n (tenant, stream, type, source, replica, counted, run, strikes, since,
			caused, moved, returned)
		SELECT @tenant, stream, type, source, replica, CASE WHEN source IS NOT NULL THEN now() END, @run,
			strikes,
			CASE WHEN strikes > 0 THEN now() END,
			CASE WHEN moved OR short THEN @run::bigint END,
			CASE WHEN moved THEN now() END,
			CASE WHEN returned THEN now() END
		FROM ` + compared + `
		ON CONFLICT (tenant, stream, type) DO UPDATE SET
			source = coalesce(excluded.source, n.source),
			replica = coalesce(excluded.replica, n.replica),
			counted = coalesce(excluded.counted, n.counted),
			run = excluded.run,
			strikes = excluded.strikes,
			since = CASE WHEN excluded.strikes > 0 THEN coalesce(n.since, excluded.since) END,
			caused = coalesce(excluded.caused, n.caused),
			moved = coalesce(excluded.moved, n.moved),
			returned = coalesce(excluded.returned, n.returned)
		WHERE excluded.strikes <> n.strikes OR excluded.strikes > 0
		   OR coalesce(excluded.source, n.source) IS DISTINCT FROM n.source
		   OR coalesce(excluded.replica, n.replica) IS DISTINCT FROM n.replica
		   OR excluded.caused IS NOT NULL OR excluded.returned IS NOT NULL`
	const run = `
		UPDATE run_types t SET
			replica_count = x.known,
			difference = x.source - x.known,
			believed = x.believed
		FROM ` + compared + `
		WHERE t.run = @run AND t.stream = x.stream AND t.type = x.type AND t.source_count >= 0`
	var streams, types []string
	var source, replica, known []*int64
	var strikes []int
	var moved, short, returned, believed []bool
	for _, n := range list {
		streams, types = append(streams, string(n.Stream)), append(types, n.Type)
		known = append(known, n.Replica)
		if n.Source == nil || n.Replica == nil {
			n.Source, n.Replica = nil, nil
		}
		source, replica = append(source, n.Source), append(replica, n.Replica)
		strikes, believed = append(strikes, n.Strikes), append(believed, n.Believed)
		moved, short = append(moved, n.Cause.Moved), append(short, n.Cause.Short)
		returned = append(returned, n.Cause.Returned)
	}
	args := pgx.NamedArgs{"tenant": c.Run.Tenant, "run": c.Run.ID, "streams": streams, "types": types,
		"source": source, "replica": replica, "known": known, "strikes": strikes, "moved": moved,
		"short": short, "returned": returned, "believed": believed}
	_, err := s.allAsClaimant(ctx, c, func(b *pgx.Batch) {
		b.Queue(counts, args)
		b.Queue(run, args)
	})
	if err != nil {
		return fmt.Errorf("store the counts of %s: %w", c.Run.Tenant, err)
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
