package store_test

import (
	"testing"
	"time"

	"dossiersync/store"
	"dossiersync/store/storetest"
)

// A run is idle from the moment at which it could be worked on. A run of one client does not
// count among the tenant's failed runs.
func TestQueueReportsIdleRuns(t *testing.T) {
	t.Parallel()
	r := storetest.NewReplica(t)
	for _, sql := range []string{
		`INSERT INTO tenants (id, name, timezone) SELECT id, id, 'Europe/Amsterdam' FROM unnest('{calm,waits,follows,behind,lost,fails,mended}'::text[]) id`,
		`INSERT INTO runs (tenant, trigger, requested_at) VALUES ('waits', 'manual', now() - interval '10 minutes')`,
		`INSERT INTO runs (tenant, trigger, state, outcome, requested_at, finished_at)
			VALUES ('follows', 'manual', 'done', 'complete', now() - interval '1 hour', now() - interval '1 minute')`,
		`INSERT INTO runs (tenant, trigger, requested_at) VALUES ('follows', 'manual', now() - interval '10 minutes')`,
		`INSERT INTO runs (tenant, trigger, state, lease_until) VALUES ('behind', 'manual', 'running', now() + interval '1 minute')`,
		`INSERT INTO runs (tenant, trigger, requested_at) VALUES ('behind', 'manual', now() - interval '10 minutes')`,
		`INSERT INTO runs (tenant, trigger, state, lease_until) VALUES ('lost', 'manual', 'running', now() - interval '5 minutes')`,
		`INSERT INTO runs (tenant, trigger, state, outcome, scope) VALUES
			('fails', 'schedule', 'done', 'complete', '{}'), ('fails', 'schedule', 'done', 'failed', '{}'), ('fails', 'manual', 'done', 'failed', '{"full": true}'),
			('fails', 'manual', 'done', 'cancelled', '{}'), ('fails', 'manual', 'done', 'complete', '{"client": "1"}'),
			('mended', 'schedule', 'done', 'failed', '{}'), ('mended', 'schedule', 'done', 'partial', '{}')`,
	} {
		if _, err := r.Pool().Exec(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
	}
	q, err := r.Queue(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if q.Worker || len(q.Jobs) != len(store.JobStates()) {
		t.Errorf("without a worker it is %+v", q)
	}
	for tenant, want := range map[string]store.TenantQueue{
		"calm": {}, "waits": {Waiting: 1, Idle: 10 * time.Minute}, "follows": {Waiting: 1, Idle: time.Minute},
		"behind": {Waiting: 1}, "lost": {Idle: 5 * time.Minute}, "fails": {Failed: 2}, "mended": {},
	} {
		got := q.Tenants[tenant]
		got.Idle = got.Idle.Truncate(30 * time.Second)
		if got != want {
			t.Errorf("%s: %+v, want %+v", tenant, got, want)
		}
	}
	if _, _, err := r.RequestRun(t.Context(), store.RunRequest{Tenant: "calm", Trigger: store.TriggerManual}); err != nil {
		t.Fatal(err)
	}
	if q, err = r.Queue(t.Context()); err != nil || q.Jobs[store.JobAvailable] != 1 {
		t.Errorf("with a job that waits it is %+v, %v", q, err)
	}
}
