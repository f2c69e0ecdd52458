package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"runtime/pprof"
	"time"

	"github.com/robfig/cron/v3"
	"go.uber.org/zap"

	"dossiersync/store"
	"dossiersync/store/dossier"
	dossiersync "dossiersync/sync"
	"dossiersync/sync/fhir"
	"dossiersync/sync/source"
)

// A job is what a worker process is to do, so many times.
type job struct {
	Do       string // sync, reconcile, list
	Database string
	Source   string
	Times    int
	Profile  string // a file for a profile of the processor; empty: none
}

// A measure is what one time took.
type measure struct {
	Took       time.Duration
	CPU        time.Duration // of the worker's process
	Database   time.Duration // and of PostgreSQL; not of each, where a job is done many times
	Phases     []phaseTook
	Requests   int64
	Bytes      int64
	Statements int64
	Items      int64
	Outcome    string
}

// phaseTook is a phase, as JSON.
type phaseTook struct {
	Name string
	Took time.Duration
}

func (m measure) phases() []phase {
	list := make([]phase, 0, len(m.Phases))
	for _, p := range m.Phases {
		list = append(list, phase{p.Name, p.Took})
	}
	return list
}

// workCmd is the process that stands for the worker: the program's own packages,
// put together as cmd/dossiersync does, and watched.
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
	for range j.Times {
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
	src, err := j.source(o)
	if err != nil {
		return measure{}, err
	}
	var m measure
	do := func() error { return j.run(ctx, o, src, &m) }
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
	for _, p := range o.phases() {
		m.Phases = append(m.Phases, phaseTook{p.name, p.took})
	}
	return m, nil
}

const tenantID = "bench"

// source returns the source, with limits on requests that nothing meets.
func (j job) source(o *observer) (*observed, error) {
	base, err := url.Parse(j.Source)
	if err != nil {
		return nil, err
	}
	zone, err := time.LoadLocation("Europe/Amsterdam")
	if err != nil {
		return nil, err
	}
	src, err := fhir.New(fhir.Options{
		Tenant: tenantID, BaseURL: base, Zone: zone, RequestsPerSecond: 1e6, Concurrency: 4,
		Transport: &transport{fhir.NewTransport(nil), o},
		Searches:  map[dossier.Stream][]string{dossier.StreamCarePlans: {"CarePlan", "Provenance", "Consent"}},
		Mapping: fhir.Mapping{Category: []fhir.Rule{{
			Match: fhir.Match{Tag: fhir.Code{System: "https://ecd.example/kind", Code: "zorgleefplan"}}, Set: dossier.CategoryCarePlan}}},
	})
	return &observed{src, o}, err
}

// run does a run like `dossiersync sync`, or like `dossiersync reconcile`.
func (j job) run(ctx context.Context, o *observer, src source.Source, m *measure) (err error) {
	st, err := store.OpenTraced(ctx, j.Database, o)
	if err != nil {
		return err
	}
	defer st.Close()
	zone, err := time.LoadLocation("Europe/Amsterdam")
	if err != nil {
		return err
	}
	schedule, err := cron.ParseStandard("0 7-23/4 * * *")
	if err != nil {
		return err
	}
	syncer, err := dossiersync.New(st, []dossiersync.Tenant{{ID: tenantID, Name: "Bench", Location: zone,
		Schedule: schedule, Source: src, Lag: 150 * time.Second, Overlap: 150 * time.Second, MaxRemoved: 0.05}},
		dossiersync.Options{Log: zap.NewNop()})
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
		return fmt.Errorf("the run has ended as %s", *run.Outcome)
	}
	return nil
}

// readAll reads and decodes the envelopes of all that the source has, and does
// nothing with them.
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
