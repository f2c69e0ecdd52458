package operate_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"dossiersync/portalapi/ops/operate"
	"dossiersync/store"
	"dossiersync/store/storetest"
)

// harness is a replica with one tenant. Its schedule has a slot each minute; the tests set the
// moments relative to the database's clock.
type harness struct {
	*storetest.Replica
	t      *testing.T
	tenant *operate.Tenant
}

func newHarness(t *testing.T) *harness {
	t.Helper()
	h := &harness{Replica: storetest.NewReplica(t), t: t, tenant: tenant(t, "* * * * *")}
	if err := h.PutTenant(t.Context(), "amaris", "Amaris", "Europe/Amsterdam"); err != nil {
		t.Fatal(err)
	}
	return h
}

// newWellHarness returns a harness whose tenant is well: it was read just now, and a worker is alive.
func newWellHarness(t *testing.T) *harness {
	t.Helper()
	h := newHarness(t)
	h.exec(`UPDATE tenants SET succeeded = now(), reconciled = now()`)
	h.noteProcess("worker-1", store.ProcessWorker, "digest")
	return h
}

func (h *harness) exec(q string, args ...any) {
	h.t.Helper()
	if _, err := h.Pool().Exec(h.t.Context(), q, args...); err != nil {
		h.t.Fatalf("%v\n%s", err, q)
	}
}

func (h *harness) noteProcess(id string, kind store.ProcessKind, digest string) {
	h.t.Helper()
	p := store.Process{ID: id, Kinds: []store.ProcessKind{kind}, Host: "host-1", PID: 12, Tenants: map[string]string{"amaris": digest}}
	if err := h.NoteProcess(h.t.Context(), p); err != nil {
		h.t.Fatal(err)
	}
}

func (h *harness) status() operate.Status {
	h.t.Helper()
	s, err := operate.StatusOf(h.t.Context(), h.Store, h.tenant)
	if err != nil {
		h.t.Fatal(err)
	}
	return s
}

// cause returns the cause with the code; nil: the tenant does not have it.
func (h *harness) cause(code operate.Code) *operate.Cause {
	h.t.Helper()
	list := h.status().Attention
	if i := slices.IndexFunc(list, func(c operate.Cause) bool { return c.Code == code }); i >= 0 {
		return &list[i]
	}
	return nil
}

// run inserts a whole run that ended some minutes ago, and returns its id.
func (h *harness) run(outcome store.Outcome, minutes int, left string) int64 {
	h.t.Helper()
	var id int64
	err := h.Pool().QueryRow(h.t.Context(), `
		INSERT INTO runs (tenant, trigger, state, outcome, started_at, finished_at, left_over)
		VALUES ('amaris', 'schedule', 'done', $1, now() - $2 * interval '1 minute', now() - $2 * interval '1 minute', $3)
		RETURNING id`, outcome, minutes, left).Scan(&id)
	if err != nil {
		h.t.Fatal(err)
	}
	return id
}

func TestStatesFollowRunsAndSlots(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	for _, tt := range []struct {
		name, since, succeeded, schedule string
		outcome                          store.Outcome // of the run that ended; empty: none has
		want                             operate.State
	}{
		{"a new tenant", "0", "", "* * * * *", "", operate.Waiting},
		{"a slot ten minutes past", "11 minutes", "", "* * * * *", "", operate.Waiting},
		{"a slot half an hour past", "32 minutes", "", "* * * * *", "", operate.Never},
		{"a cancelled first run", "0", "", "* * * * *", store.OutcomeCancelled, operate.Waiting},
		{"a failed first run", "0", "", "* * * * *", store.OutcomeFailed, operate.Never},
		{"a first run that could not read every type", "0", "", "* * * * *", store.OutcomePartial, operate.Never},
		{"a run just now", "9 days", "0", "* * * * *", store.OutcomeComplete, operate.Fresh},
		{"a success before the failed run", "9 days", "1 minute", "* * * * *", store.OutcomeFailed, operate.Fresh},
		{"two slots missed", "9 days", "40 minutes", "* * * * *", store.OutcomeFailed, operate.Stale},
		{"one slot missed", "999 days", "370 days", "0 0 1 1 *", store.OutcomeFailed, operate.Late},
	} {
		h.tenant = tenant(t, tt.schedule)
		h.exec(`DELETE FROM runs`)
		h.exec(`UPDATE tenants SET since = now() - $1::interval, succeeded = now() - nullif($2, '')::interval`, tt.since, tt.succeeded)
		if tt.outcome != "" {
			h.run(tt.outcome, 0, "{}")
		}
		if got := h.status().State; got != tt.want {
			t.Errorf("after %s the state is %s, want %s", tt.name, got, tt.want)
		}
	}
	h.tenant.ID = "unknown"
	if got := h.status(); got.State != operate.Waiting || len(got.Attention) > 0 || got.IsWell() || got.NeedsPerson() {
		t.Errorf("a tenant without any row is %+v", got)
	}
}

