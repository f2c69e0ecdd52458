package store

import (
	"cmp"
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

// ErrUnavailable reports that the database cannot answer now. The same request may succeed later.
var ErrUnavailable = errors.New("the database is not available")

// Portal is the portal API's handle on the replica. It logs in as a role that owns nothing;
// row-level security decides what a request may read, from the [Identity] with which the request's
// transaction begins (portal_rights.go describes how). It is safe for concurrent use.
type Portal struct {
	pool *pgxpool.Pool
}

// OpenPortal connects to the database at url as a member of [portalRole]. It refuses a role that
// row-level security does not hold for, and one that may not make the temporary tables of
// [Portal.PutGrants]. A pooler that gives a connection to another client after each transaction,
// such as pgbouncer, may stand in between: every setting ends with its transaction.
func OpenPortal(ctx context.Context, url string, opts ...Option) (*Portal, error) {
	pool, err := openPool(ctx, url, "dossiersync portal", nil, opts...)
	if err != nil {
		return nil, err
	}
	if pool, err = withoutPreparing(ctx, pool); err != nil {
		return nil, err
	}
	if err := checkRole(ctx, pool); err != nil {
		pool.Close()
		return nil, err
	}
	return &Portal{pool: pool}, nil
}

// checkRole returns an error if the portal API must not or cannot work as the role that it has
// logged in as.
func checkRole(ctx context.Context, pool *pgxpool.Pool) error {
	const q = `
		SELECT r.rolsuper OR r.rolbypassrls OR pg_has_role(c.relowner, 'USAGE'),
		       has_database_privilege(current_database(), 'TEMPORARY')
		FROM pg_roles r
		CROSS JOIN pg_class c
		WHERE r.rolname = current_user
		  AND c.oid = 'items'::regclass`
	var unbound, temporary bool
	if err := pool.QueryRow(ctx, q).Scan(&unbound, &temporary); err != nil {
		return fmt.Errorf("look at the reader's role: %w", err)
	}
	if unbound {
		return errors.New("the portal API must not log in as the database's owner or as a superuser, because " +
			"row-level security does not hold for them: give portal_api.database a role of its own, or leave it out")
	}
	if !temporary {
		return errors.New("the portal API's role must be able to make temporary tables, into which a list of all grants " +
			"is read: let an administrator run GRANT TEMPORARY ON DATABASE … TO that role")
	}
	return nil
}

// withoutPreparing returns the pool or, where a pooler such as pgbouncer stands between us and the
// database, closes it and returns a pool that keeps no prepared statements: the next transaction may
// run on another of the database's connections, which does not know them. A pooler is recognised by
// the process id that it gives to a client, which differs from that of the server process.
func withoutPreparing(ctx context.Context, pool *pgxpool.Pool) (*pgxpool.Pool, error) {
	conf := pool.Config()
	if conf.ConnConfig.DefaultQueryExecMode != pgx.QueryExecModeCacheStatement {
		return pool, nil // set by the URL: default_query_exec_mode
	}
	pooled := false
	err := pool.AcquireFunc(ctx, func(conn *pgxpool.Conn) error {
		var pid uint32
		const q = `SELECT pg_backend_pid()`
		err := conn.QueryRow(ctx, q, pgx.QueryExecModeSimpleProtocol).Scan(&pid)
		pooled = pid != conn.Conn().PgConn().PID()
		return err
	})
	if err == nil && !pooled {
		return pool, nil
	}
	pool.Close()
	if err != nil {
		return nil, fmt.Errorf("find out whether a pooler is between us and the database: %w", plainly(err))
	}
	conf.ConnConfig.DefaultQueryExecMode = pgx.QueryExecModeCacheDescribe
	if pool, err = pgxpool.NewWithConfig(ctx, conf); err != nil {
		return nil, fmt.Errorf("connect to the database: %w", err)
	}
	return pool, nil
}

// Close ends the connections; it waits for those in use.
func (p *Portal) Close() { p.pool.Close() }

// Connections returns the largest number of connections, and so of reads at the same time.
func (p *Portal) Connections() int { return int(p.pool.Config().MaxConns) }

// Identity is the user of a tenant's portal that a request is made for.
type Identity struct {
	Tenant string
	User   string
}

// read runs the statements that queue adds in one round trip and one snapshot, with the rights of id
// on one client (empty: on none). If the user may open the client's dossier, it is stored in s. Every
// method fails with [ErrUnavailable] where the database cannot answer.
func (p *Portal) read(
	ctx context.Context, id Identity, client string, s *Standing, queue func(b *pgx.Batch),
) error {
	return p.readAs(ctx, id, "", client, s, queue)
}

// readAs is read under a scope of the portal's server.
func (p *Portal) readAs(
	ctx context.Context, id Identity, scope, client string, s *Standing, queue func(b *pgx.Batch),
) error {
	return p.inBatch(ctx, func(b *pgx.Batch) {
		b.Queue(identify, id.args(scope, cmp.Or(client, noClient))).Query(func(rows pgx.Rows) error {
			list, err := pgx.CollectRows(rows, pgx.RowToAddrOfStructByPos[Dossier])
			if len(list) > 0 {
				s.Dossier = list[0]
			}
			return err
		})
		queue(b)
	})
}

// inBatch runs the statements that queue adds in one round trip and one snapshot.
func (p *Portal) inBatch(ctx context.Context, queue func(b *pgx.Batch)) error {
	var b pgx.Batch
	b.Queue(`BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY`)
	queue(&b)
	b.Queue(`COMMIT`)
	return classify(p.pool.SendBatch(ctx, &b).Close())
}

// asPortal runs f in a transaction that may manage the tenant's grants.
func (p *Portal) asPortal(ctx context.Context, id Identity, f func(tx pgx.Tx) error) error {
	return classify(inTx(ctx, p.pool, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, identify, id.args(scopeGrants, "")); err != nil {
			return err
		}
		return f(tx)
	}))
}

