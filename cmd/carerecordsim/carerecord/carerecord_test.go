package carerecord

import (
	"context"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"dossiersync/cmd/carerecordsim/behaviours"
	"dossiersync/cmd/carerecordsim/cases"
	"dossiersync/cmd/carerecordsim/dossiers"
	"dossiersync/cmd/carerecordsim/faults"
	"dossiersync/cmd/carerecordsim/simulator"
)

func TestSystemRunsUntilStopped(t *testing.T) {
	t.Parallel()
	changed := make(chan dossiers.Change, 1)
	var changes atomic.Int64
	system, err := Open(Options{
		Dossiers: dossiers.Options{Clients: 3, Years: 0.05, Organisation: "SZR"},
		Live:     5 * time.Millisecond,
		OnChange: func(c dossiers.Change) {
			if changes.Add(1) == 1 {
				changed <- c
			}
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	ran := make(chan error, 1)
	go func() { ran <- system.Run(ctx) }()
	select {
	case c := <-changed:
		if _, err := system.Server.Get(c.Type, c.ID); err != nil && c.What != "delete report" {
			t.Errorf("%+v: %v", c, err)
		}
	case err := <-ran:
		t.Fatalf("Run ended: %v", err)
	}
	response, err := http.Get(system.URL() + "/Organization/organisatie")
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(response.Body)
	_ = response.Body.Close()
	if err != nil || !strings.Contains(string(body), `"name":"SZR"`) {
		t.Errorf("organisation is %s, %v", body, err)
	}
	stop()
	if err := <-ran; err != nil {
		t.Errorf("Run = %v, want nil", err)
	}
}

// ask runs a system until it has answered these requests, and returns the answers by path.
func ask(t *testing.T, system *System, paths ...string) map[string]string {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	ran := make(chan error, 1)
	go func() { ran <- system.Run(ctx) }()
	said := map[string]string{}
	for _, path := range paths {
		response, err := http.Get(system.URL() + path)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(response.Body)
		_ = response.Body.Close()
		if err != nil {
			t.Fatal(err)
		}
		said[path] = response.Status[:4] + string(body)
	}
	stop()
	if err := <-ran; err != nil {
		t.Errorf("Run = %v, want nil", err)
	}
	return said
}

func TestOptionsCombine(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "g.json"), []byte(`{"resourceType":"Goal","id":"g"}`),
		0o600); err != nil {
		t.Fatal(err)
	}
	chosen, err := cases.Parse("12", time.Now())
	if err != nil {
		t.Fatal(err)
	}
	preset, err := behaviours.Find("medplum")
	if err != nil {
		t.Fatal(err)
	}
	var events atomic.Int64
	system, err := Open(Options{
		Load: dir, Cases: chosen, Behaviour: preset, Server: simulator.Options{BasePath: "r4"},
		Faults:  faults.File{Rules: []faults.Rule{{Match: faults.Match{Type: "Patient"}, Fault: faults.Status(503)}}},
		OnFault: func(faults.Event) { events.Add(1) },
	})
	if err != nil {
		t.Fatal(err)
	}
	said := ask(t, system, "/Goal/g", "/Observation/casus-12-verslag", "/Organization?_total=accurate", "/Goal?x=y",
		"/Patient")
	for path, want := range map[string]string{
		"/Goal/g": `200 .*"id":"g"`, "/Observation/casus-12-verslag": `200 .*"versionId":"2".*"entered-in-error"`,
		"/Organization?_total=accurate": `200 .*"total":0`, "/Goal?x=y": `400 `, "/Patient": `503 `,
	} {
		if !regexp.MustCompile(want).MatchString(said[path]) {
			t.Errorf("%s: %s, want %s", path, said[path], want)
		}
	}
	if events.Load() != 1 || system.Faults.Hits()[0] != 1 || system.Loaded.Resources != 1 {
		t.Errorf("%d events, hits %v, loaded %+v", events.Load(), system.Faults.Hits(), system.Loaded)
	}
	if _, err := Open(Options{Load: filepath.Join(dir, "none")}); err == nil {
		t.Error("Open with a folder that is not there succeeded")
	}
}

// With Live, the second steps of all cases come before the third step of any.
func TestCasesArePlayedStepByStep(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		chosen, err := cases.Parse("9,12,29", time.Now())
		if err != nil {
			t.Fatal(err)
		}
		var played []string
		o := Options{Cases: chosen, Live: time.Minute,
			OnChange: func(c dossiers.Change) { played = append(played, c.What) }}
		o.Server.Clock = time.Now
		s := &System{Server: simulator.New(o.Server)}
		if err := s.fill(o); err != nil {
			t.Fatal(err)
		}
		if v, err := s.Server.Get("QuestionnaireResponse", "casus-29-formulier"); err != nil || v.Number != 1 {
			t.Errorf("the form begins as %+v, %v", v, err)
		}
		start := time.Now()
		if err := s.player.run(t.Context()); err != nil {
			t.Fatal(err)
		}
		want := []string{
			"case 12, the report is entered in error", "case 29, it is completed", "case 29, it is opened again",
			"case 29, it is completed again",
		}
		if diff := cmp.Diff(want, played); diff != "" || time.Since(start) != 4*time.Minute {
			t.Errorf("after %v (-want +got):\n%s", time.Since(start), diff)
		}
	})
}

