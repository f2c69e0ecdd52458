package store_test

import (
	"testing"

	"dossiersync/store"
	"dossiersync/store/storetest"
)

// queueLost lets two minutes pass, and queues the lost runs.
func (r *harness) queueLost() int {
	r.t.Helper()
	r.exec(`UPDATE runs SET queued_at = queued_at - interval '2 minutes', lease_until = lease_until - interval '2 minutes'`)
	n, err := r.QueueLostRuns(r.t.Context())
	if err != nil {
		r.t.Fatal(err)
	}
	return n
}

// request asks for another run, with another scope.
func (r *harness) request(trigger store.Trigger) store.Run {
	r.t.Helper()
	run, _, err := r.RequestRun(r.t.Context(), store.RunRequest{Tenant: tenant, Trigger: trigger, Scope: store.Scope{Full: true}})
	if err != nil {
		r.t.Fatal(err)
	}
	return run
}

// markJobsRunning gives all jobs the state they have while a worker works on them. It writes River's
// own table, because River sets that state only when one of its clients fetches a job, and store has
// no client.
func (r *harness) markJobsRunning() {
	r.t.Helper()
	r.exec(`UPDATE river_job SET state = 'running', attempt = 1, attempted_at = now()`)
}

const jobs = `SELECT count(*)::text FROM river_job WHERE args @> jsonb_build_object('run', $1::bigint)`

func TestWaitingRunGetsNoSecondJob(t *testing.T) {
	t.Parallel()
	r := newHarness(t, storetest.NewReplica(t)) // and holds the tenant
	waiting := r.request(store.TriggerManual)
	for range 5 {
		// Nobody came to its job: all workers are at work on others.
		r.queueLost()
	}
	if got := r.one(jobs, waiting.ID); got != "1" {
		t.Errorf("%s jobs, want 1", got)
	}
}

func TestRunOfDeadRequesterGetsJob(t *testing.T) {
	t.Parallel()
	r := newHarness(t, storetest.NewReplica(t))
	r.finish()
	waiting := r.request(store.TriggerCommand)
	for range 5 {
		r.queueLost()
	}
	if got := r.one(jobs, waiting.ID); got != "1" {
		t.Errorf("%s jobs, want 1", got)
	}
}

func TestRunOfDeadWorkerGetsOneNewJob(t *testing.T) {
	t.Parallel()
	r := newHarness(t, storetest.NewReplica(t))
	r.finish()
	lost := r.request(store.TriggerManual)
	if _, err := r.ClaimRun(t.Context(), lost.ID, "dead"); err != nil {
		t.Fatal(err)
	}
	r.markJobsRunning() // as the dead worker left them
	if got := r.queueLost(); got != 1 {
		t.Errorf("%d runs are lost, want 1", got)
	}
	for range 5 {
		r.queueLost()
	}
	if got := r.one(jobs, lost.ID); got != "2" {
		t.Errorf("%s jobs, want 2", got)
	}
}
