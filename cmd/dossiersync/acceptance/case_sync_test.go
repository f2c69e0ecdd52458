package acceptance

import (
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"dossiersync/cmd/carerecordsim/faults"
	"dossiersync/store"
)

// Given seven pages of reports, of which the third fails in some way: the cursor does not
// move, and the next run reads the rest. (An answer of 5xx makes the window shorter, and is got by.)
func TestCase61PageThreeOfSevenFails(t *testing.T) {
	t.Parallel()
	s := newStoryBehindProxy(t)
	texts := s.putReports("anna", 35)
	third := faults.Match{Type: "Observation", Interaction: faults.Search, Page: 3}
	for _, fault := range []faults.Fault{faults.HTML(), faults.Truncate(0.5), faults.Outcome(), faults.Status(403)} {
		s.proxy.setFaults(onEvery(third, fault))
		s.wantRun(store.Scope{}, store.OutcomePartial, "1 of 14 types could not be read: search Observation")
		if got := s.reportCursor(); got != "" {
			t.Errorf("%s: reports are read up to %s", fault, got)
		}
		s.wantTexts("anna", texts[:10]...)
		s.wantReason("anna", "reports", "")
	}
	s.proxy.setFaults()
	run := s.wantRun(store.Scope{}, store.OutcomeComplete, "")
	s.wantTexts("anna", texts...)
	if got := reportsOf(run).Effects.Counts(); got.Created != 25 || got.Unchanged != 10 {
		t.Errorf("the run has counted %+v", got)
	}
	s.wantVerified()
}

// Given seven pages of reports, whose next links expire (410) always, or twice: the cursor
// moves only after all pages.
func TestCase62GoneOnNext(t *testing.T) {
	t.Parallel()
	s := newStoryBehindProxy(t)
	texts := s.putReports("anna", 35)
	expired := faults.Rule{Match: reportSearches, Fault: faults.WrongNext(faults.Expired)}
	s.proxy.setFaults(expired)
	s.wantRun(store.Scope{}, store.OutcomePartial, "the source's pages have expired")
	if got := s.reportCursor(); got != "" {
		t.Errorf("reports are read up to %s", got)
	}
	expired.Match.Times = 2
	s.proxy.setFaults(expired)
	s.wantRun(store.Scope{}, store.OutcomeComplete, "")
	if hits := s.proxy.faults.Hits(); !slices.Equal(hits, []int{2}) {
		t.Errorf("pages have expired %v times", hits)
	}
	s.wantTexts("anna", texts...)
	s.wantVerified()
}

// Given a source that refuses our credentials in the middle of a run, or reads by id: nothing
// is removed, not even a report that has vanished.
func TestCase63UnauthorizedMidway(t *testing.T) {
	t.Parallel()
	s := newStoryBehindProxy(t)
	texts := s.putReports("anna", 12)
	s.sync()
	s.putReport("anna 12", "anna", "anna 12")
	s.tenant.sim.Forget("Observation", reportID("anna 00"))
	for i, status := range []int{401, 403} {
		s.proxy.setFaults(onEvery(faults.Match{After: 8}, faults.Status(status)))
		s.wantRun(store.Scope{Full: true}, store.OutcomePartial, "refuses our credentials")
		s.wantTexts("anna", texts...)
		s.proxy.setFaults(onEvery(faults.Match{Interaction: faults.Read}, faults.Status(status)))
		// What the source refuses twice is listed for an operator.
		s.wantRun(store.Scope{Only: store.StepReconcile}, store.OutcomePartial,
			[]string{"would not say whether 1 item is still there", "1 item held"}[i])
		s.wantTexts("anna", texts...)
	}
	s.proxy.setFaults()
	s.wantRun(store.Scope{}, store.OutcomePartial, "1 item held") // until it is compared again
	s.reconcile()
	s.wantTexts("anna", append(texts[1:], "anna 12")...)
	s.wantVerified()
}

// Given a source that answers 429 and asks for one second, then for two hours: the first
// wait is kept, in the second the source gets no requests. The breaker stays closed.
func TestCase64TooManyRequests(t *testing.T) {
	t.Parallel()
	s := newStoryBehindProxy(t)
	texts := s.putReports("anna", 12)
	wait := faults.Refuse(faults.Refusal{Status: 429, Header: map[string][]string{"Retry-After": {"1"}}})
	s.proxy.setFaults(faults.Rule{Match: faults.Match{Type: "Observation", Page: 2, Times: 1}, Fault: wait})
	began := time.Now()
	s.wantRun(store.Scope{}, store.OutcomeComplete, "")
	if took := time.Since(began); took < time.Second {
		t.Errorf("the source asked for a pause of 1 s, and got %s", took)
	}
	s.wantTexts("anna", texts...)

	long := faults.Refuse(faults.Refusal{Status: 429, RetryAt: 2 * time.Hour})
	s.putReport("anna 12", "anna", "anna 12")
	s.proxy.setFaults(onEvery(reportSearches, long))
	s.wantRun(store.Scope{}, store.OutcomeFailed, "the source asks for patience")
	asked := s.proxy.requests.Load()
	s.wantRun(store.Scope{}, store.OutcomeFailed, "the source asks for patience")
	if n := s.proxy.requests.Load() - asked; n > 0 {
		t.Errorf("%d requests in the pause that the source asked for", n)
	}
	s.wantStatus(exitDone, "asks for patience (HTTP 429)", "tries again at")
	s.wantTexts("anna", texts...)
	s.proxy.setFaults()
	s.restart()
	s.sync()
	s.wantTexts("anna", append(texts, "anna 12")...)
}