func TestOpenNamesTheAddressInUse(t *testing.T) {
	t.Parallel()
	if _, err := Open(Options{Listen: "127.0.0.1:99999"}); err == nil ||
		!strings.Contains(err.Error(), "127.0.0.1:99999") {
		t.Errorf("Open = %v, want an error that names the address", err)
	}
	if _, err := Open(Options{Dossiers: dossiers.Options{Clients: -1}}); err == nil {
		t.Error("Open with fewer than no clients succeeded")
	}
}

func TestURLIsReachable(t *testing.T) {
	t.Parallel()
	for listen, want := range map[string]struct {
		prefix   string
		loopback bool
	}{
		"":            {"http://127.0.0.1:", true},
		"127.0.0.1:0": {"http://127.0.0.1:", true},
		"0.0.0.0:0":   {"http://localhost:", false},
	} {
		system, err := Open(Options{Listen: listen, Server: simulator.Options{BasePath: "/r4/"}})
		if err != nil {
			t.Fatal(err)
		}
		if !strings.HasPrefix(system.URL(), want.prefix) || !strings.HasSuffix(system.URL(), "/r4") ||
			system.Loopback() != want.loopback {
			t.Errorf("%q: URL %s, loopback %v; want %+v", listen, system.URL(), system.Loopback(), want)
		}
		ctx, stop := context.WithCancel(t.Context())
		stop()
		if err := system.Run(ctx); err != nil {
			t.Error(err)
		}
	}
}

// A system with a state goes on from where the one before it ended, with versions and times.
func TestSystemGoesOnFromItsState(t *testing.T) {
	t.Parallel()
	o := Options{
		Dossiers: dossiers.Options{Clients: 3, Years: 0.05, Now: time.Date(2026, 3, 2, 11, 0, 0, 0, time.UTC)},
		State:    filepath.Join(t.TempDir(), "state.ndjson"),
	}
	run := func(change func(*System)) map[string][]byte {
		t.Helper()
		s, err := Open(o)
		if err != nil {
			t.Fatal(err)
		}
		change(s)
		ctx, stop := context.WithCancel(t.Context())
		stop()
		if err := s.Run(ctx); err != nil {
			t.Fatal(err)
		}
		return s.Server.Resources()
	}
	before := run(func(s *System) {
		for _, raw := range []string{
			`{"resourceType":"Observation","id":"extra","status":"final","valueString":"eerst"}`,
			`{"resourceType":"Observation","id":"extra","status":"corrected","valueString":"daarna"}`,
		} {
			if _, err := s.Server.Put([]byte(raw)); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := s.Server.Delete("Patient", s.Server.List("Patient")[0].ID); err != nil {
			t.Fatal(err)
		}
	})
	o.Dossiers.Now = o.Dossiers.Now.Add(time.Hour)
	if diff := cmp.Diff(before, run(func(*System) {})); diff != "" {
		t.Errorf("resources (-before +after):\n%s", diff)
	}
	if err := os.WriteFile(o.State, []byte("{}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(o); err == nil {
		t.Error("a file that is no state is taken for one")
	}
}
