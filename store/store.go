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

// ErrNotFound reports that there is no such row, or none that may be seen.
var ErrNotFound = errors.New("not found")

// Store is the worker's handle on the replica. It is safe for concurrent use.
type Store struct {
	pool   *pgxpool.Pool
	jobs   *jobQueue
	sealer *Sealer // nil: raw bytes are not kept
	// asleep is how long a worker's transaction may wait for its next statement until the worker
	// counts as asleep.
	asleep time.Duration
}

// An Option changes how [Open] and [OpenPortal] connect.
type Option func(*pgxpool.Config)

// WithTracer has pgx report every statement to t, for measuring. A t that implements more of pgx's
// tracer interfaces is told of batches and copies too.
func WithTracer(t pgx.QueryTracer) Option {
	return func(c *pgxpool.Config) { c.ConnConfig.Tracer = t }
}

// Open connects to the database at url, as its owner or as a member of dossiersync_worker or
// dossiersync_ops. The schema must have been migrated; see [Migrate].
func Open(ctx context.Context, url string, opts ...Option) (*Store, error) {
	settings := map[string]string{
		// Tables are empty at the beginning of a first load and large at its end: no plan made at the
		// beginning may be kept.
		"plan_cache_mode": "force_custom_plan",
		// A worker that falls asleep within a transaction would hold its run, and with it the tenant,
		// beyond its lease: PostgreSQL then ends the session.
		"idle_in_transaction_session_timeout": strconv.FormatInt((LeaseTime / 2).Milliseconds(), 10),
	}
	pool, err := openPool(ctx, url, "dossiersync worker", settings, opts...)
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

// RiverPool returns the connections for River's client, which begins transactions of its own. Nothing
// else outside this package may send statements over them.
func (s *Store) RiverPool() *pgxpool.Pool { return s.pool }

// Now returns the time by the database's clock, which decides about slots, leases and claims.
func (s *Store) Now(ctx context.Context) (time.Time, error) {
	var now time.Time
	if err := s.pool.QueryRow(ctx, `SELECT clock_timestamp()`).Scan(&now); err != nil {
		return time.Time{}, fmt.Errorf("ask the database for the time: %w", err)
	}
	return now, nil
}

// CheckAddress returns why address cannot be the address of a database. It connects to nothing.
func CheckAddress(address string) error {
	if _, err := pgxpool.ParseConfig(address); err != nil {
		return errUnreadableAddress
	}
	return nil
}

// errUnreadableAddress takes the place of pgx's error, which quotes the URL, and does not hide the
// password in every case.
var errUnreadableAddress = errors.New("connect to the database: " +
	"its URL cannot be read (postgres://user:password@host:port/database)")

// openPool connects under the application's name; see [poolConfig].
func openPool(
	ctx context.Context, url, application string, settings map[string]string, opts ...Option,
) (*pgxpool.Pool, error) {
	cfg, err := poolConfig(url, application, settings, opts...)
	if err != nil {
		return nil, err
	}
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

// poolConfig returns how to connect under the application's name. It sets the given settings of
// PostgreSQL for each session, except those that the URL sets.
func poolConfig(
	url, application string, settings map[string]string, opts ...Option,
) (*pgxpool.Config, error) {
	cfg, err := pgxpool.ParseConfig(url)
	if err != nil {
		return nil, errUnreadableAddress
	}
	if cfg.ConnConfig.RuntimeParams["application_name"] == "" {
		cfg.ConnConfig.RuntimeParams["application_name"] = application
	}
	if !strings.Contains(url, "pool_max_conns") {
		cfg.MaxConns = max(cfg.MaxConns, 16)
	}
	for name, value := range settings {
		if _, set := cfg.ConnConfig.RuntimeParams[name]; !set {
			cfg.ConnConfig.RuntimeParams[name] = value
		}
	}
	for _, o := range opts {
		o(cfg)
	}
	return cfg, nil
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

// plainly returns the reason why a connection failed in one line, without names and addresses.
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

// asClaimant executes one statement while the claim is held, and renews it. It fails with
// [ErrFenced].
func (s *Store) asClaimant(ctx context.Context, c Claim, sql string, args pgx.StrictNamedArgs) error {
	_, err := s.allAsClaimant(ctx, c, func(b *pgx.Batch) { b.Queue(sql, args) })
	return err
}

// allAsClaimant executes the statements that queue adds, in one transaction and one round trip,
// while the claim is held, and renews it. It reports whether an operator asked to cancel the run.
// It fails with [ErrFenced]; nothing is written then.
func (s *Store) allAsClaimant(
	ctx context.Context, c Claim, queue func(*pgx.Batch),
) (cancelled bool, err error) {
	var b pgx.Batch // without an explicit transaction its statements form one of their own
	b.Queue(insistOnClaimSQL, holdClaimArgs(c)).QueryRow(scanClaim(&cancelled))
	queue(&b)
	err = s.pool.SendBatch(ctx, &b).Close()
	return cancelled, err
}

// isUniqueViolation reports whether err is about a row that the named unique index holds already.
func isUniqueViolation(err error, index string) bool {
	pg, ok := errors.AsType[*pgconn.PgError](err)
	return ok && pg.Code == "23505" && pg.ConstraintName == index
}

// isDataError reports whether PostgreSQL refused a value (class 22, data exception, or 54, program
// limit exceeded), which it will refuse again.
func isDataError(err error) bool {
	pg, ok := errors.AsType[*pgconn.PgError](err)
	return ok && len(pg.Code) == 5 && (pg.Code[:2] == "22" || pg.Code[:2] == "54")
}

// PoolStats counts the connections of a handle.
type PoolStats struct {
	Max, Used, Idle, Opening int32
	// Waits counts the callers that found no free connection; Waited is their waiting time in all.
	Waits  int64
	Waited time.Duration
}

// PoolStats counts the worker's connections.
func (s *Store) PoolStats() PoolStats { return poolStats(s.pool) }

// PoolStats counts the portal API's connections.
func (p *Portal) PoolStats() PoolStats { return poolStats(p.pool) }

func poolStats(pool *pgxpool.Pool) PoolStats {
	p := pool.Stat()
	return PoolStats{
		Max: p.MaxConns(), Used: p.AcquiredConns(), Idle: p.IdleConns(), Opening: p.ConstructingConns(),
		Waits: p.EmptyAcquireCount(), Waited: p.EmptyAcquireWaitTime(),
	}
}
