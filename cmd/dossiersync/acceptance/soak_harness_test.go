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

// seededHarness is a harness whose source is written to at random. The seed decides what
// happens.
type seededHarness struct {
	*harness
	seed   uint64
	rand   *rand.Rand
	clock  *clock
	events []string // everything that happened, for the error message

	living    *dossiers.Living
	caseSteps [][]cases.Step // by case: the steps to come

	forgetful bool       // records may vanish without a tombstone
	mu        sync.Mutex // held during writes
	requests  int
	onRequest func() // called with mu held; may be nil
	kill      context.CancelFunc
}

// sourceSize is how much a source holds.
type sourceSize struct {
	clients int
	years   float64
	cases   func(number int) bool
}

// newSeededHarness fills a simulator that behaves as the options say.
func newSeededHarness(t *testing.T, seed uint64, clock *clock, o simulator.Options, n sourceSize) *seededHarness {
	t.Helper()
	h := &seededHarness{seed: seed, rand: rand.New(rand.NewPCG(seed, 1)), clock: clock}
	o.Clock = h.clock.Now
	o.Layers = append([]simulator.Layer{h.layer}, o.Layers...)
	h.harness = newHarness(t, tenant{id: "amaris", name: "Amaris", sim: simulator.New(o)})
	// A server may show a version some time after its lastUpdated.
	h.changeConfig("overlap: 30s", "overlap: 150s")
	d := fillDossiers(t, h.sim, dossiers.Options{Clients: n.clients, Years: n.years, Seed: seed, Now: h.clock.Now()})
	h.living = dossiers.NewLiving(d, h.sim, dossiers.LivingOptions{Clock: h.clock.Now})
	for _, c := range cases.All(h.clock.Now()) {
		if n.cases(c.Number) {
			h.caseSteps = append(h.caseSteps, c.Steps)
		}
	}
	return h
}

func (h *seededHarness) record(format string, args ...any) {
	h.events = append(h.events, fmt.Sprintf(format, args...))
}

// layer moves the clock, and calls onRequest, before each request.
func (h *seededHarness) layer(next http.Handler) http.Handler {
	return http.HandlerFunc(func(out http.ResponseWriter, r *http.Request) {
		h.mu.Lock()
		h.requests++
		h.clock.add(20 * time.Millisecond)
		if h.onRequest != nil {
			h.onRequest()
		}
		h.mu.Unlock()
		next.ServeHTTP(out, r)
	})
}

// writeRound writes some changes, and plays the next step of each case.
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
		h.clock.add(time.Second)
		if err := steps[0].Play(h.sim, h.clock.Now()); err != nil {
			h.t.Fatal(err)
		}
		h.caseSteps[i] = steps[1:]
	}
	h.clock.add(time.Duration(2+h.rand.IntN(300)) * time.Second)
}

// writeOne makes one change.
func (h *seededHarness) writeOne() {
	h.clock.add(time.Second)
	if h.rand.IntN(3) == 0 {
		h.changeSomething()
		return
	}
	if _, err := h.living.Step(); err != nil {
		h.t.Error(err)
	}
}

// casesAreDone reports whether all steps of all cases were played.
func (h *seededHarness) casesAreDone() bool {
	for _, steps := range h.caseSteps {
		if len(steps) > 0 {
			return false
		}
	}
	return true
}

// runKillable runs a command for the tenant, which may be interrupted and fail.
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

// lastRun describes the newest run.
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

// mustUpdate runs a command that must exit with 0 or 3.
func (h *seededHarness) mustUpdate(args ...string) {
	h.t.Helper()
	if code := h.runKillable(args...); code != exitDone && code != exitLeftOver {
		h.failWithSeed([]string{fmt.Sprintf("%v exits with %d although nothing is wrong", args, code)})
	}
}

// wantEqualToSource fails the test unless readers see what the oracle expects.
func (h *seededHarness) wantEqualToSource() {
	h.t.Helper()
	if h.portalAddress == "" {
		h.serve(app.Portal)
	}
	h.grantAllAgain()
	if found := h.harness.differences(h.token("dochter", "dossier:read")); len(found) > 0 {
		h.failWithSeed(found)
	}
}

// grantAllAgain gives the daughter a right to every dossier, also where a merge or a
// withdrawal revoked it.
func (h *seededHarness) grantAllAgain() {
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

// failWithSeed ends the test, and prints how to repeat it.
func (h *seededHarness) failWithSeed(found []string) {
	h.t.Helper()
	h.t.Fatalf("with DOSSIERSYNC_SEED=%d, after %d events:\n%s\nThe events:\n%s",
		h.seed, len(h.events), strings.Join(found, "\n"), strings.Join(h.events, "\n"))
}
