package acceptance

import (
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"testing"
	"time"
)

// soakTime is for how long the ordeals go on, one after another (make soak); 0:
// there is one of each kind, a short one.
func soakTime() time.Duration {
	d, _ := time.ParseDuration(os.Getenv("DOSSIERSYNC_SOAK")) // something else is no soak
	return d
}

func isSoak() bool { return soakTime() > 0 }

// ordeals runs test with one seed, or in a soak with one after another.
func ordeals(t *testing.T, test func(t *testing.T, seed uint64)) {
	t.Helper()
	seed, err := strconv.ParseUint(os.Getenv("DOSSIERSYNC_SEED"), 10, 64)
	if err != nil {
		seed = rand.Uint64N(1_000_000)
	}
	for began := time.Now(); ; seed++ {
		if !isSoak() {
			test(t, seed)
			return
		}
		t.Run(fmt.Sprintf("seed=%d", seed), func(t *testing.T) { test(t, seed) })
		if time.Since(began) > soakTime() {
			return
		}
	}
}

// Whatever the source does and wherever a worker is killed: when both end, one run
// and one reconcile make the replica equal to the source (I1).
func TestReplicaEqualsTheSourceHoweverItsWorkersWereKilled(t *testing.T) {
	t.Parallel()
	ordeals(t, func(t *testing.T, seed uint64) {
		o := newOrdeal(t, seed, false)
		for range rounds(10) {
			o.round()
		}
		o.calm()
		if isSoak() {
			o.wantServedAsExpected()
		}
		if o.fates["worker killed"] == 0 {
			t.Errorf("nobody was killed: %v", o.fates)
		}
		t.Log(o.fates)
	})
}

// The same with a private database, which is killed as well.
func TestReplicaEqualsTheSourceHoweverItsDatabaseWasKilled(t *testing.T) {
	t.Parallel()
	ordeals(t, func(t *testing.T, seed uint64) {
		o := newOrdeal(t, seed, true)
		o.finishes([]int{exitDone, exitLeftOver}, "sync")
		o.fates["begun"]++
		for range rounds(6) {
			o.round()
		}
		o.calm()
		if o.fates["worker killed"]+o.fates["database killed"]+o.fates["both killed"] == 0 {
			t.Errorf("nobody was killed: %v", o.fates)
		}
		t.Log(o.fates)
	})
}

// rounds is how many there are in an ordeal.
func rounds(usual int) int {
	if isSoak() {
		return 3 * usual
	}
	return usual
}
