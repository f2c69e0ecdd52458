package store_test

import (
	"testing"
	"time"

	"dossiersync/store"
	"dossiersync/store/dossier"
	"dossiersync/store/storetest"
)

func TestLastRunsAreFoundByTenant(t *testing.T) {
	t.Parallel()
	r := storetest.NewReplica(t)
	ctx := t.Context()
	for _, id := range []string{"amaris", "elders", "szr"} {
		if err := r.PutTenant(ctx, id, id, "Europe/Amsterdam"); err != nil {
			t.Fatal(err)
		}
	}
	request := func(tenant string, scope store.Scope) store.Run {
		t.Helper()
		run, _, err := r.RequestRun(ctx, store.RunRequest{Tenant: tenant, Trigger: store.TriggerCommand, Scope: scope})
		if err != nil {
			t.Fatal(err)
		}
		return run
	}
	first := request("amaris", store.Scope{})
	claim, err := r.ClaimRun(ctx, first.ID, "test")
	if err != nil {
		t.Fatal(err)
	}
	to := time.Date(2026, 3, 2, 10, 0, 0, 0, time.UTC)
	if err := r.StartRunTypes(ctx, claim, []store.RunType{{TypeID: store.TypeID{Stream: dossier.StreamClients, Type: "Patient"}, To: to, AsOf: to}}); err != nil {
		t.Fatal(err)
	}
	if err := r.FinishRun(ctx, claim, store.OutcomePartial, "something is left", true); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Pool().Exec(ctx, `UPDATE run_types SET requests = 7`); err != nil {
		t.Fatal(err)
	}
	last, err := r.LastRuns(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if got := last["amaris"]; got.Requests != 7 || got.Ended == nil || got.Ended.ID != first.ID || *got.Ended.Outcome != store.OutcomePartial {
		t.Errorf("amaris: %+v", got)
	}
	if len(last) != 1 {
		t.Errorf("tenants without a run have last ones: %v", last)
	}
	// One that waits is the newest, and has not ended.
	second := request("amaris", store.Scope{Client: "1042"})
	other := request("szr", store.Scope{})
	if last, err = r.LastRuns(ctx); err != nil {
		t.Fatal(err)
	}
	if got := last["amaris"]; got.Requests != 0 || got.Ended == nil || got.Ended.ID != first.ID {
		t.Errorf("amaris with one that waits: %+v", got)
	}
	if got, ok := last["szr"]; !ok || got.Ended != nil {
		t.Errorf("szr: %+v, %t", got, ok)
	}
	for name, tt := range map[string]struct {
		filter store.RunFilter
		want   []int64
	}{
		"all":         {store.RunFilter{}, []int64{other.ID, second.ID, first.ID}},
		"whole":       {store.RunFilter{Whole: true}, []int64{other.ID, first.ID}},
		"of a tenant": {store.RunFilter{Whole: true, Tenant: "amaris"}, []int64{first.ID}},
		"since then":  {store.RunFilter{Since: second.RequestedAt}, []int64{other.ID, second.ID}},
	} {
		runs, err := r.Runs(ctx, tt.filter)
		if err != nil {
			t.Fatal(err)
		}
		var got []int64
		for _, run := range runs {
			got = append(got, run.ID)
		}
		if len(got) != len(tt.want) {
			t.Errorf("%s: runs %v, want %v", name, got, tt.want)
			continue
		}
		for i := range got {
			if got[i] != tt.want[i] {
				t.Errorf("%s: runs %v, want %v", name, got, tt.want)
			}
		}
	}
}
