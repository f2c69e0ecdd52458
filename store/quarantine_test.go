package store_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"dossiersync/store"
	"dossiersync/store/dossier"
	"dossiersync/store/storetest"
)

// quarantine lists the items in quarantine as type, id and reason, the oldest first.
func (r *harness) quarantine() []string {
	r.t.Helper()
	list, err := r.Quarantine(r.t.Context(), store.QuarantineFilter{Tenant: tenant})
	if err != nil {
		r.t.Fatal(err)
	}
	var got []string
	for _, q := range list {
		got = append(got, fmt.Sprintf("%s/%s %s", q.Type, q.ID, q.Reason))
	}
	return got
}

// I6, I7: if PostgreSQL refuses the newest version, the last good one stays only if the newest
// still allows it for the same client.
func TestRefusedItemKeepsLastGoodVersionIfAllowed(t *testing.T) {
	t.Parallel()
	withdrawn := hidden(report("1", "a", "x", 2), dossier.WithdrawnInError)
	withdrawn.State = dossier.StateWithdrawn
	undated := report("1", "b", "x", 2)
	undated.Updated = time.Time{}
	for _, tc := range []struct {
		name string
		item dossier.Item
		want int // reports shown
	}{
		{"marked as not to be shown", hidden(report("1", "a", "x", 2), dossier.HiddenMarked), 0},
		{"withdrawn", withdrawn, 0},
		{"of another client", report("1", "b", "x", 2), 0},
		{"of another client, undated", undated, 0},
		{"still to be shown", report("1", "a", "x", 2), 1},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			r := newHarness(t, storetest.NewReplica(t))
			r.apply(patients, patient("a", 0), patient("b", 0))
			r.apply(reports, report("1", "a", "geheim", 1))
			tc.item.Version = "nul\x00"
			// Refused again and again, it must not be tried for ever.
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
			defer cancel()
			if _, err := r.Apply(ctx, store.Batch{Claim: r.claim, Type: reports, Items: []dossier.Item{tc.item}}, plain{}); err != nil {
				t.Fatal(err)
			}
			if got := r.one(`SELECT count(*)::text FROM items WHERE items::text LIKE '%geheim%'`); got != fmt.Sprint(tc.want) {
				t.Errorf("%s rows hold the text, want %d", got, tc.want)
			}
			if diff := cmp.Diff([]string{"Observation/1 not-storable"}, r.quarantine()); diff != "" {
				t.Errorf("quarantine: %s", diff)
			}
		})
	}
}

func TestQuarantineSurvivesSplitBatch(t *testing.T) {
	t.Parallel()
	r := newHarness(t, storetest.NewReplica(t))
	r.apply(patients, patient("a", 0))
	r.apply(reports, report("1", "a", "een", 1))
	refused := report("2", "a", "twee", 1)
	refused.Version = "nul\x00"
	r.apply(reports, unreadable(report("1", "", "x", 2), false), refused)
	if diff := cmp.Diff([]string{"Observation/1 bad-body", "Observation/2 not-storable"}, r.quarantine()); diff != "" {
		t.Error(diff)
	}
}

func TestOlderVersionLeavesTheNewerOneInQuarantine(t *testing.T) {
	t.Parallel()
	r := newHarness(t, storetest.NewReplica(t))
	r.apply(patients, patient("a", 0))
	r.apply(reports, report("1", "a", "een", 1))
	r.apply(reports, unreadable(report("1", "a", "x", 5), true))
	for _, older := range []dossier.Item{report("1", "a", "een", 1), report("1", "a", "ertussen", 3)} {
		r.apply(reports, older)
		if got := r.quarantine(); len(got) != 1 {
			t.Errorf("version %s came again, and the quarantine holds %v", older.Version, got)
		}
	}
	r.apply(reports, report("1", "a", "verbeterd", 5))
	if got := r.quarantine(); len(got) != 0 {
		t.Errorf("repaired, and the quarantine holds %v", got)
	}
}

