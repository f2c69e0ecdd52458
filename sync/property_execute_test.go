package sync_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/robfig/cron/v3"

	"dossiersync/store"
	"dossiersync/store/dossier"
	"dossiersync/store/storetest"
	dossiersync "dossiersync/sync"
)

// script is a list of lines; property_test.go describes them.
type script []string

// String returns the script as a raw string literal, for property_script_test.go.
func (s script) String() string { return "`\n\t" + strings.Join(s, "\n\t") + "`" }

// GoString returns the same, because rapid prints values by it.
func (s script) GoString() string { return s.String() }

func parseScript(text string) script {
	var s script
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line != "" {
			s = append(s, line)
		}
	}
	return s
}

// execution is one execution of a script.
type execution struct {
	t         reporter
	ctx       context.Context
	replica   *storetest.Replica
	model     *model
	source    *modelSource
	tenant    dossiersync.Tenant
	opts      dossiersync.Options
	header    line   // the last line that set the source's behaviour
	at        int    // the line that is executed, from 1
	text      string // that line
	slots     int    // scheduled runs so far
	ledger    ledger
	approved  bool   // an operator has approved removals today
	ruleEnded bool   // the tenant's rule has ended, and not everything may have been read again since
	pending   []line // lines that take effect during the next run
	faulty    bool   // there are such lines for this run
	narrowed  bool   // the source has had a mishap during the run
	crashed   bool   // a fault may have ended the run
	resumed   bool   // an abandoned run was finished first
	stop      context.CancelFunc
	last      snapshot
}

// line is one line of a script.
type line struct {
	words []string // without options
	opts  map[string]string
}

func parseLine(text string) line {
	l := line{opts: make(map[string]string)}
	for _, w := range strings.Fields(text) {
		if key, value, ok := strings.Cut(w, "="); ok {
			l.opts[key] = value
		} else {
			l.words = append(l.words, w)
		}
	}
	return l
}

func (l line) word(i int) string {
	if i < len(l.words) {
		return l.words[i]
	}
	return ""
}

func (l line) has(word string) bool { return slices.Contains(l.words, word) }

func (l line) number(i int) int {
	n, err := strconv.Atoi(l.word(i))
	if err != nil {
		panic(fmt.Sprintf("%q has no number at %d", l.words, i))
	}
	return n
}

// scriptHarness is a replica on which one script after another is executed.
type scriptHarness struct {
	replica  *storetest.Replica
	schedule cron.Schedule
	zone     *time.Location
	executed int // scripts
}

func newScriptHarness(t *testing.T) *scriptHarness {
	t.Helper()
	schedule, err := cron.ParseStandard("CRON_TZ=Europe/Amsterdam 0 7-23/4 * * *")
	if err != nil {
		t.Fatal(err)
	}
	h := &scriptHarness{replica: storetest.NewReplica(t), schedule: schedule, zone: amsterdam(t)}
	// Every transaction of a run begins by renewing the claim, which the trigger counts in a
	// sequence, as that survives a rollback. This test's own updates, which let the lease expire,
	// are not interfered with.
	const faults = `
		CREATE SEQUENCE tx_count;
		CREATE TABLE tx_faults (at bigint, what text);
		CREATE FUNCTION tx_fault() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
		DECLARE n bigint := nextval('tx_count'); w text;
		BEGIN
			SELECT what INTO w FROM tx_faults WHERE at = n AND (NEW.lease_until IS NULL OR NEW.lease_until > now());
			IF w = 'abort' THEN RAISE EXCEPTION 'injected fault'; END IF;
			IF w = 'kill' THEN NEW.fence := NEW.fence + 1000; NEW.lease_until := now() - interval '1 second'; END IF;
			RETURN NEW;
		END $$;
		CREATE TRIGGER tx_fault BEFORE UPDATE ON runs FOR EACH ROW
			WHEN (OLD.state = 'running' AND OLD.fence = NEW.fence) EXECUTE FUNCTION tx_fault()`
	if _, err := h.replica.Pool().Exec(t.Context(), faults); err != nil {
		t.Fatal(err)
	}
	return h
}

