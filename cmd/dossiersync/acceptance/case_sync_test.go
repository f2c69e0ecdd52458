package acceptance

import (
	"slices"
	"strings"
	"testing"
	"time"

	"dossiersync/cmd/carerecordsim/faults"
	"dossiersync/store"
)

// A page that cannot be read is not the end of the data.
func TestCase61PageThreeOfSevenFails(t *testing.T) {
	t.Parallel()
	s := newRough(t)
	texts := s.writes("anna", 35)
	third := faults.Match{Type: "Observation", Interaction: faults.Search, Page: 3}
	for _, fault := range []faults.Fault{faults.HTML(), faults.Truncate(0.5), faults.Outcome(), faults.Status(500)} {
		s.fails(always(third, fault))
		s.works(store.Scope{}, store.OutcomePartial, "1 of 14 types could not be read: search Observation")
		if got := s.cursor("Observation"); got != "" {
			t.Errorf("%s: reports are read up to %s", fault, got)
		}
		s.wantTexts("anna", texts[:10]...)
		s.wantReason("anna", "reports", "") // there are some
	}
	s.fails()
	run := s.works(store.Scope{}, store.OutcomeComplete, "")
	s.wantTexts("anna", texts...)
	if got := ofType(run, "Observation").Effects.Counts(); got.Created != 25 || got.Unchanged != 10 {
		t.Errorf("the run has counted %+v", got)
	}
	s.wantEqual()
}

func TestCase62GoneOnNext(t *testing.T) {
	t.Parallel()
	s := newRough(t)
	texts := s.writes("anna", 35)
	expired := faults.Rule{Match: reports, Fault: faults.WrongNext(faults.Expired)}
	s.fails(expired)
	s.works(store.Scope{}, store.OutcomePartial, "the source's pages have expired")
	if got := s.cursor("Observation"); got != "" {
		t.Errorf("reports are read up to %s", got)
	}
	expired.Match.Times = 2
	s.fails(expired)
	s.works(store.Scope{}, store.OutcomeComplete, "")
	if hits := s.front.faults.Hits(); !slices.Equal(hits, []int{2}) {
		t.Errorf("pages have expired %v times", hits)
	}
	s.wantTexts("anna", texts...)
	s.wantEqual()
}

// Refused credentials confirm nothing: nobody's dossier is the emptier for it.
func TestCase63UnauthorizedMidway(t *testing.T) {
	t.Parallel()
	s := newRough(t)
	texts := s.writes("anna", 12)
	s.sync()
	s.writeReport("anna 12", "anna", "anna 12")
	s.tenant.sim.Forget("Observation", reportID("anna 00"))
	for _, status := range []int{401, 403} {
		s.fails(always(faults.Match{After: 8}, faults.Status(status)))
		s.works(store.Scope{Full: true}, store.OutcomePartial, "refuses our credentials")
		s.wantTexts("anna", texts...)
		s.fails(always(faults.Match{Interaction: faults.Read}, faults.Status(status)))
		s.works(store.Scope{Only: store.StepReconcile}, store.OutcomePartial, "would not say whether 1 item is still there")
		s.wantTexts("anna", texts...)
	}
	s.fails()
	s.sync()
	s.reconcile()
	s.wantTexts("anna", append(texts[1:], "anna 12")...)
	s.wantEqual()
}

func TestCase64TooManyRequestsWithRetryAfter(t *testing.T) {
	t.Parallel()
	s := newRough(t)
	texts := s.writes("anna", 12)
	wait := faults.Refuse(faults.Refusal{Status: 429, Header: map[string][]string{"Retry-After": {"1"}}})
	s.fails(faults.Rule{Match: faults.Match{Type: "Observation", Page: 2, Times: 1}, Fault: wait})
	began := time.Now()
	s.works(store.Scope{}, store.OutcomeComplete, "")
	if took := time.Since(began); took < time.Second {
		t.Errorf("the source asked for a second, and got %s", took)
	}
	s.wantTexts("anna", texts...)

	// Whoever asks for two hours is left alone, and no breaker opens for it.
	long := faults.Refuse(faults.Refusal{Status: 429, RetryAt: 2 * time.Hour})
	s.writeReport("anna 12", "anna", "anna 12")
	s.fails(always(reports, long))
	s.works(store.Scope{}, store.OutcomeFailed, "the source asks for patience")
	asked := s.front.total.Load()
	s.works(store.Scope{}, store.OutcomeFailed, "the source asks for patience")
	if n := s.front.total.Load() - asked; n > 0 {
		t.Errorf("it was asked %d times all the same", n)
	}
	if out := s.must("status"); !strings.Contains(out, "asks for patience") || !strings.Contains(out, "left alone for") {
		t.Errorf("status:\n%s", out)
	}
	s.wantTexts("anna", texts...)
	s.fails()
	s.reload()
	s.sync()
	s.wantTexts("anna", append(texts, "anna 12")...)
}

