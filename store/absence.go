package store

import (
	"context"
	"fmt"
	"maps"
	"time"

	"github.com/jackc/pgx/v5"
)

// An absence is an item that a complete list of the source's no longer has. It is
// a suspect until it is read by its id; what is confirmed to be gone is removed,
// unless there is more of it than the brake allows (I5): then it is held for an
// operator.

// Compared says what comparing a census with the replica has found.
type Compared struct {
	Absent    int64 // shown here, and not in the source's list
	Different int64 // of another version, state or client there than here, or missing here
	// Whole is false where the list was not complete: then nothing is absent.
	Whole bool
	// Anew says that more is different than was noted: what the source has in an
	// older state than here came first.
	Anew bool
}

// Judge compares what the run has listed of a source type with the replica. What
// is absent becomes a suspect, what differs is to be read again, up to
// atMost of it; repeating it changes nothing.
//
// An envelope does not tell all that hides an item: one that is hidden for what
// only its body shows is no difference.
func (s *Store) Judge(ctx context.Context, c Claim, stream Stream, typ string, atMost int) (Compared, error) {
	var out Compared
	err := inTx(ctx, s.pool, func(tx pgx.Tx) error {
		out = Compared{}
		if _, err := holdClaim(ctx, tx, c); err != nil {
			return err
		}
		j := judgement{tx: tx, claim: c, args: pgx.StrictNamedArgs{
			"tenant": c.Run.Tenant, "run": c.Run.ID, "stream": stream, "type": typ}}
		var err error
		out, err = j.run(ctx, atMost)
		return err
	})
	if err != nil {
		return Compared{}, fmt.Errorf("compare %s of %s: %w", typ, c.Run.Tenant, err)
	}
	return out, nil
}

type judgement struct {
	tx    pgx.Tx
	claim Claim
	args  pgx.StrictNamedArgs
}

func (j *judgement) run(ctx context.Context, atMost int) (out Compared, err error) {
	const whole = `
		SELECT coalesce(bool_and(listed AND NOT short AND failure IS NULL), false), min(to_time)
		FROM censuses WHERE run = @run AND stream = @stream AND type = @type`
	const read = `
		SELECT min(upto), count(*) FILTER (WHERE upto IS NULL) = 0 AND count(*) > 0
		FROM cursors WHERE tenant = @tenant AND stream = @stream AND type = @type AND client = ''`
	const judged = `
		UPDATE censuses SET judged = true WHERE run = @run AND stream = @stream AND type = @type`
	var to, upto *time.Time
	var isRead bool
	ofRun := j.only("run")
	if err := j.tx.QueryRow(ctx, whole, ofRun).Scan(&out.Whole, &to); err != nil {
		return out, err
	}
	if to == nil {
		return out, ErrCensusLost
	}
	if err := j.tx.QueryRow(ctx, read, j.only("tenant")).Scan(&upto, &isRead); err != nil {
		return out, err
	}
	if out.Whole {
		if out.Absent, err = j.absent(ctx); err != nil {
			return out, err
		}
		if isRead {
			if err := j.different(ctx, *upto, *to, atMost, &out); err != nil {
				return out, err
			}
		}
	}
	_, err = j.tx.Exec(ctx, judged, ofRun)
	return out, err
}

// only returns the arguments that name the source type, with the one named.
func (j *judgement) only(name string) pgx.StrictNamedArgs {
	return pgx.StrictNamedArgs{name: j.args[name], "stream": j.args["stream"], "type": j.args["type"]}
}

// with returns all arguments with more.
func (j *judgement) with(more pgx.StrictNamedArgs) pgx.StrictNamedArgs {
	maps.Copy(more, j.args)
	return more
}

