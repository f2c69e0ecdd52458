package acceptance

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"dossiersync/store"
)

// The next sync on the same host need not wait for the lease of one that was killed.
func TestKilledSyncIsTakenOverAtOnce(t *testing.T) {
	t.Parallel()
	s := newStoryBehindProxy(t)
	texts := s.putReports("anna", 35)
	s.clock.add(time.Minute)
	reached, release := s.proxy.holdOne(isThirdReportPage())
	defer release()
	p := s.start("sync")
	waitFor(t, "the third page", reached)

	// While the process lives, the next waits, and says for what and until when.
	waiting := s.start("sync", "--full")
	words := fmt.Sprintf("run 1 is held by process %d on this host until ", p.pid())
	waitUntil(t, "the second sync says that it waits", func() bool { return strings.Contains(waiting.output.String(), words) })
	p.kill()
	s.proxy.beforeRequests(nil)
	began := time.Now()
	waiting.wantExit(exitDone)
	if took := time.Since(began); took > store.LeaseTime/2 {
		t.Errorf("the second sync took %v: it has waited for the lease", took)
	}
	s.wantTexts("anna", texts...)
	if got := s.queryOne(`SELECT string_agg(outcome, ' ' ORDER BY id) FROM runs`); got != "complete complete" {
		t.Errorf("the runs ended %s", got)
	}
	s.wantVerified()
}

// A process of another host, or of another container, may live: only its lease tells.
func TestKilledSyncOfAnotherHostKeepsItsLease(t *testing.T) {
	t.Parallel()
	s := newStoryBehindProxy(t)
	s.putReports("anna", 35)
	s.clock.add(time.Minute)
	reached, release := s.proxy.holdOne(isThirdReportPage())
	defer release()
	p := s.start("sync")
	waitFor(t, "the third page", reached)
	p.kill()
	s.proxy.beforeRequests(nil)
	s.exec(`UPDATE runs SET worker = regexp_replace(worker, '^\S+ \S+', 'elsewhere-1 0123456789abcdef') WHERE state = 'running'`)
	waiting := s.start("sync")
	waitUntil(t, "the second sync says that it waits", func() bool {
		return strings.Contains(waiting.output.String(), "run 1 is held by process 1 on host elsewhere until ")
	})
	if got := s.queryOne(`SELECT state FROM runs WHERE id = 1`); got != "running" {
		t.Errorf("the run of the other host is %s", got)
	}
	s.expireLeases()
	waiting.wantExit(exitDone)
	s.wantVerified()
}
