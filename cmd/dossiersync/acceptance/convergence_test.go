package acceptance

import (
	"testing"

	"dossiersync/cmd/carerecordsim/simulator"
)

// What the source says is what readers see after the next synchronisation,
// without a reconcile.
func TestReplicaEqualsSourceAfterEveryChange(t *testing.T) {
	t.Parallel()
	seed, _ := soakSettings(t)
	h := newSeededHarness(t, seed, newSourceClock(), simulator.Options{}, sourceSize{clients: 5, years: 0.2, cases: func(number int) bool {
		// These can only be found out by a reconcile; and some others do.
		return number != 6 && number != 13 && number != 56 && number%3 == 0
	}})
	for range 3 {
		h.writeRound()
		h.mustUpdate("sync")
		h.wantEqualToSource()
	}
}