// absent notes what is shown here and is not in the census.
func (j *judgement) absent(ctx context.Context) (int64, error) {
	// What was held stays so until an operator lets it go, or it is there again.
	const suspect = `
		INSERT INTO absences (tenant, key, stream, type, id, state)
		SELECT i.tenant, i.key, i.stream, i.type, i.id, 'suspect' FROM items i
		WHERE i.tenant = @tenant AND i.stream = @stream AND i.type = @type AND i.state = 'shown'
		  AND NOT EXISTS (SELECT FROM census c WHERE c.run = @run AND c.key = i.key)
		ON CONFLICT (tenant, key) DO UPDATE SET tried = NULL,
			state = CASE WHEN absences.state = 'held' AND NOT @approve THEN 'held' ELSE 'suspect' END`
	const returned = `
		DELETE FROM absences a WHERE a.tenant = @tenant AND a.stream = @stream AND a.type = @type
		  AND (EXISTS (SELECT FROM census c WHERE c.run = @run AND c.key = a.key)
			OR NOT EXISTS (SELECT FROM items i WHERE i.tenant = a.tenant AND i.key = a.key AND i.state = 'shown'))`
	tag, err := j.tx.Exec(ctx, suspect, j.with(pgx.StrictNamedArgs{"approve": j.claim.Run.Scope.Approve}))
	if err != nil {
		return 0, err
	}
	_, err = j.tx.Exec(ctx, returned, j.args)
	return tag.RowsAffected(), err
}

// future is how far after the end of what a run reads a record is stamped with a
// time that has not come: no increment finds it before that.
const future = time.Hour

// differs selects what the census says otherwise than the replica has it. What
// changed after upto is the next run's to read, unless that is in the future, and
// what is in quarantine every run's.
const differs = `
	FROM census c LEFT JOIN items i ON i.tenant = @tenant AND i.key = c.key
	WHERE c.run = @run AND c.stream = @stream AND c.type = @type
	  AND NOT EXISTS (SELECT FROM quarantine q WHERE q.tenant = @tenant AND q.key = c.key)
	  AND CASE
		WHEN c.updated > @upto AND c.updated <= @future THEN i.state = 'shown' AND (c.state <> 'shown' OR i.client IS DISTINCT FROM c.client)
		WHEN i.key IS NULL OR c.state = 'quarantined' THEN true
		ELSE i.client IS DISTINCT FROM c.client
			OR c.version <> '' AND c.version <> i.version
			OR c.updated <> i.updated OR i.updated IS NULL AND c.updated IS NOT NULL
			OR i.state = 'shown' AND c.state <> 'shown'
			OR c.state = 'shown' AND (
				i.state = 'withdrawn' AND i.reason IN ('absent', 'deleted', 'entered-in-error')
				OR i.state = 'hidden' AND i.reason IN ('marked', 'status', 'unknown-status', 'implicit-rules',
					'inactive', 'merged', 'no-client', 'not-a-report')
				OR i.reason IN ('purged', 'client-hidden', 'unknown-client') AND (c.client IS NULL OR EXISTS (
					SELECT FROM clients k WHERE k.tenant = @tenant AND k.id = c.client AND k.state = 'shown'
					  AND NOT EXISTS (SELECT FROM backfills b WHERE b.tenant = k.tenant AND b.client = k.id)))
				OR i.reason = 'superseded' AND NOT EXISTS (
					SELECT FROM replacements r CROSS JOIN LATERAL (
						SELECT FROM items WHERE tenant = @tenant AND key = r.key AND client = i.client AND ` + replacing + `) by
					WHERE r.tenant = @tenant AND r.target = i.key))
		END`

func (j *judgement) different(ctx context.Context, upto, to time.Time, atMost int, out *Compared) error {
	const count = `SELECT count(*) FROM (SELECT 1 ` + differs + ` LIMIT @limit) d`
	const again = `
		INSERT INTO rereads (tenant, key, stream, type, id)
		SELECT @tenant, c.key, c.stream, c.type, c.id ` + differs + `
		ORDER BY c.updated < i.updated DESC NULLS LAST, c.key LIMIT @limit - 1
		ON CONFLICT DO NOTHING`
	args := j.with(pgx.StrictNamedArgs{"upto": upto, "future": to.Add(future), "limit": atMost + 1})
	if err := j.tx.QueryRow(ctx, count, args).Scan(&out.Different); err != nil {
		return err
	}
	out.Anew = out.Different > int64(atMost)
	_, err := j.tx.Exec(ctx, again, args)
	return err
}

