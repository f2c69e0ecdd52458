package store_test

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/jackc/pgx/v5"

	"dossiersync/store"
	"dossiersync/store/dossier"
	"dossiersync/store/storetest"
)

func TestDiscardDeletesItemAndRecordsDecision(t *testing.T) {
	t.Parallel()
	r := newHarness(t, storetest.NewReplica(t))
	r.apply(patients, patient("a", 0))
	r.apply(reports, report("1", "a", "een", 1))
	bad := []dossier.Item{unreadable(report("1", "a", "x", 2), true), unreadable(report("2", "a", "x", 2), true)}
	r.apply(reports, bad...)
	if err := r.Discard(t.Context(), tenant, []string{keyOf("1")}, "ann", "proefgegevens"); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"Observation/2 bad-body"}, r.quarantine()); diff != "" {
		t.Error(diff)
	}
	got, err := r.Decisions(t.Context(), tenant, store.DecisionDiscard, 10)
	if err != nil {
		t.Fatal(err)
	}
	want := []store.Decision{{Tenant: tenant, By: "ann", What: "discard", Object: "Observation/" + keyOf("1"), Reason: "proefgegevens"}}
	if diff := cmp.Diff(want, got, cmpopts.IgnoreFields(store.Decision{}, "At")); diff != "" || time.Since(got[0].At) > time.Hour {
		t.Errorf("%s\nat %v", diff, got[0].At)
	}
	if got := r.texts()["1"]; got != "a: een ()" {
		t.Errorf("readers see %q", got)
	}
	// Still bad when it comes again, it is back.
	r.apply(reports, bad...)
	if got := r.quarantine(); len(got) != 2 {
		t.Errorf("quarantine holds %v", got)
	}
}

func TestDiscardIsAllOrNothing(t *testing.T) {
	t.Parallel()
	r := newHarness(t, storetest.NewReplica(t))
	r.apply(patients, patient("a", 0))
	r.apply(reports, unreadable(report("1", "a", "x", 2), true))
	if err := r.PutTenant(t.Context(), "szr", "SZR", "Europe/Amsterdam"); err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		tenant string
		keys   []string
	}{
		{tenant, []string{keyOf("1"), keyOf("2")}},
		{"szr", []string{keyOf("1")}}, // another's
	} {
		if err := r.Discard(t.Context(), tc.tenant, tc.keys, "ann", "x"); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("%s: %v", tc.tenant, err)
		}
	}
	if err := r.Discard(t.Context(), tenant, []string{keyOf("1")}, "ann", ""); err == nil {
		t.Error("discarded without a reason")
	}
	if got := r.quarantine(); len(got) != 1 {
		t.Errorf("quarantine holds %v", got)
	}
	if got := r.one(`SELECT count(*)::text FROM decisions`); got != "0" {
		t.Errorf("%s decisions are recorded", got)
	}
}

func TestDecisionsAreClosedToTheReaderRole(t *testing.T) {
	t.Parallel()
	r := newHarness(t, storetest.NewReplica(t))
	for _, sql := range []string{
		`SELECT * FROM decisions`, `UPDATE decisions SET reason = 'x'`, `DELETE FROM decisions`, `TRUNCATE decisions`,
		`INSERT INTO decisions (tenant, by, what, object, reason) VALUES ('amaris', 'x', 'discard', 'x', 'x')`,
	} {
		asAnswers(t, r.Replica, store.Identity{Tenant: tenant, User: "x"}, "read", "", func(tx pgx.Tx) {
			if _, err := tx.Exec(t.Context(), sql); err == nil {
				t.Errorf("the reader's role may %s", sql)
			}
		})
	}
}
