package store

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"dossiersync/store/dossier"
)

// Absence is something that is stored and that the source no longer shows, although
// it has not stated that it is gone: a record that a whole list does not have, or one
// that came without a member (I5). An absent mark is the mirror: the item is hidden
// and would become readable (I6). docs/states.md draws the states of an absence.
type Absence struct {
	Key     string
	Stream  dossier.Stream
	Ref     dossier.Ref
	Client  string // the client that it belongs to here; empty: none
	Missing dossier.Missing
	// Approved says that an operator lets it go, whatever the limits.
	Approved bool
	// Named says that a feed of deletions names the record, together with many others.
	Named bool
}

// AbsentType is the type whose absences are judged together.
type AbsentType struct {
	Stream dossier.Stream
	Type   string
}

func (t AbsentType) args(c Claim, more pgx.StrictNamedArgs) pgx.StrictNamedArgs {
	args := pgx.StrictNamedArgs{"tenant": c.Run.Tenant, "stream": t.Stream, "type": t.Type}
	for name, value := range more {
		args[name] = value
	}
	return args
}

const absenceColumns = `
			a.key, a.stream, a.type, a.id, coalesce(i.client, ''), a.missing, a.state = 'approved', a.named`

func scanAbsence(row pgx.CollectableRow) (Absence, error) {
	var a Absence
	err := row.Scan(&a.Key, &a.Stream, &a.Ref.Type, &a.Ref.ID, &a.Client, &a.Missing, &a.Approved, &a.Named)
	return a, err
}

// Suspects returns absences of the type that the run has not looked at. Records that
// are missing from a list are among them only if listed is set: the run has listed
// the type whole, or a feed of deletions names them.
func (s *Store) Suspects(ctx context.Context, c Claim, t AbsentType, listed bool, limit int) ([]Absence, error) {
	const q = `
		SELECT ` + absenceColumns + `
		FROM absences a
		LEFT JOIN items i USING (tenant, key)
		WHERE a.tenant = @tenant
		  AND a.stream = @stream
		  AND a.type = @type
		  -- what is held because the source refused to show it is asked for in every run
		  AND (a.state IN ('suspect', 'approved') OR a.state = 'held' AND a.refused >= 2)
		  AND (@listed OR a.missing <> 'record' OR a.named OR a.state = 'approved')
		  AND a.tried IS DISTINCT FROM @run
		ORDER BY a.key
		LIMIT @limit`
	return s.absences(ctx, q, t.args(c, pgx.StrictNamedArgs{"run": c.Run.ID, "listed": listed, "limit": limit}))
}

// ConfirmedAbsences returns absences of the type that a look has confirmed; reveals
// selects absent marks, else everything but those.
func (s *Store) ConfirmedAbsences(ctx context.Context, c Claim, t AbsentType, reveals bool, limit int) ([]Absence, error) {
	const q = `
		SELECT ` + absenceColumns + `
		FROM absences a
		LEFT JOIN items i USING (tenant, key)
		WHERE a.tenant = @tenant
		  AND a.stream = @stream
		  AND a.type = @type
		  AND a.state = 'confirmed'
		  AND (a.missing = 'mark') = @reveals
		ORDER BY a.key
		LIMIT @limit`
	return s.absences(ctx, q, t.args(c, pgx.StrictNamedArgs{"reveals": reveals, "limit": limit}))
}

func (s *Store) absences(ctx context.Context, q string, args pgx.StrictNamedArgs) ([]Absence, error) {
	list, err := queryList(ctx, s.pool, scanAbsence, q, args)
	if err != nil {
		return nil, fmt.Errorf("read absences: %w", err)
	}
	return list, nil
}

// AbsentTypes returns the types that have absences of the tenant to settle: any but
// those that are kept, or held for their number.
func (s *Store) AbsentTypes(ctx context.Context, tenant string) ([]AbsentType, error) {
	const q = `
		SELECT DISTINCT stream, type
		FROM absences
		WHERE tenant = @tenant
		  AND (state IN ('suspect', 'confirmed', 'approved') OR state = 'held' AND refused >= 2)
		ORDER BY stream, type`
	list, err := queryList(ctx, s.pool, pgx.RowToStructByPos[AbsentType], q, pgx.StrictNamedArgs{"tenant": tenant})
	if err != nil {
		return nil, fmt.Errorf("read absences: %w", err)
	}
	return list, nil
}

