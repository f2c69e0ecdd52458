package store

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"dossiersync/store/dossier"
)

// CensusDifference says what comparing a census of a source type with the replica has
// found.
type CensusDifference struct {
	Stream    dossier.Stream
	Type      string
	Absent    int64 // shown here, and not in the source's list
	Different int64 // of another version, state or client there than here, or missing here
	// Anew says that more is different than was noted (what the source has in an
	// older state than here came first): the run is to read the type anew.
	ReadAgain bool
}

// CompareCensuses compares what the run has listed of streams with the replica, where that
// was not done yet. What is absent becomes a suspect, unless the list was not
// complete; what differs is to be read again, up to atMost of each type, beyond
// which the run reads the type anew. That is written down together with the judgement.
// Repeating it changes nothing. It returns the types of which anything is absent
// or different.
//
// An envelope does not tell all that hides an item: one that is hidden for what
// only its body shows is no difference.
func (s *Store) CompareCensuses(ctx context.Context, c Claim, streams []dossier.Stream, atMost int) ([]CensusDifference, error) {
	var out []CensusDifference
	err := inTx(ctx, s.pool, func(tx pgx.Tx) error {
		if _, err := holdClaim(ctx, tx, c); err != nil {
			return err
		}
		j := censusComparison{tx: tx, claim: c, found: make(map[[2]string]*CensusDifference)}
		if err := j.run(ctx, streams, atMost); err != nil {
			return err
		}
		out = j.list()
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("compare the lists of %s: %w", c.Run.Tenant, err)
	}
	return out, nil
}

// A censusComparison goes through all items of a tenant and all that was listed twice,
// whatever the number of types.
type censusComparison struct {
	tx    pgx.Tx
	claim Claim
	found map[[2]string]*CensusDifference // by stream and type
}

// comparedType is a type whose list is to be compared.
type comparedType struct {
	stream, typ string
	whole       bool       // the list is complete
	to          *time.Time // source's clock: what is newer was not listed
	upto        *time.Time // up to which it has been read; nil: not in full
}

func (j *censusComparison) run(ctx context.Context, streams []dossier.Stream, atMost int) error {
	// Sets are compared whole: with the few rows that the planner may take a list
	// for, it would look each up by going through the other. Compiling the
	// statements takes longer than they do.
	const settings = `
		SELECT set_config('default_statistics_target', '10', true), set_config('enable_nestloop', 'off', true), set_config('jit', 'off', true),
			set_config('work_mem', '32MB', true)`
	const judged = `UPDATE censuses SET judged = true WHERE run = @run AND stream = ANY(@streams)`
	if _, err := j.tx.Exec(ctx, settings); err != nil {
		return err
	}
	types, err := j.types(ctx, streams)
	if err != nil || len(types) == 0 {
		return err
	}
	if _, err := j.tx.Exec(ctx, `ANALYZE `+censusOf(j.claim.Run.ID).Sanitize()); err != nil {
		return err
	}
	if err := j.absent(ctx, types); err != nil {
		return err
	}
	if err := j.different(ctx, types, atMost); err != nil {
		return err
	}
	_, err = j.tx.Exec(ctx, judged, pgx.StrictNamedArgs{"run": j.claim.Run.ID, "streams": streams})
	return err
}

// types returns the types of the streams that were not judged yet.
func (j *censusComparison) types(ctx context.Context, streams []dossier.Stream) ([]comparedType, error) {
	const q = `
		SELECT x.stream, x.type, bool_and(x.listed AND NOT x.short AND x.failure IS NULL) AND NOT EXISTS (
				SELECT FROM run_types t WHERE t.run = @run AND t.stream = x.stream AND t.type = x.type
				  AND t.failure IS NOT NULL AND NOT t.done), -- a search that fails lists nothing
			min(x.to_time),
			(SELECT CASE WHEN count(*) FILTER (WHERE c.upto IS NULL) = 0 THEN min(c.upto) END FROM cursors c
			WHERE c.tenant = @tenant AND c.stream = x.stream AND c.type = x.type AND c.client = '')
		FROM censuses x WHERE x.run = @run AND x.stream = ANY(@streams)
		GROUP BY x.stream, x.type HAVING NOT bool_and(x.judged)`
	const has = `SELECT EXISTS (SELECT FROM censuses WHERE run = @run AND stream = ANY(@streams))`
	rows, err := j.tx.Query(ctx, q, pgx.StrictNamedArgs{"tenant": j.claim.Run.Tenant, "run": j.claim.Run.ID, "streams": streams})
	if err != nil {
		return nil, err
	}
	var list []comparedType
	var t comparedType
	_, err = pgx.ForEachRow(rows, []any{&t.stream, &t.typ, &t.whole, &t.to, &t.upto}, func() error {
		list = append(list, t)
		return nil
	})
	if err != nil || len(list) > 0 {
		return list, err
	}
	var exists bool
	if err := j.tx.QueryRow(ctx, has, pgx.StrictNamedArgs{"run": j.claim.Run.ID, "streams": streams}).Scan(&exists); err != nil {
		return nil, err
	}
	if !exists {
		return nil, ErrCensusLost
	}
	return nil, nil
}

// absent notes what is shown here and is not in the census.
func (j *censusComparison) absent(ctx context.Context, types []comparedType) error {
	// What was held stays so until an operator lets it go, or it is there again.
	const suspect = `
		WITH new AS (
			INSERT INTO absences (tenant, key, stream, type, id, state)
			SELECT i.tenant, i.key, i.stream, i.type, i.id, 'suspect' FROM items i
			JOIN unnest(@streams::text[], @types::text[]) w (stream, type) ON i.stream = w.stream AND i.type = w.type
			WHERE i.tenant = @tenant AND i.state = 'shown' AND NOT EXISTS (SELECT FROM census c WHERE c.run = @run AND c.key = i.key)
			ON CONFLICT (tenant, key) DO UPDATE SET tried = NULL,
				state = CASE WHEN absences.state = 'held' AND NOT @approve THEN 'held' ELSE 'suspect' END
			RETURNING absences.stream, absences.type)
		SELECT stream, type, count(*) FROM new GROUP BY stream, type`
	const returned = `
		DELETE FROM absences a USING unnest(@streams::text[], @types::text[]) w (stream, type)
		WHERE a.tenant = @tenant AND a.stream = w.stream AND a.type = w.type
		  AND EXISTS (SELECT FROM census c WHERE c.run = @run AND c.key = a.key)`
	args := pgx.StrictNamedArgs{"tenant": j.claim.Run.Tenant, "run": j.claim.Run.ID}
	var streams, names []string
	for _, t := range types {
		if t.whole {
			streams, names = append(streams, t.stream), append(names, t.typ)
		}
	}
	args["streams"], args["types"] = streams, names
	if _, err := j.tx.Exec(ctx, returned, args); err != nil {
		return err
	}
	args["approve"] = j.claim.Run.Scope.Approve
	_, err := j.count(ctx, suspect, args, func(c *CensusDifference, n int64) { c.Absent = n })
	return err
}

// future is how far after the end of what a run reads a record is stamped with a
// time that has not come: no increment finds it before that.
const future = time.Hour

// differs selects what the census says otherwise than the replica has it. What
// changed after what was read is the next run's to read, unless that is in the
// future, and what is in quarantine every run's.
const differs = `
	FROM census c
	JOIN unnest(@streams::text[], @types::text[], @uptos::timestamptz[], @futures::timestamptz[]) w (stream, type, upto, future)
		ON c.stream = w.stream AND c.type = w.type
	LEFT JOIN items i ON i.tenant = @tenant AND i.key = c.key
	WHERE c.run = @run
	  AND NOT EXISTS (SELECT FROM quarantine q WHERE q.tenant = @tenant AND q.key = c.key)
	  AND CASE
		WHEN c.updated > w.upto AND c.updated <= w.future THEN i.state = 'shown' AND (c.state <> 'shown' OR i.client IS DISTINCT FROM c.client)
		WHEN i.key IS NULL OR c.state = 'quarantined' THEN true
		ELSE i.client IS DISTINCT FROM c.client
			OR c.version <> '' AND c.version <> i.version
			OR c.updated <> i.updated OR i.updated IS NULL AND c.updated IS NOT NULL
			OR i.state = 'shown' AND c.state <> 'shown'
			OR c.state = 'shown' AND i.state <> 'shown' AND (
				i.state = 'withdrawn' AND i.reason IN ('absent', 'deleted', 'entered-in-error')
				OR i.state = 'hidden' AND i.reason IN ('marked', 'status', 'unknown-status', 'implicit-rules',
					'inactive', 'merged', 'no-client', 'not-a-report')
				OR i.reason IN ('purged', 'client-hidden', 'unknown-client') AND (c.client IS NULL OR EXISTS (
					SELECT FROM clients k WHERE k.tenant = @tenant AND k.id = c.client AND k.state = 'shown'
					  AND NOT EXISTS (SELECT FROM backfills b WHERE b.tenant = k.tenant AND b.client = k.id)))
				OR i.reason = 'superseded' AND NOT EXISTS (
					SELECT FROM replacements r CROSS JOIN LATERAL (
						SELECT FROM items WHERE tenant = @tenant AND key = r.key AND client = i.client AND ` + replacing + ` OFFSET 0) by
					WHERE r.tenant = @tenant AND r.target = i.key))
		END`

// different has what differs read again: nothing of a type that was not listed or
// not read in full.
func (j *censusComparison) different(ctx context.Context, types []comparedType, atMost int) error {
	const count = `SELECT c.stream, c.type, count(*) ` + differs + ` GROUP BY c.stream, c.type`
	const again = `
		INSERT INTO rereads (tenant, key, stream, type, id)
		SELECT @tenant, c.key, c.stream, c.type, c.id ` + differs + `
		ORDER BY c.updated < i.updated DESC NULLS LAST, c.key LIMIT @limit
		ON CONFLICT DO NOTHING`
	var all []comparedType
	for _, t := range types {
		if t.whole && t.upto != nil {
			all = append(all, t)
		}
	}
	note := func(c *CensusDifference, n int64) { c.Different, c.ReadAgain = n, n > int64(atMost) }
	n, err := j.count(ctx, count, j.differing(all), note)
	if err != nil || n == 0 {
		return err
	}
	// A record that changed while it was listed may have been listed in both states.
	if err := j.settle(ctx); err != nil {
		return err
	}
	for _, c := range j.found {
		note(c, 0)
	}
	for _, t := range all {
		args := j.differing([]comparedType{t})
		if n, err := j.count(ctx, count, args, note); err != nil {
			return err
		} else if n == 0 {
			continue
		}
		args["limit"] = atMost
		if _, err := j.tx.Exec(ctx, again, args); err != nil {
			return err
		}
		if j.found[[2]string{t.stream, t.typ}].ReadAgain {
			if err := readTypeAnew(ctx, j.tx, j.claim, t.stream, t.typ); err != nil {
				return err
			}
		}
	}
	return nil
}

// settle leaves of what was listed more than once what was listed last.
func (j *censusComparison) settle(ctx context.Context) error {
	const q = `
		DELETE FROM census c USING (
			SELECT key, max(batch) AS batch FROM census WHERE run = @run GROUP BY key HAVING count(*) > 1) last
		WHERE c.run = @run AND c.key = last.key AND c.batch < last.batch`
	_, err := j.tx.Exec(ctx, q, pgx.StrictNamedArgs{"run": j.claim.Run.ID})
	return err
}

// differing returns the arguments of differs.
func (j *censusComparison) differing(types []comparedType) pgx.StrictNamedArgs {
	var streams, names []string
	var uptos, futures []time.Time
	for _, t := range types {
		streams, names = append(streams, t.stream), append(names, t.typ)
		uptos, futures = append(uptos, *t.upto), append(futures, t.to.Add(future))
	}
	return pgx.StrictNamedArgs{"tenant": j.claim.Run.Tenant, "run": j.claim.Run.ID,
		"streams": streams, "types": names, "uptos": uptos, "futures": futures}
}

// count notes how many of each type a statement has found, and returns how many
// that are.
func (j *censusComparison) count(ctx context.Context, q string, args pgx.StrictNamedArgs, note func(c *CensusDifference, n int64)) (sum int64, err error) {
	rows, err := j.tx.Query(ctx, q, args)
	if err != nil {
		return 0, err
	}
	var id [2]string
	var n int64
	_, err = pgx.ForEachRow(rows, []any{&id[0], &id[1], &n}, func() error {
		c, ok := j.found[id]
		if !ok {
			c = &CensusDifference{Stream: dossier.Stream(id[0]), Type: id[1]}
			j.found[id] = c
		}
		note(c, n)
		sum += n
		return nil
	})
	return sum, err
}

// list returns what was found, in order.
func (j *censusComparison) list() []CensusDifference {
	list := make([]CensusDifference, 0, len(j.found))
	for _, c := range j.found {
		if c.Absent > 0 || c.Different > 0 {
			list = append(list, *c)
		}
	}
	slices.SortFunc(list, func(a, b CensusDifference) int {
		return cmp.Or(cmp.Compare(a.Stream, b.Stream), cmp.Compare(a.Type, b.Type))
	})
	return list
}
