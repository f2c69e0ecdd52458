package acceptance

import (
	"testing"
	"time"

	"dossiersync/cmd/carerecordsim/simulator"
)

// After each sync readers see what the source holds, without a reconcile.
func TestReplicaEqualsSourceAfterEveryChange(t *testing.T) {
	t.Parallel()
	seed, _ := soakSettings(t)
	h := newSeededHarness(t, seed, newClock(time.Now()), simulator.Options{},
		sourceSize{clients: 5, years: 0.2, cases: func(number int) bool {
			// Cases 6, 13 and 56 need a reconcile. A third of the others will do.
			return number != 6 && number != 13 && number != 56 && number%3 == 0
		}})
	for range 3 {
		h.writeRound()
		h.mustUpdate("sync")
		h.wantEqualToSource()
	}
}
