package acceptance

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"dossiersync/cmd/carerecordsim/behaviours"
	"dossiersync/cmd/carerecordsim/dossiers"
	"dossiersync/cmd/carerecordsim/faults"
	"dossiersync/cmd/carerecordsim/simulator"
	"dossiersync/cmd/dossiersync/app"
)

// killHarness is a harness whose source misbehaves and keeps changing, and whose
// worker and database are killed at random moments.
type killHarness struct {
	*harness
	rand     *rand.Rand
	preset   behaviours.Preset
	proxy    *proxy
	living   *dossiers.Living
	private  *privateDatabase // nil: the replica is on the tests' server
	outcomes map[string]int   // the number of rounds per outcome
}

// newKillHarness draws everything but the timing from the seed. With private, the
// program runs its own PostgreSQL.
func newKillHarness(t *testing.T, seed uint64, private bool) *killHarness {
	t.Helper()
	h := &killHarness{rand: rand.New(rand.NewPCG(seed, 1)), outcomes: make(map[string]int)}
	presets := behaviours.All()
	for h.preset.Name == "" || !isSoak() && isSlow(h.preset) {
		h.preset = presets[h.rand.IntN(len(presets))]
	}
	t.Logf("seed %d: the source behaves as %s (again with DOSSIERSYNC_SEED=%[1]d)", seed, h.preset.Name)
	options := simulator.Options{EqualInstants: h.rand.IntN(2) == 0}
	h.preset.Apply(&options)
	sim := simulator.New(options)
	d := fillDossiers(t, sim, dossiers.Options{Clients: 8, Years: 0.1, Seed: seed, Now: time.Now()})
	// The portal API answers times to the second.
	h.living = dossiers.NewLiving(d, sim,
		dossiers.LivingOptions{Clock: func() time.Time { return time.Now().Truncate(time.Second) }})
	h.harness = newAmarisHarness(t, sim)
	h.proxy = h.putBehindProxy(faults.Options{Seed: seed}, h.preset.Rules...)
	h.changeConfig(`page_size: \d+`, "page_size: 20\n        concurrency: 4")
	h.changeConfig(`    source:`, "    max_removed: 100%\n    source:")
	if private {
		h.private = &privateDatabase{t: t, dataDir: filepath.Join(h.dir, "data")}
		h.changeConfig(`(?m)^ *(worker: \{)?database: .*\n`, "")
		h.changeConfig(`^`, "data_dir: "+h.private.dataDir+"\n")
		t.Cleanup(h.private.wantNothingRunning)
		t.Cleanup(h.private.close)
	}
	return h
}

// isSlow reports whether a source with that behaviour takes too long for a short test.
func isSlow(p behaviours.Preset) bool { return p.Name == "smart-bulk" || p.Behaviour.LateCommits > 0 }

