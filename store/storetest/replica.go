package storetest

import (
	"context"
	"net/url"
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"

	"dossiersync/store"
)

// Replica is a migrated, empty replica that one test owns.
type Replica struct {
	*store.Store
	Reader    *store.Portal
	URL       string // as the owner
	ReaderURL string // as the portal API's role
	Keys      *store.ProofKeys
}

// NewReplica makes a replica, which is closed and dropped when the test ends.
func NewReplica(t testing.TB) *Replica {
	t.Helper()
	owner := URL(t, store.SchemaFingerprint(), func(ctx context.Context, url string) error {
		if _, err := store.Migrate(ctx, url); err != nil {
			return err
		}
		return store.EnsureReader(ctx, url, readerURL(url))
	})
	r := &Replica{URL: owner, ReaderURL: readerURL(owner)}
	var err error
	if r.Keys, err = store.ParseProofKeys(ProofKey); err != nil {
		t.Fatalf("storetest: %v", err)
	}
	if r.Store, err = store.Open(t.Context(), r.URL); err != nil {
		t.Fatalf("storetest: %v", err)
	}
	t.Cleanup(r.Store.Close)
	if err := r.PutProofKeys(t.Context(), r.Keys, false, "amaris", "szr"); err != nil {
		t.Fatalf("storetest: %v", err)
	}
	if r.Reader, err = store.OpenPortal(t.Context(), r.ReaderURL, r.Keys); err != nil {
		t.Fatalf("storetest: %v", err)
	}
	t.Cleanup(r.Reader.Close)
	return r
}

// Pool returns the owner's connections, for statements of the test's own.
func (r *Replica) Pool() *pgxpool.Pool { return r.RiverPool() }

// OpsStore connects to the replica as the operators' listener may: as a member of dossiersync_ops.
func (r *Replica) OpsStore(t testing.TB) *store.Store {
	t.Helper()
	const q = `
		DO $$
		BEGIN
			PERFORM pg_advisory_xact_lock(1);
			CREATE ROLE storetest_ops LOGIN PASSWORD 'storetest' IN ROLE dossiersync_ops;
		EXCEPTION
			WHEN duplicate_object OR unique_violation THEN NULL;
		END
		$$`
	if _, err := r.Pool().Exec(t.Context(), q); err != nil {
		t.Fatalf("storetest: %v", err)
	}
	u, err := url.Parse(r.URL)
	if err != nil {
		t.Fatalf("storetest: %v", err)
	}
	u.User = url.UserPassword("storetest_ops", "storetest")
	if _, err := r.Pool().Exec(t.Context(), `DO $$ BEGIN EXECUTE format(
		'GRANT CONNECT ON DATABASE %I TO storetest_ops', current_database()); END $$`); err != nil {
		t.Fatalf("storetest: %v", err)
	}
	st, err := store.Open(t.Context(), u.String())
	if err != nil {
		t.Fatalf("storetest: %v", err)
	}
	t.Cleanup(st.Close)
	return st
}

// readerURL returns the address of the same database for the portal's role, which all tests share.
func readerURL(owner string) string {
	u, err := url.Parse(owner)
	if err != nil {
		panic(err) // made by this package
	}
	u.User = url.UserPassword("storetest_reader", "storetest")
	return u.String()
}

// ProofKey is the key file of all tests.
const ProofKey = "c3RvcmV0ZXN0LWtleS1zdG9yZXRlc3Qta2V5LTAxMjM="