// execute executes the script and the checks at its end.
func (h *scriptHarness) execute(ctx context.Context, t reporter, s script) {
	m := newModel()
	x := &execution{t: t, ctx: ctx, replica: h.replica, model: m, source: newModelSource(t, m), ledger: newLedger()}
	x.exec(h.wipe())
	x.tenant = dossiersync.Tenant{ID: tenant, Name: "Amaris", Location: h.zone, Schedule: h.schedule, Source: x.source,
		Lag: time.Minute, Overlap: time.Minute}
	x.opts = dossiersync.Options{WindowItems: 5}
	x.putGrants()
	x.last = takeSnapshot(x)
	for i, text := range s {
		x.at, x.text = i+1, text
		x.execute(parseLine(text))
	}
	x.at, x.text = len(s)+1, "the end"
	x.settle()
}

// wipe returns the statement that removes all data of the script before. DELETE is quicker than
// TRUNCATE, but leaves dead rows, so that every fifth time the tables are truncated.
func (h *scriptHarness) wipe() string {
	const tables = "grants, decisions, absences, holds, inferred, type_counts, " +
		"held_clients, withheld, withheld_within, acknowledgements, rereads, stale, refs, replacements, definitions, backfills, " +
		"quarantine, cursors, unread, contacts, clients, " +
		"items, census, censuses, seen, run_types, runs, river_job, tx_faults, tenants"
	if h.executed++; h.executed%5 == 0 {
		return "TRUNCATE " + tables + " CASCADE"
	}
	return "DELETE FROM " + strings.ReplaceAll(tables, ", ", "; DELETE FROM ")
}

func (x *execution) failf(format string, args ...any) {
	x.t.Helper()
	x.t.Fatalf("line %d (%s): %s", x.at, x.text, fmt.Sprintf(format, args...))
}

func (x *execution) exec(sql string, args ...any) {
	x.t.Helper()
	if _, err := x.replica.Pool().Exec(x.ctx, sql, args...); err != nil {
		x.t.Fatalf("%s: %v", sql, err)
	}
}

// execute executes one line.
func (x *execution) execute(l line) {
	switch l.word(0) {
	case "source":
		x.header = l
		x.setBehaviour(l)
	case "at", "from", "tx":
		x.pending = append(x.pending, l)
	case "run", "reconcile", "retry", "worker":
		x.executeRun(l)
	case "tomorrow":
		x.exec(`
			UPDATE tenants SET rechecked = rechecked - interval '21 hours',
				reconciled = reconciled - interval '31 hours'`)
		x.exec(`UPDATE inferred SET at = at - interval '24 hours'`)
		x.ledger.tomorrow()
		x.approved = false
	case "rule":
		x.setRule(l.word(1) == "on")
	case "truncate":
		x.exec(`TRUNCATE census, censuses, seen`) // as the server does when it recovers
	case "stop":
		x.stop()
	default:
		x.change(l)
	}
}

// putGrants gives a daughter rights to every client.
func (x *execution) putGrants() {
	if err := x.replica.PutTenant(x.ctx, tenant, "Amaris", "Europe/Amsterdam"); err != nil {
		x.t.Fatalf("%v", err)
	}
	x.exec(`
		INSERT INTO grants (tenant, client, user_id, role, parts, state, updated_by)
		SELECT $1, unnest('{c1,c2,c3}'::text[]), 'daughter', 'contact', '{reports}', 'accepted', 'portal'`, tenant)
}

