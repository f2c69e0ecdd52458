package store_test

import (
	"testing"

	"dossiersync/store/storetest"
)

// Ended runs are deleted with their accounting after 400 days, some at a time.
func TestOldRunsAreForgotten(t *testing.T) {
	t.Parallel()
	r := storetest.NewReplica(t)
	for _, sql := range []string{
		`INSERT INTO tenants (id, name, timezone) VALUES ('amaris', 'Amaris', 'Europe/Amsterdam')`,
		`INSERT INTO runs (tenant, trigger, state, outcome, finished_at)
			SELECT 'amaris', 'manual', 'done', 'complete', now() - interval '401 days' FROM generate_series(1, 2500)`,
		`INSERT INTO run_types (run, ordinal, stream, type, to_time, fingerprint, as_of)
			SELECT id, 0, 'reports', 'T', now(), 'f', now() FROM runs`,
		`INSERT INTO runs (tenant, trigger, state, outcome, finished_at) VALUES ('amaris', 'manual', 'done', 'complete', now() - interval '399 days')`,
		`INSERT INTO runs (tenant, trigger, scope, requested_at) VALUES ('amaris', 'manual', '{"full": true}', now() - interval '500 days')`,
	} {
		if _, err := r.Pool().Exec(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
	}
	for _, want := range []int64{2500, 0} {
		if got, err := r.ForgetRuns(t.Context()); got != want || err != nil {
			t.Errorf("%d runs are forgotten, %v; want %d", got, err, want)
		}
	}
	var runs, types int
	if err := r.Pool().QueryRow(t.Context(), `SELECT (SELECT count(*) FROM runs), (SELECT count(*) FROM run_types)`).Scan(&runs, &types); err != nil {
		t.Fatal(err)
	}
	if runs != 2 || types != 0 {
		t.Errorf("%d runs and %d rows of accounting are left, want 2 and 0", runs, types)
	}
}