func TestWellTenantNeedsNobody(t *testing.T) {
	t.Parallel()
	h := newWellHarness(t)
	// One item in quarantine, and a type that a server is not asked to have, are no cause.
	h.exec(`INSERT INTO quarantine (tenant, key, stream, type, reason, detail) VALUES ('amaris', 'k', 'reports', 'Observation', 'bad-date', '')`)
	run := h.run(store.OutcomePartial, 1, `{"quarantined": 1}`)
	h.run(store.OutcomePartial, 0, `{"quarantined": 1}`)
	h.exec(`INSERT INTO run_types (run, ordinal, stream, type, to_time, fingerprint, as_of, done, failure, failure_kind)
		SELECT max(id), 0, 'goals', 'Goal', now(), '', now(), true, 'HTTP 404', 'not-found' FROM runs WHERE id > $1`, run)
	h.exec(`INSERT INTO run_types (run, ordinal, stream, type, to_time, fingerprint, as_of, done, failure, failure_kind)
		SELECT max(id), 1, 'care-plans', 'Provenance', now(), '', now(), true, 'HTTP 403', 'unauthorized' FROM runs`)
	if s := h.status(); !s.IsWell() || s.NeedsPerson() || len(s.Attention) > 0 {
		t.Errorf("the tenant is %s with %+v", s.State, s.Attention)
	}
}

