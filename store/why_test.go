package store_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"dossiersync/store"
	"dossiersync/store/dossier"
	"dossiersync/store/storetest"
)

func (r *harness) why(client, user string) store.Why {
	r.t.Helper()
	w, err := r.Why(r.t.Context(), tenant, client, user, "beheerder")
	if err != nil {
		r.t.Fatal(err)
	}
	return w
}

// putGrant stores a grant with any columns, also ones that the portal would not send.
func (r *harness) putGrant(user, state, from, until, contact string) {
	r.t.Helper()
	r.exec(`
		INSERT INTO grants (tenant, client, user_id, role, parts, state, valid_from, valid_until,
			contact, name, updated_by)
		VALUES ($1, 'a', $2, 'contact', '{reports}', $3, nullif($4, '')::date,
			nullif($5, '')::date, nullif($6, ''), 'Geheime Naam', 'portal')`,
		tenant, user, state, from, until, contact)
}

// A grant opens the dossier if and only if it has no fault, whatever its dates and its contact.
func TestWhyListsFaultsOfGrantsThatDoNotCount(t *testing.T) {
	t.Parallel()
	r := newHarness(t, storetest.NewReplica(t))
	r.apply(patients, patient("a", 0), patient("b", 0))
	zone, err := time.LoadLocation("Europe/Amsterdam")
	if err != nil {
		t.Fatal(err)
	}
	now, err := r.Now(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	day := func(n int) string { return now.In(zone).AddDate(0, 0, n).Format(time.DateOnly) }
	r.exec(`
		INSERT INTO contacts (tenant, id, client, active, ends)
		VALUES
			('amaris', 'good', 'a', true, NULL),
			('amaris', 'other', 'b', true, NULL),
			('amaris', 'clientless', NULL, true, NULL),
			('amaris', 'inactive', 'a', false, NULL),
			('amaris', 'ended', 'a', true, $1::text::date),
			('amaris', 'ends', 'a', true, $2::text::date)`, day(-1), day(0))
	days := []string{"", day(-1), day(0), day(1)}
	for _, state := range []string{"invited", "accepted", "revoked"} {
		for f, from := range days {
			for u, until := range days {
				for _, contact := range []string{"", "good", "other", "clientless", "inactive", "ended", "ends", "unknown"} {
					r.putGrant(fmt.Sprintf("%s %d %d %s", state, f, u, contact), state, from, until, contact)
				}
			}
		}
	}
	grants := r.why("a", "").Grants
	if len(grants) != 3*4*4*8 {
		t.Fatalf("%d grants", len(grants))
	}
	seen := make(map[store.GrantFault]int)
	counting := 0
	for _, g := range grants {
		_, list, _, err := r.Reader.Dossiers(t.Context(), store.Identity{Tenant: tenant, User: g.User}, "")
		if err != nil {
			t.Fatal(err)
		}
		if opens := len(list) == 1; opens != (len(g.Faults) == 0) {
			t.Errorf("%s: opens the dossier: %v; faults: %v", g.User, opens, g.Faults)
		}
		for _, f := range g.Faults {
			if f.Meaning() == "" {
				t.Errorf("%s has no meaning", f)
			}
			seen[f]++
		}
		if len(g.Faults) == 0 {
			counting++
		}
	}
	if len(seen) != 8 || counting == 0 {
		t.Errorf("%d grants count, and there are the faults %v", counting, seen)
	}
}

func TestWhyCountsItemsByStateAndReason(t *testing.T) {
	t.Parallel()
	r := newHarness(t, storetest.NewReplica(t))
	if err := r.BeginCursor(t.Context(), r.claim, reports); err != nil {
		t.Fatal(err)
	}
	r.apply(patients, patient("a", 0), patient("b", 0))
	withdrawn := hidden(report("4", "a", "x", 1), dossier.WithdrawnInError)
	withdrawn.State = dossier.StateWithdrawn
	nameless := unreadable(report("6", "", "x", 1), false)
	r.apply(reports, report("1", "a", "een", 1), report("2", "a", "twee", 1), report("9", "b", "negen", 1),
		hidden(report("3", "a", "x", 1), dossier.HiddenMarked), withdrawn, unreadable(report("5", "a", "x", 1), true), nameless)
	r.putGrant("dochter", "accepted", "", "", "")
	w := r.why("a", "dochter")
	newest := at(0)
	want := []store.ItemCount{
		{Stream: "reports", State: "hidden", Reason: "marked", Count: 1},
		{Stream: "reports", State: "quarantined", Reason: "bad-body", Count: 1},
		{Stream: "reports", State: "withdrawn", Reason: "entered-in-error", Count: 1},
		{Stream: "reports", Kind: "report", State: "shown", Count: 2, Newest: &newest},
	}
	if diff := cmp.Diff(want, w.Items); diff != "" {
		t.Errorf("items (-want +got):\n%s", diff)
	}
	if w.Client == nil || w.Client.State != dossier.StateShown || w.Owed == nil || w.Nameless != 1 {
		t.Errorf("client %+v, owed %v, nameless %d", w.Client, w.Owed, w.Nameless)
	}
	// The portal API answers the user from the same standing and counts, with names.
	standing, counts, err := r.Reader.Dossier(t.Context(), store.Identity{Tenant: tenant, User: "dochter"}, "a")
	if err != nil {
		t.Fatal(err)
	}
	standing.Now, standing.Dossier.Name, standing.Dossier.UserName = w.Standing.Now, "", nil
	if diff := cmp.Diff(standing, w.Standing); diff != "" {
		t.Errorf("standing (-portal +why):\n%s", diff)
	}
	if diff := cmp.Diff(counts, w.Counts); diff != "" || len(counts) != 1 {
		t.Errorf("counts (-portal +why):\n%s", diff)
	}
	if w := r.why("a", "buurman"); w.Standing.Dossier != nil || len(w.Counts) != 0 {
		t.Errorf("for a user without a grant: %+v, %v", w.Standing.Dossier, w.Counts)
	}
}

func TestWhyOfUnknownClient(t *testing.T) {
	t.Parallel()
	r := newHarness(t, storetest.NewReplica(t))
	r.apply(reports, report("1", "a", "een", 1))
	r.putGrant("dochter", "accepted", "", "", "")
	w := r.why("a", "dochter")
	if w.Client != nil || w.Standing.Dossier != nil || len(w.Grants) != 1 {
		t.Errorf("client %v, dossier %v, %d grants", w.Client, w.Standing.Dossier, len(w.Grants))
	}
	if len(w.Items) != 1 || w.Items[0].Reason != dossier.HiddenUnknownClient {
		t.Errorf("items %+v", w.Items)
	}
	if w, err := r.Why(t.Context(), "nowhere", "a", "", "beheerder"); err != nil || w.Client != nil || len(w.Grants) != 0 {
		t.Errorf("for an unknown tenant: %+v, %v", w, err)
	}
}

func TestWhyNamesSuccessorOfMergedClient(t *testing.T) {
	t.Parallel()
	r := newHarness(t, storetest.NewReplica(t))
	r.apply(patients, patient("a", 0))
	merged := hidden(patient("a", 2), dossier.HiddenMerged)
	merged.Content = &dossier.Client{ReplacedBy: "b"}
	r.apply(patients, merged)
	w := r.why("a", "")
	b := "b"
	want := store.ClientStanding{
		State: dossier.StateHidden, Reason: dossier.HiddenMerged, ReplacedBy: &b,
	}
	if w.Client == nil {
		t.Fatal("no client")
	}
	if diff := cmp.Diff(want, *w.Client, cmpopts.IgnoreFields(want, "Since")); diff != "" {
		t.Errorf("client (-want +got):\n%s", diff)
	}
}
