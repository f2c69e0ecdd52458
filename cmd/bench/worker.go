package main

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"runtime/pprof"
	"strconv"
	"strings"
	"time"

	"dossiersync/cmd/dossiersync/app"
	"dossiersync/config"
	"dossiersync/store"
	dossiersync "dossiersync/sync"
	"dossiersync/sync/fhir"
	"dossiersync/sync/source"
)

// A job is what a worker process does, Times times.
type job struct {
	Do       string // sync, reconcile, list
	Database string
	Source   string
	Times    int
	Profile  string // a file for a profile of the processor; empty: none
}

// A measure is what doing a job once took.
type measure struct {
	Took       time.Duration
	CPU        time.Duration // of the worker's process
	Database   time.Duration // of PostgreSQL; 0 if the job was done more than once
	Phases     []phase
	Requests   int64
	Bytes      int64
	Statements int64
	Items      int64
	Outcome    string
}

// workCmd is the worker's process: the program as cmd/dossiersync/app joins it, with an
// observer.
type workCmd struct{}

// Run implements the command.
func (*workCmd) Run(ctx context.Context, s streams) error {
	var j job
	if err := json.NewDecoder(s.in).Decode(&j); err != nil {
		return fmt.Errorf("read the job: %w", err)
	}
	if j.Profile != "" {
		f, err := os.Create(j.Profile)
		if err != nil {
			return err
		}
		defer f.Close()
		if err := pprof.StartCPUProfile(f); err != nil {
			return err
		}
		defer pprof.StopCPUProfile()
	}
	var all []measure
	for i := range j.Times {
		if i > 0 { // the source's clock counts seconds, and a run in the same one has less to do
			time.Sleep(time.Until(time.Now().Truncate(time.Second).Add(time.Second)))
		}
		m, err := j.once(ctx)
		if err != nil {
			return err
		}
		all = append(all, m)
	}
	return json.NewEncoder(s.out).Encode(all)
}

func (j job) once(ctx context.Context) (measure, error) {
	o := newObserver()
	cfg, err := j.config()
	if err != nil {
		return measure{}, err
	}
	src, err := app.NewSource(&cfg.Tenants[0], o.options())
	if err != nil {
		return measure{}, err
	}
	var m measure
	do := func() error { return j.run(ctx, o, cfg, &m) }
	if j.Do == "list" {
		do = func() error { return readAll(ctx, src, &m) }
	}
	began, before := time.Now(), cpu()
	if err := do(); err != nil {
		return measure{}, err
	}
	if m.Took == 0 {
		m.Took = time.Since(began)
	}
	m.CPU = cpu() - before
	m.Requests, m.Bytes, m.Statements = o.requests.Load(), o.bytes.Load(), o.statements.Load()
	m.Phases = o.phases()
	return m, nil
}

const tenantID = "bench"

// configText returns the configuration of one tenant, with limits that are never reached.
func configText(database, source string, tenants ...string) string {
	var b strings.Builder
	fmt.Fprintf(&b, `database: %s
portal_api: {auth: {issuer: "https://login.example", audience: bench, jwks_url: "https://login.example/jwks"}}
tenants:
`, strconv.Quote(database))
	if len(tenants) == 0 {
		tenants = []string{tenantID}
	}
	for _, id := range tenants {
		fmt.Fprintf(&b, `  - id: %s
    name: Bench
    schedule: "0 3 1 1 *"
    source:
      fhir:
        base_url: %q
        requests_per_second: 10000
        lag: 1s
        overlap: 24h
        search: {care-plans: [CarePlan, Provenance, Consent]}
    mapping:
      category: [{match: {tag: "https://ecd.example/kind|zorgleefplan"}, set: care-plan}]
`, id, source)
	}
	return b.String()
}

// config returns the configuration as the program itself would read it.
func (j job) config() (*config.Config, error) {
	database := cmp.Or(j.Database, "postgres://not-used@localhost/bench")
	return app.ParseConfig("bench", []byte(configText(database, j.Source)), os.LookupEnv)
}

// options returns options with which o observes the source.
func (o *observer) options() app.SyncerOptions {
	return app.SyncerOptions{
		WrapTransport: func(t http.RoundTripper) http.RoundTripper { return &transport{t, o} },
		WrapSource:    func(s source.Source) source.Source { return &observed{s.(*fhir.Source), o} },
	}
}

// run does what `dossiersync sync` or `dossiersync reconcile` does.
func (j job) run(ctx context.Context, o *observer, cfg *config.Config, m *measure) (err error) {
	st, err := store.Open(ctx, j.Database, store.WithTracer(o))
	if err != nil {
		return err
	}
	defer st.Close()
	syncer, err := app.NewSyncer(cfg, st, o.options())
	if err != nil {
		return err
	}
	req := dossiersync.SyncRequest{Tenant: tenantID, By: "bench"}
	if j.Do == "reconcile" {
		req.Scope.Only = store.StepReconcile
	}
	began := time.Now()
	run, err := syncer.Sync(ctx, req)
	if err != nil {
		return err
	}
	m.Took, m.Outcome = time.Since(began), string(*run.Outcome)
	for _, t := range run.Types {
		m.Items += t.Effects.Seen()
	}
	if *run.Outcome != store.OutcomeComplete && *run.Outcome != store.OutcomePartial {
		return fmt.Errorf("the run ended as %s", *run.Outcome)
	}
	return nil
}

// readAll reads and decodes the envelopes of everything in the source.
func readAll(ctx context.Context, src source.Source, m *measure) error {
	d, err := src.Describe(ctx)
	if err != nil {
		return err
	}
	for _, t := range d.Types {
		q := source.Query{Type: t, To: d.Now, Envelope: true}
		for {
			page, err := src.Search(ctx, q)
			if err != nil {
				return err
			}
			m.Items += int64(len(page.Items))
			if q.Next = page.Next; q.Next == "" {
				break
			}
		}
	}
	return nil
}