// setRule puts a rule of the tenant in force that hides private reports, or ends it.
func (x *execution) setRule(inForce bool) {
	x.source.mu.Lock()
	defer x.source.mu.Unlock()
	if inForce == x.model.rule {
		return
	}
	x.ruleEnded = x.ruleEnded || !inForce
	x.model.setRule(inForce)
	for i, t := range x.source.types {
		if t.Stream == dossier.StreamReports {
			x.source.types[i].Hiding = fmt.Sprint(inForce)
			x.source.types[i].Fingerprint = "f " + fmt.Sprint(inForce)
		}
	}
}

// setBehaviour sets how the source behaves: order=ascending|descending|byID page=N totals=no
// offsets unmindful (ignoring the interval) endless (ignoring its end) seconds feed gone short;
// and, until the faults stop, shuffled cached inflated empty circle=N. It also sets window=N (items
// of a window) and removes=F (max_removed).
func (x *execution) setBehaviour(l line) {
	f, c := x.source, &x.source.special
	f.mu.Lock()
	defer f.mu.Unlock()
	f.fakeSource.behaviour = behaviour{noTotals: l.opts["totals"] == "no", offsets: l.has("offsets"),
		ignoresInterval: l.has("unmindful"), ignoresEnd: l.has("endless")}
	f.fakeSource.behaviour.order = order(max(0,
		slices.Index([]string{"ascending", "descending", "byID"}, l.opts["order"])))
	f.pageSize = 3
	if n, err := strconv.Atoi(l.opts["page"]); err == nil {
		f.pageSize = n
	}
	*c = modelBehaviour{feed: l.has("feed"), gone: l.has("gone"), short: l.has("short")}
	x.model.seconds = l.has("seconds")
	if n, err := strconv.Atoi(l.opts["window"]); err == nil {
		x.opts.WindowItems = n
	}
	x.tenant.MaxRemoved, _ = strconv.ParseFloat(l.opts["removes"], 64)
	if f.calm {
		f.mishap = mishap{}
		return
	}
	c.shuffled, c.cached, c.inflated, c.empty = l.has("shuffled"), l.has("cached"), l.has("inflated"), l.has("empty")
	f.fakeSource.behaviour.circle, _ = strconv.Atoi(l.opts["circle"])
}

// change executes a line about the source's records.
func (x *execution) change(l line) {
	w, id, quietly := x.model, l.word(1), l.has("quietly")
	e, exists := w.records[id]
	if e.hidden == dossier.HiddenEmpty || l.word(2) == string(dossier.HiddenEmpty) || e.hidden == dossier.HiddenMerged {
		quietly = false // content never changes without a new version, nor does what a client was merged into
	}
	switch verb := l.word(0); {
	case verb == "all":
		for _, text := range []string{"put c1", "put c2", "put n1", "put n2", "put o1 by=n1", "put q1", "put k1 c1",
			"put g1 c1 by=n1",
			"put p1 c1 goal=g1 by=n2", "put r1 c1 by=n1 plan=p1 goal=g1", "put r2 c2 by=o1", "put r3 c1 by=o1",
			"put f1 c1 by=n1 plan=q1"} {
			x.change(parseLine(text))
		}
	case verb == "put":
		e = entry{id: id, client: l.word(2), by: l.opts["by"], plan: l.opts["plan"], goal: l.opts["goal"],
			replaces: l.opts["replaces"],
			deceased: l.has("deceased"), private: l.has("private")}
		if id[0] == 'c' {
			e.client = id
		}
		late, _ := time.ParseDuration(l.opts["late"])
		w.write(e, late)
	case verb == "crowd":
		for n := range l.number(2) {
			x.model.write(entry{id: fmt.Sprintf("r%d", 100+n), client: id}, 0)
		}
	case verb == "mark" || verb == "unmark":
		for _, id := range slices.Sorted(maps.Keys(w.records)) {
			switch e := w.records[id]; {
			case id[:1] != l.word(1):
			case verb == "mark" && e.hidden == "":
				e.hidden = dossier.HiddenMarked
				w.correct(e, quietly)
			case verb == "unmark" && e.hidden == dossier.HiddenMarked:
				e.hidden, e.mark = "", ""
				w.correct(e, quietly)
			}
		}
	case verb == "vanish":
		maps.DeleteFunc(w.records, func(id string, _ entry) bool { return id[0] == 'r' && len(id) == 4 })
	case verb == "pass" || verb == "clock":
		d, err := time.ParseDuration(l.word(1))
		if err != nil {
			panic(err)
		}
		w.advance(d)
	case verb == "mishap" || verb == "heal":
		x.source.mu.Lock()
		x.source.mishap = parseMishap(l)
		x.source.mu.Unlock()
		x.narrowed = true
	case verb == "backup":
		w.backup()
	case verb == "restore":
		w.restore()
	case !exists:
	case verb == "hide":
		e.mark = l.opts["by"]
		if e.hidden = dossier.Reason(l.word(2)); e.hidden == dossier.HiddenEmpty {
			e.bad = "" // it was decoded
		}
		w.correct(e, quietly)
	case verb == "show":
		e.hidden = ""
		w.correct(e, quietly)
	case verb == "move":
		e.client = l.word(2)
		w.correct(e, quietly)
	case verb == "leave":
		e.left = true
		w.correct(e, quietly)
	case verb == "merge":
		e.hidden, e.into = dossier.HiddenMerged, l.word(2)
		w.correct(e, quietly)
	case verb == "bad":
		if e.bad = unreadablePart(l.word(2)); e.hidden == dossier.HiddenEmpty {
			e.hidden = "" // whether it is empty is not known any more
		}
		w.commit(e, 0)
	case verb == "delete":
		w.remove(id, true)
	case verb == "lose":
		w.remove(id, false)
	default:
		panic("unknown line: " + x.text)
	}
}

