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

// status --watch prints a table or a JSON line per interval until it is interrupted.
func TestStatusWatch(t *testing.T) {
	t.Parallel()
	h := newAmarisHarness(t, simulator.New(simulator.Options{}))
	table := h.start("status", "--watch", "--every", "100ms")
	lines := h.start("--json", "status", "--watch", "--every", "100ms")
	waitUntil(t, "the status is printed three times", func() bool {
		return strings.Count(table.output.String(), "TENANT") > 2 && strings.Count(lines.output.String(), "\n") > 2
	})
	for _, p := range []*process{table, lines} {
		p.signal(syscall.SIGINT)
		p.wantExit(exitDone)
	}
	for line := range strings.Lines(lines.output.String()) {
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
	if strings.Contains(table.output.String(), "\x1b") {
		t.Error("escape codes are written to a pipe")
	}
	if code, _, errs := h.runCommand("status", "--watch", "--every", "0s"); code != exitUsage {
		t.Errorf("with --every 0s: exit %d: %s", code, errs)
	}
}