// I4 holds for a withheld item: it keeps its lastUpdated, even if the unreadable version had
// none.
func TestOlderVersionRestoresNoWithheldItem(t *testing.T) {
	t.Parallel()
	r := newHarness(t, storetest.NewReplica(t))
	r.apply(patients, patient("a", 0))
	r.apply(reports, report("1", "a", "een", 5))
	undated := unreadable(report("1", "", "x", 0), false)
	undated.Updated = time.Time{}
	r.apply(reports, undated)
	got := r.apply(reports, report("1", "a", "oud", 4))
	if got := r.texts(); len(got) != 0 {
		t.Errorf("shown again: %v", got)
	}
	if got.Of(store.EffectCreated) != 0 {
		t.Errorf("the older version counts as %v", got)
	}
}

// I2: each bad record is counted once, even if it has no id.
func TestRecordsWithoutIDAreEachQuarantinedOnce(t *testing.T) {
	t.Parallel()
	r := newHarness(t, storetest.NewReplica(t))
	nameless := func(raw string) dossier.Item {
		return dossier.Item{Ref: dossier.Ref{Type: "Observation"}, Stream: dossier.StreamReports,
			State: dossier.StateQuarantined, Reason: dossier.BadID, Raw: []byte(raw)}
	}
	got := r.apply(reports, nameless("een"), nameless("twee"), nameless("een"))
	if diff := cmp.Diff(store.Effects{"quarantined:bad-id": 2}, got); diff != "" {
		t.Error(diff)
	}
	if got := r.apply(reports, nameless("twee"), report("1", "nobody", "x", 1)); got["quarantined:bad-id"] != 0 {
		t.Errorf("counted again: %v", got)
	}
	if diff := cmp.Diff([]string{"Observation/ bad-id", "Observation/ bad-id"}, r.quarantine()); diff != "" {
		t.Error(diff)
	}
}

// An Observation in the answer to a search for clients does not change the stored report.
func TestStrayEntryLeavesTheRecordAsItIs(t *testing.T) {
	t.Parallel()
	r := newHarness(t, storetest.NewReplica(t))
	r.apply(patients, patient("a", 0))
	r.apply(reports, report("1", "a", "een", 1))
	r.apply(patients, dossier.Item{Ref: dossier.Ref{Type: "Observation", ID: "1"}, Stream: dossier.StreamClients,
		State: dossier.StateQuarantined, Reason: dossier.BadType})
	if diff := cmp.Diff(map[string]string{"1": "a: een ()"}, r.texts()); diff != "" {
		t.Error(diff)
	}
	if got := r.one(`SELECT string_agg(id || ' ' || state, ', ') FROM clients`); got != "a shown" {
		t.Errorf("clients: %s", got)
	}
	if got := r.quarantine(); len(got) != 1 {
		t.Errorf("quarantine holds %v", got)
	}
	// Found by its own search, it leaves quarantine.
	r.apply(reports, report("1", "a", "een", 1))
	if got := r.quarantine(); len(got) != 0 {
		t.Errorf("quarantine still holds %v", got)
	}
}

func TestQuarantinedItemHasStateOfStoredVersion(t *testing.T) {
	t.Parallel()
	r := newHarness(t, storetest.NewReplica(t))
	r.apply(patients, patient("a", 0))
	r.apply(reports, report("kept", "a", "een", 1), report("withheld", "a", "twee", 1))
	r.apply(reports, unreadable(report("kept", "a", "x", 2), true), unreadable(report("withheld", "", "x", 2), false),
		unreadable(report("new", "a", "x", 2), true))
	for id, want := range map[string]string{
		"kept":     "a shown  12:01",
		"withheld": "null hidden quarantined 12:02",
		"new":      "a null null null",
	} {
		it, err := r.QuarantinedItem(t.Context(), keyOf(id))
		if err != nil {
			t.Fatal(err)
		}
		text := func(s *string) string {
			if s == nil {
				return "null"
			}
			return *s
		}
		of := "null"
		if it.StateOf != nil {
			of = it.StateOf.UTC().Format("15:04")
		}
		reason := (*string)(it.StateReason)
		if id == "kept" && reason == nil {
			reason = new("")
		}
		got := fmt.Sprintf("%s %s %s %s", text(it.Client), text((*string)(it.State)), text(reason), of)
		if got != want || it.ID != id || it.Updated == nil || it.Raw {
			t.Errorf("got %q of %+v, want %q", got, it, want)
		}
	}
	if _, err := r.QuarantinedItem(t.Context(), "nothing"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("of nothing: %v", err)
	}
}