// randomFaults are the faults to draw from, each with its probability per request.
var randomFaults = []struct {
	fault       faults.Fault
	probability float64
}{
	{faults.Status(500), 0.2}, {faults.Status(503), 0.1}, {faults.Status(401), 0.05}, {faults.Status(403), 0.05},
	{faults.Status(404), 0.05}, {faults.Status(400), 0.05}, {faults.Status(410), 0.1},
	{faults.Refuse(faults.Refusal{Status: 429, Header: faults.RateLimit(1)}), 0.02},
	{faults.Refuse(faults.Refusal{Status: 503, Header: http.Header{"Retry-After": {"1"}}}), 0.02},
	{faults.Delay(30 * time.Millisecond), 0.5}, {faults.SlowDrip(4096, 2*time.Millisecond), 0.5},
	{faults.CutOff(0.5), 0.2}, {faults.Truncate(0.7), 0.1}, {faults.Close(), 0.2}, {faults.Garbage(), 0.1},
	{faults.HTML(), 0.1}, {faults.EmptyBundle(), 0.2}, {faults.ContentType("text/plain"), 0.2},
	{faults.Outcome(), 0.1}, {faults.OutcomeEntry(), 0.5}, {faults.WrongNext(faults.Repeat), 0.2},
	{faults.WrongNext(faults.Loop), 0.2}, {faults.WrongNext(faults.OtherOrigin), 0.1},
	{faults.WrongNext(faults.Relative), 0.5}, {faults.WrongNext(faults.Missing), 0.3},
	{faults.WrongNext(faults.Expired), 0.2}, {faults.ShortPage(3), 0.5}, {faults.Duplicates(3), 0.5},
	{faults.Drop(2), 0.3}, {faults.SkipTies(), 0.5}, {faults.WrongTotal(faults.Dropped), 0.5},
	{faults.WrongTotal(faults.ZeroTotal), 0.3}, {faults.WrongTotal(faults.Scrambled), 0.3},
	{faults.MissingMeta(), 0.1}, {faults.MissingMeta("lastUpdated"), 0.1}, {faults.SecondsOnly(), 0.5},
	{faults.Ignore("_lastUpdated"), 0.3}, {faults.Ignore("_sort"), 0.3}, {faults.Ignore("_count"), 0.3},
	{faults.Cached(2 * time.Second), 0.3}, {faults.LateCommits(time.Second), 0.5},
	{faults.ClockSkew(-10 * time.Minute), 0.5}, {faults.ClockSkew(10 * time.Minute), 0.5},
	{faults.Poisoned(faults.NUL), 0.2}, {faults.Poisoned(faults.LoneSurrogate), 0.2},
	{faults.Poisoned(faults.NoID), 0.1}, {faults.STU3(), 0.1},
}

// setRandomFaults draws the faults of a round.
func (h *killHarness) setRandomFaults() {
	rules := slices.Clone(h.preset.Rules)
	var names []string
	for range h.rand.IntN(5) {
		m := randomFaults[h.rand.IntN(len(randomFaults))]
		rules = append(rules,
			faults.Rule{Match: faults.Match{Probability: m.probability * (0.2 + h.rand.Float64())}, Fault: m.fault})
		names = append(names, m.fault.String())
	}
	h.t.Logf("faults: %s", strings.Join(names, ", "))
	h.proxy.setFaults(rules...)
}

// keepChanging changes the dossiers until stop is called.
func (h *killHarness) keepChanging() (stop func()) {
	h.t.Helper()
	done := make(chan struct{})
	var ended sync.WaitGroup
	ended.Go(func() {
		tick := time.NewTicker(10 * time.Millisecond)
		defer tick.Stop()
		for {
			if _, err := h.living.Step(); err != nil {
				h.t.Error(err)
				return
			}
			select {
			case <-done:
				return
			case <-tick.C:
			}
		}
	})
	return func() { close(done); ended.Wait() }
}

// interruptedCommands are the commands that are killed; the weights add up to 10.
var interruptedCommands = []struct {
	args   []string
	weight int
}{
	{[]string{"sync"}, 6}, {[]string{"reconcile"}, 2}, {[]string{"sync", "--full"}, 1},
	{[]string{"sync", "--stream", "reports"}, 1},
}

func (h *killHarness) drawCommand() []string {
	n := h.rand.IntN(10)
	for _, c := range interruptedCommands {
		if n -= c.weight; n < 0 {
			return c.args
		}
	}
	return interruptedCommands[0].args
}

// killRound starts one command, and kills something at a random moment.
func (h *killHarness) killRound() {
	h.t.Helper()
	h.private.open()
	h.expireLeases()
	defer h.keepChanging()()
	h.setRandomFaults()
	if h.private != nil && h.rand.IntN(4) == 0 {
		h.private.close() // the program then starts the server
	}
	reached := h.proxy.afterRequests(1 + h.rand.Int64N(60))
	p := h.start(h.drawCommand()...)
	select {
	case <-reached:
	case <-p.ended:
	case <-time.After(time.Duration(h.rand.Int64N(int64(1500 * time.Millisecond)))):
	}
	h.private.close()
	time.Sleep(time.Duration(h.rand.Int64N(int64(10 * time.Millisecond)))) // so that kills come at any line
	h.kill(p)
}

