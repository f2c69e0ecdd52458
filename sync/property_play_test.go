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

// A script is what happens to a source and its replica, a line each. The first
// word says what:
//
//	source order=byID page=2 …   the source's manners from now on; see [play.manners]
//	all                          a small world
//	put ID [CLIENT] [by=ID plan=ID goal=ID replaces=ID late=1h deceased]
//	                             a record is made, or has new content
//	hide ID REASON [quietly]     it is marked as not for readers; quietly: without a new version
//	show ID [quietly]            and no longer
//	move ID CLIENT [quietly]     it is corrected to another client
//	merge CLIENT CLIENT          the first is merged into the second
//	bad ID body|envelope         its new version cannot be read
//	leave ID [quietly]           no search finds it any more
//	delete ID, lose ID           it is deleted, or gone without a trace
//	crowd CLIENT N, vanish       many reports come, and are gone without a trace
//	pass 1h, clock -1h           time goes by; the source's clock is put back
//	tomorrow                     a day goes by for the replica
//	backup, restore              the source is put back to its backup
//	run [full] [client=c1] [stream=reports] [dry], reconcile [approve], retry
//	worker [tiny]                a scheduled run, after what waits or was left behind
//
// What happens during the next run is said before it:
//
//	at N LINE                    before the N-th request: one of the above, or
//	                             fail TROUBLE, stop (the process ends in good order), truncate
//	from N fail TROUBLE          all requests from then on fail
//	tx N abort|kill              the N-th transaction fails; or is the process's last
type drama []string

// String shows it as a table of Go has it.
func (s drama) String() string { return "`\n\t" + strings.Join(s, "\n\t") + "`" }

// GoString is what rapid prints.
func (s drama) GoString() string { return s.String() }

func scriptOf(text string) drama {
	var s drama
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line != "" {
			s = append(s, line)
		}
	}
	return s
}

// play is one performance of a script.
type play struct {
	t        reporter
	ctx      context.Context
	replica  *storetest.Replica
	world    *world
	source   *scripted
	tenant   dossiersync.Tenant
	opts     dossiersync.Options
	header   line // the source's manners
	at       int  // the line, from 1
	text     string
	slots    int
	approved bool
	most     map[string]int64 // how much of a stream was there at most
	pending  []line           // what happens during the next run
	crashed  bool             // something may have ended it
	resumed  bool             // a run that was left behind went on in it
	stop     context.CancelFunc
	last     picture
}

// line is one line of a script.
type line struct {
	words []string // without options
	opts  map[string]string
}

