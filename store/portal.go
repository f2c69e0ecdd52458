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

// ErrUnavailable says that the database cannot be asked now. Nothing is wrong
// with the question.
var ErrUnavailable = errors.New("the database is not available")

// Portal is the portal API's handle on the replica. It logs in as a role that
// owns nothing: what a request may see is decided by row-level security, from
// the identity with which the request's transaction begins. It is safe for
// concurrent use.
type Portal struct {
	pool *pgxpool.Pool
}

// OpenPortal connects to the database at url as a member of [portalRole]. A role
// that row-level security does not hold for is refused, and so is one that cannot
// make the temporary tables of [Reader.PutGrants]. A pooler may stand in
// between that gives a connection to another client after each transaction, such
// as pgbouncer: nothing that a reader sets outlasts its transaction.
func OpenPortal(ctx context.Context, url string) (*Portal, error) {
	return OpenPortalTraced(ctx, url, nil)
}

// OpenPortalTraced is [OpenPortal] with a tracer that is told of every statement,
// and of every one in a batch where it wants to be (see pgx); nil: none.
func OpenPortalTraced(ctx context.Context, url string, tracer pgx.QueryTracer) (*Portal, error) {
	pool, err := openPool(ctx, url, "dossiersync portal", nil, tracer)
	if err != nil {
		return nil, err
	}
	if pool, err = withoutPreparing(ctx, pool); err != nil {
		return nil, err
	}
	const q = `
		SELECT r.rolsuper OR r.rolbypassrls OR pg_has_role(c.relowner, 'USAGE'), has_database_privilege(current_database(), 'TEMPORARY')
		FROM pg_roles r, pg_class c WHERE r.rolname = current_user AND c.oid = 'items'::regclass`
	var above, temporary bool
	if err := pool.QueryRow(ctx, q).Scan(&above, &temporary); err != nil {
		pool.Close()
		return nil, fmt.Errorf("look at the reader's role: %w", err)
	}
	if above {
		pool.Close()
		return nil, errors.New("the portal API must not log in as the database's owner or as a superuser, for whom row-level security does not hold: " +
			"give portal_api.database a role of its own, or leave it out")
	}
	if !temporary {
		pool.Close()
		return nil, errors.New("the portal API's role must be able to make temporary tables, or no list of all grants could be taken: " +
			"let an administrator run GRANT TEMPORARY ON DATABASE … TO that role")
	}
	return &Portal{pool: pool}, nil
}

// withoutPreparing returns the pool, or where something like pgbouncer stands
// between us and the database, one in its place that keeps no prepared statements:
// the next transaction may be on another of the database's connections, which does
// not know them. A pooler gives each client a process id of its own, by which it is
// known.
func withoutPreparing(ctx context.Context, pool *pgxpool.Pool) (*pgxpool.Pool, error) {
	conf := pool.Config()
	if conf.ConnConfig.DefaultQueryExecMode != pgx.QueryExecModeCacheStatement {
		return pool, nil // the URL says how: default_query_exec_mode
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
		return nil, fmt.Errorf("look at what is between us and the database: %w", plainly(err))
	}
	conf.ConnConfig.DefaultQueryExecMode = pgx.QueryExecModeCacheDescribe
	if pool, err = pgxpool.NewWithConfig(ctx, conf); err != nil {
		return nil, fmt.Errorf("connect to the database: %w", err)
	}
	return pool, nil
}

// Close ends the connections; it waits for those in use.
func (r *Portal) Close() { r.pool.Close() }

// Connections returns how many there are at most, and so how much can be read at
// once.
func (r *Portal) Connections() int { return int(r.pool.Config().MaxConns) }

// Ping reports whether the database answers.
func (r *Portal) Ping(ctx context.Context) error {
	if err := r.pool.Ping(ctx); err != nil {
		return fmt.Errorf("reach the database: %w", err)
	}
	return nil
}

// Identity is who asks: a user of a tenant's portal.
type Identity struct {
	Tenant string
	User   string
}

// scopeGrants is the token scope with which a portal manages grants; it is also
// what the policies of table grants ask for.
const scopeGrants = "dossier:grants"

const beginRead = `BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY`

// identify says who asks, about which client (empty: about all), and with which
// scope. It returns the dossiers that they may open, and makes what they may read
// known to the statements and policies that follow in the transaction. Plans are
// kept from then on: making them anew for each request would cost more than carrying
// them out.
const identify = `SELECT ` + dossierColumns + ` FROM identify(@tenant, @user, @client, @scope) d`

func (id Identity) args(scope, client string) pgx.StrictNamedArgs {
	return pgx.StrictNamedArgs{"tenant": id.Tenant, "user": id.User, "scope": scope, "client": client}
}

// noClient is an id that none has.
const noClient = " "

// read runs what queue adds in one round trip and one snapshot, as id and about one
// client (empty: about none), whose dossier it notes in s if the user may open it. It fails with
// [ErrUnavailable] where the database is not to be had.
func (r *Portal) read(ctx context.Context, id Identity, client string, s *Standing, queue func(b *pgx.Batch)) error {
	return r.readAs(ctx, id, "", client, s, queue)
}

func (r *Portal) readAs(ctx context.Context, id Identity, scope, client string, s *Standing, queue func(b *pgx.Batch)) error {
	return r.inBatch(ctx, func(b *pgx.Batch) {
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

func (r *Portal) inBatch(ctx context.Context, queue func(b *pgx.Batch)) error {
	var b pgx.Batch
	b.Queue(beginRead)
	queue(&b)
	b.Queue(`COMMIT`)
	return classify(r.pool.SendBatch(ctx, &b).Close())
}

// asPortal runs f in a transaction that may manage the tenant's grants. It fails
// with [ErrUnavailable] where the database is not to be had.
func (r *Portal) asPortal(ctx context.Context, id Identity, f func(tx pgx.Tx) error) error {
	return classify(inTx(ctx, r.pool, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, identify, id.args(scopeGrants, "")); err != nil {
			return err
		}
		return f(tx)
	}))
}

// classify adds [ErrUnavailable] to an error that the next attempt may not meet:
// the connection failed, the server is going down, or it has too much to do.
func classify(err error) error {
	var scan pgx.ScanArgError
	switch pg, ok := errors.AsType[*pgconn.PgError](err); {
	case err == nil, errors.Is(err, ErrNotFound), errors.Is(err, ErrLogUnavailable), errors.Is(err, ErrUnavailable),
		errors.Is(err, ErrListAsOf), errors.As(err, &scan):
		return err
	case ok && transient[pg.Code[:min(2, len(pg.Code))]]:
		return fmt.Errorf("%w: %w", ErrUnavailable, refusal{pg})
	case ok:
		return refusal{pg}
	}
	return fmt.Errorf("%w: %w", ErrUnavailable, err)
}

// transient has the classes of SQLSTATE that are of the moment.
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
