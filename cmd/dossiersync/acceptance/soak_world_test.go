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

// world is a care record system in which people write, and its replica. What
// happens is drawn from a seed.
type world struct {
	*rig
	seed  uint64
	dice  *rand.Rand
	clock *sourceClock
	told  []string // what happened, for who has to repeat it

	living *dossiers.Living
	scenes [][]cases.Step // of each case those that are left

	forgetful bool       // things vanish without a trace
	mu        sync.Mutex // held while somebody writes
	requests  int
	onRequest func() // with mu held; may be nil
	kill      context.CancelFunc
}

// size is how much there is of what.
type size struct {
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

// newWorld fills a care record system that behaves as the options say.
func newWorld(t *testing.T, seed uint64, clock *sourceClock, o simulator.Options, n size) *world {
	t.Helper()
	w := &world{seed: seed, dice: rand.New(rand.NewPCG(seed, 1)), clock: clock}
	o.Clock = w.clock.Now
	o.Layers = append([]simulator.Layer{w.watch}, o.Layers...)
	w.rig = newRigOf(t, rigTenant{id: "amaris", name: "Amaris", sim: simulator.New(o)})
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
			w.scenes = append(w.scenes, c.Steps)
		}
	}
	return w
}

// configure replaces a part of the configuration.
func (w *world) configure(old, new string) {
	w.t.Helper()
	conf, err := os.ReadFile(w.conf)
	if err != nil {
		w.t.Fatal(err)
	}
	if !bytes.Contains(conf, []byte(old)) {
		w.t.Fatalf("the configuration has no %q", old)
	}
	w.file("dossiersync.yaml", strings.Replace(string(conf), old, new, 1))
}

func (w *world) tell(format string, args ...any) {
	w.told = append(w.told, fmt.Sprintf(format, args...))
}

// watch lets time go by, and things happen, while the source answers.
func (w *world) watch(next http.Handler) http.Handler {
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

// happen lets people write for a while, and each case go one step further.
func (w *world) happen() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for range 10 + w.dice.IntN(30) {
		w.write()
	}
	for i, steps := range w.scenes {
		if len(steps) == 0 {
			continue
		}
		w.clock.pass(time.Second)
		if err := steps[0].Do(w.sim, w.clock.Now()); err != nil {
			w.t.Fatal(err)
		}
		w.scenes[i] = steps[1:]
	}
	w.clock.pass(time.Duration(2+w.dice.IntN(300)) * time.Second)
}

// write lets somebody write one thing.
func (w *world) write() {
	w.clock.pass(time.Second)
	if w.dice.IntN(3) == 0 {
		w.act()
		return
	}
	if _, err := w.living.Step(); err != nil {
		w.t.Error(err)
	}
}

// isTold reports whether the cases have come to their end.
func (w *world) isTold() bool {
	for _, steps := range w.scenes {
		if len(steps) > 0 {
			return false
		}
	}
	return true
}

// work runs a command for the tenant, whatever comes of it; it may be killed
// meanwhile.
func (w *world) work(args ...string) int {
	w.t.Helper()
	ctx, cancel := context.WithCancel(w.t.Context())
	defer cancel()
	w.mu.Lock()
	w.kill = cancel
	w.mu.Unlock()
	var out bytes.Buffer
	cmd := exec.CommandContext(ctx, program, append(args, "--config", w.conf, "--tenant", "amaris")...)
	cmd.Stdout, cmd.Stderr = &out, &out
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	if err := cmd.Run(); err != nil && cmd.ProcessState == nil {
		w.t.Fatal(err)
	}
	code := cmd.ProcessState.ExitCode()
	if code == exitUsage {
		w.t.Fatal(out.String())
	}
	w.tell("%s: exit %d%s", args[0], code, w.lastRun())
	return code
}

// lastRun says what became of the newest run.
func (w *world) lastRun() string {
	runs, err := w.db.Runs(w.t.Context(), store.RunFilter{Limit: 1})
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

// update runs a command that must not fail now.
func (w *world) update(args ...string) {
	w.t.Helper()
	if code := w.work(args...); code != exitDone && code != exitLeftOver {
		w.fail([]string{fmt.Sprintf("%v ends with %d although nothing is wrong", args, code)})
	}
}

// compare fails unless readers see what the source holds.
func (w *world) compare() {
	w.t.Helper()
	if w.api == "" {
		w.serve(app.Portal)
	}
	w.grantAll()
	if found := w.rig.compare(w.token("dochter", "dossier:read")); len(found) > 0 {
		w.fail(found)
	}
}

// grantAll gives the daughter every dossier, also those that were closed to her
// for good.
func (w *world) grantAll() {
	w.t.Helper()
	const q = `
		INSERT INTO grants (tenant, client, user_id, role, manager, parts, state, updated_by)
		SELECT 'amaris', unnest($1::text[]), 'dochter', 'representative', true, '{reports,forms,care-plans}', 'accepted', 'portal'
		ON CONFLICT (tenant, user_id, client) DO UPDATE SET state = 'accepted', version = grants.version + 1`
	var clients []string
	for _, v := range w.sim.List("Patient") {
		clients = append(clients, v.ID)
	}
	if _, err := w.db.Pool().Exec(w.t.Context(), q, clients); err != nil {
		w.t.Fatal(err)
	}
}

// fail says what to do to see it again.
func (w *world) fail(found []string) {
	w.t.Helper()
	w.t.Fatalf("with DOSSIERSYNC_SEED=%d, at step %d:\n%s\nThe steps:\n%s",
		w.seed, len(w.told), strings.Join(found, "\n"), strings.Join(w.told, "\n"))
}
