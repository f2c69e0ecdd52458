package acceptance

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"dossiersync/cmd/carerecordsim/cases"
	"dossiersync/cmd/carerecordsim/dossiers"
	"dossiersync/cmd/carerecordsim/simulator"
	"dossiersync/cmd/dossiersync/app"
	"dossiersync/store"
)

// seededHarness is a care record system in which people write, and its replica. What
// happens is drawn from a seed.
type seededHarness struct {
	*harness
	seed   uint64
	rand   *rand.Rand
	clock  *sourceClock
	events []string // what happened, for who has to repeat it

	living    *dossiers.Living
	caseSteps [][]cases.Step // of each case those that are left

	forgetful bool       // things vanish without a trace
	mu        sync.Mutex // held while somebody writes
	requests  int
	onRequest func() // with mu held; may be nil
	kill      context.CancelFunc
}

// sourceSize is how much there is of what.
type sourceSize struct {
	clients int
	years   float64
	cases   func(number int) bool
}

// sourceClock is the source's. It goes on when something happens.
type sourceClock struct {
	mu  sync.Mutex
	now time.Time
}

func newSourceClock() *sourceClock { return &sourceClock{now: time.Now().Truncate(time.Second)} }

func (c *sourceClock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *sourceClock) pass(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// newSeededHarness fills a care record system that behaves as the options say.
func newSeededHarness(t *testing.T, seed uint64, clock *sourceClock, o simulator.Options, n sourceSize) *seededHarness {
	t.Helper()
	w := &seededHarness{seed: seed, rand: rand.New(rand.NewPCG(seed, 1)), clock: clock}
	o.Clock = w.clock.Now
	o.Layers = append([]simulator.Layer{w.layer}, o.Layers...)
	w.harness = newHarness(t, tenant{id: "amaris", name: "Amaris", sim: simulator.New(o)})
	// A server may show what was written some time after it says it was.
	w.configure("overlap: 30s", "overlap: 150s")
	d, err := dossiers.Generate(dossiers.Options{Clients: n.clients, Years: n.years, Seed: seed, Now: w.clock.Now()})
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Fill(w.sim); err != nil {
		t.Fatal(err)
	}
	w.living = dossiers.NewLiving(d, w.sim, dossiers.LivingOptions{Clock: w.clock.Now})
	for _, c := range cases.All(w.clock.Now()) {
		if n.cases(c.Number) {
			w.caseSteps = append(w.caseSteps, c.Steps)
		}
	}
	return w
}

// configure replaces a part of the configuration.
func (w *seededHarness) configure(old, new string) {
	w.t.Helper()
	conf, err := os.ReadFile(w.configFile)
	if err != nil {
		w.t.Fatal(err)
	}
	if !bytes.Contains(conf, []byte(old)) {
		w.t.Fatalf("the configuration has no %q", old)
	}
	w.writeFile("dossiersync.yaml", strings.Replace(string(conf), old, new, 1))
}

func (w *seededHarness) record(format string, args ...any) {
	w.events = append(w.events, fmt.Sprintf(format, args...))
}

// layer lets time go by, and things happen, while the source answers.
func (w *seededHarness) layer(next http.Handler) http.Handler {
	return http.HandlerFunc(func(out http.ResponseWriter, r *http.Request) {
		w.mu.Lock()
		w.requests++
		w.clock.pass(20 * time.Millisecond)
		if w.onRequest != nil {
			w.onRequest()
		}
		w.mu.Unlock()
		next.ServeHTTP(out, r)
	})
}

// writeRound lets people write for a while, and each case go one step further.
func (w *seededHarness) writeRound() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for range 10 + w.rand.IntN(30) {
		w.writeOne()
	}
	for i, steps := range w.caseSteps {
		if len(steps) == 0 {
			continue
		}
		w.clock.pass(time.Second)
		if err := steps[0].Do(w.sim, w.clock.Now()); err != nil {
			w.t.Fatal(err)
		}
		w.caseSteps[i] = steps[1:]
	}
	w.clock.pass(time.Duration(2+w.rand.IntN(300)) * time.Second)
}

