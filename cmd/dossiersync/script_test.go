package main

import (
	"context"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"dossiersync/cmd/carerecordsim/behaviours"
	"dossiersync/cmd/carerecordsim/dossiers"
	"dossiersync/cmd/carerecordsim/simulator"
	"dossiersync/store/storetest"
)

// storeTests stops using the test server when all tests have run.
type storeTests struct{ m *testing.M }

func (s storeTests) Run() int { return storetest.Main(s.m) }

func TestMain(m *testing.M) {
	testscript.Main(storeTests{m}, map[string]func(){
		"dossiersync": func() { os.Exit(run(context.Background(), os.Args[1:], os.Stdin, os.Stdout, os.Stderr)) },
	})
}

// TestScripts runs the stories of operators in testdata/script. Each has a replica of its
// own ($DATABASE_URL, $WORKER_URL, $READER_URL) and a care record system ($SOURCE). Commands: put FILE
// stores a resource in the source, source NAME starts another that behaves like a known server, forget TYPE ID removes one without a trace, sql FILE
// runs statements as the owner of the replica.
func TestScripts(t *testing.T) {
	t.Parallel()
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script",
		Setup: func(env *testscript.Env) error {
			tb := env.T().(testing.TB)
			db := storetest.NewReplica(tb)
			sim := simulator.New(simulator.Options{})
			d, err := dossiers.Generate(dossiers.Options{Clients: 5, Years: 0.1, Seed: 3, Now: time.Now()})
			if err != nil {
				return err
			}
			if err := d.Fill(sim); err != nil {
				return err
			}
			server := httptest.NewServer(sim)
			tb.Cleanup(server.Close)
			env.Setenv("DATABASE_URL", db.URL)
			env.Setenv("WORKER_URL", db.WorkerURL)
			env.Setenv("READER_URL", db.ReaderURL)
			env.Setenv("SOURCE", server.URL+"/fhir")
			env.Values["source"], env.Values["replica"] = sim, db
			return nil
		},
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){
			"put": func(ts *testscript.TestScript, _ bool, args []string) {
				// Ten minutes ago: a run stays behind the source's clock.
				_, err := ts.Value("source").(*simulator.Server).PutAt(time.Now().Add(-10*time.Minute), []byte(ts.ReadFile(args[0])))
				ts.Check(err)
			},
			"source": func(ts *testscript.TestScript, _ bool, args []string) {
				ts.Setenv("SOURCE", startSource(ts, args[0]))
			},
			"forget": func(ts *testscript.TestScript, _ bool, args []string) {
				ts.Value("source").(*simulator.Server).Forget(args[0], args[1])
			},
			"sql": func(ts *testscript.TestScript, _ bool, args []string) {
				_, err := ts.Value("replica").(*storetest.Replica).Pool().Exec(context.Background(), ts.ReadFile(args[0]))
				ts.Check(err)
			},
		},
	})
}

// startSource starts a care record system with a few dossiers that behaves like the server called
// name, and returns its base URL. With "mishap …" in place of a name it has that mishap.
func startSource(ts *testscript.TestScript, name string) string {
	o := simulator.Options{}
	mishap, isMishap := strings.CutPrefix(name, "mishap:")
	if !isMishap {
		preset, err := behaviours.Find(name)
		ts.Check(err)
		preset.Apply(&o)
	}
	sim := simulator.New(o)
	d, err := dossiers.Generate(dossiers.Options{Clients: 5, Years: 0.3, Seed: 3, Now: time.Now()})
	ts.Check(err)
	ts.Check(d.Fill(sim))
	if isMishap {
		m, err := simulator.ParseMishap(mishap)
		ts.Check(err)
		sim.SetMishap(m)
	}
	server := httptest.NewServer(sim)
	ts.Defer(server.Close)
	return server.URL + "/fhir"
}
