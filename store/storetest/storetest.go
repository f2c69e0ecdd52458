// Package storetest gives each test a migrated PostgreSQL database of its own.
//
// All test processes of a user share one server, which the last of them stops.
// The migrations run once, in a template that later runs find again; a test's
// database is a copy of it. Roles belong to the server, so tests share those. A
// process that was killed leaves its databases to the next one, which drops
// them, and drops templates that nobody used for a day.
package storetest

import (
	"context"
	"fmt"
	"os"
	"testing"

	"dossiersync/store/embedded"
)

// A Migration makes an empty database what tests want to find. It must close its
// connections, and should do no harm when it runs beside tests of an older
// fingerprint, whose roles it may find. Settings of the database itself (ALTER
// DATABASE, GRANT … ON DATABASE) are not copied to the tests' databases.
type Migration = func(ctx context.Context, url string) error

// shared is this process's use of the server. Tests have nothing else in common
// that could hold it.
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

// URL returns the address of a new database, as its superuser, that is dropped
// when the test ends. The database is as migrate leaves it, or empty where
// migrate is nil. Migrations with the same fingerprint must do the same: only
// one of them is run.
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

// Server returns the server that holds the databases, for tests that need roles
// or the like. It is not the test's to close.
func Server(t testing.TB) *embedded.Server {
	t.Helper()
	if err := shared.open(); err != nil {
		t.Fatalf("storetest: %v", err)
	}
	return shared.server
}
