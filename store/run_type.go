package store

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"dossiersync/store/dossier"
)

// TypeID names one search of one source type: what a cursor and an accounting
// are kept for.
type TypeID struct {
	Stream dossier.Stream `json:"stream"`
	Type   string         `json:"type"`
	Query  string         `json:"query,omitempty"`
}

// RunType is how far a run is with one type, and its accounting.
type RunType struct {
	TypeID
	From     *time.Time `json:"from"` // source's clock; nil: from the beginning
	To       time.Time  `json:"to"`   // source's clock
	Upto     *time.Time `json:"upto"` // the end of the last drained window
	AsOf     time.Time  `json:"-"`    // in the database's clock, what To stands for
	Expected *int64     `json:"expected"`
	// Fingerprint is of the rules under which the run maps the type.
	Fingerprint string `json:"-"`
	// Hiding is of those of the rules that hide items.
	Hiding string `json:"-"`
	// ByClient says that the source can only be searched for it client by client.
	ByClient bool    `json:"byClient,omitempty"`
	Done     bool    `json:"done"`
	Short    bool    `json:"short"`
	Failure  *string `json:"failure"`
	Requests int64   `json:"requests"`
	Removed  int64   `json:"removed"`
	Effects  Effects `json:"-"`
}

const runTypeColumns = `stream, type, query, from_time, to_time, upto, as_of, expected, done, short,
	failure, requests, removed, effects, fingerprint, hiding, by_client`

func scanRunType(row pgx.CollectableRow) (RunType, error) {
	var t RunType
	err := row.Scan(&t.Stream, &t.Type, &t.Query, &t.From, &t.To, &t.Upto, &t.AsOf, &t.Expected, &t.Done, &t.Short,
		&t.Failure, &t.Requests, &t.Removed, &t.Effects, &t.Fingerprint, &t.Hiding, &t.ByClient)
	return t, err
}

// RunTypes returns what the run reads, in reading order.
func (s *Store) RunTypes(ctx context.Context, run int64) ([]RunType, error) {
	const q = `SELECT ` + runTypeColumns + ` FROM run_types WHERE run = @run ORDER BY ordinal`
	rows, err := s.pool.Query(ctx, q, pgx.StrictNamedArgs{"run": run})
	if err != nil {
		return nil, fmt.Errorf("read the types of run %d: %w", run, err)
	}
	types, err := pgx.CollectRows(rows, scanRunType)
	if err != nil {
		return nil, fmt.Errorf("read the types of run %d: %w", run, err)
	}
	return types, nil
}