// executeRun executes a run with the pending lines, and checks its result.
func (x *execution) executeRun(l line) {
	ctx, cancel := context.WithCancel(x.ctx)
	defer cancel()
	x.stop, x.crashed, x.resumed, x.faulty = cancel, false, false, len(x.pending) > 0
	x.narrowed = x.source.mishap != mishap{}
	began := maps.Clone(x.model.records)
	x.injectFaults()
	scope := store.Scope{Full: l.has("full"), Client: l.opts["client"], Stream: dossier.Stream(l.opts["stream"]),
		DryRun: l.has("dry")}
	switch l.word(0) {
	case "reconcile":
		scope = store.Scope{Only: store.StepReconcile, Approve: l.has("approve")}
	case "retry":
		scope = store.Scope{Only: store.StepQuarantine}
	}
	x.approved = x.approved || scope.Approve
	o := x.opts
	if l.has("tiny") {
		o.Slice = time.Nanosecond
	}
	syncer, err := dossiersync.New(x.replica.Store, []dossiersync.Tenant{x.tenant}, o)
	if err != nil {
		x.t.Fatalf("%v", err)
	}
	var run store.Run
	verb := l.word(0)
	switch finished := x.finishAll(ctx, syncer, verb == "worker" || verb == "finish"); {
	case !finished || verb == "finish":
	case verb == "worker":
		run = x.runScheduled(ctx, syncer)
	default:
		run = x.runCommand(ctx, syncer, scope)
	}
	x.pending = nil
	x.source.before = nil
	x.exec(`DELETE FROM tx_faults`)
	x.check(run, scope, began)
}

// injectFaults arranges that the pending lines take effect during the run.
func (x *execution) injectFaults() {
	pending := x.pending
	x.source.mu.Lock()
	x.source.n, x.source.requests = 0, nil
	clear(x.source.answers)
	x.source.mu.Unlock()
	x.exec(`SELECT setval('tx_count', 1, false)`)
	for _, l := range pending {
		if l.word(0) == "tx" {
			x.crashed = true
			x.exec(`INSERT INTO tx_faults VALUES ($1, $2)`, l.number(1), l.word(2))
		}
		x.crashed = x.crashed || l.has("stop")
	}
	x.source.before = func(n int, a request) error {
		var err error
		for _, l := range pending {
			from := l.word(0) == "from" && n >= l.number(1)
			switch what := l.word(2); {
			case !from && (l.word(0) != "at" || n != l.number(1)):
			case what == "fail":
				if name := l.word(3); canFail(name, a) {
					err = failureNamed(name)
				}
			default:
				x.execute(line{words: l.words[2:], opts: l.opts})
			}
		}
		return err
	}
}