func TestEachCauseIsNamed(t *testing.T) {
	t.Parallel()
	const failedType = `INSERT INTO run_types (run, ordinal, stream, type, to_time, fingerprint, as_of, done, failure, failure_kind, named)
		SELECT max(id), 0, 'reports', 'Observation', now(), '', now(), false, 'search Observation: HTTP 403', 'unauthorized', false FROM runs`
	const hold = `WITH h AS (INSERT INTO holds (tenant, stream, type, rule, run, reveals, since)
			VALUES ('amaris', 'reports', 'Observation', 'day', 1, %t, now() - interval '%s') RETURNING id)
		INSERT INTO absences (tenant, key, type, id, stream, state, missing, hold)
		SELECT 'amaris', k, 'Observation', k, 'reports', 'held', '%s', h.id FROM h, unnest('{a,b,c}'::text[]) k`
	for code, tt := range map[operate.Code]struct {
		arrange func(h *harness)
		want    []string // in its sentences
	}{
		operate.AwaitingErasures: {func(h *harness) { h.exec(`UPDATE tenants SET awaiting_erasures = now()`) }, []string{"erasures", "migrate --restored"}},
		operate.AwaitingGrants:   {func(h *harness) { h.exec(`UPDATE tenants SET awaiting_grants = now()`) }, []string{"PUT /v1/grants", "nothing"}},
		operate.NoWorker: {func(h *harness) {
			h.exec(`DELETE FROM processes`)
			h.exec(`UPDATE tenants SET succeeded = now() - interval '20 minutes'`)
		}, []string{"no worker is alive", "19 min", "dossiersync sync --tenant amaris", "dossiersyncnoworker"}},
		operate.Refused: {func(h *harness) {
			h.exec(`UPDATE tenants SET unreachable = now(), trouble = 'search Patient: HTTP 401', trouble_kind = 'unauthorized'`)
		}, []string{"the source refuses us: search Patient: HTTP 401; tries again at", "secret"}},
		operate.SourceUnreachable: {func(h *harness) {
			h.exec(`UPDATE tenants SET unreachable = now(), trouble = 'search Patient: HTTP 404', trouble_kind = 'not-found'`)
		}, []string{"HTTP 404", "base_url"}},
		operate.TypeUnreadable: {func(h *harness) {
			h.run(store.OutcomePartial, 0, `{}`)
			h.exec(failedType)
		}, []string{"1 type could not be read in run 1: Observation (reports): search Observation: HTTP 403", "never read to the end", "run show 1"}},
		operate.RemovalsHeld: {func(h *harness) {
			h.exec(fmt.Sprintf(hold, false, "9 days", "record"))
			h.exec(`UPDATE holds SET type = 'Composition'`)
			h.exec(`DELETE FROM absences WHERE key <> 'a'`)
			h.exec(`UPDATE absences SET key = 'z'`)
			h.exec(fmt.Sprintf(hold, false, "1 day", "record"))
		}, []string{"removals are held: set 1, 1 item of reports (Composition), open for 9 days; set 2, 3 items of reports (Observation)", "held --tenant amaris"}},
		operate.RevealsHeld: {func(h *harness) { h.exec(fmt.Sprintf(hold, true, "1 day", "mark")) }, []string{"would become readable", "set 1, 3 items"}},
		operate.ConfigurationsDiffer: {func(h *harness) {
			h.noteProcess("portal-1", store.ProcessPortal, "")
		}, []string{"worker on host-1 (process 12", "portal on host-1", "does not have the tenant"}},
		operate.PartialRuns: {func(h *harness) {
			h.run(store.OutcomePartial, 5, `{"uncompared": 2, "unsure": 1}`)
			h.run(store.OutcomePartial, 0, `{"uncompared": 1, "owed": 4}`)
		}, []string{"the last run was partial: 1 type could not be compared in full"}},
		operate.QuarantineGrew: {func(h *harness) {
			h.exec(`INSERT INTO quarantine (tenant, key, stream, type, reason, detail) SELECT 'amaris', 'k' || g, 'reports', 'Observation', 'bad-date', '' FROM generate_series(1, 21) g`)
		}, []string{"21 items came into quarantine", "quarantine list"}},
		operate.ReconcileOverdue: {func(h *harness) { h.exec(`UPDATE tenants SET reconciled = now() - interval '4 days'`) }, []string{"4 days ago", "dossiersync reconcile"}},
		operate.CountContradicts: {func(h *harness) {
			h.exec(`INSERT INTO type_counts (tenant, stream, type, source, replica, strikes, since)
				VALUES ('amaris', 'reports', 'Observation', 40, 90, 2, now()), ('amaris', 'forms', 'QuestionnaireResponse', 1, 9, 1, now())`)
		}, []string{"Observation (reports): the source counts 40 records, and 90 were expected", "dossiersync reconcile"}},
		operate.MostlyEmpty: {func(h *harness) {
			h.exec(`INSERT INTO type_counts (tenant, stream, type, records) VALUES ('amaris', 'reports', 'Observation', 39), ('amaris', 'forms', 'QuestionnaireResponse', 40)`)
			h.exec(`INSERT INTO items (tenant, key, stream, type, id, epoch, version, state, reason, hash)
				SELECT 'amaris', t || g, s, t, g, 1, '1', 'hidden', 'empty', '' FROM generate_series(1, 20) g, (VALUES ('reports', 'Observation'), ('forms', 'QuestionnaireResponse')) v (s, t)`)
		}, []string{"most records say nothing that can be shown: 20 of 39 of Observation (reports)", "probe"}},
		operate.LeftOut: {func(h *harness) {
			h.run(store.OutcomeComplete, 0, `{}`)
			h.exec(`INSERT INTO run_left_out (run, place, kind, items)
				SELECT max(id), p, k, 3 FROM runs, (VALUES ('Observation.surprise', 'unread'), ('Observation.hidden', 'withheld')) v (p, k) GROUP BY p, k`)
		}, []string{"words of the source reach no reader: Observation.surprise (3 items)", "explain FILE", "run show"}},
		operate.SomethingWithheld: {func(h *harness) {
			h.exec(`INSERT INTO withheld (tenant, client, item, by, note) VALUES ('amaris', 'c1', NULL, 'beheer', 'n'), ('amaris', NULL, 'k', 'beheer', 'n')`)
		}, []string{"1 client and 1 item withheld", "withhold list", "data-breach"}},
		operate.Throttled: {func(h *harness) {
			h.exec(`UPDATE tenants SET trouble = 'the source asks for patience (HTTP 429)', trouble_kind = 'throttled', trouble_until = now() + interval '1 hour'`)
		}, []string{"HTTP 429", "tries again at"}},
	} {
		t.Run(string(code), func(t *testing.T) {
			t.Parallel()
			h := newWellHarness(t)
			tt.arrange(h)
			s := h.status()
			if len(s.Attention) != 1 || s.Attention[0].Code != code {
				t.Fatalf("the causes are %+v", s.Attention)
			}
			c := s.Attention[0]
			sentences := strings.Join([]string{c.What, c.ReadersSee, c.Do, c.Command, c.Runbook}, "\n")
			for _, want := range tt.want {
				if !strings.Contains(sentences, want) {
					t.Errorf("it does not say %q:\n%s", want, sentences)
				}
			}
			if c.ReadersSee == "" || c.Do == "" || c.Runbook == "" || c.Fingerprint == "" {
				t.Errorf("it lacks a sentence:\n%s", sentences)
			}
			if open := code != operate.Throttled && code != operate.SomethingWithheld; s.NeedsPerson() != open || s.IsWell() == open {
				t.Errorf("it needs a person: %t, want %t", s.NeedsPerson(), open)
			}
		})
	}
}