// collect returns a function that reads a query's rows into list.
func collect[T any](list *[]T, scan pgx.RowToFunc[T]) func(pgx.Rows) error {
	return func(rows pgx.Rows) (err error) {
		*list, err = pgx.CollectRows(rows, scan)
		return err
	}
}

// cut shortens list to limit, and reports whether it was longer.
func cut[T any](list []T, limit int) ([]T, bool) {
	if len(list) > limit {
		return list[:limit], true
	}
	return list, false
}

// classify adds [ErrUnavailable] to an error that the next attempt may not meet: the connection
// failed, the server is shutting down, or the server is overloaded.
func classify(err error) error {
	var scan pgx.ScanArgError
	switch pg, ok := errors.AsType[*pgconn.PgError](err); {
	case err == nil, errors.Is(err, ErrNotFound), errors.Is(err, ErrLogUnavailable),
		errors.Is(err, ErrUnavailable), errors.Is(err, ErrListAsOf), errors.As(err, &scan):
		return err
	case ok && transient[pg.Code[:min(2, len(pg.Code))]]:
		return fmt.Errorf("%w: %w", ErrUnavailable, refusal{pg})
	case ok:
		return refusal{pg}
	}
	return fmt.Errorf("%w: %w", ErrUnavailable, err)
}

// transient holds the classes of SQLSTATE that pass by themselves.
var transient = map[string]bool{
	"08": true, // connection exception
	"40": true, // transaction rollback
	"53": true, // insufficient resources
	"55": true, // object not in prerequisite state: a lock
	"57": true, // operator intervention
	"58": true, // system error
}

// refusal is an error of PostgreSQL without its message, which may quote values.
type refusal struct{ pg *pgconn.PgError }

func (r refusal) Error() string {
	return fmt.Sprintf("PostgreSQL refuses (SQLSTATE %s, %s)", r.pg.Code, r.pg.Routine)
}

func (r refusal) Unwrap() error { return r.pg }
