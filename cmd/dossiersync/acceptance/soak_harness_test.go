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
	h := &seededHarness{seed: seed, rand: rand.New(rand.NewPCG(seed, 1)), clock: clock}
	o.Clock = h.clock.Now
	o.Layers = append([]simulator.Layer{h.layer}, o.Layers...)
	h.harness = newHarness(t, tenant{id: "amaris", name: "Amaris", sim: simulator.New(o)})
	// A server may show what was written some time after it says it was.
	h.configure("overlap: 30s", "overlap: 150s")
	d, err := dossiers.Generate(dossiers.Options{Clients: n.clients, Years: n.years, Seed: seed, Now: h.clock.Now()})
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Fill(h.sim); err != nil {
		t.Fatal(err)
	}
	h.living = dossiers.NewLiving(d, h.sim, dossiers.LivingOptions{Clock: h.clock.Now})
	for _, c := range cases.All(h.clock.Now()) {
		if n.cases(c.Number) {
			h.caseSteps = append(h.caseSteps, c.Steps)
		}
	}
	return h
}

// configure replaces a part of the configuration.
func (h *seededHarness) configure(old, new string) {
	h.t.Helper()
	conf, err := os.ReadFile(h.configFile)
	if err != nil {
		h.t.Fatal(err)
	}
	if !bytes.Contains(conf, []byte(old)) {
		h.t.Fatalf("the configuration has no %q", old)
	}
	h.writeFile("dossiersync.yaml", strings.Replace(string(conf), old, new, 1))
}

func (h *seededHarness) record(format string, args ...any) {
	h.events = append(h.events, fmt.Sprintf(format, args...))
}

// layer lets time go by, and things happen, while the source answers.
func (h *seededHarness) layer(next http.Handler) http.Handler {
	return http.HandlerFunc(func(out http.ResponseWriter, r *http.Request) {
		h.mu.Lock()
		h.requests++
		h.clock.pass(20 * time.Millisecond)
		if h.onRequest != nil {
			h.onRequest()
		}
		h.mu.Unlock()
		next.ServeHTTP(out, r)
	})
}

// writeRound lets people write for a while, and each case go one step further.
func (h *seededHarness) writeRound() {
	h.mu.Lock()
	defer h.mu.Unlock()
	for range 10 + h.rand.IntN(30) {
		h.writeOne()
	}
	for i, steps := range h.caseSteps {
		if len(steps) == 0 {
			continue
		}
		h.clock.pass(time.Second)
		if err := steps[0].Do(h.sim, h.clock.Now()); err != nil {
			h.t.Fatal(err)
		}
		h.caseSteps[i] = steps[1:]
	}
	h.clock.pass(time.Duration(2+h.rand.IntN(300)) * time.Second)
}

// writeOne lets somebody write one thing.
func (h *seededHarness) writeOne() {
	h.clock.pass(time.Second)
	if h.rand.IntN(3) == 0 {
		h.changeSomething()
		return
	}
	if _, err := h.living.Step(); err != nil {
		h.t.Error(err)
	}
}

// casesAreDone reports whether the cases have come to their end.
func (h *seededHarness) casesAreDone() bool {
	for _, steps := range h.caseSteps {
		if len(steps) > 0 {
			return false
		}
	}
	return true
}

// runKillable runs a command for the tenant, whatever comes of it; it may be killed
// meanwhile.
func (h *seededHarness) runKillable(args ...string) int {
	h.t.Helper()
	ctx, cancel := context.WithCancel(h.t.Context())
	defer cancel()
	h.mu.Lock()
	h.kill = cancel
	h.mu.Unlock()
	var out bytes.Buffer
	cmd := exec.CommandContext(ctx, program, append(args, "--config", h.configFile, "--tenant", "amaris")...)
	cmd.Stdout, cmd.Stderr = &out, &out
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	if err := cmd.Run(); err != nil && cmd.ProcessState == nil {
		h.t.Fatal(err)
	}
	code := cmd.ProcessState.ExitCode()
	if code == exitUsage {
		h.t.Fatal(out.String())
	}
	h.record("%s: exit %d%s", args[0], code, h.lastRun())
	return code
}

// lastRun says what became of the newest run.
func (h *seededHarness) lastRun() string {
	runs, err := h.replica.Runs(h.t.Context(), store.RunFilter{Limit: 1})
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
func (h *seededHarness) mustUpdate(args ...string) {
	h.t.Helper()
	if code := h.runKillable(args...); code != exitDone && code != exitLeftOver {
		h.failWithSeed([]string{fmt.Sprintf("%v ends with %d although nothing is wrong", args, code)})
	}
}

// wantEqualToSource fails unless readers see what the source holds.
func (h *seededHarness) wantEqualToSource() {
	h.t.Helper()
	if h.portalAddress == "" {
		h.serve(app.Portal)
	}
	h.grantAll()
	if found := h.harness.differences(h.token("dochter", "dossier:read")); len(found) > 0 {
		h.failWithSeed(found)
	}
}

// grantAll gives the daughter every dossier, also those that were closed to her
// for good.
func (h *seededHarness) grantAll() {
	h.t.Helper()
	const q = `
		INSERT INTO grants (tenant, client, user_id, role, manager, parts, state, updated_by)
		SELECT 'amaris', unnest($1::text[]), 'dochter', 'representative', true, '{reports,forms,care-plans}', 'accepted', 'portal'
		ON CONFLICT (tenant, user_id, client) DO UPDATE SET state = 'accepted', version = grants.version + 1`
	var clients []string
	for _, v := range h.sim.List("Patient") {
		clients = append(clients, v.ID)
	}
	if _, err := h.replica.Pool().Exec(h.t.Context(), q, clients); err != nil {
		h.t.Fatal(err)
	}
}

// failWithSeed says what to do to see it again.
func (h *seededHarness) failWithSeed(found []string) {
	h.t.Helper()
	h.t.Fatalf("with DOSSIERSYNC_SEED=%d, at step %d:\n%s\nThe steps:\n%s",
		h.seed, len(h.events), strings.Join(found, "\n"), strings.Join(h.events, "\n"))
}