// While the whole source cannot be read, its types are no causes of their own.
func TestUnreadableTypeIsOverOnceItIsRead(t *testing.T) {
	t.Parallel()
	h := newWellHarness(t)
	h.run(store.OutcomePartial, 5, `{}`)
	h.exec(`INSERT INTO run_types (run, ordinal, stream, type, to_time, fingerprint, as_of, done, failure, failure_kind, named)
		SELECT id, o, 'reports', 'Type' || o, now(), '', now() - interval '5 minutes', d, 'HTTP 400', 'unsupported', n
		FROM runs, (VALUES (0, false, true), (1, true, true), (2, true, false)) v (o, d, n)`)
	h.exec(`INSERT INTO cursors (tenant, stream, type, fingerprint, upto, as_of) VALUES ('amaris', 'reports', 'Type0', '', now(), now() - interval '1 day')`)
	c := h.cause(operate.TypeUnreadable)
	if c == nil || !strings.Contains(c.What, "2 types") || !strings.Contains(c.What, "Type0") || !strings.Contains(c.What, "Type1") {
		t.Fatalf("the cause is %+v; want the type that was read before and the one that is configured", c)
	}
	if since := c.Since; since == nil || time.Since(*since) < 23*time.Hour {
		t.Errorf("it is so since %v, want since the last complete read", since)
	}
	h.exec(`UPDATE tenants SET unreachable = now(), trouble = 'x', trouble_kind = 'unreachable'`)
	if c := h.cause(operate.TypeUnreadable); c != nil {
		t.Errorf("while the source is away the types are a cause: %s", c.What)
	}
	h.exec(`UPDATE tenants SET unreachable = NULL, trouble = NULL, trouble_kind = NULL`)
	h.exec(`UPDATE run_types SET named = false WHERE type = 'Type1'`)
	h.exec(`UPDATE cursors SET as_of = now()`) // another run has read it
	if c := h.cause(operate.TypeUnreadable); c != nil {
		t.Errorf("after it was read the type is a cause: %s", c.What)
	}
}

