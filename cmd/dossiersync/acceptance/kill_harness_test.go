package acceptance

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"dossiersync/cmd/carerecordsim/behaviours"
	"dossiersync/cmd/carerecordsim/dossiers"
	"dossiersync/cmd/carerecordsim/faults"
	"dossiersync/cmd/carerecordsim/simulator"
	"dossiersync/cmd/dossiersync/app"
	"dossiersync/store/embedded"
)

// killHarness is what a replica goes through: its source misbehaves and goes on
// changing, and whoever works on it is killed.
type killHarness struct {
	*harness
	rand     *rand.Rand
	preset   behaviours.Preset
	proxy    *proxy
	living   *dossiers.Living
	dataDir  string           // the folder of the private PostgreSQL; empty: there is a server
	database *embedded.Server // of it, by this process; nil: none
	outcomes map[string]int   // what came of the rounds
}

// newKillHarness begins an ordeal that the seed decides, as far as time can be decided.
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
	d, err := dossiers.Generate(dossiers.Options{Clients: 8, Years: 0.1, Seed: seed, Now: time.Now()})
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Fill(sim); err != nil {
		t.Fatal(err)
	}
	// What readers are told of times is to the second.
	h.living = dossiers.NewLiving(d, sim, dossiers.LivingOptions{Clock: func() time.Time { return time.Now().Truncate(time.Second) }})
	h.harness = newHarness(t, tenant{id: "amaris", name: "Amaris", sim: sim})
	h.proxy = newProxy(t, sim, faults.Options{Seed: seed}, h.preset.Rules...)
	h.changeConfig(`base_url: \S+`, "base_url: "+h.proxy.url)
	h.changeConfig(`page_size: \d+`, "page_size: 20\n        concurrency: 4")
	h.changeConfig(`    source:`, "    max_removed: 100%\n    source:")
	if private {
		h.dataDir = filepath.Join(h.dir, "data")
		h.changeConfig(`(?m)^ *database: .*\n`, "")
		h.changeConfig(`^`, "data_dir: "+h.dataDir+"\n")
		t.Cleanup(h.wantNothingRunning)
		t.Cleanup(h.closeDatabase)
	}
	return h
}

// isSlow reports whether a source that behaves so takes longer than a test may.
func isSlow(p behaviours.Preset) bool { return p.Name == "smart-bulk" || p.Behaviour.LateCommits > 0 }

// changeConfig changes the configuration.
func (h *harness) changeConfig(pattern, text string) {
	h.t.Helper()
	conf, err := os.ReadFile(h.configFile)
	if err != nil {
		h.t.Fatal(err)
	}
	changed := regexp.MustCompile(pattern).ReplaceAllLiteral(conf, []byte(text))
	if string(changed) == string(conf) {
		h.t.Fatalf("nothing in the configuration is %s", pattern)
	}
	h.writeFile(filepath.Base(h.configFile), string(changed))
}

// randomFaults are the faults that an ordeal draws from, with how probable each is of
// a request.
var randomFaults = []struct {
	fault       faults.Fault
	probability float64
}{
	{faults.Status(500), 0.2}, {faults.Status(503), 0.1}, {faults.Status(401), 0.05}, {faults.Status(403), 0.05},
	{faults.Status(404), 0.05}, {faults.Status(400), 0.05}, {faults.Status(410), 0.1},
	{faults.Refuse(faults.Refusal{Status: 429, Header: faults.RateLimit(1)}), 0.02},
	{faults.Refuse(faults.Refusal{Status: 503, Header: http.Header{"Retry-After": {"1"}}}), 0.02},
	{faults.Delay(30 * time.Millisecond), 0.5}, {faults.SlowDrip(4096, 2*time.Millisecond), 0.5},
	{faults.CutOff(0.5), 0.2}, {faults.Truncate(0.7), 0.1}, {faults.Close(), 0.2}, {faults.Garbage(), 0.1}, {faults.HTML(), 0.1},
	{faults.EmptyBundle(), 0.2}, {faults.ContentType("text/plain"), 0.2}, {faults.Outcome(), 0.1}, {faults.OutcomeEntry(), 0.5},
	{faults.WrongNext(faults.Repeat), 0.2}, {faults.WrongNext(faults.Loop), 0.2}, {faults.WrongNext(faults.OtherOrigin), 0.1},
	{faults.WrongNext(faults.Relative), 0.5}, {faults.WrongNext(faults.Missing), 0.3}, {faults.WrongNext(faults.Expired), 0.2},
	{faults.ShortPage(3), 0.5}, {faults.Duplicates(3), 0.5}, {faults.Drop(2), 0.3}, {faults.SkipTies(), 0.5},
	{faults.WrongTotal(faults.Dropped), 0.5}, {faults.WrongTotal(faults.ZeroTotal), 0.3}, {faults.WrongTotal(faults.Scrambled), 0.3},
	{faults.MissingMeta(), 0.1}, {faults.MissingMeta("lastUpdated"), 0.1}, {faults.SecondsOnly(), 0.5},
	{faults.Ignore("_lastUpdated"), 0.3}, {faults.Ignore("_sort"), 0.3}, {faults.Ignore("_count"), 0.3},
	{faults.Cached(2 * time.Second), 0.3}, {faults.LateCommits(time.Second), 0.5}, {faults.ClockSkew(-10 * time.Minute), 0.5},
	{faults.ClockSkew(10 * time.Minute), 0.5}, {faults.Poisoned(faults.NUL), 0.2}, {faults.Poisoned(faults.LoneSurrogate), 0.2},
	{faults.Poisoned(faults.NoID), 0.1}, {faults.STU3(), 0.1},
}

