package acceptance

import (
	"encoding/json"
	"strings"
	"syscall"
	"testing"
	"time"

	"dossiersync/cmd/carerecordsim/simulator"
	"dossiersync/portalapi/ops/operate"
)

func TestStatusWatch(t *testing.T) {
	t.Parallel()
	h := newHarness(t, tenant{id: "amaris", name: "Amaris", sim: simulator.New(simulator.Options{})})
	people, scripts := h.start("status", "--watch", "--every", "100ms"), h.start("--json", "status", "--watch", "--every", "100ms")
	waitUntil(t, "it is shown three times", func() bool {
		return strings.Count(people.output.String(), "TENANT") > 2 && strings.Count(scripts.output.String(), "\n") > 2
	})
	for _, p := range []*process{people, scripts} {
		p.signal(syscall.SIGINT)
		if code := p.wait(); code != exitDone {
			t.Errorf("%s: exit %d", p.name, code)
		}
	}
	for line := range strings.Lines(scripts.output.String()) {
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
	if strings.Contains(people.output.String(), "\x1b") {
		t.Error("what is no terminal is written to as one")
	}
	if code, _, errs := h.runCommand("status", "--watch", "--every", "0s"); code != exitUsage {
		t.Errorf("without a pause: exit %d: %s", code, errs)
	}
}