// One client whose records cannot be read keeps nobody else waiting.
func TestCase65ServerErrorForOneClientOnly(t *testing.T) {
	t.Parallel()
	s := newRough(t)
	s.front.behind = s.front.faults.Layer(clientsOnly(s.tenant.sim))
	anna, bram, cor := s.writes("anna", 6), s.writes("bram", 6), s.writes("cor", 6)
	s.fails(always(faults.Match{Type: "Observation", Query: regexpOf(`bram`)}, faults.Status(500)))
	s.works(store.Scope{}, store.OutcomePartial, "the records of 1 client could not be read")
	s.wantTexts("anna", anna...)
	s.wantTexts("bram")
	s.wantReason("bram", "reports", "not-synced-yet")
	s.wantTexts("cor", cor...)
	s.fails()
	s.sync()
	s.wantTexts("bram", bram...)

	// The same for what is new.
	for _, client := range []string{"anna", "bram", "cor"} {
		s.writeReport(client+" 06", client, client+" 06")
	}
	s.fails(always(faults.Match{Type: "Observation", Query: regexpOf(`bram`)}, faults.Status(500)))
	s.works(store.Scope{}, store.OutcomePartial, "the records of 1 client could not be read")
	s.wantTexts("anna", append(anna, "anna 06")...)
	s.wantTexts("bram", bram...)
	s.wantTexts("cor", append(cor, "cor 06")...)
	s.fails()
	s.sync()
	s.wantTexts("bram", append(bram, "bram 06")...)
	s.wantEqual()
}

func TestCase66SlowDrip(t *testing.T) {
	t.Parallel()
	s := newRough(t)
	texts := s.writes("anna", 12)
	s.fails(always(reports, faults.SlowDrip(64, time.Millisecond)))
	s.sync()
	s.wantTexts("anna", texts...)
	if !isLong() {
		return // who drips too slowly is given up after four times ten seconds
	}
	s.writeReport("anna 12", "anna", "anna 12")
	s.fails(always(reports, faults.SlowDrip(8, time.Second)))
	began := time.Now()
	s.works(store.Scope{}, store.OutcomePartial, "timed out: the answer came in too slowly")
	if took := time.Since(began); took > time.Minute {
		t.Errorf("it took %s to give up", took)
	}
	s.wantTexts("anna", texts...)
	s.fails()
	s.sync()
	s.wantTexts("anna", append(texts, "anna 12")...)
}

// A source that ignores the interval is read in full each time, and nothing comes
// twice.
func TestCase69LastUpdatedIgnored(t *testing.T) {
	t.Parallel()
	s := newRough(t)
	texts := s.writes("anna", 12)
	s.fails(always(faults.Match{}, faults.Ignore("_lastUpdated")))
	s.sync()
	s.wantTexts("anna", texts...)
	s.clock.add(4 * time.Hour)
	s.writeReport("anna 00", "anna", "anna 00, verbeterd")
	s.writeReport("anna 12", "anna", "anna 12")
	run := s.works(store.Scope{}, store.OutcomeComplete, "")
	if got := ofType(run, "Observation").Effects.Counts(); got.Seen != 13 || got.Created != 1 || got.Updated != 1 || got.Unchanged != 11 {
		t.Errorf("the run has counted %+v", got)
	}
	s.wantTexts("anna", append(append([]string{"anna 00, verbeterd"}, texts[1:]...), "anna 12")...)
	s.reconcile()
	s.wantEqual()
}

func TestCase73DuplicatesInPages(t *testing.T) {
	t.Parallel()
	s := newRough(t)
	texts := s.writes("anna", 35)
	s.fails(always(faults.Match{}, faults.Duplicates(3)))
	run := s.works(store.Scope{}, store.OutcomeComplete, "")
	if got := ofType(run, "Observation").Effects.Counts(); got.Seen != 35 || got.Created != 35 {
		t.Errorf("the run has counted %+v", got)
	}
	s.wantTexts("anna", texts...)
	s.reconcile()
	s.wantEqual()
}
