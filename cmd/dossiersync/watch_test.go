package main

import (
	"dossiersync/portalapi/ops/operate"

	"bytes"
	"encoding/json"
	"strings"
	"syscall"
	"testing"
	"time"

	"dossiersync/cmd/carerecordsim/simulator"
	"dossiersync/store"
)

func TestStatusIsWatched(t *testing.T) {
	t.Parallel()
	r := newRigOf(t, rigTenant{id: "amaris", name: "Amaris", sim: simulator.New(simulator.Options{})})
	people, scripts := r.start("status", "--watch", "--every", "100ms"), r.start("--json", "status", "--watch", "--every", "100ms")
	poll(t, "it is shown three times", func() bool {
		return strings.Count(people.said.String(), "TENANT") > 2 && strings.Count(scripts.said.String(), "\n") > 2
	})
	for _, p := range []*process{people, scripts} {
		p.signal(syscall.SIGINT)
		if code := p.wait(); code != exitDone {
			t.Errorf("%s: exit %d", p.name, code)
		}
	}
	for line := range strings.Lines(scripts.said.String()) {
		var answer struct {
			At    time.Time
			Items []operate.Status
		}
		if strings.HasPrefix(line, "warning: ") {
			continue // on standard error
		}
		if err := json.Unmarshal([]byte(line), &answer); err != nil || len(answer.Items) != 1 || answer.At.IsZero() {
			t.Errorf("a line is %s, %v", line, err)
		}
	}
	if strings.Contains(people.said.String(), "\x1b") {
		t.Error("what is no terminal is written to as one")
	}
	if code, _, errs := r.run("status", "--watch", "--every", "0s"); code != exitUsage {
		t.Errorf("without a pause: exit %d: %s", code, errs)
	}
}

// In colour the columns stay in line.
func TestStatusInColour(t *testing.T) {
	t.Parallel()
	now := time.Now()
	list := []operate.Status{{ID: "amaris", State: store.Fresh, NextSlot: now}, {ID: "szr", State: store.Stale, NextSlot: now}, {ID: "o", State: store.Late, NextSlot: now}}
	var grey, page bytes.Buffer
	printStatus(&grey, now, list)
	printStatus(coloured{&page}, now, list)
	got := page.String()
	for _, want := range []string{"\x1b[32mfresh\x1b[39m", "\x1b[31mstale\x1b[39m", "\x1b[33mlate\x1b[39m"} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in %q", want, got)
		}
		got = strings.ReplaceAll(got, want[:5], "")
	}
	got = strings.NewReplacer("\x1b[39m", "").Replace(got)
	if got != grey.String() {
		t.Errorf("without its colours it is\n%s\nwant\n%s", got, grey.String())
	}
}