// writeOne lets somebody write one thing.
func (w *seededHarness) writeOne() {
	w.clock.pass(time.Second)
	if w.rand.IntN(3) == 0 {
		w.changeSomething()
		return
	}
	if _, err := w.living.Step(); err != nil {
		w.t.Error(err)
	}
}

// casesAreDone reports whether the cases have come to their end.
func (w *seededHarness) casesAreDone() bool {
	for _, steps := range w.caseSteps {
		if len(steps) > 0 {
			return false
		}
	}
	return true
}

// runKillable runs a command for the tenant, whatever comes of it; it may be killed
// meanwhile.
func (w *seededHarness) runKillable(args ...string) int {
	w.t.Helper()
	ctx, cancel := context.WithCancel(w.t.Context())
	defer cancel()
	w.mu.Lock()
	w.kill = cancel
	w.mu.Unlock()
	var out bytes.Buffer
	cmd := exec.CommandContext(ctx, program, append(args, "--config", w.configFile, "--tenant", "amaris")...)
	cmd.Stdout, cmd.Stderr = &out, &out
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	if err := cmd.Run(); err != nil && cmd.ProcessState == nil {
		w.t.Fatal(err)
	}
	code := cmd.ProcessState.ExitCode()
	if code == exitUsage {
		w.t.Fatal(out.String())
	}
	w.record("%s: exit %d%s", args[0], code, w.lastRun())
	return code
}

// lastRun says what became of the newest run.
func (w *seededHarness) lastRun() string {
	runs, err := w.replica.Runs(w.t.Context(), store.RunFilter{Limit: 1})
	if err != nil || len(runs) == 0 {
		return ""
	}
	s := fmt.Sprintf(", run %d is %s", runs[0].ID, runs[0].State)
	if runs[0].Outcome != nil {
		s += ", " + string(*runs[0].Outcome)
	}
	if runs[0].Message != nil {
		s += ": " + *runs[0].Message
	}
	return s
}

// mustUpdate runs a command that must not fail now.
func (w *seededHarness) mustUpdate(args ...string) {
	w.t.Helper()
	if code := w.runKillable(args...); code != exitDone && code != exitLeftOver {
		w.failWithSeed([]string{fmt.Sprintf("%v ends with %d although nothing is wrong", args, code)})
	}
}

// wantEqualToSource fails unless readers see what the source holds.
func (w *seededHarness) wantEqualToSource() {
	w.t.Helper()
	if w.portalAddress == "" {
		w.serve(app.Portal)
	}
	w.grantAll()
	if found := w.harness.differences(w.token("dochter", "dossier:read")); len(found) > 0 {
		w.failWithSeed(found)
	}
}

// grantAll gives the daughter every dossier, also those that were closed to her
// for good.
func (w *seededHarness) grantAll() {
	w.t.Helper()
	const q = `
		INSERT INTO grants (tenant, client, user_id, role, manager, parts, state, updated_by)
		SELECT 'amaris', unnest($1::text[]), 'dochter', 'representative', true, '{reports,forms,care-plans}', 'accepted', 'portal'
		ON CONFLICT (tenant, user_id, client) DO UPDATE SET state = 'accepted', version = grants.version + 1`
	var clients []string
	for _, v := range w.sim.List("Patient") {
		clients = append(clients, v.ID)
	}
	if _, err := w.replica.Pool().Exec(w.t.Context(), q, clients); err != nil {
		w.t.Fatal(err)
	}
}

// failWithSeed says what to do to see it again.
func (w *seededHarness) failWithSeed(found []string) {
	w.t.Helper()
	w.t.Fatalf("with DOSSIERSYNC_SEED=%d, at step %d:\n%s\nThe steps:\n%s",
		w.seed, len(w.events), strings.Join(found, "\n"), strings.Join(w.events, "\n"))
}