// A slot that a command's own run serves needs no worker; a run that nobody works on does.
func TestWorkerIsMissedOnlyWhenThereIsWork(t *testing.T) {
	t.Parallel()
	h := newWellHarness(t)
	h.exec(`DELETE FROM processes`)
	if c := h.cause(operate.NoWorker); c != nil {
		t.Errorf("without a due slot: %s", c.What)
	}
	h.exec(`UPDATE tenants SET succeeded = now() - interval '20 minutes'`)
	h.exec(`INSERT INTO runs (tenant, trigger, state, started_at, lease_until) VALUES ('amaris', 'command', 'running', now(), now() + interval '1 minute')`)
	if c := h.cause(operate.NoWorker); c != nil {
		t.Errorf("while sync works on a run: %s", c.What)
	}
	h.exec(`UPDATE runs SET lease_until = now() - interval '2 minutes'`)
	if c := h.cause(operate.NoWorker); c == nil || !strings.Contains(c.What, "run 1 has not been worked on") {
		t.Errorf("after the worker died: %+v", c)
	}
	h.exec(`UPDATE runs SET state = 'done', outcome = 'failed', lease_until = NULL, finished_at = now()`)
	if c := h.cause(operate.NoWorker); c != nil {
		t.Errorf("after sync tried the slot in vain: %s", c.What)
	}
	h.exec(`DELETE FROM runs`)
	if c := h.cause(operate.NoWorker); c == nil {
		t.Error("a slot is due, and there is no worker")
	}
	h.noteProcess("portal-1", store.ProcessPortal, "digest")
	if c := h.cause(operate.NoWorker); c == nil {
		t.Error("a portal is no worker")
	}
	h.noteProcess("worker-2", store.ProcessWorker, "digest")
	if c := h.cause(operate.NoWorker); c != nil {
		t.Errorf("with a worker: %s", c.What)
	}
	h.exec(`UPDATE processes SET seen = now() - interval '30 seconds'`)
	if c := h.cause(operate.NoWorker); c == nil {
		t.Error("a worker that says nothing for half a minute is dead")
	}
}

