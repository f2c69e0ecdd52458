// Package store is the replica in PostgreSQL: the dossiers as readers may see
// them, the runs that keep them in step with their sources, the grants that open
// them, and the log of who read what. It is the only package that writes SQL.
//
// Two handles lead to it. A [Store] logs in as the owner and is the worker's; a
// [Portal] logs in as a role that owns nothing, sees rows through row-level
// security only, and is the portal API's.
package store

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

// ErrNotFound says that there is no such row, or none that may be seen.
var ErrNotFound = errors.New("not found")

// Store is the worker's handle on the replica. It is safe for concurrent use.
type Store struct {
	pool   *pgxpool.Pool
	jobs   *jobQueue
	sealer *Sealer // nil: raw bytes are not kept
	// asleep is for how long PostgreSQL waits for a worker's rows until the worker
	// counts as asleep.
	asleep time.Duration
}

// Open connects to the database at url as its owner. The schema must have been
// migrated; see [Migrate].
func Open(ctx context.Context, url string) (*Store, error) { return OpenTraced(ctx, url, nil) }

// OpenTraced is [Open] with a tracer that is told of every statement, for
// measuring; nil: none. It may be told of batches and copies too (see pgx).
func OpenTraced(ctx context.Context, url string, tracer pgx.QueryTracer) (*Store, error) {
	settings := map[string]string{
		// A first load finds the tables empty and leaves them large: a plan made at
		// its beginning is not one to keep.
		"plan_cache_mode": "force_custom_plan",
		// A worker that falls asleep within a transaction would hold its run, and with
		// it the tenant, whatever its lease says: then the database ends its session.
		"idle_in_transaction_session_timeout": strconv.FormatInt((LeaseTime / 2).Milliseconds(), 10),
	}
	pool, err := openPool(ctx, url, "dossiersync worker", settings, tracer)
	if err != nil {
		return nil, err
	}
	jobs, err := newJobQueue(pool)
	if err != nil {
		pool.Close()
		return nil, err
	}
	return &Store{pool: pool, jobs: jobs, asleep: LeaseTime / 2}, nil
}

// Close ends the connections; it waits for those in use.
func (s *Store) Close() { s.pool.Close() }

// Pool returns the connections, for River's client, which needs its own
// transactions.
func (s *Store) Pool() *pgxpool.Pool { return s.pool }

// Now returns the database's clock, by which slots, leases and claims go.
func (s *Store) Now(ctx context.Context) (time.Time, error) {
	var now time.Time
	if err := s.pool.QueryRow(ctx, `SELECT clock_timestamp()`).Scan(&now); err != nil {
		return time.Time{}, fmt.Errorf("ask the database for the time: %w", err)
	}
	return now, nil
}

// openPool connects under the application's name, with settings of PostgreSQL's
// for each session where the URL makes none, and a tracer unless it is nil.
func openPool(ctx context.Context, url, application string, settings map[string]string, tracer pgx.QueryTracer) (*pgxpool.Pool, error) {
	cfg, err := pgxpool.ParseConfig(url)
	if err != nil {
		// pgx's own message holds the URL, with its password blanked out, but
		// not always: say less.
		return nil, errors.New("connect to the database: its URL cannot be read (postgres://user:password@host:port/database)")
	}
	if cfg.ConnConfig.RuntimeParams["application_name"] == "" {
		cfg.ConnConfig.RuntimeParams["application_name"] = application
	}
	if !strings.Contains(url, "pool_max_conns") {
		cfg.MaxConns = max(cfg.MaxConns, 16)
	}
	for name, value := range settings {
		if _, said := cfg.ConnConfig.RuntimeParams[name]; !said {
			cfg.ConnConfig.RuntimeParams[name] = value
		}
	}
	cfg.ConnConfig.Tracer = tracer
	pool, err := pgxpool.NewWithConfig(ctx, cfg)
	if err != nil {
		return nil, fmt.Errorf("connect to the database: %w", err)
	}
	if err := pool.Ping(ctx); err != nil {
		pool.Close()
		return nil, fmt.Errorf("connect to the database: %w", plainly(err))
	}
	return pool, nil
}

// inTx runs f in one transaction, which is committed if f returns nil.
func inTx(ctx context.Context, pool *pgxpool.Pool, f func(tx pgx.Tx) error) error {
	return pgx.BeginFunc(ctx, pool, f)
}

// connect opens one connection, outside a pool.
func connect(ctx context.Context, url string) (*pgx.Conn, error) {
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return nil, fmt.Errorf("connect to the database: %w", plainly(err))
	}
	return conn, nil
}

// plainly says in one line why there is no connection, without names and
// addresses.
func plainly(err error) error {
	if pg, ok := errors.AsType[*pgconn.PgError](err); ok {
		return errors.New(pg.Message)
	}
	if op, ok := errors.AsType[*net.OpError](err); ok {
		return op.Err
	}
	if _, ok := errors.AsType[*pgconn.ConnectError](err); ok {
		return errors.New("it cannot be reached")
	}
	return err
}

// asClaimant executes one statement while the claim is held, and renews it.
func (s *Store) asClaimant(ctx context.Context, c Claim, sql string, args pgx.StrictNamedArgs) error {
	return inTx(ctx, s.pool, func(tx pgx.Tx) error {
		if _, err := holdClaim(ctx, tx, c); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, sql, args)
		return err
	})
}

// isUniqueViolation reports whether err says that a row of the named unique
// index exists already.
func isUniqueViolation(err error, index string) bool {
	pg, ok := errors.AsType[*pgconn.PgError](err)
	return ok && pg.Code == "23505" && pg.ConstraintName == index
}

// isDataError reports whether PostgreSQL refused a value itself (class 22, data
// exception, or 54, program limit exceeded): the same value will be refused again.
func isDataError(err error) bool {
	pg, ok := errors.AsType[*pgconn.PgError](err)
	return ok && len(pg.Code) == 5 && (pg.Code[:2] == "22" || pg.Code[:2] == "54")
}

// PoolStats is how busy the connections of a handle are.
type PoolStats struct {
	Max, Used, Idle, Opening int32
	// Waits is how often somebody found none free, and Waited for how long in all
	// they waited.
	Waits  int64
	Waited time.Duration
}

// PoolStats returns how busy the connections are.
func (s *Store) PoolStats() PoolStats { return poolStats(s.pool) }

// PoolStats returns how busy the connections are.
func (r *Portal) PoolStats() PoolStats { return poolStats(r.pool) }

func poolStats(pool *pgxpool.Pool) PoolStats {
	p := pool.Stat()
	return PoolStats{
		Max: p.MaxConns(), Used: p.AcquiredConns(), Idle: p.IdleConns(), Opening: p.ConstructingConns(),
		Waits: p.EmptyAcquireCount(), Waited: p.EmptyAcquireWaitTime(),
	}
}
