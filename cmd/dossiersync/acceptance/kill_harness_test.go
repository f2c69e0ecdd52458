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
	o := &killHarness{rand: rand.New(rand.NewPCG(seed, 1)), outcomes: make(map[string]int)}
	presets := behaviours.All()
	for o.preset.Name == "" || !isSoak() && isSlow(o.preset) {
		o.preset = presets[o.rand.IntN(len(presets))]
	}
	t.Logf("seed %d: the source behaves as %s (again with DOSSIERSYNC_SEED=%[1]d)", seed, o.preset.Name)
	options := simulator.Options{EqualInstants: o.rand.IntN(2) == 0}
	o.preset.Apply(&options)
	sim := simulator.New(options)
	d, err := dossiers.Generate(dossiers.Options{Clients: 8, Years: 0.1, Seed: seed, Now: time.Now()})
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Fill(sim); err != nil {
		t.Fatal(err)
	}
	// What readers are told of times is to the second.
	o.living = dossiers.NewLiving(d, sim, dossiers.LivingOptions{Clock: func() time.Time { return time.Now().Truncate(time.Second) }})
	o.harness = newHarness(t, tenant{id: "amaris", name: "Amaris", sim: sim})
	o.proxy = newProxy(t, sim, faults.Options{Seed: seed}, o.preset.Rules...)
	o.changeConfig(`base_url: \S+`, "base_url: "+o.proxy.url)
	o.changeConfig(`page_size: \d+`, "page_size: 20\n        concurrency: 4")
	o.changeConfig(`    source:`, "    max_removed: 100%\n    source:")
	if private {
		o.dataDir = filepath.Join(o.dir, "data")
		o.changeConfig(`(?m)^ *database: .*\n`, "")
		o.changeConfig(`^`, "data_dir: "+o.dataDir+"\n")
		t.Cleanup(o.wantNothingRunning)
		t.Cleanup(o.closeDatabase)
	}
	return o
}

// isSlow reports whether a source that behaves so takes longer than a test may.
func isSlow(p behaviours.Preset) bool { return p.Name == "smart-bulk" || p.Behaviour.LateCommits > 0 }