// setRandomFaults draws the faults of a round.
func (h *killHarness) setRandomFaults() {
	rules := slices.Clone(h.preset.Rules)
	var names []string
	for range h.rand.IntN(5) {
		m := randomFaults[h.rand.IntN(len(randomFaults))]
		rules = append(rules, faults.Rule{Match: faults.Match{Probability: m.probability * (0.2 + h.rand.Float64())}, Fault: m.fault})
		names = append(names, m.fault.String())
	}
	h.t.Logf("faults: %s", strings.Join(names, ", "))
	h.proxy.faults.Set(rules...)
}

// keepChanging lets the dossiers go on until the returned function is called.
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

// interruptedCommands are what is interrupted.
var interruptedCommands = []struct {
	args   []string
	weight int
}{
	{[]string{"sync"}, 6}, {[]string{"reconcile"}, 2}, {[]string{"sync", "--full"}, 1}, {[]string{"sync", "--stream", "reports"}, 1},
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

// killRound interrupts one command.
func (h *killHarness) killRound() {
	h.t.Helper()
	h.openDatabase()
	h.expireLeases()
	defer h.keepChanging()()
	h.setRandomFaults()
	if h.dataDir != "" && h.rand.IntN(4) == 0 {
		h.closeDatabase() // the program starts the server by itself
	}
	reached := h.proxy.afterRequests(1 + h.rand.Int64N(60))
	p := h.start(h.drawCommand()...)
	select {
	case <-reached:
	case <-p.ended:
	case <-time.After(time.Duration(h.rand.Int64N(int64(1500 * time.Millisecond)))):
	}
	h.closeDatabase()
	time.Sleep(time.Duration(h.rand.Int64N(int64(10 * time.Millisecond)))) // anywhere between two requests
	h.kill(p)
}

// kill kills the worker, the database, or both.
func (h *killHarness) kill(p *process) {
	h.t.Helper()
	if p.hasEnded() {
		h.wantExpectedExit(p)
		return
	}
	fate := "worker killed"
	if n := h.rand.IntN(4); h.dataDir != "" && n > 1 && h.killDatabase() {
		fate = "database killed"
		if n == 3 {
			fate = "both killed"
			h.killDatabase()
		}
	}
	if fate == "database killed" {
		h.wantExpectedExit(p)
	} else {
		p.kill()
		p.wantNoCrash()
	}
	h.t.Logf("%s: %s", p.name, fate)
	h.outcomes[fate]++
}

// wantExpectedExit checks how a process ended by itself.
func (h *killHarness) wantExpectedExit(p *process) {
	h.t.Helper()
	code := p.wait()
	h.outcomes[fmt.Sprintf("exit %d", code)]++
	h.t.Logf("%s: exit %d\n%s", p.name, code, &p.output)
	if !slices.Contains([]int{exitDone, exitFailed, exitLeftOver}, code) {
		h.t.Errorf("dossiersync %s: exit %d\n%s", p.name, code, &p.output)
	}
}

// wantConvergence lets the source behave and nothing change any more, and fails the test
// unless one run and one reconcile make the replica equal to it.
func (h *killHarness) wantConvergence() {
	h.t.Helper()
	h.proxy.onEachRequest(nil)
	h.proxy.faults.Set(h.preset.Rules...)
	h.openDatabase()
	h.expireLeases()
	h.closeDatabase()
	h.waitUntilVisible()
	if h.runToEnd([]int{exitDone, exitLeftOver}, "sync", "--tenant", "amaris") == exitLeftOver {
		// A record that came without an id is in quarantine until a full read lacks it.
		h.runToEnd([]int{exitDone}, "sync", "--tenant", "amaris", "--full")
	}
	h.runToEnd([]int{exitDone}, "reconcile", "--tenant", "amaris")
	h.runToEnd([]int{exitDone}, "verify", "--tenant", "amaris")
}

// waitUntilVisible waits until all that was written can be seen: the source tells the time
// to the second.
func (h *killHarness) waitUntilVisible() {
	time.Sleep(time.Until(time.Now().Truncate(time.Second).Add(time.Second)) + h.preset.Behaviour.LateCommits)
}

// runToEnd runs a command as a process to its end, with one of these exit codes.
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

// wantServedAsExpected compares what readers see with what the source holds, by
// another reading of FHIR than the program's own.
func (h *killHarness) wantServedAsExpected() {
	h.t.Helper()
	h.serve(app.Portal)
	portal, reader := h.token("portal", "dossier:grants"), h.token("dochter", "dossier:read")
	for _, v := range h.sim.List("Patient") {
		h.putGrant(portal, v.ID, "dochter")
	}
	for _, difference := range h.differences(reader) {
		h.t.Errorf("readers see something else than the source holds: %s", difference)
	}
}

// openDatabase makes this process a user of the database.
func (h *killHarness) openDatabase() {
	h.t.Helper()
	if h.dataDir == "" || h.database != nil {
		return
	}
	var err error
	if h.database, err = embedded.Start(h.t.Context(), filepath.Join(h.dataDir, "postgres"), embedded.Options{}); err != nil {
		h.t.Fatal(err)
	}
}

// closeDatabase ends what join began. The private server stops with its last user.
func (h *killHarness) closeDatabase() {
	if h.database == nil {
		return
	}
	if err := h.database.Close(); err != nil {
		h.t.Error(err)
	}
	h.database = nil
}

// expireLeases lets the lease of a worker that is dead pass at once.
func (h *killHarness) expireLeases() {
	h.t.Helper()
	url := h.replica.URL
	if h.dataDir != "" {
		url = h.database.URL(app.EmbeddedName)
	}
	db, err := pgx.Connect(h.t.Context(), url)
	if err == nil {
		_, err = db.Exec(h.t.Context(), `UPDATE runs SET lease_until = now() - interval '1 second' WHERE state = 'running'`)
		err = errors.Join(err, db.Close(context.WithoutCancel(h.t.Context())))
	}
	if err != nil && len(h.outcomes) > 0 { // at first there is none
		h.t.Fatal(err)
	}
}

// postmaster returns the process of the private server; 0: there is none.
func (h *killHarness) postmaster() int {
	text, err := os.ReadFile(filepath.Join(h.postgresDir(), "pgdata", "postmaster.pid"))
	if err != nil {
		return 0
	}
	number, _, _ := strings.Cut(string(text), "\n")
	pid, err := strconv.Atoi(strings.TrimSpace(number))
	if err != nil || syscall.Kill(pid, 0) != nil {
		return 0
	}
	return pid
}

// killDatabase kills the private server, and reports whether there was one.
func (h *killHarness) killDatabase() bool {
	pid := h.postmaster()
	return pid > 1 && syscall.Kill(pid, syscall.SIGKILL) == nil
}

// wantNothingRunning fails the test if anything still works in the folder of the
// private server, and ends it.
func (h *killHarness) wantNothingRunning() {
	// Where there is no /proc, the server's own file tells. What is left of a server
	// that was killed ends by itself.
	base := h.postgresDir()
	working := func() (links []string) {
		folders, _ := filepath.Glob("/proc/[0-9]*/cwd")
		for _, link := range folders {
			if at, err := os.Readlink(link); err == nil && strings.HasPrefix(at, base) {
				links = append(links, link)
			}
		}
		return links
	}
	for deadline := time.Now().Add(10 * time.Second); len(working()) > 0 && time.Now().Before(deadline); {
		time.Sleep(20 * time.Millisecond)
	}
	for _, link := range working() {
		h.t.Errorf("a process is left: %s", link)
	}
	if pid := h.postmaster(); pid > 1 {
		h.t.Errorf("the database is left running: %d", pid)
		_ = syscall.Kill(pid, syscall.SIGQUIT)
	}
	if filepath.Dir(base) != filepath.Clean(h.dataDir) {
		_ = os.RemoveAll(base) // root's; the next server would do it
	}
}

// postgresDir returns the folder where the private server's files are.
func (h *killHarness) postgresDir() string {
	home := filepath.Join(h.dataDir, "postgres")
	if base, err := os.Readlink(filepath.Join(home, "cluster")); err == nil {
		return base
	}
	return home
}
