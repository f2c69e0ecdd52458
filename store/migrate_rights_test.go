package store_test

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"dossiersync/store"
	"dossiersync/store/storetest"
)

// A role without the rights to migrate is told so before anything was changed, with the statements that
// give them. With these, it migrates.
func TestMigrateNamesMissingRights(t *testing.T) {
	t.Parallel()
	storetest.NewReplica(t) // its migrations make the roles
	address := storetest.URL(t, "", nil)
	super := connect(t, address)
	role := fmt.Sprintf("owner_%d", super.PgConn().PID())
	exec := func(sql string) {
		t.Helper()
		if _, err := super.Exec(t.Context(), sql); err != nil {
			t.Fatalf("%s: %v", sql, err)
		}
	}
	exec(`CREATE ROLE ` + role + ` LOGIN PASSWORD 'x'`)
	var database string
	if err := super.QueryRow(t.Context(), `SELECT current_database()`).Scan(&database); err != nil {
		t.Fatal(err)
	}
	exec(`ALTER DATABASE ` + database + ` OWNER TO ` + role)
	t.Cleanup(func() {
		for _, sql := range []string{
			`ALTER DATABASE ` + database + ` OWNER TO CURRENT_USER`, `DROP OWNED BY ` + role + ` CASCADE`, `DROP ROLE ` + role,
		} {
			conn := mustConnect(t, address)
			if _, err := conn.Exec(context.Background(), sql); err != nil {
				t.Logf("%s: %v", sql, err)
			}
			_ = conn.Close(context.Background())
		}
	})
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	u.User = url.UserPassword(role, "x")

	_, err = store.Migrate(t.Context(), u.String())
	missing, ok := errors.AsType[*store.MissingRightsError](err)
	if !ok || missing.Role != role || !strings.Contains(err.Error(), "roles.sh") {
		t.Fatalf("error is %v, want one that names what %s lacks", err, role)
	}
	err = store.EnsureReader(t.Context(), u.String(), u.String())
	if _, ok := errors.AsType[*store.MissingRightsError](err); !ok || !strings.Contains(err.Error(), "roles.sh") {
		t.Errorf("without the right to make roles: %v", err)
	}
	tables := texts(t, super, `SELECT relname FROM pg_class WHERE relname IN ('tenants', 'river_job')`)
	if len(tables) > 0 {
		t.Errorf("although it cannot migrate, it has made %v", tables)
	}
	for _, sql := range missing.Statements {
		exec(sql)
	}
	if m, err := store.Migrate(t.Context(), u.String()); err != nil || m.Pending() {
		t.Errorf("with %v it is migrated to %+v, %v", missing.Statements, m, err)
	}
}

// mustConnect connects in a cleanup, when t.Context is done already.
func mustConnect(t *testing.T, address string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(context.Background(), address)
	if err != nil {
		t.Fatal(err)
	}
	return conn
}
