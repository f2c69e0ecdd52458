package store_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"dossiersync/store"
	"dossiersync/store/dossier"
	"dossiersync/store/storetest"
)

var (
	relatives      = store.TypeID{Stream: dossier.StreamContacts, Type: "RelatedPerson"}
	questionnaires = store.TypeID{Stream: dossier.StreamQuestionnaires, Type: "Questionnaire"}
	notes          = store.TypeID{Stream: dossier.StreamReports, Type: "Composition"}
)

// pulling ends r's run and begins one of the whole tenant that pulls the types.
func (r *harness) pulling(types ...store.TypeID) *harness {
	r.t.Helper()
	ctx := r.t.Context()
	r.finish()
	asked, _, err := r.RequestRun(ctx, store.RunRequest{Tenant: tenant, Trigger: store.TriggerCommand})
	if err != nil {
		r.t.Fatal(err)
	}
	next := &harness{Replica: r.Replica, t: r.t}
	if next.claim, err = r.ClaimRun(ctx, asked.ID, "test"); err != nil {
		r.t.Fatal(err)
	}
	var list []store.RunType
	for _, id := range types {
		list = append(list, store.RunType{TypeID: id, To: time.Now(), AsOf: time.Now(), Fingerprint: "f"})
	}
	if err := r.StartRunTypes(ctx, next.claim, list); err != nil {
		r.t.Fatal(err)
	}
	return next
}

// drain stores that the types have been read to the end.
func (r *harness) drain(types ...store.TypeID) {
	r.t.Helper()
	for _, id := range types {
		if err := r.BeginCursor(r.t.Context(), r.claim, id); err != nil {
			r.t.Fatal(err)
		}
		d := &store.Drained{Upto: at(0), Last: true}
		if _, err := r.Apply(r.t.Context(), store.Batch{Claim: r.claim, Type: id, Drained: d}, plain{}); err != nil {
			r.t.Fatal(err)
		}
	}
}

// unshare removes the types that are no longer shared, limit items at a time, and counts them.
func (r *harness) unshare(limit int) map[dossier.Stream]int64 {
	r.t.Helper()
	removed := make(map[dossier.Stream]int64)
	for range 100 {
		u, err := r.Unshare(r.t.Context(), r.claim, limit)
		if err != nil {
			r.t.Fatal(err)
		}
		for stream, n := range u.Items {
			removed[stream] += n
		}
		if !u.More {
			return removed
		}
	}
	r.t.Fatal("it does not end")
	return nil
}

// states returns the state and reason of every item except clients.
func (r *harness) states() map[string]string {
	r.t.Helper()
	rows, err := r.Pool().Query(r.t.Context(), `SELECT id, state, coalesce(reason, '') FROM items WHERE stream <> 'clients'`)
	if err != nil {
		r.t.Fatal(err)
	}
	defer rows.Close()
	got := make(map[string]string)
	for rows.Next() {
		var id, state, reason string
		if err := rows.Scan(&id, &state, &reason); err != nil {
			r.t.Fatal(err)
		}
		got[id] = state + " " + reason
	}
	return got
}

func note(id, text string, minute int) dossier.Item {
	it := report(id, "a", text, minute)
	it.Type = "Composition"
	return it
}

func nurse(name string, minute int) dossier.Item {
	return dossier.Item{Ref: dossier.Ref{Type: "Practitioner", ID: "p1"}, Stream: dossier.StreamStaff, State: dossier.StateShown,
		Updated: at(minute), Hash: hash(name), Content: &dossier.Staff{What: dossier.StaffPerson, Name: name}}
}

// shared returns a replica in which everything was read once.
func shared(t *testing.T) *harness {
	t.Helper()
	r := newHarness(t, storetest.NewReplica(t), relatives, questionnaires, notes)
	r.drain(patients, staff, reports, relatives, questionnaires, notes)
	r.apply(patients, patient("a", 0))
	r.apply(staff, nurse("Fatima", 1))
	r.apply(reports, report("1", "a", "een", 1))
	r.apply(notes, note("2", "twee", 1), hidden(note("3", "drie", 1), dossier.HiddenMarked), note("4", "vier", 1))
	gone := hidden(note("4", "vier", 2), dossier.WithdrawnInError)
	gone.State = dossier.StateWithdrawn
	r.apply(notes, gone, unreadable(note("5", "vijf", 1), true))
	r.apply(relatives, dossier.Item{Ref: dossier.Ref{Type: "RelatedPerson", ID: "dochter"}, Stream: dossier.StreamContacts, Client: "a",
		State: dossier.StateShown, Updated: at(1), Content: &dossier.Contact{Name: "Dochter", Active: true}})
	r.apply(questionnaires, dossier.Item{Ref: dossier.Ref{Type: "Questionnaire", ID: "q"}, Stream: dossier.StreamQuestionnaires,
		State: dossier.StateShown, Updated: at(1), Content: &dossier.Questionnaire{URL: "u", Version: "1"}})
	return r
}

