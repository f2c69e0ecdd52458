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

// CensusDifference is the result of comparing a census of a source type with the replica.
type CensusDifference struct {
	Stream    dossier.Stream
	Type      string
	Absent    int64 // shown here, and not in the source's list
	Different int64 // of another version, state or client than here, or missing here
	// ReadAgain reports that more items differ than were queued to be read again (items that
	// are older in the source than here are queued first): the run reads the type anew.
	ReadAgain bool
}

// CompareCensuses compares the run's censuses of the streams with the replica, unless that was
// done before, and returns the types with differences. A shown item that a complete list lacks
// becomes a suspected absence. Items that differ are queued to be read again, up to atMost of
// each type; the run reads types with more of them anew. All is stored in one transaction, so
// repeating it changes nothing. It fails with [ErrCensusLost] if the database lost the lists,
// and with [ErrFenced].
//
// An envelope does not show every reason for which an item is hidden. An item that is hidden
// for a reason in its body does not differ; see [dossier.Reason.InEnvelope].
func (s *Store) CompareCensuses(
	ctx context.Context, c Claim, streams []dossier.Stream, atMost int,
) ([]CensusDifference, error) {
	var out []CensusDifference
	err := inTx(ctx, s.pool, func(tx pgx.Tx) error {
		if _, err := holdClaim(ctx, tx, c); err != nil {
			return err
		}
		k := censusComparison{tx: tx, claim: c, found: make(map[[2]string]*CensusDifference)}
		if err := k.run(ctx, streams, atMost); err != nil {
			return err
		}
		out = k.list()
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("compare the lists of %s: %w", c.Run.Tenant, err)
	}
	return out, nil
}

// censusComparison is the work of [Store.CompareCensuses]. Its statements go through all items
// of a tenant and all that was listed twice, whatever the number of types.
type censusComparison struct {
	tx    pgx.Tx
	claim Claim
	found map[[2]string]*CensusDifference // by stream and type
}

// comparedType is a type whose list is to be compared.
type comparedType struct {
	stream, typ string
	whole       bool       // the list is complete
	to          *time.Time // source's clock: newer items are not listed
	upto        *time.Time // source's clock: up to when the type is read; nil: not in full
}

func (k *censusComparison) run(ctx context.Context, streams []dossier.Stream, atMost int) error {
	// Whole sets are compared. The planner may take a list for one of few rows and look each
	// up by going through the other set, so nested loops are off. Compiling the statements
	// (jit) takes longer than running them.
	const settings = `
		SELECT
			set_config('default_statistics_target', '10', true),
			set_config('enable_nestloop', 'off', true),
			set_config('jit', 'off', true),
			set_config('work_mem', '32MB', true)`
	const compared = `
		UPDATE censuses SET judged = true
		WHERE run = @run AND stream = ANY(@streams)`
	const found = `
		UPDATE censuses SET found = @found
		WHERE run = @run AND stream = @stream AND type = @type`
	if _, err := k.tx.Exec(ctx, settings); err != nil {
		return err
	}
	types, err := k.types(ctx, streams)
	if err != nil || len(types) == 0 {
		return err
	}
	if _, err := k.tx.Exec(ctx, `SELECT analyze_census($1)`, k.claim.Run.ID); err != nil {
		return err
	}
	if err := k.judge(ctx, types, atMost); err != nil {
		return err
	}
	for _, d := range k.found {
		args := pgx.StrictNamedArgs{"run": k.claim.Run.ID, "stream": d.Stream, "type": d.Type,
			"found": d.Absent + d.Different}
		if _, err := k.tx.Exec(ctx, found, args); err != nil {
			return err
		}
	}
	_, err = k.tx.Exec(ctx, compared, pgx.StrictNamedArgs{"run": k.claim.Run.ID, "streams": streams})
	return err
}

// judge stores what is absent or different.
func (k *censusComparison) judge(ctx context.Context, types []comparedType, atMost int) error {
	if err := k.endAbsences(ctx, types); err != nil {
		return err
	}
	if equal, err := k.isEqual(ctx, types); equal || err != nil {
		return err
	}
	if err := k.absent(ctx, types); err != nil {
		return err
	}
	return k.different(ctx, types, atMost)
}

// types returns the types of the streams that were not compared yet.
func (k *censusComparison) types(ctx context.Context, streams []dossier.Stream) ([]comparedType, error) {
	const q = `
		SELECT x.stream, x.type,
			bool_and(x.listed AND NOT x.short AND x.failure IS NULL)
				AND NOT EXISTS ( -- a search that fails lists nothing
					SELECT FROM run_types t
					WHERE t.run = @run AND t.stream = x.stream AND t.type = x.type
					  AND t.failure IS NOT NULL AND NOT t.done),
			min(x.to_time),
			(SELECT CASE WHEN count(*) FILTER (WHERE c.upto IS NULL) = 0 THEN min(c.upto) END
				FROM cursors c
				WHERE c.tenant = @tenant AND c.stream = x.stream AND c.type = x.type
				  AND c.client = '')
		FROM censuses x
		WHERE x.run = @run AND x.stream = ANY(@streams)
		GROUP BY x.stream, x.type
		HAVING NOT bool_and(x.judged)`
	const has = `SELECT EXISTS (SELECT FROM censuses WHERE run = @run AND stream = ANY(@streams))`
	scan := func(row pgx.CollectableRow) (t comparedType, err error) {
		err = row.Scan(&t.stream, &t.typ, &t.whole, &t.to, &t.upto)
		return t, err
	}
	args := pgx.StrictNamedArgs{"run": k.claim.Run.ID, "streams": streams}
	exists, err := queryOne(ctx, k.tx, pgx.RowTo[bool], has, args)
	if err != nil {
		return nil, err
	}
	if !exists {
		return nil, ErrCensusLost
	}
	args["tenant"] = k.claim.Run.Tenant
	return queryList(ctx, k.tx, scan, q, args)
}

// endAbsences ends the absences of items that the census has.
func (k *censusComparison) endAbsences(ctx context.Context, types []comparedType) error {
	const q = `
		DELETE FROM absences a
		USING unnest(@streams::text[], @types::text[]) w (stream, type)
		WHERE a.tenant = @tenant AND a.stream = w.stream AND a.type = w.type AND a.missing = 'record'
		  AND EXISTS (
			SELECT FROM census c
			WHERE c.run = @run AND c.key = a.key)`
	_, err := k.tx.Exec(ctx, q, k.wholeArgs(types))
	return err
}

// wholeArgs returns the arguments for the types that were listed whole.
func (k *censusComparison) wholeArgs(types []comparedType) pgx.StrictNamedArgs {
	var streams, names []string
	for _, t := range types {
		if t.whole {
			streams, names = append(streams, t.stream), append(names, t.typ)
		}
	}
	return pgx.StrictNamedArgs{"tenant": k.claim.Run.Tenant, "run": k.claim.Run.ID,
		"streams": streams, "types": names}
}

// absent stores the shown items that the census lacks as suspects.
func (k *censusComparison) absent(ctx context.Context, types []comparedType) error {
	// What is held, kept or approved stays so.
	const suspect = `
		WITH suspected AS (
			INSERT INTO absences (tenant, key, stream, type, id, state)
			SELECT i.tenant, i.key, i.stream, i.type, i.id, 'suspect'
			FROM items i
			JOIN unnest(@streams::text[], @types::text[]) w (stream, type)
				ON i.stream = w.stream AND i.type = w.type
			WHERE i.tenant = @tenant AND i.state = 'shown'
			  AND NOT EXISTS (
				SELECT FROM census c
				WHERE c.run = @run AND c.key = i.key)
			ON CONFLICT (tenant, key) DO UPDATE SET
				tried = NULL,
				missing = 'record',
				state = CASE absences.state WHEN 'confirmed' THEN 'suspect' ELSE absences.state END
			RETURNING absences.stream, absences.type)
		SELECT stream, type, count(*)
		FROM suspected
		GROUP BY stream, type`
	_, err := k.count(ctx, suspect, k.wholeArgs(types), func(d *CensusDifference, n int64) { d.Absent = n })
	return err
}

// count runs a statement that counts items by stream and type, passes each count to note, and
// returns their sum.
func (k *censusComparison) count(
	ctx context.Context, q string, args pgx.StrictNamedArgs, note func(d *CensusDifference, n int64),
) (sum int64, err error) {
	rows, err := k.tx.Query(ctx, q, args)
	if err != nil {
		return 0, err
	}
	var id [2]string
	var n int64
	_, err = pgx.ForEachRow(rows, []any{&id[0], &id[1], &n}, func() error {
		d, ok := k.found[id]
		if !ok {
			d = &CensusDifference{Stream: dossier.Stream(id[0]), Type: id[1]}
			k.found[id] = d
		}
		note(d, n)
		sum += n
		return nil
	})
	return sum, err
}

// list returns the types with differences, by stream and type.
func (k *censusComparison) list() []CensusDifference {
	list := make([]CensusDifference, 0, len(k.found))
	for _, d := range k.found {
		if d.Absent > 0 || d.Different > 0 {
			list = append(list, *d)
		}
	}
	slices.SortFunc(list, func(a, b CensusDifference) int {
		return cmp.Or(cmp.Compare(a.Stream, b.Stream), cmp.Compare(a.Type, b.Type))
	})
	return list
}