func TestAcknowledgedCauseSpeaksAgainWhenItGrows(t *testing.T) {
	t.Parallel()
	h := newWellHarness(t)
	putHold := func(keys string) {
		h.exec(`WITH h AS (INSERT INTO holds (tenant, stream, type, rule, run) VALUES ('amaris', 'reports', 'Observation', 'day', 1) RETURNING id)
			INSERT INTO absences (tenant, key, type, id, stream, state, hold)
			SELECT 'amaris', k, 'Observation', k, 'reports', 'held', h.id FROM h, unnest($1::text[]) k`, keys)
	}
	acknowledge := func(a operate.Acknowledgement) error {
		a.Code, a.By, a.Note = operate.RemovalsHeld, "Anna de Vries", "asked Amaris"
		_, err := operate.Acknowledge(t.Context(), h.Store, h.tenant, a)
		return err
	}
	wantOpen := func(when string, want bool) {
		t.Helper()
		c := h.cause(operate.RemovalsHeld)
		if c == nil || c.IsOpen() != want {
			t.Errorf("%s the cause is %+v, want it to wait for a person: %t", when, c, want)
		}
		if s := h.status(); s.NeedsPerson() != want {
			t.Errorf("%s the tenant needs a person: %t", when, s.NeedsPerson())
		}
	}
	if err := acknowledge(operate.Acknowledgement{}); !errors.Is(err, operate.ErrNoCause) {
		t.Errorf("a cause that is not there is acknowledged: %v", err)
	}
	putHold("{a,b}")
	putHold("{c,d}")
	wantOpen("at first", true)
	old := h.cause(operate.RemovalsHeld).Fingerprint
	putHold("{e}")
	if err := acknowledge(operate.Acknowledgement{Fingerprint: old}); !errors.Is(err, operate.ErrCauseChanged) {
		t.Errorf("a cause that grew since it was shown is acknowledged: %v", err)
	}
	now := h.status().Now
	for _, until := range []time.Time{now.Add(-time.Minute), now.AddDate(2, 0, 0)} {
		if err := acknowledge(operate.Acknowledgement{Until: until}); !errors.Is(err, operate.ErrUntil) {
			t.Errorf("acknowledged until %s: %v", until, err)
		}
	}
	if err := acknowledge(operate.Acknowledgement{}); err != nil {
		t.Fatal(err)
	}
	wantOpen("after it was acknowledged", false)
	if a := h.cause(operate.RemovalsHeld).Acknowledged; a.By != "Anna de Vries" || a.Note != "asked Amaris" || a.Until.Sub(now).Round(time.Hour) != 7*24*time.Hour {
		t.Errorf("the acknowledgement is %+v", a)
	}
	h.exec(`DELETE FROM absences WHERE key = 'e'`)
	h.exec(`DELETE FROM holds WHERE id = 3`)
	h.exec(`DELETE FROM absences WHERE key = 'd'`)
	wantOpen("after it shrank", false)
	putHold("{f}")
	wantOpen("after another set was held", true)
	if err := acknowledge(operate.Acknowledgement{}); err != nil {
		t.Fatal(err)
	}
	wantOpen("after that was acknowledged", false)
	h.exec(`INSERT INTO absences (tenant, key, type, id, stream, state, hold) VALUES ('amaris', 'g', 'Observation', 'g', 'reports', 'held', 4)`)
	wantOpen("after the set grew", true)
	if err := acknowledge(operate.Acknowledgement{}); err != nil {
		t.Fatal(err)
	}
	h.exec(`UPDATE acknowledgements SET until = now()`)
	wantOpen("after the end", true)

	// A source that is away again is another cause than the one that was acknowledged.
	h.exec(`UPDATE tenants SET unreachable = now() - interval '1 hour', trouble = 'x', trouble_kind = 'unreachable'`)
	_, err := operate.Acknowledge(t.Context(), h.Store, h.tenant,
		operate.Acknowledgement{Code: operate.SourceUnreachable, By: "anna", Note: "works at the network"})
	if c := h.cause(operate.SourceUnreachable); err != nil || c.IsOpen() {
		t.Errorf("the cause is %+v (%v)", c, err)
	}
	h.exec(`UPDATE tenants SET unreachable = now()`)
	if c := h.cause(operate.SourceUnreachable); !c.IsOpen() {
		t.Errorf("the source is away again, and the cause is %+v", c)
	}

	list, err := h.Decisions(t.Context(), "amaris", store.DecisionAcknowledge, 10)
	if err != nil || len(list) != 4 || list[3].By != "Anna de Vries" || !strings.HasPrefix(list[3].Object, "removals-held until ") {
		t.Errorf("recorded is %+v (%v)", list, err)
	}
}

func TestServiceNamesItsWorkers(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	words := func() string {
		t.Helper()
		s, err := operate.ServiceOf(t.Context(), h.Store, []*operate.Tenant{h.tenant})
		if err != nil {
			t.Fatal(err)
		}
		return s.WorkerWords()
	}
	got := []string{words()}
	h.noteProcess("ops-1", store.ProcessOps, "x")
	got = append(got, words())
	h.noteProcess("worker-1", store.ProcessWorker, "x")
	got = append(got, words())
	h.noteProcess("worker-2", store.ProcessWorker, "x")
	got = append(got, words())
	want := []string{
		"No worker is alive.", "No worker is alive.", "1 worker is alive: host-1 (process 12).",
		"2 workers are alive: host-1 (process 12), host-1 (process 12).",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("workers (-want +got):\n%s", diff)
	}
	if err := h.ForgetProcess(t.Context(), "worker-1"); err != nil {
		t.Fatal(err)
	}
	if got := words(); got != want[2] {
		t.Errorf("after one has ended: %s", got)
	}
}