func TestUnsharedTypeIsRemoved(t *testing.T) {
	t.Parallel()
	r := shared(t)
	change := r.one(`SELECT change::text FROM clients`)
	r = r.pulling(patients, reports)
	want := map[dossier.Stream]int64{"staff": 1, "reports": 2, "contacts": 1, "questionnaires": 1}
	if diff := cmp.Diff(want, r.unshare(2)); diff != "" {
		t.Errorf("removed: %s", diff)
	}
	wantStates := map[string]string{"1": "shown ", "2": "withdrawn purged", "3": "withdrawn purged",
		"4": "withdrawn entered-in-error", "p1": "withdrawn purged", "dochter": "withdrawn purged", "q": "withdrawn purged"}
	if diff := cmp.Diff(wantStates, r.states()); diff != "" {
		t.Error(diff)
	}
	if got := r.one(`SELECT count(*)::text FROM items WHERE reason = 'purged'
		AND (card IS NOT NULL OR body IS NOT NULL OR model IS NOT NULL OR at IS NOT NULL)`); got != "0" {
		t.Errorf("%s tombstones have content", got)
	}
	for _, table := range []string{"contacts", "definitions", "quarantine"} {
		if got := r.one(`SELECT count(*)::text FROM ` + table); got != "0" {
			t.Errorf("%s still has %s rows", table, got)
		}
	}
	if r.one(`SELECT change::text FROM clients`) == change {
		t.Error("the dossier's change number is as it was")
	}
	// Items that named a removed item are rendered without it.
	if _, err := r.Rerender(t.Context(), r.claim, plain{}, 10); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string]string{"1": "a: een ()"}, r.texts()); diff != "" {
		t.Error(diff)
	}
	if again := r.unshare(2); len(again) != 0 {
		t.Errorf("removed again: %v", again)
	}
}

func TestNextRunFinishesRemoval(t *testing.T) {
	t.Parallel()
	r := shared(t)
	r = r.pulling(patients, staff, reports, relatives, questionnaires)
	if u, err := r.Unshare(t.Context(), r.claim, 1); err != nil || !u.More {
		t.Fatalf("%+v, %v", u, err)
	}
	// Killed here. Items that were examined already may have come back meanwhile.
	r = r.pulling(patients, staff, reports, relatives, questionnaires)
	r.unshare(100)
	if got := r.texts(); len(got) != 1 {
		t.Errorf("still there: %v", got)
	}
	if cursors, err := r.Cursors(t.Context(), tenant); err != nil || len(cursors) != 5 {
		t.Errorf("cursors %v, %v", cursors, err)
	}
}

func TestResharedTypeIsReadFromTheBeginning(t *testing.T) {
	t.Parallel()
	for _, steps := range []int{0, 1, 100} {
		r := shared(t)
		r = r.pulling(patients, staff, reports, relatives, questionnaires)
		for range steps {
			if _, err := r.Unshare(t.Context(), r.claim, 1); err != nil {
				t.Fatal(err)
			}
		}
		r = r.pulling(patients, staff, reports, relatives, questionnaires, notes)
		if removed := r.unshare(100); len(removed) != 0 {
			t.Errorf("after %d steps: removed %v of what is shared", steps, removed)
		}
		cursors, err := r.Cursors(t.Context(), tenant)
		if c := cursors[notes]; err != nil || c.Upto != nil || c.AsOf != nil {
			t.Errorf("after %d steps: the cursor stands at %v, %v (%v)", steps, c.Upto, c.AsOf, err)
		}
		r.apply(notes, note("2", "twee", 1))
		if got := r.texts()["2"]; got != "a: twee (Fatima)" {
			t.Errorf("after %d steps: got %q", steps, got)
		}
	}
}

func TestOnlyConfigurationUnsharesTypes(t *testing.T) {
	t.Parallel()
	r := shared(t)
	before := r.states()
	otherwise := notes
	otherwise.Query = "type=x"
	r = r.pulling(patients, staff, reports, relatives, questionnaires, otherwise)
	// The source fails, or does not know the type today.
	if err := r.FailType(t.Context(), r.claim, reports, "not-found", "404", true); err != nil {
		t.Fatal(err)
	}
	if removed := r.unshare(100); len(removed) != 0 {
		t.Errorf("removed %v", removed)
	}
	if diff := cmp.Diff(before, r.states()); diff != "" {
		t.Error(diff)
	}
}
