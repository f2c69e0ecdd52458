package store

import (
	"context"
	"fmt"
	"maps"
	"time"

	"github.com/jackc/pgx/v5"

	"dossiersync/store/dossier"
)

// TypeID identifies one search of one source type. Cursors and accounting are kept per TypeID.
type TypeID struct {
	Stream dossier.Stream `json:"stream"`
	Type   string         `json:"type"`
	Query  string         `json:"query,omitempty"`
}

// ofType selects the rows of a TypeID, and ofRunType those of a TypeID in a run.
const (
	ofType    = `stream = @stream AND type = @type AND query = @query`
	ofRunType = `run = @run AND ` + ofType
)

// args returns the arguments of ofType, and more.
func (id TypeID) args(more pgx.StrictNamedArgs) pgx.StrictNamedArgs {
	args := pgx.StrictNamedArgs{"stream": id.Stream, "type": id.Type, "query": id.Query}
	maps.Copy(args, more)
	return args
}

// runArgs returns the arguments of ofRunType, and more.
func (id TypeID) runArgs(c Claim, more pgx.StrictNamedArgs) pgx.StrictNamedArgs {
	args := id.args(more)
	args["run"] = c.Run.ID
	return args
}

// RunType is a run's progress with one type, and its accounting.
type RunType struct {
	TypeID
	From        *time.Time `json:"from"` // source's clock; nil: from the beginning
	To          time.Time  `json:"to"`   // source's clock
	Upto        *time.Time `json:"upto"` // the end of the last drained window
	AsOf        time.Time  `json:"-"`    // To in the database's clock
	Expected    *int64     `json:"expected"`
	Fingerprint string     `json:"-"` // of the rules by which the run maps the type
	Hiding      string     `json:"-"` // of those rules that hide items
	// ByClient reports that the source can be searched for the type only client by client.
	ByClient bool    `json:"byClient,omitempty"`
	Done     bool    `json:"done"`
	Short    bool    `json:"short"` // fewer records came than the source had counted
	Failure  *string `json:"failure"`
	Named    bool    `json:"-"` // the configuration names the type
	Requests int64   `json:"requests"`
	Removed  int64   `json:"removed"`
	Effects  Effects `json:"-"`
	// Count is the source's count; nil: it was not asked for, or the source gives none.
	Count *RunCount `json:"count,omitempty"`
	// IsCounted reports that the run has asked for the count.
	IsCounted bool `json:"-"`
}

// RunCount is how many records the source counts, beside the replica. Replica and Difference are of
// the whole type, although Source is of one search.
type RunCount struct {
	Source     int64  `json:"source"`
	Replica    *int64 `json:"replica"`    // records that the source should have; nil: not known yet
	Difference *int64 `json:"difference"` // by how many more than that it counts, beyond what it always does
	Believed   bool   `json:"believed"`   // false: a reconcile did not bear the count out
}

// Meaning says by how much the count differs from the replica, for an operator; empty: it does not,
// or that is not known. It may be nil.
func (c *RunCount) Meaning() string {
	if c == nil || c.Difference == nil || c.Replica == nil || *c.Difference == 0 {
		return ""
	}
	more, n := "more", *c.Difference
	if n < 0 {
		more, n = "fewer", -n
	}
	text := fmt.Sprintf("the source counts %d, %d %s than it should have according to the replica", c.Source, n, more)
	if !c.Believed {
		text += "; the count is not believed, because a comparison did not bear it out"
	}
	return text
}

const runTypeColumns = `
			stream, type, query, from_time, to_time, upto, as_of, expected, done, short,
			failure, requests, removed, effects, fingerprint, hiding, by_client, named,
			source_count, replica_count, difference, coalesce(believed, true)`

func scanRunType(row pgx.CollectableRow) (RunType, error) {
	var t RunType
	var n RunCount
	var source *int64
	err := row.Scan(&t.Stream, &t.Type, &t.Query, &t.From, &t.To, &t.Upto, &t.AsOf, &t.Expected, &t.Done, &t.Short,
		&t.Failure, &t.Requests, &t.Removed, &t.Effects, &t.Fingerprint, &t.Hiding, &t.ByClient, &t.Named,
		&source, &n.Replica, &n.Difference, &n.Believed)
	t.IsCounted = source != nil
	if t.IsCounted && *source != NoCount {
		n.Source = *source
		t.Count = &n
	}
	return t, err
}