// ConfirmAbsence notes that a direct read confirmed the absence.
func (s *Store) ConfirmAbsence(ctx context.Context, c Claim, key string) error {
	const q = `
		UPDATE absences SET state = 'confirmed', tried = @run, refused = 0, hold = NULL
		WHERE tenant = @tenant
		  AND key = @key
		  AND (state IN ('suspect', 'approved') OR state = 'held' AND refused >= 2)`
	return s.noteAbsence(ctx, c, q, pgx.StrictNamedArgs{"tenant": c.Run.Tenant, "key": key, "run": c.Run.ID})
}

// MarkAbsenceUnsure notes that the run could not tell whether the absence is one.
// refused says that the source would not show this record; each slot of that counts
// once.
func (s *Store) MarkAbsenceUnsure(ctx context.Context, c Claim, key string, refused bool) error {
	const q = `
		UPDATE absences SET
			tried = @run,
			state = CASE
				WHEN state = 'confirmed' OR state = 'held' AND NOT @refused THEN 'suspect'
				ELSE state END,
			hold = CASE WHEN @refused THEN hold END,
			refused = CASE
				WHEN NOT @refused THEN 0
				WHEN slot IS NOT DISTINCT FROM @slot THEN refused
				ELSE refused + 1 END,
			slot = CASE WHEN @refused THEN @slot ELSE slot END
		WHERE tenant = @tenant
		  AND key = @key`
	return s.noteAbsence(ctx, c, q, pgx.StrictNamedArgs{
		"tenant": c.Run.Tenant, "key": key, "run": c.Run.ID, "refused": refused, "slot": slotOf(c.Run)})
}

// slotOf returns the slot that the run is for; when it was asked for, if for none.
func slotOf(r Run) time.Time {
	if r.Slot != nil {
		return *r.Slot
	}
	return r.RequestedAt
}

// UnsureAbsences counts the items that were looked at, by this run or by an earlier one, and of
// which the source would not say whether they are gone.
func (s *Store) UnsureAbsences(ctx context.Context, c Claim) (int64, error) {
	const q = `
		SELECT count(*)
		FROM absences
		WHERE tenant = @tenant
		  AND state = 'suspect'
		  AND tried IS NOT NULL`
	var n int64
	err := s.pool.QueryRow(ctx, q, pgx.StrictNamedArgs{"tenant": c.Run.Tenant}).Scan(&n)
	if err != nil {
		return 0, fmt.Errorf("count absences of %s: %w", c.Run.Tenant, err)
	}
	return n, nil
}

// EndAbsence notes that the source shows it after all.
func (s *Store) EndAbsence(ctx context.Context, c Claim, key string) error {
	const q = `DELETE FROM absences WHERE tenant = @tenant AND key = @key`
	return s.noteAbsence(ctx, c, q, pgx.StrictNamedArgs{"tenant": c.Run.Tenant, "key": key})
}

func (s *Store) noteAbsence(ctx context.Context, c Claim, q string, args pgx.StrictNamedArgs) error {
	if err := s.asClaimant(ctx, c, q, args); err != nil {
		return fmt.Errorf("note an absence: %w", err)
	}
	return nil
}

// SettleAbsences drops absences that have ended by themselves, since what they are of
// is no longer readable, or no longer hidden by a mark; and joins to a client's hold
// what belongs to a client that is absent, so that it is shown there and counts
// nowhere else. It is called before the absences of a run are judged.
func (s *Store) SettleAbsences(ctx context.Context, c Claim) error {
	const over = `
		DELETE FROM absences a
		WHERE a.tenant = @tenant AND NOT EXISTS (
			SELECT FROM items i
			WHERE i.tenant = a.tenant
			  AND i.key = a.key
			  AND (i.state = 'shown' AND a.missing <> 'mark' OR i.state = 'hidden' AND a.missing = 'mark'))`
	// A client that is there again takes its items out of the client's hold.
	const apart = `
		UPDATE absences a SET state = 'suspect', hold = NULL, tried = NULL
		FROM holds h
		WHERE a.tenant = @tenant
		  AND h.id = a.hold
		  AND h.stream = 'clients'
		  AND a.stream <> 'clients'
		  AND NOT EXISTS (
			SELECT
			FROM items i
			JOIN absences k ON k.tenant = i.tenant AND k.stream = 'clients' AND k.id = i.client
			WHERE i.tenant = a.tenant
			  AND i.key = a.key)`
	const along = `
		UPDATE absences a SET state = k.state, hold = k.hold
		FROM items i, absences k
		WHERE a.tenant = @tenant
		  AND a.stream <> 'clients'
		  AND a.missing <> 'mark'
		  AND i.tenant = a.tenant
		  AND i.key = a.key
		  AND k.tenant = a.tenant
		  AND k.stream = 'clients'
		  AND k.id = i.client
		  AND k.state IN ('held', 'kept')
		  AND (a.hold, a.state) IS DISTINCT FROM (k.hold, k.state)`
	// What an earlier run confirmed counts for nothing today.
	const old = `
		UPDATE absences SET state = 'suspect', tried = NULL
		WHERE tenant = @tenant
		  AND state = 'confirmed'
		  AND tried IS DISTINCT FROM @run`
	args := pgx.StrictNamedArgs{"tenant": c.Run.Tenant}
	_, err := s.allAsClaimant(ctx, c, func(b *pgx.Batch) {
		for _, q := range []string{over, apart, along} {
			b.Queue(q, args)
		}
		b.Queue(old, pgx.StrictNamedArgs{"tenant": c.Run.Tenant, "run": c.Run.ID})
		queueEndOfHolds(b, c.Run.Tenant)
	})
	if err != nil {
		return fmt.Errorf("settle the absences of %s: %w", c.Run.Tenant, err)
	}
	return nil
}