// StartRunTypes writes down what the run is going to read, once: repeating it
// changes nothing. A run of the whole tenant also settles its cursors: those of
// types that are no longer pulled are left to [Store.Unshare], and those of other
// searches dropped; where the rules have changed, or the source's clock was put
// back, a cursor goes back to where the run begins.
// Where other items than before are to be hidden, none of the type's are shown
// until all have been read again. A type of which no page has come yet is noted: as of
// when its stream is true, nobody can say.
func (s *Store) StartRunTypes(ctx context.Context, c Claim, types []RunType) error {
	const insert = `
		INSERT INTO run_types (run, ordinal, stream, type, query, from_time, to_time, as_of, fingerprint, hiding, done)
		VALUES (@run, @ordinal, @stream, @type, @query, @from, @to, @as_of, @fingerprint, @hiding, @done)
		ON CONFLICT DO NOTHING`
	const back = `
		UPDATE cursors k SET
			upto = CASE WHEN k.fingerprint = t.fingerprint THEN least(k.upto, t.to_time) END,
			as_of = CASE WHEN split_part(k.fingerprint, ' ', 1) <> @unshared THEN k.as_of END,
			fingerprint = t.fingerprint, hiding = t.hiding,
			rechecking = k.rechecking OR k.hiding <> t.hiding
		FROM run_types t
		WHERE t.run = @run AND k.tenant = @tenant AND k.client = ''
		  AND (k.stream, k.type, k.query) = (t.stream, t.type, t.query)
		  AND (k.fingerprint <> t.fingerprint OR k.hiding <> t.hiding OR k.upto > t.to_time)`
	const unshare = `
		UPDATE cursors k SET fingerprint = @unshared, upto = NULL
		WHERE k.tenant = @tenant AND k.client = '' AND k.stream <> 'clients' AND NOT EXISTS (
			SELECT FROM run_types t WHERE t.run = @run AND (k.stream, k.type) = (t.stream, t.type))`
	const drop = `
		DELETE FROM cursors k WHERE k.tenant = @tenant AND k.fingerprint <> @unshared AND NOT EXISTS (
			SELECT FROM run_types t WHERE t.run = @run
			  AND (k.stream, k.type, k.query) = (t.stream, t.type, t.query))`
	const unread = `
		INSERT INTO unread (tenant, stream, type, query)
		SELECT @tenant, t.stream, t.type, t.query FROM run_types t
		WHERE t.run = @run AND NOT @dry AND NOT EXISTS (
			SELECT FROM cursors k WHERE k.tenant = @tenant AND k.client = ''
			  AND (k.stream, k.type, k.query) = (t.stream, t.type, t.query))
		ON CONFLICT DO NOTHING`
	const other = `
		DELETE FROM unread u WHERE u.tenant = @tenant AND NOT EXISTS (
			SELECT FROM run_types t WHERE t.run = @run
			  AND (u.stream, u.type, u.query) = (t.stream, t.type, t.query))`
	err := inTx(ctx, s.pool, func(tx pgx.Tx) error {
		if _, err := holdClaim(ctx, tx, c); err != nil {
			return err
		}
		for i, t := range types {
			if _, err := tx.Exec(ctx, insert, pgx.StrictNamedArgs{
				"run": c.Run.ID, "ordinal": i, "stream": t.Stream, "type": t.Type, "query": t.Query,
				"from": t.From, "to": t.To, "as_of": t.AsOf, "fingerprint": t.Fingerprint, "hiding": t.Hiding, "done": t.Done}); err != nil {
				return err
			}
		}
		if _, err := tx.Exec(ctx, unread, pgx.StrictNamedArgs{
			"run": c.Run.ID, "tenant": c.Run.Tenant, "dry": c.Run.Scope.DryRun}); err != nil {
			return err
		}
		if !c.Run.Scope.IsWhole() {
			return nil
		}
		if _, err := tx.Exec(ctx, other, pgx.StrictNamedArgs{"run": c.Run.ID, "tenant": c.Run.Tenant}); err != nil {
			return err
		}
		for _, q := range []string{back, unshare, drop} {
			if _, err := tx.Exec(ctx, q, pgx.StrictNamedArgs{"run": c.Run.ID, "tenant": c.Run.Tenant, "unshared": unshared}); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("begin run %d: %w", c.Run.ID, err)
	}
	return nil
}

// RetryTypes lets the run try those types again that it could not read.
func (s *Store) RetryTypes(ctx context.Context, c Claim) error {
	const q = `UPDATE run_types SET failure = NULL WHERE run = @run AND NOT done`
	const clients = `UPDATE cursors SET run = NULL, failed = false WHERE tenant = @tenant AND run = @run AND failed`
	err := s.asClaimant(ctx, c, q, pgx.StrictNamedArgs{"run": c.Run.ID})
	if err == nil {
		err = s.asClaimant(ctx, c, clients, pgx.StrictNamedArgs{"tenant": c.Run.Tenant, "run": c.Run.ID})
	}
	if err != nil {
		return fmt.Errorf("try the types of run %d again: %w", c.Run.ID, err)
	}
	return nil
}

// NoteExpected notes how many records the source says there are to read.
func (s *Store) NoteExpected(ctx context.Context, c Claim, id TypeID, expected int64) error {
	const q = `
		UPDATE run_types SET expected = @expected
		WHERE run = @run AND stream = @stream AND type = @type AND query = @query`
	err := s.asClaimant(ctx, c, q, pgx.StrictNamedArgs{
		"run": c.Run.ID, "stream": id.Stream, "type": id.Type, "query": id.Query, "expected": expected})
	if err != nil {
		return fmt.Errorf("note what run %d expects: %w", c.Run.ID, err)
	}
	return nil
}

// FailType notes that the type cannot be read, and why. Where the source does
// not know the type at all, the stream goes without it: the run is done with it,
// and its cursor is forgotten.
func (s *Store) FailType(ctx context.Context, c Claim, id TypeID, message string, unsupported bool) error {
	const note = `
		UPDATE run_types SET failure = @message, done = done OR @unsupported
		WHERE run = @run AND stream = @stream AND type = @type AND query = @query`
	const forget = `
		DELETE FROM cursors
		WHERE tenant = @tenant AND stream = @stream AND type = @type AND query = @query AND upto IS NULL AND @unsupported`
	const unread = `
		UPDATE unread SET unsupported = @unsupported
		WHERE tenant = @tenant AND stream = @stream AND type = @type AND query = @query`
	err := inTx(ctx, s.pool, func(tx pgx.Tx) error {
		if _, err := holdClaim(ctx, tx, c); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, note, pgx.StrictNamedArgs{"run": c.Run.ID, "stream": id.Stream, "type": id.Type,
			"query": id.Query, "message": message, "unsupported": unsupported}); err != nil {
			return err
		}
		for _, q := range []string{forget, unread} {
			if _, err := tx.Exec(ctx, q, pgx.StrictNamedArgs{"tenant": c.Run.Tenant, "stream": id.Stream, "type": id.Type,
				"query": id.Query, "unsupported": unsupported}); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("note that %s cannot be read: %w", id.Type, err)
	}
	return nil
}

// NoteNotPulled notes how many records of which source types the run has not
// asked for, in place of what it noted before. The requests that counting took
// count with the run's first type, as most are of none.
func (s *Store) NoteNotPulled(ctx context.Context, c Claim, notPulled map[string]int64, requests int64) error {
	const note = `UPDATE runs SET not_pulled = @counts WHERE id = @run`
	const count = `UPDATE run_types SET requests = requests + @requests WHERE run = @run AND ordinal = 0`
	if notPulled == nil {
		notPulled = map[string]int64{}
	}
	err := inTx(ctx, s.pool, func(tx pgx.Tx) error {
		if _, err := holdClaim(ctx, tx, c); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, note, pgx.StrictNamedArgs{"run": c.Run.ID, "counts": notPulled}); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, count, pgx.StrictNamedArgs{"run": c.Run.ID, "requests": requests})
		return err
	})
	if err != nil {
		return fmt.Errorf("note what run %d did not pull: %w", c.Run.ID, err)
	}
	return nil
}