func TestQuarantineIsListedByTenantAndClient(t *testing.T) {
	t.Parallel()
	r := newHarness(t, storetest.NewReplica(t))
	r.apply(patients, patient("a", 0), patient("b", 0))
	r.apply(reports, unreadable(report("1", "a", "x", 2), true), unreadable(report("2", "b", "x", 2), true))
	for _, tc := range []struct {
		filter store.QuarantineFilter
		want   int
	}{
		{store.QuarantineFilter{}, 2}, {store.QuarantineFilter{Tenant: tenant}, 2}, {store.QuarantineFilter{Tenant: "szr"}, 0},
		{store.QuarantineFilter{Tenant: tenant, Client: "a"}, 1}, {store.QuarantineFilter{Limit: 1}, 1},
		{store.QuarantineFilter{Tenants: []string{"szr", tenant}}, 2}, {store.QuarantineFilter{Tenants: []string{}}, 0},
	} {
		list, err := r.Quarantine(t.Context(), tc.filter)
		if err != nil || len(list) != tc.want {
			t.Errorf("%+v: %d items, %v", tc.filter, len(list), err)
		}
	}
	if n, err := r.CountQuarantine(t.Context(), tenant, store.Scope{Keys: []string{keyOf("1"), keyOf("3")}}); err != nil || n != 1 {
		t.Errorf("of two keys there are %d, %v", n, err)
	}
}

func TestQuarantineIsPagedByPlace(t *testing.T) {
	t.Parallel()
	r := newHarness(t, storetest.NewReplica(t))
	r.apply(patients, patient("a", 0))
	// One batch: they were all first seen at one moment.
	r.apply(reports, unreadable(report("1", "a", "x", 2), true), unreadable(report("2", "a", "x", 2), true), unreadable(report("3", "a", "x", 2), true))
	all, err := r.Quarantine(t.Context(), store.QuarantineFilter{})
	if err != nil {
		t.Fatal(err)
	}
	var got []store.Quarantined
	var place store.QuarantinePlace
	for range all {
		list, err := r.Quarantine(t.Context(), store.QuarantineFilter{After: place, Limit: 1})
		if err != nil || len(list) != 1 {
			t.Fatalf("after %v: %v, %v", place, list, err)
		}
		got = append(got, list...)
		place = store.QuarantinePlace{FirstSeen: list[0].FirstSeen, Key: list[0].Key}
	}
	if diff := cmp.Diff(all, got); diff != "" || len(all) != 3 {
		t.Errorf("one by one (-want +got):\n%s", diff)
	}
	if list, err := r.Quarantine(t.Context(), store.QuarantineFilter{After: place}); err != nil || len(list) != 0 {
		t.Errorf("after the last there is %v, %v", list, err)
	}
}

// The source's deletion has no client or version; the tombstone keeps those of the stored item.
func TestTombstoneKeepsClientAndVersion(t *testing.T) {
	t.Parallel()
	r := newHarness(t, storetest.NewReplica(t))
	r.apply(patients, patient("a", 0))
	r.apply(reports, report("1", "a", "een", 5))
	gone := dossier.Item{Ref: dossier.Ref{Type: "Observation", ID: "1"}, Stream: dossier.StreamReports,
		State: dossier.StateWithdrawn, Reason: dossier.WithdrawnDeleted}
	r.apply(reports, gone)
	const tombstone = `SELECT concat_ws(' ', state, reason, client, version, to_char(updated AT TIME ZONE 'UTC', 'HH24:MI')) FROM items WHERE id = '1'`
	if got := r.one(tombstone); got != "withdrawn deleted a 5 12:05" {
		t.Errorf("stored is %q", got)
	}
	// So that what is older stays older.
	r.apply(reports, report("1", "a", "ouder", 4))
	if got := r.texts(); len(got) != 0 {
		t.Errorf("shown again: %v", got)
	}
}