// Given a source that must be searched by client, and fails for bram: the other clients are
// read, at first and for what is new.
func TestCase65ServerErrorForOneClientOnly(t *testing.T) {
	t.Parallel()
	s := newStoryBehindProxy(t)
	s.proxy.setSource(requirePatient(s.tenant.sim))
	anna, bram, cor := s.putReports("anna", 6), s.putReports("bram", 6), s.putReports("cor", 6)
	s.proxy.setFaults(onEvery(faults.Match{Type: "Observation", Query: regexp.MustCompile(`bram`)}, faults.Status(500)))
	s.wantRun(store.Scope{}, store.OutcomePartial, "the records of 1 client could not be read")
	s.wantTexts("anna", anna...)
	s.wantTexts("bram")
	s.wantReason("bram", "reports", "not-synced-yet")
	s.wantTexts("cor", cor...)
	s.proxy.setFaults()
	s.sync()
	s.wantTexts("bram", bram...)

	for _, client := range []string{"anna", "bram", "cor"} {
		s.putReport(client+" 06", client, client+" 06")
	}
	s.proxy.setFaults(onEvery(faults.Match{Type: "Observation", Query: regexp.MustCompile(`bram`)}, faults.Status(500)))
	s.wantRun(store.Scope{}, store.OutcomePartial, "the records of 1 client could not be read")
	s.wantTexts("anna", append(anna, "anna 06")...)
	s.wantTexts("bram", bram...)
	s.wantTexts("cor", append(cor, "cor 06")...)
	s.proxy.setFaults()
	s.sync()
	s.wantTexts("bram", append(bram, "bram 06")...)
	s.wantVerified()
}

// Given a source that answers slowly: 64 bytes per millisecond are accepted; 8 bytes per
// second are given up after four attempts of ten seconds.
func TestCase66SlowDrip(t *testing.T) {
	t.Parallel()
	s := newStoryBehindProxy(t)
	texts := s.putReports("anna", 12)
	s.proxy.setFaults(onEvery(reportSearches, faults.SlowDrip(64, time.Millisecond)))
	s.sync()
	s.wantTexts("anna", texts...)
	if !isLongRun() {
		return
	}
	s.putReport("anna 12", "anna", "anna 12")
	s.proxy.setFaults(onEvery(reportSearches, faults.SlowDrip(8, time.Second)))
	began := time.Now()
	s.wantRun(store.Scope{}, store.OutcomePartial, "timed out: the answer came in too slowly")
	if took := time.Since(began); took > time.Minute {
		t.Errorf("it took %s to give up", took)
	}
	s.wantTexts("anna", texts...)
	s.proxy.setFaults()
	s.sync()
	s.wantTexts("anna", append(texts, "anna 12")...)
}

// Given a source that ignores _lastUpdated: each run reads everything, and counts what is
// new and what is unchanged.
func TestCase69LastUpdatedIgnored(t *testing.T) {
	t.Parallel()
	s := newStoryBehindProxy(t)
	texts := s.putReports("anna", 12)
	s.proxy.setFaults(onEvery(faults.Match{}, faults.Ignore("_lastUpdated")))
	s.sync()
	s.wantTexts("anna", texts...)
	s.clock.add(4 * time.Hour)
	s.putReport("anna 00", "anna", "anna 00, verbeterd")
	s.putReport("anna 12", "anna", "anna 12")
	run := s.wantRun(store.Scope{}, store.OutcomeComplete, "")
	if got := reportsOf(run).Effects.Counts(); got.Seen != 13 || got.Created != 1 || got.Updated != 1 ||
		got.Unchanged != 11 {
		t.Errorf("the run has counted %+v", got)
	}
	s.wantTexts("anna", append(append([]string{"anna 00, verbeterd"}, texts[1:]...), "anna 12")...)
	s.reconcile()
	s.wantVerified()
}

// Given 35 reports in pages that repeat entries: each report counts once.
func TestCase73DuplicatesInPages(t *testing.T) {
	t.Parallel()
	s := newStoryBehindProxy(t)
	texts := s.putReports("anna", 35)
	s.proxy.setFaults(onEvery(faults.Match{}, faults.Duplicates(3)))
	run := s.wantRun(store.Scope{}, store.OutcomeComplete, "")
	if got := reportsOf(run).Effects.Counts(); got.Seen != 35 || got.Created != 35 {
		t.Errorf("the run has counted %+v", got)
	}
	s.wantTexts("anna", texts...)
	s.reconcile()
	s.wantVerified()
}

// requirePatient refuses searches of dossier types without a patient.
func requirePatient(next http.Handler) http.Handler {
	dossierTypes := []string{"Observation", "DocumentReference", "Composition", "QuestionnaireResponse", "CarePlan",
		"Goal", "RelatedPerson"}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		typ := strings.TrimPrefix(r.URL.Path, "/fhir/")
		if q := r.URL.Query(); slices.Contains(dossierTypes, typ) && !q.Has("patient") && !q.Has("_id") &&
			!q.Has("_page") {
			http.Error(w, `{"resourceType": "OperationOutcome", "issue": [{"severity": "error", "code": "required"}]}`, http.StatusBadRequest)
			return
		}
		next.ServeHTTP(w, r)
	})
}
