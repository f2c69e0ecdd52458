// Package storetest gives each test a migrated PostgreSQL database of its own.
//
// All test processes of a user share one server, which the last process stops. The migrations run once,
// in a template that later test runs find again; the database of a test is a copy of it. Roles belong to
// the server, so all tests share them. A new process drops the databases of processes that were killed,
// and templates that were not used for a day.
package storetest

import (
	"context"
	"fmt"
	"os"
	"testing"

	"dossiersync/store/embedded"
)

// A Migration turns an empty database into a template. It must close its connections, and must work
// beside tests of another fingerprint, whose roles it may find. Settings of the database itself (ALTER
// DATABASE, GRANT … ON DATABASE) are not copied to the databases of tests.
type Migration = func(ctx context.Context, url string) error

// shared is this process's use of the server. It is global because tests have nothing else in common.
var shared process

// Main runs the tests of m and then leaves the server, if they used it. It
// returns the exit code:
//
//	func TestMain(m *testing.M) { os.Exit(storetest.Main(m)) }
func Main(m *testing.M) int {
	shared.willClose = true
	code := m.Run()
	if err := shared.close(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return max(code, 1)
	}
	return code
}

// URL makes a database, which is dropped when the test ends, and returns its address for the superuser.
// The database is as migrate leaves it, or empty if migrate is nil. Migrations with the same fingerprint
// must do the same, because only one of them is run.
func URL(t testing.TB, fingerprint string, migrate Migration) string {
	t.Helper()
	if err := shared.open(); err != nil {
		t.Fatalf("storetest: %v", err)
	}
	name, err := shared.create(t.Context(), fingerprint, migrate)
	if err != nil {
		t.Fatalf("storetest: %v", err)
	}
	t.Cleanup(func() {
		if err := shared.drop(name); err != nil {
			t.Errorf("storetest: %v", err)
		}
	})
	return shared.server.URL(name)
}

// Server returns the server that has the databases, for tests that need roles, for example. The test
// must not close it.
func Server(t testing.TB) *embedded.Server {
	t.Helper()
	if err := shared.open(); err != nil {
		t.Fatalf("storetest: %v", err)
	}
	return shared.server
}
