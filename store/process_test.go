package store_test

import (
	"testing"

	"dossiersync/store"
	"dossiersync/store/storetest"
)

// A process of the portal API says that it is alive with the key of any of its tenants, and cannot
// pass for a worker.
func TestPortalProcessIsAlive(t *testing.T) {
	t.Parallel()
	r := storetest.NewReplica(t)
	seedTwo(t, r)
	worker := store.Process{ID: "worker", Kinds: []store.ProcessKind{store.ProcessWorker}, Tenants: map[string]string{"amaris": "1"}}
	if err := r.NoteProcess(t.Context(), worker); err != nil {
		t.Fatal(err)
	}
	portal := store.Process{ID: "portal", Tenants: map[string]string{"a tenant without a key": "1", "szr": "2"}}
	for range 2 {
		if err := r.Reader.NoteProcess(t.Context(), portal); err != nil {
			t.Error(err)
		}
	}
	portal.ID = "worker"
	if err := r.Reader.NoteProcess(t.Context(), portal); err == nil {
		t.Error("the portal API's role changed a worker")
	}
	portal.ID, portal.Tenants = "other", map[string]string{"a tenant without a key": "1"}
	if err := r.Reader.NoteProcess(t.Context(), portal); err == nil {
		t.Error("a process was stored without a proof")
	}
	list, err := r.Processes(t.Context())
	if err != nil || len(list) != 2 || list[1].ID != "portal" || list[1].Kinds[0] != store.ProcessPortal {
		t.Errorf("the processes are %+v, %v", list, err)
	}
}
