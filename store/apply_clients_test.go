package store_test

import (
	"testing"

	"dossiersync/store/dossier"
	"dossiersync/store/storetest"
)

// grant gives a user an accepted grant on the client's reports.
func (r *harness) grant(client, user string) {
	r.t.Helper()
	r.exec(`INSERT INTO grants (tenant, client, user_id, role, parts, state, updated_by)
		VALUES ($1, $2, $3, 'client', '{reports}', 'accepted', 'portal')`, tenant, client, user)
}

// Only a merge, which the source states, revokes grants (I5a).
func TestOnlyAMergeRevokesGrants(t *testing.T) {
	t.Parallel()
	marked := func(minute int) dossier.Item { return hidden(patient("a", minute), dossier.HiddenMarked) }
	inactive := func(minute int) dossier.Item { return hidden(patient("a", minute), dossier.HiddenInactive) }
	merged := func(minute int) dossier.Item { return hidden(patient("a", minute), dossier.HiddenMerged) }
	unread := func(minute int) dossier.Item { return unreadable(patient("a", minute), false) }
	shown := func(minute int) dossier.Item { return patient("a", minute) }
	for _, tc := range []struct {
		name  string
		steps []func(minute int) dossier.Item
		want  string
	}{
		{"out of care and back", []func(int) dossier.Item{inactive, shown}, "accepted"},
		{"unreadable once", []func(int) dossier.Item{unread, shown}, "accepted"},
		{"merged", []func(int) dossier.Item{merged, shown}, "revoked"},
		{"merged when out of care", []func(int) dossier.Item{inactive, merged}, "revoked"},
		{"merged when marked", []func(int) dossier.Item{marked, merged}, "revoked"},
		{"marked when out of care", []func(int) dossier.Item{inactive, marked}, "accepted"},
		{"merged after an unreadable version", []func(int) dossier.Item{unread, merged}, "revoked"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			r := newHarness(t, storetest.NewReplica(t))
			r.apply(patients, patient("a", 0))
			r.grant("a", "daughter")
			for i, step := range tc.steps {
				r.apply(patients, step(i+1))
			}
			if got := r.one(`SELECT state FROM grants`); got != tc.want {
				t.Errorf("the grant is %s, want %s", got, tc.want)
			}
		})
	}
}

// An unreadable client may carry a mark: the dossier is not shown until the client can be read.
func TestDossierIsClosedWhileTheClientCannotBeRead(t *testing.T) {
	t.Parallel()
	r := newHarness(t, storetest.NewReplica(t))
	r.apply(patients, patient("a", 0))
	r.grant("a", "daughter")
	r.apply(reports, report("1", "a", "een", 1))
	r.apply(patients, unreadable(patient("a", 1), false))
	if got := r.texts(); len(got) != 0 {
		t.Errorf("still there: %v", got)
	}
	if got := r.one(`SELECT state || ' ' || coalesce(name, '-') FROM clients`); got != "hidden -" {
		t.Errorf("the client is %s", got)
	}
}

// Ids are unique within a type only.
func TestStrayEntryLeavesItemOfSameIDShown(t *testing.T) {
	t.Parallel()
	r := newHarness(t, storetest.NewReplica(t))
	r.apply(patients, patient("1", 0))
	r.grant("1", "daughter")
	r.apply(reports, report("9", "1", "een", 1))
	nurse := dossier.Item{Ref: dossier.Ref{Type: "Practitioner", ID: "1"}, Stream: dossier.StreamStaff, State: dossier.StateShown,
		Updated: at(1), Hash: hash("Fatima"), Content: &dossier.Staff{What: dossier.StaffPerson, Name: "Fatima"}}
	r.apply(staff, nurse)
	nurse.Stream, nurse.State, nurse.Reason, nurse.Content = dossier.StreamClients, dossier.StateQuarantined, dossier.BadType, nil
	r.apply(patients, nurse)
	if got := r.one(`SELECT string_agg(id || ' ' || state, ', ') FROM clients`); got != "1 shown" {
		t.Errorf("clients: %s", got)
	}
	if got := r.one(`SELECT state FROM grants`); got != "accepted" {
		t.Errorf("the grant is %s", got)
	}
	if got := r.texts(); len(got) != 1 {
		t.Errorf("reports: %v", got)
	}
}