// kill kills the worker, the database, or both, if the worker still runs.
func (h *killHarness) kill(p *process) {
	h.t.Helper()
	if p.hasEnded() {
		h.wantExpectedExit(p)
		return
	}
	outcome := "worker killed"
	if n := h.rand.IntN(4); h.private != nil && n > 1 && h.private.kill() {
		outcome = "database killed"
		if n == 3 {
			outcome = "both killed"
			h.private.kill()
		}
	}
	if outcome == "database killed" {
		h.wantExpectedExit(p)
	} else {
		p.kill()
		p.wantNoCrash()
	}
	h.t.Logf("%s: %s", p.name, outcome)
	h.outcomes[outcome]++
}

// wantExpectedExit checks the exit code of a process that was not killed.
func (h *killHarness) wantExpectedExit(p *process) {
	h.t.Helper()
	code := p.wait()
	h.outcomes[fmt.Sprintf("exit %d", code)]++
	h.t.Logf("%s: exit %d\n%s", p.name, code, &p.output)
	if !slices.Contains([]int{exitDone, exitFailed, exitLeftOver}, code) {
		h.t.Errorf("dossiersync %s: exit %d\n%s", p.name, code, &p.output)
	}
}

// wantConvergence ends the faults and the changes, and fails the test unless one run
// and one reconcile make the replica equal to the source (I1). If the changes took so much of
// a small type that the reconcile holds it (I5), an operator approves that first.
func (h *killHarness) wantConvergence() {
	h.t.Helper()
	h.proxy.beforeRequests(nil)
	h.proxy.setFaults(h.preset.Rules...)
	h.private.open()
	h.expireLeases()
	h.private.close()
	h.waitUntilVisible()
	if h.runToEnd([]int{exitDone, exitLeftOver}, "sync", "--tenant", "amaris") == exitLeftOver {
		// A record without an id leaves quarantine when a full read lacks it. What is held may stay.
		h.runToEnd([]int{exitDone, exitLeftOver}, "sync", "--tenant", "amaris", "--full")
	}
	if h.runToEnd([]int{exitDone, exitLeftOver}, "reconcile", "--tenant", "amaris") == exitLeftOver {
		h.approveHeld()
		h.runToEnd([]int{exitDone}, "reconcile", "--tenant", "amaris")
	}
	h.runToEnd([]int{exitDone}, "verify", "--tenant", "amaris")
}

// waitUntilVisible waits until searches find everything written, because the source
// has lastUpdated to the second.
func (h *killHarness) waitUntilVisible() {
	time.Sleep(time.Until(time.Now().Truncate(time.Second).Add(time.Second)) + h.preset.Behaviour.LateCommits)
}

// runToEnd runs a command, whose exit code must be one of these.
func (h *killHarness) runToEnd(codes []int, args ...string) int {
	h.t.Helper()
	p := h.start(args...)
	code := p.wait()
	if !slices.Contains(codes, code) {
		h.t.Errorf("dossiersync %s: exit %d, want %v", p.name, code, codes)
	}
	h.t.Logf("dossiersync %s: exit %d\n%s", p.name, code, &p.output)
	return code
}

// wantServedAsExpected compares the dossiers served with what the oracle expects.
func (h *killHarness) wantServedAsExpected() {
	h.t.Helper()
	h.serve(app.Portal)
	for _, difference := range h.differences(h.grantAll(h.clientIDs()...)) {
		h.t.Errorf("readers do not see what the source holds: %s", difference)
	}
}

// expireLeases is like that of harness, but for a private database too.
func (h *killHarness) expireLeases() {
	h.t.Helper()
	if h.private == nil {
		h.harness.expireLeases()
		return
	}
	db, err := pgx.Connect(h.t.Context(), h.private.server.URL(app.EmbeddedName))
	if err == nil {
		_, err = db.Exec(h.t.Context(),
			`UPDATE runs SET lease_until = now() - interval '1 second' WHERE state = 'running'`)
		err = errors.Join(err, db.Close(context.WithoutCancel(h.t.Context())))
	}
	if err != nil && len(h.outcomes) > 0 { // before the first round there is no database
		h.t.Fatal(err)
	}
}
