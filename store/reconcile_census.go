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

// A Census is the list of all items that the source has for one search: identities, versions
// and marks, without content. A reconcile compares the replica with it.
type Census struct {
	TypeID
	To       time.Time  // source's clock; newer items are not listed
	Upto     *time.Time // the end of the last window that was listed
	Listed   bool       // the list is complete
	Short    bool       // fewer items came than the source had counted: nothing can be absent
	Failure  *string    // why it could not be listed
	Client   string     // listed client by client: the last client
	Compared bool       // absences and differences are stored
	Found    int64      // how many records of the type were absent or different
}

// IsWhole reports whether an item that the census lacks is absent from the source, as far as
// the source's lists can show that.
func (c Census) IsWhole() bool { return c.Listed && !c.Short && c.Failure == nil }

// ErrCensusLost is returned when the database server crashed and lost the census.
var ErrCensusLost = errors.New("the database lost what was listed")

// BeginCensuses stores which searches a reconcile is going to list; repeating it changes
// nothing. It fails with [ErrFenced].
func (s *Store) BeginCensuses(ctx context.Context, c Claim, list []Census) error {
	const q = `
		INSERT INTO censuses (run, ordinal, stream, type, query, to_time)
		VALUES (@run, @ordinal, @stream, @type, @query, @to)
		ON CONFLICT DO NOTHING`
	err := inTx(ctx, s.pool, func(tx pgx.Tx) error {
		if _, err := holdClaim(ctx, tx, c); err != nil {
			return err
		}
		if err := makeCensus(ctx, tx, c.Run.ID); err != nil {
			return err
		}
		var b pgx.Batch
		for i, x := range list {
			b.Queue(q, x.runArgs(c, pgx.StrictNamedArgs{"ordinal": i, "to": x.To}))
		}
		return tx.SendBatch(ctx, &b).Close()
	})
	if err != nil {
		return fmt.Errorf("begin to reconcile %s: %w", c.Run.Tenant, err)
	}
	return nil
}

// Censuses returns the run's censuses, in reading order; none if its reconcile has not begun,
// or if the database lost them.
func (s *Store) Censuses(ctx context.Context, run int64) ([]Census, error) {
	const q = `
		SELECT stream, type, query, to_time, upto, listed, short, failure, client, judged, found
		FROM censuses
		WHERE run = @run
		ORDER BY ordinal`
	args := pgx.StrictNamedArgs{"run": run}
	list, err := queryList(ctx, s.pool, pgx.RowToStructByPos[Census], q, args)
	if err != nil {
		return nil, fmt.Errorf("read the reconcile of run %d: %w", run, err)
	}
	return list, nil
}

// AddToCensus stores envelopes and, with the last ones of a window, its end (d; else nil). It
// fails with [ErrCensusLost] if there is no such census, and with [ErrFenced].
func (s *Store) AddToCensus(
	ctx context.Context, c Claim, id TypeID, items []dossier.Item, d *Drained, requests int64,
) error {
	items = latest(items)
	for i := range items {
		normalize(&items[i])
	}
	err := inTx(ctx, s.pool, func(tx pgx.Tx) error {
		erased, err := beginListing(ctx, tx, c, items)
		if err != nil {
			return err
		}
		if err := copyEnvelopes(ctx, tx, c, items, erased); err != nil {
			return err
		}
		return noteListed(ctx, tx, c, id, d, requests)
	})
	if err != nil {
		return fmt.Errorf("list %s of %s: %w", id.Type, c.Run.Tenant, err)
	}
	return nil
}

// beginListing renews the claim, and returns which clients of the items were erased.
func beginListing(ctx context.Context, tx pgx.Tx, c Claim, items []dossier.Item) (erased []string, err error) {
	// A crash of the server loses the whole census, so that nothing is lost by not waiting for the
	// disk: the next renewal of the lease waits for it.
	const settings = `SET LOCAL synchronous_commit = off`
	clients := make([]string, 0, len(items))
	for i := range items {
		clients = append(clients, items[i].Client)
	}
	slices.Sort(clients)
	var b pgx.Batch
	b.Queue(insistOnClaimSQL, holdClaimArgs(c)).QueryRow(scanClaim(new(bool)))
	b.Queue(erasedSQL, pgx.StrictNamedArgs{"tenant": c.Run.Tenant, "clients": slices.Compact(clients)}).
		Query(collectKeys(&erased))
	b.Queue(settings)
	err = tx.SendBatch(ctx, &b).Close()
	return erased, err
}

