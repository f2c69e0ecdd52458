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
	ReaderURL string // as a role that row-level security holds for
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
	if r.Store, err = store.Open(t.Context(), r.URL); err != nil {
		t.Fatalf("storetest: %v", err)
	}
	t.Cleanup(r.Store.Close)
	if r.Reader, err = store.OpenPortal(t.Context(), r.ReaderURL); err != nil {
		t.Fatalf("storetest: %v", err)
	}
	t.Cleanup(r.Reader.Close)
	return r
}

// Pool returns the owner's connections, for statements of the test's own.
func (r *Replica) Pool() *pgxpool.Pool { return r.RiverPool() }

// readerURL returns the address of the same database for the portal's role, which all tests share.
func readerURL(owner string) string {
	u, err := url.Parse(owner)
	if err != nil {
		panic(err) // made by this package
	}
	u.User = url.UserPassword("storetest_reader", "storetest")
	return u.String()
}
