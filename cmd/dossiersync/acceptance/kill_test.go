package acceptance

import (
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"testing"
	"time"
)

// soakDuration is for how long the ordeals go on, one after another (make soak); 0:
// there is one of each kind, a short one.
func soakDuration() time.Duration {
	d, _ := time.ParseDuration(os.Getenv("DOSSIERSYNC_SOAK")) // something else is no soak
	return d
}

func isSoak() bool { return soakDuration() > 0 }

// eachSeed runs test with one seed, or in a soak with one after another.
func eachSeed(t *testing.T, test func(t *testing.T, seed uint64)) {
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
		if time.Since(began) > soakDuration() {
			return
		}
	}
}

// Whatever the source does and wherever a worker is killed: when both end, one run
// and one reconcile make the replica equal to the source (I1).
func TestReplicaEqualsSourceAfterKilledWorkers(t *testing.T) {
	t.Parallel()
	eachSeed(t, func(t *testing.T, seed uint64) {
		h := newKillHarness(t, seed, false)
		for range roundCount(10) {
			h.killRound()
		}
		h.wantConvergence()
		if isSoak() {
			h.wantServedAsExpected()
		}
		if h.outcomes["worker killed"] == 0 {
			t.Errorf("nobody was killed: %v", h.outcomes)
		}
		t.Log(h.outcomes)
	})
}

// The same with a private database, which is killed as well.
func TestReplicaEqualsSourceAfterKilledDatabase(t *testing.T) {
	t.Parallel()
	eachSeed(t, func(t *testing.T, seed uint64) {
		h := newKillHarness(t, seed, true)
		h.runToEnd([]int{exitDone, exitLeftOver}, "sync")
		h.outcomes["begun"]++
		for range roundCount(6) {
			h.killRound()
		}
		h.wantConvergence()
		if h.outcomes["worker killed"]+h.outcomes["database killed"]+h.outcomes["both killed"] == 0 {
			t.Errorf("nobody was killed: %v", h.outcomes)
		}
		t.Log(h.outcomes)
	})
}

// roundCount is how many there are in an ordeal.
func roundCount(usual int) int {
	if isSoak() {
		return 3 * usual
	}
	return usual
}
