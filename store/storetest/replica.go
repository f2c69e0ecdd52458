package storetest

import (
	"context"
	"net/url"
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"

	"dossiersync/store"
)

// Replica is a migrated, empty replica that one test owns. Its Store logs in as a member of
// dossiersync_worker, as a worker may: every test that uses it shows that the rights of that role are
// enough.
type Replica struct {
	*store.Store
	Reader    *store.Portal
	URL       string // as the owner
	WorkerURL string // as the worker's role
	ReaderURL string // as the portal API's role
	OpsURL    string // as the operators' role
	Keys      *store.ProofKeys
	owner     *pgxpool.Pool
}

// NewReplica makes a replica, which is closed and dropped when the test ends.
func NewReplica(t testing.TB) *Replica {
	t.Helper()
	keys := parseKey(t)
	owner := URL(t, store.SchemaFingerprint()+" with roles and keys", func(ctx context.Context, url string) error {
		return prepare(ctx, url, keys)
	})
	return openReplica(t, owner, keys)
}

func parseKey(t testing.TB) *store.ProofKeys {
	t.Helper()
	keys, err := store.ParseProofKeys(ProofKey)
	if err != nil {
		t.Fatalf("storetest: %v", err)
	}
	return keys
}

// openReplica connects to the prepared database at owner.
func openReplica(t testing.TB, owner string, keys *store.ProofKeys) *Replica {
	t.Helper()
	r := &Replica{
		URL: owner, WorkerURL: as(owner, "storetest_worker"), ReaderURL: as(owner, "storetest_reader"),
		OpsURL: as(owner, "storetest_ops"), Keys: keys,
	}
	cfg, err := pgxpool.ParseConfig(r.URL)
	if err != nil {
		t.Fatalf("storetest: %v", err)
	}
	cfg.MaxConns = 16
	if r.owner, err = pgxpool.NewWithConfig(t.Context(), cfg); err != nil {
		t.Fatalf("storetest: %v", err)
	}
	t.Cleanup(r.owner.Close)
	r.Store = open(t, r.WorkerURL)
	if r.Reader, err = store.OpenPortal(t.Context(), r.ReaderURL, r.Keys); err != nil {
		t.Fatalf("storetest: %v", err)
	}
	t.Cleanup(r.Reader.Close)
	return r
}

// Pool returns the owner's connections, for statements of the test's own.
func (r *Replica) Pool() *pgxpool.Pool { return r.owner }

// Owner connects to the replica as its owner.
func (r *Replica) Owner(t testing.TB) *store.Store {
	t.Helper()
	return open(t, r.URL)
}

// OpsStore connects to the replica as the operators' listener may: as a member of dossiersync_ops.
func (r *Replica) OpsStore(t testing.TB) *store.Store {
	t.Helper()
	return open(t, r.OpsURL)
}

func open(t testing.TB, url string) *store.Store {
	t.Helper()
	st, err := store.Open(t.Context(), url)
	if err != nil {
		t.Fatalf("storetest: %v", err)
	}
	t.Cleanup(st.Close)
	return st
}

// prepare migrates a database, and makes the log-ins and keys of all tests.
func prepare(ctx context.Context, url string, keys *store.ProofKeys) error {
	if _, err := store.Migrate(ctx, url); err != nil {
		return err
	}
	if err := store.EnsureReader(ctx, url, as(url, "storetest_reader")); err != nil {
		return err
	}
	const roles = `
		DO $$
		DECLARE
			role text[];
		BEGIN
			FOREACH role SLICE 1 IN ARRAY '{{worker,BYPASSRLS},{ops,NOBYPASSRLS}}'::text[] LOOP
				IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'storetest_' || role[1]) THEN
					EXECUTE format('CREATE ROLE storetest_%s LOGIN', role[1]);
				END IF;
				EXECUTE format('ALTER ROLE storetest_%s PASSWORD ''storetest'' %s', role[1], role[2]);
				EXECUTE format('GRANT dossiersync_%s TO storetest_%s', role[1], role[1]);
			END LOOP;
		END
		$$`
	// Templates are made one after another, so nothing else makes these roles at this moment.
	if err := execute(ctx, url, roles); err != nil {
		return err
	}
	owner, err := store.Open(ctx, url)
	if err != nil {
		return err
	}
	defer owner.Close()
	return owner.PutProofKeys(ctx, keys, false, "amaris", "szr")
}

// as returns the address of the same database for a role that all tests share.
func as(owner, role string) string {
	u, err := url.Parse(owner)
	if err != nil {
		panic(err) // made by this package
	}
	u.User = url.UserPassword(role, "storetest")
	return u.String()
}

// ProofKey is the key file of all tests.
const ProofKey = "c3RvcmV0ZXN0LWtleS1zdG9yZXRlc3Qta2V5LTAxMjM="
