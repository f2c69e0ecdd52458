package store

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"dossiersync/store/dossier"
)

// A Census is the listing of all that the source has for one search: identities,
// versions and marks, no content. It is what a reconcile compares the replica
// with.
type Census struct {
	TypeID
	To      time.Time  // source's clock; what is newer is not listed
	Upto    *time.Time // the end of the last window that was listed
	Listed  bool       // all of it is
	Short   bool       // fewer came than the source had counted: nothing can be absent
	Failure *string    // why it could not be listed
	Client  string     // listed client by client: the last of them
	Judged  bool       // what is absent or different is noted
}

// IsWhole reports whether what is not in the census is not in the source, as far
// as the source's lists can tell.
func (c Census) IsWhole() bool { return c.Listed && !c.Short && c.Failure == nil }

// BeginCensuses writes down what a reconcile is going to list, once: repeating it
// changes nothing.
func (s *Store) BeginCensuses(ctx context.Context, c Claim, list []Census) error {
	const q = `
		INSERT INTO censuses (run, ordinal, stream, type, query, to_time)
		VALUES (@run, @ordinal, @stream, @type, @query, @to) ON CONFLICT DO NOTHING`
	err := inTx(ctx, s.pool, func(tx pgx.Tx) error {
		if _, err := holdClaim(ctx, tx, c); err != nil {
			return err
		}
		if err := makeCensus(ctx, tx, c.Run.ID); err != nil {
			return err
		}
		var b pgx.Batch
		for i, x := range list {
			b.Queue(q, pgx.StrictNamedArgs{"run": c.Run.ID, "ordinal": i,
				"stream": x.Stream, "type": x.Type, "query": x.Query, "to": x.To})
		}
		return tx.SendBatch(ctx, &b).Close()
	})
	if err != nil {
		return fmt.Errorf("begin to reconcile %s: %w", c.Run.Tenant, err)
	}
	return nil
}

// censusOf names the partition of a run's census: PostgreSQL has nothing to look
// up, check or log for what is copied into it, and drops it whole.
func censusOf(run int64) pgx.Identifier { return pgx.Identifier{fmt.Sprintf("census_%d", run)} }

// makeCensus makes the run's census, empty. A partition is attached rather than
// made as one: that keeps nobody waiting who writes to another.
func makeCensus(ctx context.Context, tx pgx.Tx, run int64) error {
	name := censusOf(run)
	var exists bool
	if err := tx.QueryRow(ctx, `SELECT to_regclass($1) IS NOT NULL`, name[0]).Scan(&exists); err != nil {
		return err
	}
	if exists { // left by a crash of the server, which emptied it
		_, err := tx.Exec(ctx, `TRUNCATE `+name.Sanitize())
		return err
	}
	if _, err := tx.Exec(ctx, `CREATE UNLOGGED TABLE `+name.Sanitize()+` (LIKE census INCLUDING DEFAULTS)`); err != nil {
		return err
	}
	_, err := tx.Exec(ctx, fmt.Sprintf(`ALTER TABLE census ATTACH PARTITION %s FOR VALUES IN (%d)`, name.Sanitize(), run))
	return err
}

// Censuses returns how far the run is with its reconcile, in reading order;
// nothing if it has not begun, or if the database has lost what was listed.
func (s *Store) Censuses(ctx context.Context, run int64) ([]Census, error) {
	const q = `
		SELECT stream, type, query, to_time, upto, listed, short, failure, client, judged
		FROM censuses WHERE run = @run ORDER BY ordinal`
	rows, err := s.pool.Query(ctx, q, pgx.StrictNamedArgs{"run": run})
	if err != nil {
		return nil, fmt.Errorf("read the reconcile of run %d: %w", run, err)
	}
	list, err := pgx.CollectRows(rows, pgx.RowToStructByPos[Census])
	if err != nil {
		return nil, fmt.Errorf("read the reconcile of run %d: %w", run, err)
	}
	return list, nil
}

// ErrCensusLost says that the database crashed and has lost what was listed.
var ErrCensusLost = errors.New("the database lost what was listed")

// AddToCensus notes what pages of envelopes brought, and with the last page of a
// window its end. It fails with [ErrCensusLost] when there is no such census.
func (s *Store) AddToCensus(ctx context.Context, c Claim, id TypeID, items []dossier.Item, d *Drained, requests int64) error {
	err := inTx(ctx, s.pool, func(tx pgx.Tx) error {
		if _, err := holdClaim(ctx, tx, c); err != nil {
			return err
		}
		if err := addToCensus(ctx, tx, c, items); err != nil {
			return err
		}
		return noteCensus(ctx, tx, c, id, d, requests)
	})
	if err != nil {
		return fmt.Errorf("list %s of %s: %w", id.Type, c.Run.Tenant, err)
	}
	return nil
}

var censusColumns = []string{"run", "key", "stream", "type", "id", "client", "state", "version", "updated"}

