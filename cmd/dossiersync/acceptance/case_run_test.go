package acceptance

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"dossiersync/store"
)

// Given two workers, and a slot that comes while a run is under way: the slot gets
// one run of its own, after that one (I11).
func TestCase67StillRunningAtNextSlot(t *testing.T) {
	t.Parallel()
	w := newWorkerPair(t, "")
	waitFor(t, "a run", w.reached)
	slot := time.Now().Truncate(time.Second)
	var next store.Run
	for range 2 { // as each worker does
		run, _, err := w.replica.RequestRun(t.Context(),
			store.RunRequest{Tenant: "amaris", Trigger: store.TriggerSchedule, Slot: slot})
		if err != nil || next.ID != 0 && run.ID != next.ID {
			t.Fatal(run.ID, next.ID, err)
		}
		next = run
	}
	const attempted = `
		SELECT (count(*) > 0)::text FROM river_job
		WHERE args @> jsonb_build_object('run', $1::bigint) AND attempted_at IS NOT NULL`
	waitUntil(t, "the idle worker has tried the slot's run",
		func() bool { return w.queryOne(attempted, next.ID) == "true" })
	if got := w.queryOne(`SELECT string_agg(state, ' ' ORDER BY id) FROM runs`); got != "running waiting" {
		t.Errorf("runs are %s", got)
	}
	w.release()
	const done = `SELECT (count(*) = 0)::text FROM runs WHERE state <> 'done'`
	waitUntil(t, "both runs are done", func() bool { return w.queryOne(done) == "true" })
	const orderly = `
		SELECT string_agg(outcome, ' ' ORDER BY id) || ' ' || bool_and(coalesce(started_at >= before, true))
		FROM (SELECT *, lag(finished_at) OVER (ORDER BY id) before FROM runs) r`
	if got := w.queryOne(orderly); got != "complete complete true" {
		t.Errorf("runs ended %s", got)
	}
	w.wantVerified()
}

// Given a worker that is killed after two pages of a window: their items are
// stored and the cursor is not, because the last batch moves it.
func TestCase68KilledBetweenDataAndCursor(t *testing.T) {
	t.Parallel()
	s := newStoryBehindProxy(t)
	texts := s.putReports("anna", 35)
	s.clock.add(time.Minute)
	reached, release := s.proxy.holdOne(isThirdReportPage())
	defer release()
	p := s.start("sync")
	waitFor(t, "the third page", reached)
	waitUntil(t, "the two pages are applied", func() bool { return len(s.reportTexts("anna")) == 10 })
	p.kill()
	if got := s.reportCursor(); got != "" {
		t.Errorf("reports are read up to %s", got)
	}
	s.expireLeases()
	s.proxy.beforeRequests(nil)
	s.start("sync").wantExit(exitDone)
	if got := s.reportCursor(); got == "" {
		t.Error("the cursor has not moved")
	}
	s.wantTexts("anna", texts...)
	s.wantVerified()
}

// Given three days without a worker: one run catches up, for the latest slot.
func TestCase74SlotsMissed(t *testing.T) {
	t.Parallel()
	s := newStoryBehindProxy(t)
	slot := time.Now().In(amsterdam(t)).Add(-12 * time.Hour) // far from now
	s.changeConfig(`    source:`, fmt.Sprintf("    schedule: \"0 %d * * *\"\n    source:", slot.Hour()))
	s.restart()
	texts := s.putReports("anna", 3)
	s.sync()
	const ago = ` - interval '3 days'`
	s.exec(`UPDATE runs SET requested_at = requested_at` + ago + `, started_at = started_at` + ago + `, finished_at = finished_at` + ago)
	s.exec(`UPDATE tenants SET succeeded = succeeded` + ago)
	s.putReport("anna 03", "anna", "anna 03")
	s.clock.add(time.Minute)

	s.start("serve", "--only", "worker")
	s.start("serve", "--only", "worker")
	waitUntil(t, "the slot is caught up", func() bool {
		return slices.Equal(s.query(`SELECT state FROM runs ORDER BY id`), []string{"done", "done"})
	})
	s.wantTexts("anna", append(texts, "anna 03")...)
	const runs = `
		SELECT trigger || ' ' || outcome || coalesce(' ' || to_char(slot AT TIME ZONE 'Europe/Amsterdam', 'HH24:MI'), '')
		FROM runs ORDER BY id`
	want := []string{"command complete", fmt.Sprintf("catch-up complete %02d:00", slot.Hour())}
	if diff := cmp.Diff(want, s.query(runs)); diff != "" {
		t.Errorf("runs (-want +got):\n%s", diff)
	}
	s.wantStatus(exitLeftOver, "fresh", "configurations-differ") // the portal runs with the schedule of before
}
