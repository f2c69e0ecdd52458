package store

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
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

// Counts is an accounting as people and scripts read it: seen is the sum of the
// others, removed and reasons apart.
type Counts struct {
	Seen        int64   `json:"seen"`
	Created     int64   `json:"created"`
	Updated     int64   `json:"updated"`
	Unchanged   int64   `json:"unchanged"`
	Hidden      int64   `json:"hidden"`
	Withdrawn   int64   `json:"withdrawn"`
	Superseded  int64   `json:"superseded"`
	Quarantined int64   `json:"quarantined"`
	Reasons     Effects `json:"reasons"` // such as hidden:marked
}

// Counts sums the effects up.
func (e Effects) Counts() Counts {
	c := Counts{
		Seen: e.Seen(), Created: e.Of(EffectCreated), Updated: e.Of(EffectUpdated), Unchanged: e.Of(EffectUnchanged),
		Hidden: e.Of(EffectHidden), Withdrawn: e.Of(EffectWithdrawn), Superseded: e.Of(EffectSuperseded),
		Quarantined: e.Of(EffectQuarantined), Reasons: make(Effects),
	}
	for _, k := range e.Reasons() {
		c.Reasons[k] = e[k]
	}
	return c
}

// MarshalJSON gives the accounting by its words beside the other fields.
func (t RunType) MarshalJSON() ([]byte, error) {
	type plain RunType
	return json.Marshal(struct {
		plain
		Counts
	}{plain(t), t.Effects.Counts()})
}

// UnmarshalJSON is MarshalJSON's inverse.
func (t *RunType) UnmarshalJSON(b []byte) error {
	type plain RunType
	var in struct {
		*plain
		Counts
	}
	in.plain = (*plain)(t)
	if err := json.Unmarshal(b, &in); err != nil {
		return err
	}
	t.Effects = Effects{
		EffectCreated: in.Created, EffectUpdated: in.Updated, EffectUnchanged: in.Unchanged, EffectSuperseded: in.Superseded,
	}
	maps.DeleteFunc(t.Effects, func(_ Effect, n int64) bool { return n == 0 })
	t.Effects.Add(in.Reasons)
	return nil
}

// Effect is what an item that a run saw has led to, one of the words below; for
// hidden, withdrawn and quarantined followed by a colon and the [Reason].
type Effect string

// The effects. What a run has seen is their sum, by distinct items.
const (
	EffectCreated     Effect = "created"     // new to readers
	EffectUpdated     Effect = "updated"     // changed
	EffectUnchanged   Effect = "unchanged"   // as it was
	EffectHidden      Effect = "hidden"      // not for the client's eyes
	EffectWithdrawn   Effect = "withdrawn"   // taken back by the source
	EffectSuperseded  Effect = "superseded"  // older than what is stored
	EffectQuarantined Effect = "quarantined" // could not be applied
)

// Word returns the effect without its reason.
func (e Effect) Word() Effect {
	word, _, _ := strings.Cut(string(e), ":")
	return Effect(word)
}

// Reason returns the effect's reason, if it has one.
func (e Effect) Reason() dossier.Reason {
	_, reason, _ := strings.Cut(string(e), ":")
	return dossier.Reason(reason)
}

// Effects counts distinct items by effect.
type Effects map[Effect]int64

// Seen returns how many distinct items there are.
func (e Effects) Seen() int64 {
	var n int64
	for _, v := range e {
		n += v
	}
	return n
}

// Of returns how many items had the effect, whatever the reason.
func (e Effects) Of(word Effect) int64 {
	var n int64
	for k, v := range e {
		if k.Word() == word {
			n += v
		}
	}
	return n
}

// Add adds the counts of o.
func (e Effects) Add(o Effects) {
	for k, v := range o {
		e[k] += v
	}
}

// Reasons lists the effects that have a reason, sorted.
func (e Effects) Reasons() []Effect {
	keys := slices.Sorted(maps.Keys(e))
	return slices.DeleteFunc(keys, func(k Effect) bool { return k.Reason() == "" || e[k] == 0 })
}

// next returns the effect that an item has in the end when it had prev and now
// got e: an item counts once, by what became of it.
func (e Effect) next(prev Effect) Effect {
	switch {
	case prev == "":
		return e
	case e == EffectUnchanged && prev == EffectSuperseded:
		return e
	case e == EffectUnchanged || e == EffectSuperseded:
		return prev
	case e == EffectUpdated && prev == EffectCreated:
		return prev
	}
	return e
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
