package acceptance

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"dossiersync/store"
)

// A slot that comes while a run is still under way gets its run after that, however
// many workers there are (I11).
func TestCase67StillRunningAtNextSlot(t *testing.T) {
	t.Parallel()
	w := newWorkerPair(t, "")
	waitFor(t, "a run", w.reached)
	slot := time.Now().Truncate(time.Second)
	var next store.Run
	for range 2 { // each worker asks for it
		run, _, err := w.replica.RequestRun(t.Context(), store.RunRequest{Tenant: "amaris", Trigger: store.TriggerSchedule, Slot: slot})
		if err != nil || next.ID != 0 && run.ID != next.ID {
			t.Fatal(run.ID, next.ID, err)
		}
		next = run
	}
	// The worker that has nothing to do takes it up, and finds that it must wait.
	waitUntil(t, "the slot's run was taken up", func() bool {
		return w.queryOne(`SELECT (count(*) > 0)::text FROM river_job WHERE args @> jsonb_build_object('run', $1::bigint) AND attempted_at IS NOT NULL`, next.ID) == "true"
	})
	if got := w.queryOne(`SELECT string_agg(state, ' ' ORDER BY id) FROM runs`); got != "running waiting" {
		t.Errorf("runs are %s", got)
	}
	w.release()
	isDone := func() bool {
		return w.queryOne(`SELECT (count(*) = 0)::text FROM runs WHERE state <> 'done'`) == "true"
	}
	waitUntil(t, "both runs are done", isDone)
	const orderly = `
		SELECT string_agg(outcome, ' ' ORDER BY id) || ' ' || bool_and(coalesce(started_at >= before, true))
		FROM (SELECT *, lag(finished_at) OVER (ORDER BY id) before FROM runs) r`
	if got := w.queryOne(orderly); got != "complete complete true" {
		t.Errorf("runs ended %s", got)
	}
	w.wantVerified()
}

// The cursor moves with the last batch of a window: a worker that is killed before
// that leaves data, and no cursor.
func TestCase68KilledBetweenDataAndCursor(t *testing.T) {
	t.Parallel()
	s := newStoryBehindProxy(t)
	texts := s.putReports("anna", 35)
	s.clock.add(time.Minute)
	come, release := s.proxy.holdOne(isThirdReportPage())
	defer release()
	p := s.start("sync")
	waitFor(t, "the third page", come)
	waitUntil(t, "the pages before are there", func() bool { return len(s.reportTexts("anna")) == 10 })
	p.kill()
	if got := s.cursorOf("Observation"); got != "" {
		t.Errorf("reports are read up to %s", got)
	}
	s.expire("runs")
	s.proxy.onEachRequest(nil)
	s.wantExit(exitDone, "sync")
	if got := s.cursorOf("Observation"); got == "" {
		t.Error("the cursor has not moved")
	}
	s.wantTexts("anna", texts...)
	s.wantVerified()
}

// expire lets the lease of who has died pass.
func (s *story) expire(table string) {
	s.t.Helper()
	s.query(`UPDATE ` + table + ` SET lease_until = now() - interval '1 second' WHERE state = 'running' RETURNING ''`)
}

// wantExit runs a command as a process to its end.
func (h *harness) wantExit(want int, args ...string) {
	h.t.Helper()
	if p := h.start(args...); p.wait() != want {
		h.t.Errorf("dossiersync %s: exit %d, want %d\n%s", p.name, p.cmd.ProcessState.ExitCode(), want, &p.output)
	}
}

// Slots that nobody served are caught up by one run, which is for the latest.
func TestCase74SlotsMissed(t *testing.T) {
	t.Parallel()
	s := newStoryBehindProxy(t)
	// Half a day ago, whatever the time is.
	hour := time.Now().In(mustZone(t)).Add(-12 * time.Hour)
	s.changeConfig(`    source:`, fmt.Sprintf("    schedule: \"0 %d * * *\"\n    source:", hour.Hour()))
	s.reload()
	texts := s.putReports("anna", 3)
	s.sync()
	const longAgo = ` - interval '3 days'`
	s.query(`UPDATE runs SET requested_at = requested_at` + longAgo + `, started_at = started_at` + longAgo + `, finished_at = finished_at` + longAgo + ` RETURNING ''`)
	s.query(`UPDATE tenants SET succeeded = succeeded` + longAgo + ` RETURNING ''`)
	s.putReport("anna 03", "anna", "anna 03")
	s.clock.add(time.Minute)

	s.start("serve", "--only", "worker")
	s.start("serve", "--only", "worker")
	waitUntil(t, "the slot is caught up", func() bool {
		return slices.Equal(s.query(`SELECT state FROM runs ORDER BY id`), []string{"done", "done"})
	})
	s.wantTexts("anna", append(texts, "anna 03")...)
	runs := s.query(`SELECT trigger || ' ' || outcome || coalesce(' ' || to_char(slot AT TIME ZONE 'Europe/Amsterdam', 'HH24:MI'), '') FROM runs ORDER BY id`)
	want := []string{"command complete", fmt.Sprintf("catch-up complete %02d:00", hour.Hour())}
	if diff := cmp.Diff(want, runs); diff != "" {
		t.Errorf("runs (-want +got):\n%s", diff)
	}
	if out := s.mustRun("status"); !strings.Contains(out, "fresh") {
		t.Errorf("status:\n%s", out)
	}
}
