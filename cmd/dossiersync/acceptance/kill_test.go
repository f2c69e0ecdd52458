package acceptance

import (
	"fmt"
	"os"
	"strconv"
	"testing"
	"time"
)

// soakDuration is how long tests with seeds repeat (DOSSIERSYNC_SOAK, make
// soak); 0: each runs once, briefly.
func soakDuration() time.Duration {
	d, _ := time.ParseDuration(os.Getenv("DOSSIERSYNC_SOAK")) // TestSoak refuses a wrong value
	return d
}

func isSoak() bool { return soakDuration() > 0 }

// eachSeed runs test with DOSSIERSYNC_SEED or another seed each day, and in a soak with
// the seeds after it.
func eachSeed(t *testing.T, test func(t *testing.T, seed uint64)) {
	t.Helper()
	seed, err := strconv.ParseUint(os.Getenv("DOSSIERSYNC_SEED"), 10, 64)
	if err != nil {
		seed, _ = strconv.ParseUint(time.Now().UTC().Format("20060102"), 10, 64)
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

// Whatever faults the source has and wherever workers are killed: once both end, one
// run and one reconcile make the replica equal to the source (I1).
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
			t.Errorf("no worker was killed: %v", h.outcomes)
		}
		t.Log(h.outcomes)
	})
}

// The same with a private database, which is killed too.
func TestReplicaEqualsSourceAfterKilledDatabase(t *testing.T) {
	t.Parallel()
	eachSeed(t, func(t *testing.T, seed uint64) {
		h := newKillHarness(t, seed, true)
		h.runToEnd([]int{exitDone, exitLeftOver}, "sync")
		h.outcomes["first sync"]++
		for range roundCount(6) {
			h.killRound()
		}
		h.wantConvergence()
		if h.outcomes["worker killed"]+h.outcomes["database killed"]+h.outcomes["both killed"] == 0 {
			t.Errorf("nothing was killed: %v", h.outcomes)
		}
		t.Log(h.outcomes)
	})
}

// roundCount returns the number of rounds of a test.
func roundCount(brief int) int {
	if isSoak() {
		return 3 * brief
	}
	return brief
}