// changeConfig changes the configuration.
func (r *harness) changeConfig(pattern, text string) {
	r.t.Helper()
	conf, err := os.ReadFile(r.configFile)
	if err != nil {
		r.t.Fatal(err)
	}
	changed := regexp.MustCompile(pattern).ReplaceAllLiteral(conf, []byte(text))
	if string(changed) == string(conf) {
		r.t.Fatalf("nothing in the configuration is %s", pattern)
	}
	r.writeFile(filepath.Base(r.configFile), string(changed))
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
func (o *killHarness) setRandomFaults() {
	rules := slices.Clone(o.preset.Rules)
	var names []string
	for range o.rand.IntN(5) {
		m := randomFaults[o.rand.IntN(len(randomFaults))]
		rules = append(rules, faults.Rule{Match: faults.Match{Probability: m.probability * (0.2 + o.rand.Float64())}, Fault: m.fault})
		names = append(names, m.fault.String())
	}
	o.t.Logf("faults: %s", strings.Join(names, ", "))
	o.proxy.faults.Set(rules...)
}

// keepChanging lets the dossiers go on until the returned function is called.
func (o *killHarness) keepChanging() (stop func()) {
	o.t.Helper()
	done := make(chan struct{})
	var ended sync.WaitGroup
	ended.Go(func() {
		tick := time.NewTicker(10 * time.Millisecond)
		defer tick.Stop()
		for {
			if _, err := o.living.Step(); err != nil {
				o.t.Error(err)
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

func (o *killHarness) drawCommand() []string {
	n := o.rand.IntN(10)
	for _, c := range interruptedCommands {
		if n -= c.weight; n < 0 {
			return c.args
		}
	}
	return interruptedCommands[0].args
}

// killRound interrupts one command.
func (o *killHarness) killRound() {
	o.t.Helper()
	o.openDatabase()
	o.expireLeases()
	defer o.keepChanging()()
	o.setRandomFaults()
	if o.dataDir != "" && o.rand.IntN(4) == 0 {
		o.closeDatabase() // the program starts the server by itself
	}
	reached := o.proxy.afterRequests(1 + o.rand.Int64N(60))
	p := o.start(o.drawCommand()...)
	select {
	case <-reached:
	case <-p.ended:
	case <-time.After(time.Duration(o.rand.Int64N(int64(1500 * time.Millisecond)))):
	}
	o.closeDatabase()
	time.Sleep(time.Duration(o.rand.Int64N(int64(10 * time.Millisecond)))) // anywhere between two requests
	o.kill(p)
}

// kill kills the worker, the database, or both.
func (o *killHarness) kill(p *process) {
	o.t.Helper()
	if p.hasEnded() {
		o.wantExpectedExit(p)
		return
	}
	fate := "worker killed"
	if n := o.rand.IntN(4); o.dataDir != "" && n > 1 && o.killDatabase() {
		fate = "database killed"
		if n == 3 {
			fate = "both killed"
			o.killDatabase()
		}
	}
	if fate == "database killed" {
		o.wantExpectedExit(p)
	} else {
		p.kill()
		p.wantNoCrash()
	}
	o.t.Logf("%s: %s", p.name, fate)
	o.outcomes[fate]++
}

// wantExpectedExit checks how a process ended by itself.
func (o *killHarness) wantExpectedExit(p *process) {
	o.t.Helper()
	code := p.wait()
	o.outcomes[fmt.Sprintf("exit %d", code)]++
	o.t.Logf("%s: exit %d\n%s", p.name, code, &p.output)
	if !slices.Contains([]int{exitDone, exitFailed, exitLeftOver}, code) {
		o.t.Errorf("dossiersync %s: exit %d\n%s", p.name, code, &p.output)
	}
}

// wantConvergence lets the source behave and nothing change any more, and fails the test
// unless one run and one reconcile make the replica equal to it.
func (o *killHarness) wantConvergence() {
	o.t.Helper()
	o.proxy.onEachRequest(nil)
	o.proxy.faults.Set(o.preset.Rules...)
	o.openDatabase()
	o.expireLeases()
	o.closeDatabase()
	o.waitUntilVisible()
	if o.runToEnd([]int{exitDone, exitLeftOver}, "sync", "--tenant", "amaris") == exitLeftOver {
		// A record that came without an id is in quarantine until a full read lacks it.
		o.runToEnd([]int{exitDone}, "sync", "--tenant", "amaris", "--full")
	}
	o.runToEnd([]int{exitDone}, "reconcile", "--tenant", "amaris")
	o.runToEnd([]int{exitDone}, "verify", "--tenant", "amaris")
}

// waitUntilVisible waits until all that was written can be seen: the source tells the time
// to the second.
func (o *killHarness) waitUntilVisible() {
	time.Sleep(time.Until(time.Now().Truncate(time.Second).Add(time.Second)) + o.preset.Behaviour.LateCommits)
}

// runToEnd runs a command as a process to its end, with one of these exit codes.
func (o *killHarness) runToEnd(codes []int, args ...string) int {
	o.t.Helper()
	p := o.start(args...)
	code := p.wait()
	if !slices.Contains(codes, code) {
		o.t.Errorf("dossiersync %s: exit %d, want %v", p.name, code, codes)
	}
	o.t.Logf("dossiersync %s: exit %d\n%s", p.name, code, &p.output)
	return code
}

// wantServedAsExpected compares what readers see with what the source holds, by
// another reading of FHIR than the program's own.
func (o *killHarness) wantServedAsExpected() {
	o.t.Helper()
	o.serve(app.Portal)
	portal, reader := o.token("portal", "dossier:grants"), o.token("dochter", "dossier:read")
	for _, v := range o.sim.List("Patient") {
		o.putGrant(portal, v.ID, "dochter")
	}
	for _, difference := range o.differences(reader) {
		o.t.Errorf("readers see something else than the source holds: %s", difference)
	}
}

// openDatabase makes this process a user of the database.
func (o *killHarness) openDatabase() {
	o.t.Helper()
	if o.dataDir == "" || o.database != nil {
		return
	}
	var err error
	if o.database, err = embedded.Start(o.t.Context(), filepath.Join(o.dataDir, "postgres"), embedded.Options{}); err != nil {
		o.t.Fatal(err)
	}
}

// closeDatabase ends what join began. The private server stops with its last user.
func (o *killHarness) closeDatabase() {
	if o.database == nil {
		return
	}
	if err := o.database.Close(); err != nil {
		o.t.Error(err)
	}
	o.database = nil
}

// expireLeases lets the lease of a worker that is dead pass at once.
func (o *killHarness) expireLeases() {
	o.t.Helper()
	url := o.replica.URL
	if o.dataDir != "" {
		url = o.database.URL(app.EmbeddedName)
	}
	db, err := pgx.Connect(o.t.Context(), url)
	if err == nil {
		_, err = db.Exec(o.t.Context(), `UPDATE runs SET lease_until = now() - interval '1 second' WHERE state = 'running'`)
		err = errors.Join(err, db.Close(context.WithoutCancel(o.t.Context())))
	}
	if err != nil && len(o.outcomes) > 0 { // at first there is none
		o.t.Fatal(err)
	}
}

// postmaster returns the process of the private server; 0: there is none.
func (o *killHarness) postmaster() int {
	text, err := os.ReadFile(filepath.Join(o.postgresDir(), "pgdata", "postmaster.pid"))
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
func (o *killHarness) killDatabase() bool {
	pid := o.postmaster()
	return pid > 1 && syscall.Kill(pid, syscall.SIGKILL) == nil
}

// wantNothingRunning fails the test if anything still works in the folder of the
// private server, and ends it.
func (o *killHarness) wantNothingRunning() {
	// Where there is no /proc, the server's own file tells. What is left of a server
	// that was killed ends by itself.
	base := o.postgresDir()
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
		o.t.Errorf("a process is left: %s", link)
	}
	if pid := o.postmaster(); pid > 1 {
		o.t.Errorf("the database is left running: %d", pid)
		_ = syscall.Kill(pid, syscall.SIGQUIT)
	}
	if filepath.Dir(base) != filepath.Clean(o.dataDir) {
		_ = os.RemoveAll(base) // root's; the next server would do it
	}
}

// postgresDir returns the folder where the private server's files are.
func (o *killHarness) postgresDir() string {
	home := filepath.Join(o.dataDir, "postgres")
	if base, err := os.Readlink(filepath.Join(home, "cluster")); err == nil {
		return base
	}
	return home
}