func addToCensus(ctx context.Context, tx pgx.Tx, c Claim, items []dossier.Item) error {
	items, err := withoutErased(ctx, tx, c.Run.Tenant, latest(items))
	if err != nil {
		return err
	}
	items = slices.DeleteFunc(items, func(it dossier.Item) bool {
		return it.ID == "" // who it is cannot be read: the windows have counted it
	})
	if len(items) == 0 {
		return nil
	}
	_, err = tx.CopyFrom(ctx, censusOf(c.Run.ID), censusColumns, pgx.CopyFromSlice(len(items), func(i int) ([]any, error) {
		it := &items[i]
		normalize(it)
		return []any{c.Run.ID, itemKey(c.Run.Tenant, it), string(it.Stream), it.Type, it.ID,
			stringOrNull(it.Client), string(it.State), it.Version, timeOrNull(it.Updated)}, nil
	}))
	if pg, ok := errors.AsType[*pgconn.PgError](err); ok && pg.Code == "42P01" {
		return ErrCensusLost
	}
	return err
}

func noteCensus(ctx context.Context, tx pgx.Tx, c Claim, id TypeID, d *Drained, requests int64) error {
	const window = `
		UPDATE censuses SET upto = coalesce(@upto, upto), short = short OR @short, listed = listed OR @last
		WHERE run = @run AND stream = @stream AND type = @type AND query = @query`
	const count = `
		UPDATE run_types SET requests = requests + @requests
		WHERE run = @run AND stream = @stream AND type = @type AND query = @query`
	args := pgx.StrictNamedArgs{"run": c.Run.ID, "stream": id.Stream, "type": id.Type, "query": id.Query,
		"upto": nil, "short": false, "last": false}
	if d != nil {
		args["upto"], args["short"], args["last"] = d.Upto, d.Short, d.Last
	}
	tag, err := tx.Exec(ctx, window, args)
	if err != nil {
		return err
	}
	if tag.RowsAffected() == 0 {
		return ErrCensusLost
	}
	if requests == 0 {
		return nil
	}
	_, err = tx.Exec(ctx, count, pgx.StrictNamedArgs{"run": c.Run.ID,
		"stream": id.Stream, "type": id.Type, "query": id.Query, "requests": requests})
	return err
}

// HasListed reports whether the run's reconcile found the source to have anything
// of the type.
func (s *Store) HasListed(ctx context.Context, c Claim, stream dossier.Stream, typ string) (bool, error) {
	const q = `SELECT EXISTS (SELECT FROM census WHERE run = @run AND stream = @stream AND type = @type)`
	var has bool
	err := s.pool.QueryRow(ctx, q, pgx.StrictNamedArgs{"run": c.Run.ID, "stream": stream, "type": typ}).Scan(&has)
	if err != nil {
		return false, fmt.Errorf("look whether any %s was listed: %w", typ, err)
	}
	return has, nil
}

// FailCensus notes that the source could not list it.
func (s *Store) FailCensus(ctx context.Context, c Claim, id TypeID, failure string) error {
	const q = `
		UPDATE censuses SET failure = @failure
		WHERE run = @run AND stream = @stream AND type = @type AND query = @query`
	err := s.asClaimant(ctx, c, q, pgx.StrictNamedArgs{"run": c.Run.ID,
		"stream": id.Stream, "type": id.Type, "query": id.Query, "failure": failure})
	if err != nil {
		return fmt.Errorf("note that %s could not be listed: %w", id.Type, err)
	}
	return nil
}

// ForgetCensus removes what done runs have listed. It does not wait long for who
// is listing just now: the next call may do it as well.
func (s *Store) ForgetCensus(ctx context.Context) error {
	const lists = `DELETE FROM censuses x WHERE NOT EXISTS (SELECT FROM runs r WHERE r.id = x.run AND r.state <> 'done')`
	const done = `
		SELECT substr(c.relname, 8)::bigint FROM pg_inherits h JOIN pg_class c ON c.oid = h.inhrelid
		WHERE h.inhparent = 'census'::regclass
		  AND NOT EXISTS (SELECT FROM runs r WHERE r.id = substr(c.relname, 8)::bigint AND r.state <> 'done')`
	if _, err := s.pool.Exec(ctx, lists); err != nil {
		return fmt.Errorf("forget what done runs have listed: %w", err)
	}
	rows, err := s.pool.Query(ctx, done)
	if err != nil {
		return fmt.Errorf("forget what done runs have listed: %w", err)
	}
	runs, err := pgx.CollectRows(rows, pgx.RowTo[int64])
	for _, run := range runs {
		if err != nil {
			break
		}
		err = inTx(ctx, s.pool, func(tx pgx.Tx) error {
			if _, err := tx.Exec(ctx, `SET LOCAL lock_timeout = '1s'`); err != nil {
				return err
			}
			_, err := tx.Exec(ctx, `DROP TABLE IF EXISTS `+censusOf(run).Sanitize())
			return err
		})
	}
	if pg, ok := errors.AsType[*pgconn.PgError](err); ok && pg.Code == "55P03" {
		return nil
	}
	if err != nil {
		return fmt.Errorf("forget what done runs have listed: %w", err)
	}
	return nil
}

func stringOrNull(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}
