package store_test

import (
	"errors"
	"net/url"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"dossiersync/store"
	"dossiersync/store/storetest"
)

// A log-in that lacks a right is told which, and who can give it, before anything is changed.
func TestMigrateNamesTheMissingRight(t *testing.T) {
	t.Parallel()
	storetest.NewReplica(t) // makes the role of the policies
	empty := storetest.URL(t, "", nil)
	u, err := url.Parse(empty)
	if err != nil {
		t.Fatal(err)
	}
	role := "plain_" + strings.TrimPrefix(u.Path, "/")
	u.User = url.UserPassword(role, "secret")
	admin := connect(t, empty)
	name := pgx.Identifier{role}.Sanitize()
	for _, sql := range []string{`CREATE ROLE ` + name + ` LOGIN PASSWORD 'secret'`, `REVOKE CREATE ON SCHEMA public FROM PUBLIC`} {
		if _, err := admin.Exec(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
	}
	wantMissing := func(err error, words string) {
		t.Helper()
		if _, ok := errors.AsType[*store.MissingRightError](err); !ok || !strings.Contains(err.Error(), words) {
			t.Errorf("the error is %v, want that %s", err, words)
		}
	}
	_, err = store.Migrate(t.Context(), u.String())
	wantMissing(err, "may not make tables in the schema public")
	wantMissing(store.EnsureReader(t.Context(), u.String(), u.String()), "deploy/compose/roles.sh")
	for _, sql := range []string{`ALTER SCHEMA public OWNER TO ` + name, `GRANT CREATE ON DATABASE ` +
		pgx.Identifier{strings.TrimPrefix(u.Path, "/")}.Sanitize() + ` TO ` + name} {
		if _, err := admin.Exec(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := store.Migrate(t.Context(), u.String()); err != nil {
		t.Errorf("with the right: %v", err)
	}
	for _, sql := range []string{`DROP OWNED BY ` + name, `DROP ROLE ` + name} {
		if _, err := admin.Exec(t.Context(), sql); err != nil {
			t.Error(err)
		}
	}
}
