package store_test

import (
	"errors"
	"testing"

	"dossiersync/store"
	"dossiersync/store/storetest"
)

// Both log-ins are ready while the database answers and its schema is not older than the program.
func TestReadyNeedsDatabaseAndSchema(t *testing.T) {
	t.Parallel()
	r := storetest.NewReplica(t)
	want := func(when string, fits bool) {
		t.Helper()
		for who, err := range map[string]error{"the owner": r.Store.Ready(t.Context()), "the portal": r.Reader.Ready(t.Context())} {
			if (err == nil) != fits || errors.Is(err, store.ErrUnavailable) {
				t.Errorf("%s: %s is ready: %v", when, who, err)
			}
		}
	}
	want("at first", true)
	exec := func(q string) {
		t.Helper()
		if _, err := r.Pool().Exec(t.Context(), q); err != nil {
			t.Fatal(err)
		}
	}
	exec(`UPDATE dossiersync_schema_version SET version = version - 1`)
	want("with an older schema", false)
	exec(`UPDATE dossiersync_schema_version SET version = version + 2`)
	want("with a newer schema", true)
	exec(`DROP FUNCTION schema_version`)
	want("with a schema from before readiness", false)

	r.Store.Close()
	r.Reader.Close()
	for who, err := range map[string]error{"the owner": r.Store.Ready(t.Context()), "the portal": r.Reader.Ready(t.Context())} {
		if !errors.Is(err, store.ErrUnavailable) {
			t.Errorf("without a database %s is ready: %v", who, err)
		}
	}
}
