package sync_test

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"dossiersync/store"
	dossiersync "dossiersync/sync"
)

// holdTenant lets another worker claim a run of the tenant.
func (h *harness) holdTenant() {
	h.t.Helper()
	ctx := h.t.Context()
	if err := h.PutTenant(ctx, tenant, "Amaris", "Europe/Amsterdam"); err != nil {
		h.t.Fatal(err)
	}
	run, _, err := h.RequestRun(ctx, store.RunRequest{Tenant: tenant, Trigger: store.TriggerManual,
		Scope: store.Scope{Full: true}})
	if err != nil {
		h.t.Fatal(err)
	}
	if _, err := h.ClaimRun(ctx, run.ID, "another"); err != nil {
		h.t.Fatal(err)
	}
}

func TestNoWaitLeavesAnEarlierRequestWaiting(t *testing.T) {
	t.Parallel()
	h := newHarness(t, newFakeSource(t))
	h.holdTenant()
	due, _, err := h.RequestRun(t.Context(), store.RunRequest{Tenant: tenant, Trigger: store.TriggerSchedule,
		Slot: time.Now()})
	if err != nil {
		t.Fatal(err)
	}
	_, err = h.syncer.Sync(t.Context(), dossiersync.SyncRequest{Tenant: tenant, NoWait: true})
	if !errors.Is(err, store.ErrBusy) {
		t.Errorf("got %v, want ErrBusy", err)
	}
	if run, err := h.Run(t.Context(), due.ID); err != nil || run.State != store.RunWaiting {
		t.Errorf("the slot's run is %s (%v)", run.State, err)
	}
}

func TestNoWaitCancelsItsOwnRequest(t *testing.T) {
	t.Parallel()
	h := newHarness(t, newFakeSource(t))
	h.holdTenant()
	_, err := h.syncer.Sync(t.Context(), dossiersync.SyncRequest{Tenant: tenant, NoWait: true})
	if !errors.Is(err, store.ErrBusy) {
		t.Errorf("got %v, want ErrBusy", err)
	}
	if got := h.queryText(`SELECT string_agg(state, ' ' ORDER BY id) FROM runs`); got != "running done" {
		t.Errorf("runs are %s", got)
	}
}

// replicaSQL selects all that a run may change, except the run's own record.
const replicaSQL = `
	SELECT jsonb_build_object(
		'items', (SELECT jsonb_agg(i ORDER BY key) FROM items i),
		'clients', (SELECT jsonb_agg(c ORDER BY id) FROM clients c),
		'refs', (SELECT jsonb_agg(r ORDER BY target, key) FROM refs r),
		'stale', (SELECT jsonb_agg(s ORDER BY key) FROM stale s),
		'cursors', (SELECT jsonb_agg(c ORDER BY type) FROM cursors c),
		'backfills', (SELECT jsonb_agg(b ORDER BY client) FROM backfills b),
		'quarantine', (SELECT jsonb_agg(q ORDER BY key) FROM quarantine q),
		'tenants', (SELECT jsonb_agg(t ORDER BY id) FROM tenants t))::text`

func TestDryRunCountsAndChangesNothing(t *testing.T) {
	t.Parallel()
	f := newFakeSource(t, client("a", 1), report("r", "a", "een", 2))
	h := newHarness(t, f)
	dry := store.Scope{DryRun: true}
	run := h.wantSync(store.OutcomeComplete, dry)
	if got := totals(run); got.Created != 2 || got.Seen != 2 {
		t.Errorf("for an empty replica it counts %+v", got)
	}
	const rows = `
		SELECT count(*)::text FROM (
			SELECT key FROM items UNION ALL SELECT id FROM clients UNION ALL SELECT type FROM cursors) x`
	if got := h.queryText(rows); got != "0" {
		t.Errorf("%s rows were written", got)
	}
	h.wantSync(store.OutcomeComplete, store.Scope{})
	f.put(report("r", "a", "verbeterd", 13*60), report("new", "a", "nieuw", 13*60), client("b", 13*60),
		unreadable(report("bad", "a", "x", 13*60), 13*60, true))
	f.advance(4 * time.Hour)
	before := h.queryText(replicaSQL)
	got := totals(h.sync(dry))
	if got.Created != 2 || got.Updated != 1 || got.Quarantined != 1 {
		t.Errorf("it counts %+v", got)
	}
	if diff := cmp.Diff(before, h.queryText(replicaSQL)); diff != "" {
		t.Error(diff)
	}
}
