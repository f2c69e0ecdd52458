package acceptance

import (
	"strings"
	"testing"
	"time"

	"dossiersync/cmd/carerecordsim/dossiers"
	"dossiersync/cmd/carerecordsim/simulator"
)

// The simulator's own dossiers leave out no words that ask for attention.
func TestSimulatedDossiersLeaveOutAcceptedPlaces(t *testing.T) {
	t.Parallel()
	var tenants []tenant
	for i, seed := range []uint64{1, 7} {
		sim := simulator.New(simulator.Options{Zone: amsterdam(t)})
		fillDossiers(t, sim, dossiers.Options{Clients: 15, Years: 1, Seed: seed, Now: time.Now().Add(-time.Hour)})
		tenants = append(tenants, tenant{id: []string{"een", "twee"}[i], name: "Amaris", sim: sim})
	}
	h := newHarness(t, tenants...)
	for _, one := range tenants {
		if code, out, errs := h.runCommand("sync", "--tenant", one.id); code != exitDone {
			t.Fatalf("sync: exit %d\n%s%s", code, out, errs)
		}
	}
	_, out, errs := h.runCommand("status")
	if !strings.Contains(out, "een") || strings.Contains(out, "reach no reader") {
		t.Errorf("got %s%s", out, errs)
	}
}