// RunTypes returns the types that the run reads, in reading order.
func (s *Store) RunTypes(ctx context.Context, run int64) ([]RunType, error) {
	const q = `
		SELECT` + runTypeColumns + `
		FROM run_types
		WHERE run = @run
		ORDER BY ordinal`
	types, err := queryList(ctx, s.pool, scanRunType, q, pgx.StrictNamedArgs{"run": run})
	if err != nil {
		return nil, fmt.Errorf("read the types of run %d: %w", run, err)
	}
	return types, nil
}

// RetryTypes lets the run try those types again that it could not read. It fails with
// [ErrFenced].
func (s *Store) RetryTypes(ctx context.Context, c Claim) error {
	const types = `
		UPDATE run_types SET failure = NULL, failure_kind = NULL
		WHERE run = @run AND NOT done`
	const clients = `
		UPDATE cursors SET run = NULL, failed = false
		WHERE tenant = @tenant AND run = @run AND failed`
	_, err := s.allAsClaimant(ctx, c, func(b *pgx.Batch) {
		b.Queue(types, pgx.StrictNamedArgs{"run": c.Run.ID})
		b.Queue(clients, pgx.StrictNamedArgs{"tenant": c.Run.Tenant, "run": c.Run.ID})
	})
	if err != nil {
		return fmt.Errorf("try the types of run %d again: %w", c.Run.ID, err)
	}
	return nil
}

// NoteExpected stores how many records of the type the source has counted. It fails with
// [ErrFenced].
func (s *Store) NoteExpected(ctx context.Context, c Claim, id TypeID, expected int64) error {
	const q = `
		UPDATE run_types SET expected = @expected
		WHERE ` + ofRunType
	args := id.runArgs(c, pgx.StrictNamedArgs{"expected": expected})
	if err := s.asClaimant(ctx, c, q, args); err != nil {
		return fmt.Errorf("store the source's count of %s: %w", id.Type, err)
	}
	return nil
}

// FailType stores that the type cannot be read, and why; kind is that of the failure, see
// sync/source. unsupported means that the source does not know the type: the run is then done with
// it, and its cursor is deleted unless a window was drained before. It fails with [ErrFenced].
func (s *Store) FailType(ctx context.Context, c Claim, id TypeID, kind, message string, unsupported bool) error {
	const q = `
		WITH noted AS (
			UPDATE run_types SET
				failure = @message,
				failure_kind = @kind,
				done = done OR @unsupported
			WHERE ` + ofRunType + `),
		forgotten AS (
			DELETE FROM cursors
			WHERE tenant = @tenant AND ` + ofType + ` AND upto IS NULL AND @unsupported)
		UPDATE unread SET unsupported = @unsupported
		WHERE tenant = @tenant AND ` + ofType + ` AND unsupported <> @unsupported`
	args := id.runArgs(c, pgx.StrictNamedArgs{"tenant": c.Run.Tenant,
		"message": message, "kind": kind, "unsupported": unsupported})
	if err := s.asClaimant(ctx, c, q, args); err != nil {
		return fmt.Errorf("store that %s cannot be read: %w", id.Type, err)
	}
	return nil
}

// NoteNotPulled stores the number of records by source type that the run did not ask for, in
// place of an earlier note. The requests for counting them belong to no type of the run; they
// are counted with its first. It fails with [ErrFenced].
func (s *Store) NoteNotPulled(ctx context.Context, c Claim, notPulled map[string]int64, requests int64) error {
	const note = `
		UPDATE runs SET not_pulled = @counts
		WHERE id = @run`
	const count = `
		UPDATE run_types SET requests = requests + @requests
		WHERE run = @run AND ordinal = 0`
	if notPulled == nil {
		notPulled = map[string]int64{}
	}
	_, err := s.allAsClaimant(ctx, c, func(b *pgx.Batch) {
		b.Queue(note, pgx.StrictNamedArgs{"run": c.Run.ID, "counts": notPulled})
		b.Queue(count, pgx.StrictNamedArgs{"run": c.Run.ID, "requests": requests})
	})
	if err != nil {
		return fmt.Errorf("store what run %d did not pull: %w", c.Run.ID, err)
	}
	return nil
}