var censusColumns = []string{"run", "key", "stream", "type", "id", "client", "state", "version", "updated"}

func copyEnvelopes(ctx context.Context, tx pgx.Tx, c Claim, items []dossier.Item, erased []string) error {
	// Without an id an item cannot be compared. The windows have counted it.
	items = slices.DeleteFunc(items, func(it dossier.Item) bool {
		return it.ID == "" || slices.Contains(erased, it.Client)
	})
	if len(items) == 0 {
		return nil
	}
	rows := pgx.CopyFromSlice(len(items), func(i int) ([]any, error) {
		it := &items[i]
		return []any{c.Run.ID, itemKey(c.Run.Tenant, it), string(it.Stream), it.Type, it.ID,
			textOrNull(it.Client), string(it.State), it.Version, timeOrNull(it.Updated)}, nil
	})
	_, err := tx.CopyFrom(ctx, censusTable(c.Run.ID), censusColumns, rows)
	if pg, ok := errors.AsType[*pgconn.PgError](err); ok && pg.Code == "42P01" { // undefined_table
		return ErrCensusLost
	}
	return err
}

// noteListed stores the end of a listed window, unless d is nil, and the requests.
func noteListed(ctx context.Context, tx pgx.Tx, c Claim, id TypeID, d *Drained, requests int64) error {
	const window = `
		UPDATE censuses SET
			upto = coalesce(@upto, upto),
			short = short OR @short,
			ids = ids + @ids,
			listed = listed OR @last
		WHERE ` + ofRunType
	const count = `
		UPDATE run_types SET requests = requests + @requests
		WHERE ` + ofRunType
	args := id.runArgs(c, pgx.StrictNamedArgs{"upto": nil, "short": false, "last": false, "ids": 0})
	if d != nil {
		args["upto"], args["short"], args["last"], args["ids"] = d.Upto, d.Short, d.Last, d.IDs
	}
	var b pgx.Batch
	b.Queue(window, args).Exec(func(tag pgconn.CommandTag) error {
		if tag.RowsAffected() == 0 {
			return ErrCensusLost
		}
		return nil
	})
	if requests > 0 {
		b.Queue(count, id.runArgs(c, pgx.StrictNamedArgs{"requests": requests}))
	}
	return tx.SendBatch(ctx, &b).Close()
}

// MarkClientListed stores that the census of the type has listed one more client. It fails
// with [ErrFenced].
func (s *Store) MarkClientListed(ctx context.Context, c Claim, id TypeID, client string) error {
	const q = `
		UPDATE censuses SET client = @client
		WHERE ` + ofRunType
	args := id.runArgs(c, pgx.StrictNamedArgs{"client": client})
	if err := s.asClaimant(ctx, c, q, args); err != nil {
		return fmt.Errorf("mark a client of %s as listed: %w", c.Run.Tenant, err)
	}
	return nil
}

// HasListed reports whether the run's reconcile found that the source has any item of the
// type.
func (s *Store) HasListed(ctx context.Context, c Claim, stream dossier.Stream, typ string) (bool, error) {
	const q = `
		SELECT EXISTS (
			SELECT FROM census
			WHERE run = @run AND stream = @stream AND type = @type)`
	args := pgx.StrictNamedArgs{"run": c.Run.ID, "stream": stream, "type": typ}
	has, err := queryOne(ctx, s.pool, pgx.RowTo[bool], q, args)
	if err != nil {
		return false, fmt.Errorf("look whether any %s was listed: %w", typ, err)
	}
	return has, nil
}

// FailCensus stores that the source could not list the type, and why. It fails with
// [ErrFenced].
func (s *Store) FailCensus(ctx context.Context, c Claim, id TypeID, failure string) error {
	const q = `
		UPDATE censuses SET failure = @failure
		WHERE ` + ofRunType
	args := id.runArgs(c, pgx.StrictNamedArgs{"failure": failure})
	if err := s.asClaimant(ctx, c, q, args); err != nil {
		return fmt.Errorf("store that %s could not be listed: %w", id.Type, err)
	}
	return nil
}
