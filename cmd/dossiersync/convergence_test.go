package main

import (
	"testing"

	"dossiersync/sync/fhir/simulator"
)

// What the source says is what readers see after the next synchronisation,
// without a reconcile.
func TestReplicaEqualsTheSourceAfterEveryChange(t *testing.T) {
	t.Parallel()
	seed, _ := soakSettings(t)
	w := newWorld(t, seed, newSourceClock(), simulator.Options{}, size{clients: 6, years: 0.2, cases: func(number int) bool {
		// These can only be found out by a reconcile.
		return number != 6 && number != 13 && number != 56
	}})
	for range 4 {
		w.happen()
		w.update("sync")
		w.compare()
	}
}