func parse(text string) line {
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

// stage is a replica on which one play after another is performed.
type stage struct {
	replica  *storetest.Replica
	schedule cron.Schedule
	zone     *time.Location
	plays    int
}

func newStage(t *testing.T) *stage {
	t.Helper()
	schedule, err := cron.ParseStandard("CRON_TZ=Europe/Amsterdam 0 7-23/4 * * *")
	if err != nil {
		t.Fatal(err)
	}
	st := &stage{replica: storetest.NewReplica(t), schedule: schedule, zone: amsterdam(t)}
	// Every transaction of a run begins with its claim. The counting survives a
	// transaction that fails; this test's own updates, which let the lease pass, are
	// spared.
	const strikes = `
		CREATE SEQUENCE strikes;
		CREATE TABLE strike (at bigint, what text);
		CREATE FUNCTION strike() RETURNS trigger LANGUAGE plpgsql AS $$
		DECLARE n bigint := nextval('strikes'); w text;
		BEGIN
			SELECT what INTO w FROM strike WHERE at = n AND (NEW.lease_until IS NULL OR NEW.lease_until > now());
			IF w = 'abort' THEN RAISE EXCEPTION 'struck'; END IF;
			IF w = 'kill' THEN NEW.fence := NEW.fence + 1000; NEW.lease_until := now() - interval '1 second'; END IF;
			RETURN NEW;
		END $$;
		CREATE TRIGGER strike BEFORE UPDATE ON runs FOR EACH ROW
			WHEN (OLD.state = 'running' AND OLD.fence = NEW.fence) EXECUTE FUNCTION strike()`
	if _, err := st.replica.Pool().Exec(t.Context(), strikes); err != nil {
		t.Fatal(err)
	}
	return st
}

// perform plays the script to its end.
func (st *stage) perform(ctx context.Context, t reporter, s drama) {
	w := newWorld()
	p := &play{t: t, ctx: ctx, replica: st.replica, world: w, source: newScripted(t, w), most: make(map[string]int64)}
	p.exec(st.wipe())
	p.tenant = dossiersync.Tenant{ID: tenant, Name: "Amaris", Location: st.zone, Schedule: st.schedule, Source: p.source,
		Lag: time.Minute, Overlap: time.Minute}
	p.opts = dossiersync.Options{WindowItems: 5}
	p.last = takePicture(p)
	for i, text := range s {
		p.at, p.text = i+1, text
		p.do(parse(text))
	}
	p.at, p.text = len(s)+1, "the end"
	p.end()
}

// wipe leaves nothing of the play before. Deleting is quicker than truncating, and
// leaves more and more behind that is to be passed over.
func (st *stage) wipe() string {
	const tables = "decisions, absences, rereads, stale, refs, replacements, definitions, backfills, quarantine, cursors, unread, contacts, clients, " +
		"items, census, censuses, seen, run_types, runs, river_job, strike, tenants"
	if st.plays++; st.plays%5 == 0 {
		return "TRUNCATE " + tables + " CASCADE"
	}
	return "DELETE FROM " + strings.ReplaceAll(tables, ", ", "; DELETE FROM ")
}

func (p *play) failf(format string, args ...any) {
	p.t.Helper()
	p.t.Fatalf("line %d (%s): %s", p.at, p.text, fmt.Sprintf(format, args...))
}

func (p *play) exec(sql string, args ...any) {
	p.t.Helper()
	if _, err := p.replica.Pool().Exec(p.ctx, sql, args...); err != nil {
		p.t.Fatalf("%s: %v", sql, err)
	}
}

// do plays one line.
func (p *play) do(l line) {
	switch l.word(0) {
	case "source":
		p.header = l
		p.manners(l)
	case "at", "from", "tx":
		p.pending = append(p.pending, l)
	case "run", "reconcile", "retry", "worker":
		p.run(l)
	case "tomorrow":
		p.exec(`UPDATE tenants SET rechecked = rechecked - interval '21 hours', reconciled = reconciled - interval '31 hours'`)
		p.exec(`UPDATE items SET observed = observed - interval '25 hours'`)
		p.approved = false
	case "truncate":
		p.exec(`TRUNCATE census, censuses, seen`) // as the server does when it recovers
	case "stop":
		p.stop()
	default:
		p.change(l)
	}
}

// manners makes the source behave: order=ascending|descending|byID page=N
// totals=no offsets unmindful endless seconds feed gone short window=N removes=F;
// and while its troubles last: shuffled cached inflated empty circle=N.
func (p *play) manners(l line) {
	f, c := p.source, &p.source.custom
	f.mu.Lock()
	defer f.mu.Unlock()
	f.fake.manners = manners{noTotals: l.opts["totals"] == "no", offsets: l.has("offsets"), unmindful: l.has("unmindful"), endless: l.has("endless")}
	f.fake.manners.order = order(max(0, slices.Index([]string{"ascending", "descending", "byID"}, l.opts["order"])))
	f.pageSize = 3
	if n, err := strconv.Atoi(l.opts["page"]); err == nil {
		f.pageSize = n
	}
	*c = custom{feed: l.has("feed"), gone: l.has("gone"), short: l.has("short")}
	p.world.seconds = l.has("seconds")
	if n, err := strconv.Atoi(l.opts["window"]); err == nil {
		p.opts.WindowItems = n
	}
	p.tenant.MaxRemoved, _ = strconv.ParseFloat(l.opts["removes"], 64)
	if f.calm {
		return
	}
	c.shuffled, c.cached, c.inflated, c.empty = l.has("shuffled"), l.has("cached"), l.has("inflated"), l.has("empty")
	f.fake.manners.circle, _ = strconv.Atoi(l.opts["circle"])
}

// change plays a line about the source's records.
func (p *play) change(l line) {
	w, id, quietly := p.world, l.word(1), l.has("quietly")
	e, exists := w.records[id]
	if e.hidden == dossier.HiddenEmpty || l.word(2) == string(dossier.HiddenEmpty) {
		quietly = false // content never changes without a new version
	}
	switch verb := l.word(0); {
	case verb == "all":
		for _, text := range []string{"put c1", "put c2", "put n1", "put n2", "put o1 by=n1", "put q1", "put k1 c1", "put g1 c1 by=n1",
			"put p1 c1 goal=g1 by=n2", "put r1 c1 by=n1 plan=p1 goal=g1", "put r2 c2 by=o1", "put r3 c1 by=o1", "put f1 c1 by=n1 plan=q1"} {
			p.change(parse(text))
		}
	case verb == "put":
		e = entry{id: id, client: l.word(2), by: l.opts["by"], plan: l.opts["plan"], goal: l.opts["goal"], replaces: l.opts["replaces"],
			deceased: l.has("deceased")}
		if id[0] == 'c' {
			e.client = id
		}
		late, _ := time.ParseDuration(l.opts["late"])
		w.write(e, late)
	case verb == "crowd":
		for n := range l.number(2) {
			p.world.write(entry{id: fmt.Sprintf("r%d", 100+n), client: id}, 0)
		}
	case verb == "vanish":
		maps.DeleteFunc(w.records, func(id string, _ entry) bool { return id[0] == 'r' && len(id) == 4 })
	case verb == "pass" || verb == "clock":
		d, err := time.ParseDuration(l.word(1))
		if err != nil {
			panic(err)
		}
		w.pass(d)
	case verb == "backup":
		w.backup()
	case verb == "restore":
		w.restore()
	case !exists:
	case verb == "hide":
		if e.hidden = dossier.Reason(l.word(2)); e.hidden == dossier.HiddenEmpty {
			e.bad = "" // it could be read
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
		if e.bad = badness(l.word(2)); e.hidden == dossier.HiddenEmpty {
			e.hidden = "" // who knows
		}
		w.commit(e, 0)
	case verb == "delete":
		w.drop(id, true)
	case verb == "lose":
		w.drop(id, false)
	default:
		panic("no such line: " + p.text)
	}
}

// run plays a run, with what is to happen meanwhile, and checks what it led to.
func (p *play) run(l line) {
	ctx, cancel := context.WithCancel(p.ctx)
	defer cancel()
	p.stop, p.crashed, p.resumed = cancel, false, false
	began := maps.Clone(p.world.records)
	p.interfere()
	scope := store.Scope{Full: l.has("full"), Client: l.opts["client"], Stream: dossier.Stream(l.opts["stream"]), DryRun: l.has("dry")}
	switch l.word(0) {
	case "reconcile":
		scope = store.Scope{Only: store.StepReconcile, Approve: l.has("approve")}
	case "retry":
		scope = store.Scope{Only: store.StepQuarantine}
	}
	p.approved = p.approved || scope.Approve
	o := p.opts
	if l.has("tiny") {
		o.Slice = time.Nanosecond
	}
	syncer, err := dossiersync.New(p.replica.Store, []dossiersync.Tenant{p.tenant}, o)
	if err != nil {
		p.t.Fatalf("%v", err)
	}
	var run store.Run
	verb := l.word(0)
	switch finished := p.finishAll(ctx, syncer, verb == "worker" || verb == "finish"); {
	case !finished || verb == "finish":
	case verb == "worker":
		run = p.scheduled(ctx, syncer)
	default:
		run = p.command(ctx, syncer, scope)
	}
	p.pending = nil
	p.source.before = nil
	p.exec(`DELETE FROM strike`)
	p.inspect(run, scope, began)
}

// interfere has happen during the run what was said before it.
func (p *play) interfere() {
	pending := p.pending
	p.source.mu.Lock()
	p.source.n, p.source.asked = 0, nil
	p.source.mu.Unlock()
	p.exec(`SELECT setval('strikes', 1, false)`)
	for _, l := range pending {
		if l.word(0) == "tx" {
			p.crashed = true
			p.exec(`INSERT INTO strike VALUES ($1, $2)`, l.number(1), l.word(2))
		}
		p.crashed = p.crashed || l.has("stop")
	}
	p.source.before = func(n int, a asked) error {
		var err error
		for _, l := range pending {
			from := l.word(0) == "from" && n >= l.number(1)
			switch what := l.word(2); {
			case !from && (l.word(0) != "at" || n != l.number(1)):
			case what == "fail":
				if name := l.word(3); suits(name, a) {
					err = trouble(name)
				}
			default:
				p.do(line{words: l.words[2:], opts: l.opts})
			}
		}
		return err
	}
}

// command runs as `dossiersync sync` does.
func (p *play) command(ctx context.Context, s *dossiersync.Syncer, scope store.Scope) store.Run {
	run, err := s.Sync(ctx, dossiersync.SyncRequest{Tenant: tenant, Scope: scope, NoWait: true})
	p.expect(err)
	return run
}

// scheduled runs as a worker does when a slot has come.
func (p *play) scheduled(ctx context.Context, s *dossiersync.Syncer) store.Run {
	if err := p.replica.PutTenant(p.ctx, tenant, "Amaris", "Europe/Amsterdam"); err != nil {
		p.t.Fatalf("%v", err)
	}
	p.slots++
	run, _, err := p.replica.RequestRun(p.ctx, store.RunRequest{Tenant: tenant, Trigger: store.TriggerSchedule,
		Slot: time.Date(2026, 1, 1, 11, 0, 0, 0, time.UTC).AddDate(0, 0, p.slots)})
	if err != nil {
		p.t.Fatalf("%v", err)
	}
	p.work(ctx, s, run.ID)
	if run, err = p.replica.Run(p.ctx, run.ID); err != nil {
		p.t.Fatalf("%v", err)
	}
	return run
}

// finishAll works on the runs that were left behind, and on those that wait if
// asked to, as workers do in time. It reports whether it got to the end of them.
func (p *play) finishAll(ctx context.Context, s *dossiersync.Syncer, waiting bool) bool {
	for {
		var id *int64
		const q = `SELECT min(id) FROM runs WHERE state = 'running' OR $1 AND state = 'waiting'
			AND NOT EXISTS (SELECT FROM runs WHERE state = 'running')`
		if err := p.replica.Pool().QueryRow(p.ctx, q, waiting).Scan(&id); err != nil {
			p.t.Fatalf("%v", err)
		}
		if id == nil {
			return true
		}
		p.resumed = true
		if !p.work(ctx, s, *id) {
			return false
		}
	}
}

// patientSlices is how often a run may pause before its time is up.
const patientSlices = 6

// work works on a run in the background, and does not wait where it pauses. It
// reports whether it got to the run's end.
func (p *play) work(ctx context.Context, s *dossiersync.Syncer, id int64) bool {
	for pauses := 0; ; pauses++ {
		p.exec(`UPDATE runs SET lease_until = now() - interval '1 second' WHERE state = 'running'`)
		if pauses > patientSlices {
			p.exec(`UPDATE runs SET failing = now() - interval '31 minutes' WHERE failing IS NOT NULL`)
		}
		if pauses > 3*patientSlices {
			p.failf("a run does not end")
		}
		err := dossiersync.WorkOn(ctx, s, id)
		switch {
		case err == nil:
			return true
		case !errors.Is(err, store.ErrBusy):
			p.expect(err)
			return false
		case ctx.Err() != nil:
			return false
		}
	}
}

// expect fails unless err is what a run may end with that was interfered with.
func (p *play) expect(err error) {
	if err != nil && !p.crashed {
		p.failf("it fails: %v", err)
	}
	struck := err != nil && strings.Contains(err.Error(), "struck")
	if err != nil && !struck && !errors.Is(err, store.ErrFenced) && !errors.Is(err, store.ErrBusy) && !errors.Is(err, context.Canceled) {
		p.failf("it fails: %v", err)
	}
}
