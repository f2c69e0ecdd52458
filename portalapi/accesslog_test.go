package portalapi_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"dossiersync/store"
)

// wantTransfer completes a run of the scope, as a worker would, that finds nothing.
func (p *harness) wantTransfer(scope store.Scope) {
	p.t.Helper()
	asked, _, err := p.RequestRun(p.t.Context(), store.RunRequest{Tenant: "amaris", Trigger: store.TriggerManual, Scope: scope, By: "beheer"})
	if err != nil {
		p.t.Fatal(err)
	}
	claim, err := p.ClaimRun(p.t.Context(), asked.ID, "test")
	if err != nil {
		p.t.Fatal(err)
	}
	if err := p.FinishRun(p.t.Context(), claim, store.OutcomeComplete, "", true); err != nil {
		p.t.Fatal(err)
	}
}

// The client's access log lists every kind of use of the dossier, by any user or operator, and
// nothing else.
func TestAccessLogShowsAllUsesOfTheDossier(t *testing.T) {
	t.Parallel()
	p := newDossierHarness(t)
	p.exec(`UPDATE grants SET role = 'client', name = 'Mevrouw De Vries'`)
	p.client("amaris", "2", "Iemand anders")
	p.grant("amaris", "son", "2", everyPart)

	p.putGrant("1", "son", `{"role":"contact","parts":["reports"],"state":"accepted","name":"J. de Vries"}`)
	p.putGrant("1", "son", `{"role":"contact","parts":["forms"],"state":"accepted","name":"J. de Vries"}`)
	p.get("son", "/v1/dossiers/1/forms")
	p.get("son", "/v1/dossiers/1/reports") // no right
	p.manage(http.MethodDelete, "/v1/dossiers/1/grants/son", "")
	p.get("son", "/v1/dossiers/1/forms") // no more
	p.wantTransfer(store.Scope{Client: "1"})
	p.get("daughter", "/v1/dossiers/1/access-log")
	// Nobody's, or another's.
	p.get("daughter", "/v1/dossiers")
	p.get("son", "/v1/dossiers/2/forms")
	p.wantTransfer(store.Scope{Client: "2"})
	p.wantTransfer(store.Scope{})

	var got []string
	for _, it := range p.get("daughter", "/v1/dossiers/1/access-log").list(t).Items {
		user := it["user"].(map[string]any)
		name, _ := user["name"].(string)
		behalf, _ := it["onBehalfOf"].(string)
		got = append(got, strings.Join([]string{it["action"].(string), it["event"].(string), it["outcome"].(string),
			user["id"].(string), name, behalf}, ","))
	}
	slices.Reverse(got)
	want := []string{
		"add,grant,success,portal,,daughter",
		"change,grant,success,portal,,daughter",
		"read,forms,success,son,J. de Vries,",
		"read,reports,denied,son,J. de Vries,",
		"delete,grant,success,portal,,daughter",
		"read,forms,denied,son,,",
		"transfer,sync,success,beheer,,",
		"read,access-log,success,daughter,Mevrouw De Vries,",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("access log (-want +got):\n%s", diff)
	}
}