// Absence is an item that the source no longer lists.
type Absence struct {
	Key    string
	Stream Stream
	Ref    Ref
	Client string // whom it belongs to here; empty: to none
}

func scanAbsence(row pgx.CollectableRow) (Absence, error) {
	var a Absence
	err := row.Scan(&a.Key, &a.Stream, &a.Ref.Type, &a.Ref.ID, &a.Client)
	return a, err
}

// Suspects returns absences of the stream that the run has not tried to confirm.
func (s *Store) Suspects(ctx context.Context, c Claim, stream Stream, limit int) ([]Absence, error) {
	const q = `
		SELECT a.key, a.stream, a.type, a.id, coalesce(i.client, '') FROM absences a LEFT JOIN items i USING (tenant, key)
		WHERE a.tenant = @tenant AND a.stream = @stream AND a.state = 'suspect' AND a.tried IS DISTINCT FROM @run
		ORDER BY a.key LIMIT @limit`
	return s.absences(ctx, q, pgx.StrictNamedArgs{"tenant": c.Run.Tenant, "stream": stream, "run": c.Run.ID, "limit": limit})
}

// ConfirmedAbsent returns absences of the stream that are confirmed and may go.
func (s *Store) ConfirmedAbsent(ctx context.Context, tenant string, stream Stream, limit int) ([]Absence, error) {
	const q = `
		SELECT key, stream, type, id, '' FROM absences
		WHERE tenant = @tenant AND stream = @stream AND state = 'confirmed' ORDER BY key LIMIT @limit`
	return s.absences(ctx, q, pgx.StrictNamedArgs{"tenant": tenant, "stream": stream, "limit": limit})
}

func (s *Store) absences(ctx context.Context, q string, args pgx.StrictNamedArgs) ([]Absence, error) {
	rows, err := s.pool.Query(ctx, q, args)
	if err != nil {
		return nil, fmt.Errorf("read absences: %w", err)
	}
	list, err := pgx.CollectRows(rows, scanAbsence)
	if err != nil {
		return nil, fmt.Errorf("read absences: %w", err)
	}
	return list, nil
}

// AbsenceConfirmed notes that a direct read found the item to be gone.
func (s *Store) AbsenceConfirmed(ctx context.Context, c Claim, key string) error {
	const q = `UPDATE absences SET state = 'confirmed' WHERE tenant = @tenant AND key = @key`
	return s.noteAbsence(ctx, c, q, pgx.StrictNamedArgs{"tenant": c.Run.Tenant, "key": key})
}

// AbsenceUnsure notes that the run could not tell whether the item is gone.
func (s *Store) AbsenceUnsure(ctx context.Context, c Claim, key string) error {
	const q = `UPDATE absences SET tried = @run WHERE tenant = @tenant AND key = @key`
	return s.noteAbsence(ctx, c, q, pgx.StrictNamedArgs{"tenant": c.Run.Tenant, "key": key, "run": c.Run.ID})
}

// UnsureAbsences returns of how many items the run could not tell whether they are
// gone.
func (s *Store) UnsureAbsences(ctx context.Context, c Claim) (int64, error) {
	const q = `SELECT count(*) FROM absences WHERE tenant = @tenant AND state = 'suspect' AND tried = @run`
	var n int64
	err := s.pool.QueryRow(ctx, q, pgx.StrictNamedArgs{"tenant": c.Run.Tenant, "run": c.Run.ID}).Scan(&n)
	if err != nil {
		return 0, fmt.Errorf("count absences of %s: %w", c.Run.Tenant, err)
	}
	return n, nil
}