// runCommand does a run as `dossiersync sync` does.
func (x *execution) runCommand(ctx context.Context, s *dossiersync.Syncer, scope store.Scope) store.Run {
	run, err := s.Sync(ctx, dossiersync.SyncRequest{Tenant: tenant, Scope: scope, NoWait: true})
	x.wantRunError(err)
	return run
}

// runScheduled does a run as a worker does when a slot has come.
func (x *execution) runScheduled(ctx context.Context, s *dossiersync.Syncer) store.Run {
	if err := x.replica.PutTenant(x.ctx, tenant, "Amaris", "Europe/Amsterdam"); err != nil {
		x.t.Fatalf("%v", err)
	}
	x.slots++
	run, _, err := x.replica.RequestRun(x.ctx, store.RunRequest{Tenant: tenant, Trigger: store.TriggerSchedule,
		Slot: time.Date(2026, 1, 1, 11, 0, 0, 0, time.UTC).AddDate(0, 0, x.slots)})
	if err != nil {
		x.t.Fatalf("%v", err)
	}
	x.workOn(ctx, s, run.ID)
	if run, err = x.replica.Run(x.ctx, run.ID); err != nil {
		x.t.Fatalf("%v", err)
	}
	return run
}

// finishAll finishes abandoned runs, and waiting runs too if asked to, as workers do in time. It
// reports whether all were finished.
func (x *execution) finishAll(ctx context.Context, s *dossiersync.Syncer, waiting bool) bool {
	for {
		var id *int64
		const q = `SELECT min(id) FROM runs WHERE state = 'running' OR $1 AND state = 'waiting'
			AND NOT EXISTS (SELECT FROM runs WHERE state = 'running')`
		if err := x.replica.Pool().QueryRow(x.ctx, q, waiting).Scan(&id); err != nil {
			x.t.Fatalf("%v", err)
		}
		if id == nil {
			return true
		}
		x.resumed = true
		if !x.workOn(ctx, s, *id) {
			return false
		}
	}
}

// maxPauses is how often a run may pause before this test ages its failures, so that it is given
// up.
const maxPauses = 6

// workOn works on a run in the background and skips its pauses. It reports whether the run was
// finished.
func (x *execution) workOn(ctx context.Context, s *dossiersync.Syncer, id int64) bool {
	for pauses := 0; ; pauses++ {
		x.exec(`UPDATE runs SET lease_until = now() - interval '1 second' WHERE state = 'running'`)
		if pauses > maxPauses {
			x.exec(`UPDATE runs SET failing = now() - interval '31 minutes' WHERE failing IS NOT NULL`)
		}
		if pauses > 3*maxPauses {
			x.failf("a run does not end")
		}
		err := dossiersync.WorkOn(ctx, s, id)
		switch {
		case err == nil:
			return true
		case !errors.Is(err, store.ErrBusy):
			x.wantRunError(err)
			return false
		case ctx.Err() != nil:
			return false
		}
	}
}

// wantRunError fails the test unless err is nil or an error that the injected faults explain.
func (x *execution) wantRunError(err error) {
	if err != nil && !x.crashed {
		x.failf("the run fails: %v", err)
	}
	injected := err != nil && strings.Contains(err.Error(), "injected fault")
	if err != nil && !injected && !errors.Is(err, store.ErrFenced) && !errors.Is(err, store.ErrBusy) &&
		!errors.Is(err, context.Canceled) {
		x.failf("the run fails: %v", err)
	}
}
