package store

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

// ErrUnavailable reports that the database cannot answer now. The same request may succeed later.
var ErrUnavailable = errors.New("the database is not available")

// Portal is the portal API's handle on the replica. It logs in as a role that has no table and only
// calls the functions of migration answers, each with a proof made with its keys (proof.go). It is safe
// for concurrent use.
type Portal struct {
	pool     *pgxpool.Pool
	lists    *pgxpool.Pool // for lists of all grants, which may take minutes
	keys     *ProofKeys
	now      func() time.Time // of the proofs
	standbys standbys
}

// ListsAtOnce is how many lists of all grants can be stored at once. Each has a connection of its own,
// apart from those of reads.
const ListsAtOnce = 3

// OpenPortal connects to the database at url as a member of [portalRole], to make proofs with keys. It
// refuses a role that has more rights than the portal API needs. A pooler that gives a connection to
// another client after each transaction, such as pgbouncer, may stand in between: a call is one
// transaction, and every setting ends with it.
func OpenPortal(ctx context.Context, url string, keys *ProofKeys, opts ...Option) (*Portal, error) {
	pool, err := openPool(ctx, url, "dossiersync portal", nil, opts...)
	if err != nil {
		return nil, err
	}
	if pool.Config().ConnConfig.DefaultQueryExecMode == pgx.QueryExecModeSimpleProtocol {
		pool.Close()
		return nil, errSimpleProtocol
	}
	if pool, err = withoutPreparing(ctx, pool); err != nil {
		return nil, err
	}
	if err := checkRole(ctx, pool); err != nil {
		pool.Close()
		return nil, err
	}
	forLists := pool.Config()
	forLists.MinConns, forLists.MinIdleConns, forLists.MaxConns = 0, 0, ListsAtOnce
	forLists.MaxConnIdleTime = time.Minute
	lists, err := pgxpool.NewWithConfig(ctx, forLists)
	if err != nil {
		pool.Close()
		return nil, fmt.Errorf("connect to the database: %w", err)
	}
	return &Portal{pool: pool, lists: lists, keys: keys, now: time.Now}, nil
}

var errSimpleProtocol = errors.New("the address must not ask for the simple protocol: " +
	"the database would show proofs to other sessions of the role")

// checkRole returns an error if the portal API must not work as the role that it has logged in as.
func checkRole(ctx context.Context, pool *pgxpool.Pool) error {
	const q = `
		SELECT r.rolsuper OR r.rolbypassrls OR pg_has_role(c.relowner, 'USAGE')
		       OR has_any_column_privilege(c.oid, 'SELECT')
		FROM pg_roles r
		CROSS JOIN pg_class c
		WHERE r.rolname = current_user
		  AND c.oid = 'public.items'::regclass`
	var unbound bool
	if err := pool.QueryRow(ctx, q).Scan(&unbound); err != nil {
		return fmt.Errorf("look at the portal API's role: %w", plainly(err))
	}
	if unbound {
		return errors.New("the portal API must not log in as the database's owner, as a superuser or as any role that " +
			"can read a table: give portal_api.database a role of its own, or leave it out")
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

// CheckProof fails with [ErrProof] if the database does not accept proofs for the tenant.
func (p *Portal) CheckProof(ctx context.Context, tenant string) error {
	_, err := p.List(ctx, Identity{Tenant: tenant}, "", ListQuery{})
	if errors.Is(err, ErrAwaitingGrants) || errors.Is(err, ErrAwaitingErasures) {
		return nil
	}
	return err
}

// Close ends the connections; it waits for those in use.
func (p *Portal) Close() {
	p.lists.Close()
	p.pool.Close()
	p.standbys.close()
}

// Connections returns the largest number of connections, and so of reads at the same time.
func (p *Portal) Connections() int { return int(p.pool.Config().MaxConns) }

// Identity is the user of a tenant's portal that a request is made for.
type Identity struct {
	Tenant string
	User   string
}

// ask calls a function of the database, and scans its only row: the standing into s, and the columns
// of f that columns names into dest. Its parameters begin with those of [Portal.callArgs] or
// [Portal.tenantArgs]. Every method fails with [ErrUnavailable] where the database cannot answer.
func (p *Portal) ask(
	ctx context.Context, s *Standing, function, columns string, args []any, dest ...any,
) error {
	var row standingRow
	q := `SELECT ` + standingColumns + columns + ` FROM ` + function + ` f`
	if err := p.pool.QueryRow(ctx, q, args...).Scan(append(row.targets(), dest...)...); err != nil {
		return classify(err)
	}
	return row.into(s)
}

// callArgs returns the arguments that a function about a client begins with (tenant, user, client,
// minute, proof), and more.
func (p *Portal) callArgs(purpose string, id Identity, client string, more ...any) []any {
	proof := p.keys.prove(purpose, id, client, p.now())
	return append([]any{id.Tenant, id.User, client, proof.minute, proof.mac}, more...)
}

// tenantArgs returns the arguments that a function about no single client begins with (tenant, user,
// minute, proof), and more.
func (p *Portal) tenantArgs(purpose string, id Identity, more ...any) []any {
	proof := p.keys.prove(purpose, id, "", p.now())
	return append([]any{id.Tenant, id.User, proof.minute, proof.mac}, more...)
}

// parameters returns a list of n parameters, from $1 on.
func parameters(n int) string {
	list := make([]string, n)
	for i := range list {
		list[i] = "$" + strconv.Itoa(i+1)
	}
	return "(" + strings.Join(list, ", ") + ")"
}

// cut shortens list to limit, and reports whether it was longer.
func cut[T any](list []T, limit int) ([]T, bool) {
	if len(list) > limit {
		return list[:limit], true
	}
	return list, false
}

// classify adds [ErrUnavailable] to an error that the next attempt may not meet: the connection
// failed, the server is shutting down, or the server is overloaded. It gives the errors that functions
// raise (SQLSTATE DS…) their names.
func classify(err error) error {
	var scan pgx.ScanArgError
	switch pg, ok := errors.AsType[*pgconn.PgError](err); {
	case err == nil, errors.Is(err, ErrNotFound), errors.Is(err, ErrLogUnavailable),
		errors.Is(err, ErrUnavailable), errors.Is(err, ErrListAsOf), isExcessive(err), errors.As(err, &scan):
		return err
	case ok && raised[pg.Code] != nil:
		return fmt.Errorf("%w (%w)", raised[pg.Code], refusal{pg})
	case ok && transient[pg.Code[:min(2, len(pg.Code))]]:
		return fmt.Errorf("%w: %w", ErrUnavailable, refusal{pg})
	case ok:
		return refusal{pg}
	}
	return fmt.Errorf("%w: %w", ErrUnavailable, err)
}

// raised holds the errors that the functions of the portal raise, by SQLSTATE.
var raised = map[string]error{
	"DS001": fmt.Errorf("%w: its clock and that of the portal API differ by more than two minutes", ErrUnavailable),
	"DS002": ErrProof,
	"DS003": ErrLogUnavailable,
	"DS004": ErrAwaitingGrants,
	"DS005": ErrNotManager,
}

// isRefused reports whether the database did not accept the proof of a call.
func isRefused(err error) bool {
	pg, ok := errors.AsType[*pgconn.PgError](err)
	return ok && pg.Code == "DS002"
}

// ErrProof reports that the database refuses the proofs of this process for a tenant.
var ErrProof = fmt.Errorf("%w: it does not accept the portal API's proof: it does not have the key of "+
	"portal_api.proof_key_file for this tenant (run dossiersync migrate where that file is), "+
	"or this log-in is not the tenant's", ErrUnavailable)

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
