package store_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"dossiersync/store"
	"dossiersync/store/dossier"
	"dossiersync/store/storetest"
)

// transfers returns what the log has of runs.
func transfers(t *testing.T, r *storetest.Replica) []string {
	t.Helper()
	rows, err := r.Pool().Query(t.Context(), `
		SELECT concat_ws(' ', l.tenant, l.action, l.event, l.outcome, l.user_id, coalesce(l.client, '-'), l.query, l.source)
		FROM access_log l JOIN runs ON l.object = 'run/' || runs.id ORDER BY l.time`)
	if err != nil {
		t.Fatal(err)
	}
	list, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// The access log has one event per run, with the number of records transferred by stream.
func TestEndedRunIsLoggedAsTransfer(t *testing.T) {
	t.Parallel()
	r := newHarness(t, storetest.NewReplica(t))
	r.apply(patients, patient("a", 0), patient("b", 0))
	r.apply(reports, report("r", "a", "Goed geslapen", 1))
	if got := transfers(t, r.Replica); len(got) > 0 {
		t.Errorf("before its end the run is logged as %v", got)
	}
	r.finish()
	begin := func(scope store.Scope, by string) *harness {
		asked, _, err := r.RequestRun(t.Context(), store.RunRequest{Tenant: tenant, Trigger: store.TriggerManual, Scope: scope, By: by})
		if err != nil {
			t.Fatal(err)
		}
		claim, err := r.ClaimRun(t.Context(), asked.ID, "test")
		if err != nil {
			t.Fatal(err)
		}
		if err := r.StartRunTypes(t.Context(), claim, []store.RunType{{TypeID: reports, Fingerprint: "f"}}); err != nil {
			t.Fatal(err)
		}
		return &harness{Replica: r.Replica, t: t, claim: claim}
	}
	one := begin(store.Scope{Client: "a"}, "beheer")
	one.apply(reports, report("r", "a", "Goed geslapen", 1), report("s", "a", "Slecht geslapen", 2))
	one.finish()
	begin(store.Scope{DryRun: true}, "beheer").finish()
	failed := begin(store.Scope{Full: true}, "")
	if err := r.FinishRun(t.Context(), failed.claim, store.OutcomeFailed, "the source is away", false); err != nil {
		t.Fatal(err)
	}
	cancelled := begin(store.Scope{Stream: dossier.StreamReports}, "")
	cancelled.cancel(cancelled.claim.Run.ID)
	if err := r.ReleaseClaim(t.Context(), cancelled.claim, store.Pause{}); err != nil {
		t.Fatal(err)
	}
	want := []string{
		"amaris transfer sync success command - clients=2&reports=1 sync",
		"amaris transfer sync success beheer a reports=2 sync",
		"amaris transfer sync failed manual - sync",
		"amaris transfer sync failed manual - sync",
	}
	if diff := cmp.Diff(want, transfers(t, r.Replica)); diff != "" {
		t.Errorf("transfers (-want +got):\n%s", diff)
	}
}

// The event of a run of one client does not name the client if it was erased meanwhile.
func TestTransferOfErasedClientNamesNoClient(t *testing.T) {
	t.Parallel()
	r := storetest.NewReplica(t)
	if err := r.PutTenant(t.Context(), tenant, "Amaris", "Europe/Amsterdam"); err != nil {
		t.Fatal(err)
	}
	asked, _, err := r.RequestRun(t.Context(), store.RunRequest{Tenant: tenant, Trigger: store.TriggerManual, Scope: store.Scope{Client: "a"}})
	if err != nil {
		t.Fatal(err)
	}
	claim, err := r.ClaimRun(t.Context(), asked.ID, "test")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.Erase(t.Context(), tenant, "a", "beheer"); err != nil {
		t.Fatal(err)
	}
	if err := r.FinishRun(t.Context(), claim, store.OutcomeComplete, "", true); err != nil {
		t.Fatal(err)
	}
	want := []string{"amaris transfer sync success manual - sync"}
	if diff := cmp.Diff(want, transfers(t, r)); diff != "" {
		t.Errorf("transfers (-want +got):\n%s", diff)
	}
}
