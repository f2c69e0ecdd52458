package portalapi_test

import (
	"net/http"
	"testing"
	"time"

	"dossiersync/store"
	"dossiersync/store/storetest"
)

// A restored backup has a right that was revoked later, and a dossier that was erased later. It
// shows neither to any user, before and after the portal has sent all grants; and its access log is
// that of the backup.
func TestRestoredBackupHidesRevokedAndErased(t *testing.T) {
	t.Parallel()
	p := newDossierHarness(t)
	p.client("amaris", "2", "Jan")
	p.grant("amaris", "daughter", "2", everyPart)
	p.grant("amaris", "son", "1", everyPart)
	p.items(report("1", "a", noon()), report("2", "b", noon()))
	backup := storetest.Backup(t, p.URL)

	if a := p.manage(http.MethodDelete, "/v1/dossiers/1/grants/daughter", ""); a.status != http.StatusNoContent {
		t.Fatalf("revoking is answered with %d", a.status)
	}
	erased, err := p.Erase(t.Context(), "amaris", "2", "beheer")
	if err != nil {
		t.Fatal(err)
	}
	taken := time.Now()

	r := storetest.NewReplica(t) // another server, as it may be
	storetest.Restore(t, r.URL, backup)
	if m, err := store.Migrate(t.Context(), r.URL); err != nil || m.Current != m.Latest {
		t.Fatalf("the backup is migrated to %v, %v", m, err)
	}
	q := newHarnessOn(t, r)
	for _, url := range []string{"/v1/dossiers/1/reports", "/v1/dossiers/2/reports"} {
		if a := q.get("daughter", url); a.status != http.StatusOK {
			t.Fatalf("without more, %s is answered with %d: the test tests nothing", url, a.status)
		}
	}
	if err := r.MarkRestored(t.Context(), true); err != nil {
		t.Fatal(err)
	}
	if n, err := r.EraseAgain(t.Context(), []store.Erasure{erased.Erasure}, nil, true); err != nil || n != 1 {
		t.Fatalf("%d dossiers are erased again, %v", n, err)
	}
	for _, user := range []string{"daughter", "son"} {
		for _, url := range []string{"/v1/dossiers", "/v1/dossiers/1", "/v1/dossiers/1/reports", "/v1/dossiers/2/reports"} {
			if a := q.get(user, url); a.status != http.StatusServiceUnavailable {
				t.Errorf("before all grants have come, %s for %s is answered with %d", url, user, a.status)
			}
		}
	}
	// The portal sends all of its grants: it does not know that 2 was erased.
	q.manage(http.MethodPut, allGrants, `{"asOf":"`+taken.Format(time.RFC3339)+`","items":[
		{"client":"1","user":"son","role":"contact","parts":["reports"],"state":"accepted"},
		{"client":"1","user":"daughter","role":"contact","parts":["reports"],"state":"revoked"},
		{"client":"2","user":"daughter","role":"contact","parts":["reports"],"state":"accepted"}]}`).item(t)
	for url, want := range map[string]int{"/v1/dossiers/1/reports": 404, "/v1/dossiers/1": 404, "/v1/dossiers/2/reports": 404, "/v1/dossiers/2": 404} {
		if a := q.get("daughter", url); a.status != want {
			t.Errorf("after all grants have come, %s is answered with %d, want %d", url, a.status, want)
		}
	}
	if l := q.get("son", "/v1/dossiers/1/reports").list(t); len(l.Items) != 1 {
		t.Errorf("who still has a right sees %v", ids(l))
	}
}