// AbsenceOver notes that the item is there after all.
func (s *Store) AbsenceOver(ctx context.Context, c Claim, key string) error {
	const q = `DELETE FROM absences WHERE tenant = @tenant AND key = @key`
	return s.noteAbsence(ctx, c, q, pgx.StrictNamedArgs{"tenant": c.Run.Tenant, "key": key})
}

// HoldAbsences applies the brake to a stream: nothing of it is removed until an
// operator approves.
func (s *Store) HoldAbsences(ctx context.Context, c Claim, stream Stream) error {
	const q = `UPDATE absences SET state = 'held' WHERE tenant = @tenant AND stream = @stream`
	return s.noteAbsence(ctx, c, q, pgx.StrictNamedArgs{"tenant": c.Run.Tenant, "stream": stream})
}

// ReleaseAbsences takes the brake off: what was held is to be confirmed again.
func (s *Store) ReleaseAbsences(ctx context.Context, c Claim, stream Stream) error {
	const q = `
		UPDATE absences SET state = 'suspect', tried = NULL
		WHERE tenant = @tenant AND stream = @stream AND state = 'held'`
	return s.noteAbsence(ctx, c, q, pgx.StrictNamedArgs{"tenant": c.Run.Tenant, "stream": stream})
}

func (s *Store) noteAbsence(ctx context.Context, c Claim, q string, args pgx.StrictNamedArgs) error {
	if err := s.asClaimant(ctx, c, q, args); err != nil {
		return fmt.Errorf("note an absence: %w", err)
	}
	return nil
}

// Brake says how much of a stream is absent, and how much was removed for that.
type Brake struct {
	Shown     int64 // items that are shown
	Removed   int64 // items removed by inference in the last 24 hours
	Suspects  int64
	Confirmed int64
	Held      int64
}

// Brake returns the state of the stream's brake.
func (s *Store) Brake(ctx context.Context, tenant string, stream Stream) (Brake, error) {
	const q = `
		SELECT (SELECT count(*) FROM items WHERE tenant = @tenant AND stream = @stream AND state = 'shown'),
			(SELECT count(*) FROM items WHERE tenant = @tenant AND stream = @stream AND reason = 'absent'
				AND observed > now() - interval '24 hours'),
			count(*) FILTER (WHERE state = 'suspect'), count(*) FILTER (WHERE state = 'confirmed'),
			count(*) FILTER (WHERE state = 'held')
		FROM absences WHERE tenant = @tenant AND stream = @stream`
	b, err := queryOne(ctx, s.pool, pgx.RowToStructByPos[Brake], q, pgx.StrictNamedArgs{"tenant": tenant, "stream": stream})
	if err != nil {
		return Brake{}, fmt.Errorf("read the brake of %s: %w", tenant, err)
	}
	return b, nil
}

// HeldRemovals is how much of a stream waits for an operator's approval.
type HeldRemovals struct {
	Tenant string    `json:"tenant"`
	Stream Stream    `json:"stream"`
	Items  int64     `json:"items"`
	Since  time.Time `json:"since"` // of the oldest
}

// HeldRemovals returns what is held of a tenant, or of all if tenant is empty.
func (s *Store) HeldRemovals(ctx context.Context, tenant string) ([]HeldRemovals, error) {
	const q = `
		SELECT tenant, stream, count(*), min(since) FROM absences
		WHERE state = 'held' AND (@tenant = '' OR tenant = @tenant)
		GROUP BY tenant, stream ORDER BY tenant, stream`
	rows, err := s.pool.Query(ctx, q, pgx.StrictNamedArgs{"tenant": tenant})
	if err != nil {
		return nil, fmt.Errorf("read held removals: %w", err)
	}
	list, err := pgx.CollectRows(rows, pgx.RowToStructByPos[HeldRemovals])
	if err != nil {
		return nil, fmt.Errorf("read held removals: %w", err)
	}
	return list, nil
}