// Tally is what limits a type's removals, or reveals, by inference.
type Tally struct {
	Shown     int64 // items of the type that are shown; of reveals: that are hidden for a mark
	LastDay   int64 // removed, or revealed, by inference in the last 24 hours
	LastWeek  int64 // and in the last 7 days
	Confirmed int64 // absences that a look has confirmed and that wait to be judged
	Named     int64 // and deletions that a look has confirmed; they are not in Confirmed
	Suspects  int64 // absences that nobody has looked at
	Refused   int64 // suspects that the source has refused to show in two slots
	// EmptiesPart says that a client that is shown would be left with nothing in a
	// part that had five items or more.
	EmptiesPart bool
}

// Tally returns how the type stands: its removals, or its reveals.
func (s *Store) Tally(ctx context.Context, c Claim, t AbsentType, reveals bool) (Tally, error) {
	const q = `
		SELECT
			(SELECT count(*) FROM items
			 WHERE tenant = @tenant
			   AND stream = @stream
			   AND type = @type
			   AND CASE WHEN @reveals
				THEN state = 'hidden' AND reason = ANY(@marks)
				ELSE state = 'shown' END),
			(SELECT count(*) FROM inferred
			 WHERE tenant = @tenant
			   AND stream = @stream
			   AND type = @type
			   AND reveals = @reveals
			   AND at > now() - interval '24 hours'),
			(SELECT count(*) FROM inferred
			 WHERE tenant = @tenant
			   AND stream = @stream
			   AND type = @type
			   AND reveals = @reveals
			   AND at > now() - interval '7 days'),
			count(*) FILTER (WHERE state = 'confirmed' AND NOT named),
			count(*) FILTER (WHERE state = 'confirmed' AND named),
			count(*) FILTER (WHERE state = 'suspect'),
			count(*) FILTER (WHERE refused >= 2 AND state = 'suspect'),
			false
		FROM absences
		WHERE tenant = @tenant
		  AND stream = @stream
		  AND type = @type
		  AND (missing = 'mark') = @reveals`
	// Parts are made of several types; what another type removed today counts.
	const empties = `
		WITH gone AS (
			SELECT i.client, i.part, count(*) AS n
			FROM absences a
			JOIN items i USING (tenant, key)
			JOIN clients c ON c.tenant = a.tenant AND c.id = i.client AND c.state = 'shown'
			WHERE a.tenant = @tenant
			  AND a.missing <> 'mark'
			  AND a.state = 'confirmed'
			  AND i.state = 'shown'
			  AND i.part IS NOT NULL
			GROUP BY i.client, i.part)
		SELECT EXISTS (
			SELECT FROM gone g
			WHERE (SELECT count(*) FROM items i
			       WHERE i.tenant = @tenant
			         AND i.client = g.client
			         AND i.part = g.part
			         AND i.state = 'shown') = g.n
			  AND g.n + (SELECT count(*) FROM inferred f
			       WHERE f.tenant = @tenant
			         AND f.client = g.client
			         AND f.part = g.part
			         AND NOT f.reveals
			         AND f.at > now() - interval '24 hours') >= 5)`
	args := t.args(c, pgx.StrictNamedArgs{"reveals": reveals, "marks": dossier.MarkReasons()})
	tally, err := queryOne(ctx, s.pool, pgx.RowToStructByPos[Tally], q, args)
	if err == nil && !reveals && tally.Confirmed > 0 {
		err = s.pool.QueryRow(ctx, empties, pgx.StrictNamedArgs{"tenant": c.Run.Tenant}).Scan(&tally.EmptiesPart)
	}
	if err != nil {
		return Tally{}, fmt.Errorf("count absences of %s: %w", c.Run.Tenant, err)
	}
	return tally, nil
}
