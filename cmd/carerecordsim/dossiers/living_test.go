package dossiers

import (
	"bytes"
	"context"
	"testing"
	"testing/synctest"
	"time"

	"dossiersync/cmd/carerecordsim/simulator"
)

// clock advances by a minute with each call.
type clock struct{ t time.Time }

func (c *clock) now() time.Time {
	c.t = c.t.Add(time.Minute)
	return c.t
}

func living(t *testing.T) (*Living, *simulator.Server) {
	t.Helper()
	d := generate(t, Options{Clients: 10, Years: 0.2, Seed: 5, Now: now})
	c := &clock{now}
	s := simulator.New(simulator.Options{Zone: d.Zone(), Clock: c.now})
	if err := d.Fill(s); err != nil {
		t.Fatal(err)
	}
	return NewLiving(d, s, LivingOptions{Clock: c.now}), s
}

func TestLivingMakesEveryChange(t *testing.T) {
	t.Parallel()
	l, s := living(t)
	before := len(s.Resources())
	did := map[string]int{}
	for range 800 {
		change, err := l.Step()
		if err != nil {
			t.Fatal(err)
		}
		did[change.What]++
	}
	for _, what := range []string{
		"write report", "write late report", "begin report", "make report final", "write document",
		"correct report", "withdraw report",
		"hide report", "show report", "file report under care plan", "delete report", "move report to the right client",
		"evaluate care plan", "achieve goal", "write note", "write form", "begin form", "complete form",
		"amend form", "reopen form",
		"agree to care plan", "withdraw agreement", "put care plan on hold", "resume care plan",
	} {
		if did[what] == 0 {
			t.Errorf("never did: %s", what)
		}
	}
	if reports := did["write report"]; reports < 400 || len(s.Resources()) < before+reports {
		t.Errorf("%d new reports, resources from %d to %d", reports, before, len(s.Resources()))
	}
	for _, v := range s.List("Observation") {
		if v.Number > 1 && v.LastUpdated.After(now.AddDate(0, 0, 2)) {
			t.Errorf("lastUpdated %v is not the clock's", v.LastUpdated)
		}
	}
}

func TestLivingDependsOnTheSeed(t *testing.T) {
	t.Parallel()
	var ends []map[string][]byte
	for range 2 {
		l, s := living(t)
		for range 200 {
			if _, err := l.Step(); err != nil {
				t.Fatal(err)
			}
		}
		ends = append(ends, s.Resources())
	}
	for key, body := range ends[0] {
		if !bytes.Equal(body, ends[1][key]) {
			t.Fatalf("%s differs:\n%s\n%s", key, body, ends[1][key])
		}
	}
}

func TestLivingWithoutClientsDoesNothing(t *testing.T) {
	t.Parallel()
	d := generate(t, Options{Now: now})
	change, err := NewLiving(d, simulator.New(simulator.Options{}), LivingOptions{}).Step()
	if err != nil || change != (Change{}) {
		t.Errorf("Step = %v, %v", change, err)
	}
}

func TestRunMakesAChangePerTick(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l, _ := living(t)
		changes := 0
		l.o.Every, l.o.OnChange = 10*time.Second, func(Change) { changes++ }
		ctx, cancel := context.WithTimeout(t.Context(), 95*time.Second)
		defer cancel()
		if err := l.Run(ctx); err != nil {
			t.Fatal(err)
		}
		if changes != 9 {
			t.Errorf("%d changes in 95 s, want one each 10 s", changes)
		}
	})
}
