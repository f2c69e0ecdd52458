package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
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

// AddToCensus notes what a page of envelopes brought, and with the last page of a
// window its end. It fails with [ErrCensusLost] when there is no such census.
func (s *Store) AddToCensus(ctx context.Context, c Claim, id TypeID, items []Item, d *Drained, requests int64) error {
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

func addToCensus(ctx context.Context, tx pgx.Tx, c Claim, items []Item) error {
	const add = `
		INSERT INTO census (run, key, stream, type, id, client, state, version, updated)
		SELECT @run, c.* FROM unnest(@keys::text[], @streams::text[], @types::text[], @ids::text[],
			@clients::text[], @states::text[], @versions::text[], @updated::timestamptz[]) c
		ON CONFLICT (run, key) DO UPDATE SET client = excluded.client, state = excluded.state,
			version = excluded.version, updated = excluded.updated`
	items, err := withoutErased(ctx, tx, c.Run.Tenant, latest(items))
	if err != nil {
		return err
	}
	var keys, streams, types, ids, states, versions []string
	var clients []*string
	var updated []*time.Time
	for i := range items {
		it := &items[i]
		if it.ID == "" {
			continue // who it is cannot be read: the windows have counted it
		}
		it.normalize()
		keys = append(keys, it.key(c.Run.Tenant))
		streams, types, ids = append(streams, string(it.Stream)), append(types, it.Type), append(ids, it.ID)
		states, versions = append(states, string(it.State)), append(versions, it.Version)
		clients, updated = append(clients, stringOrNull(it.Client)), append(updated, timeOrNull(it.Updated))
	}
	if len(keys) == 0 {
		return nil
	}
	_, err = tx.Exec(ctx, add, pgx.StrictNamedArgs{"run": c.Run.ID, "keys": keys, "streams": streams, "types": types,
		"ids": ids, "clients": clients, "states": states, "versions": versions, "updated": updated})
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
func (s *Store) HasListed(ctx context.Context, c Claim, stream Stream, typ string) (bool, error) {
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

// ForgetCensus removes what done runs have listed.
func (s *Store) ForgetCensus(ctx context.Context) error {
	for _, table := range []string{"census", "censuses"} {
		q := `DELETE FROM ` + table + ` x WHERE NOT EXISTS (SELECT FROM runs r WHERE r.id = x.run AND r.state <> 'done')`
		if _, err := s.pool.Exec(ctx, q); err != nil {
			return fmt.Errorf("forget what done runs have listed: %w", err)
		}
	}
	return nil
}

func stringOrNull(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}
