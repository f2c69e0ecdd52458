package acceptance

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"dossiersync/store"
	"dossiersync/store/dossier"
)

// on is a report that says with which date it was written, shown at that moment.
func on(name, written, at, precision string) report {
	return daily(name, "Geschreven met "+written+".", func(r *report) { r.At, r.Precision, r.RecordedAt = at, precision, "" })
}

func TestCase51BothDSTNights(t *testing.T) {
	t.Parallel()
	s := tell(t, 51, setting{})
	s.next("reports are of the nights in which the clock was changed")
	s.wantReports(s.client,
		on("maart-voor", "2025-03-30T01:59:59+01:00", "2025-03-30T01:59:59+01:00", "second"),
		on("maart-na", "2025-03-30T03:00:00+02:00", "2025-03-30T03:00:00+02:00", "second"),
		on("maart-nooit", "2025-03-30T02:30:00+02:00", "2025-03-30T01:30:00+01:00", "second"),
		on("oktober-zomer", "2025-10-26T02:30:00+02:00", "2025-10-26T02:30:00+02:00", "second"),
		on("oktober-winter", "2025-10-26T02:30:00+01:00", "2025-10-26T02:30:00+01:00", "second"),
		on("oktober-zonder", "2025-10-26T02:30:00", "2025-10-26T02:30:00+02:00", "second"), // of two, the first
		on("oktober-dag", "2025-10-26", "2025-10-26T00:00:00+02:00", "day"))
	// The days of 23 and 25 hours are whole days, and nothing of the days beside them.
	for day, want := range map[string]int{
		"2025-03-29": 0, "2025-03-30": 3, "2025-03-31": 0, "2025-10-25": 0, "2025-10-26": 4, "2025-10-27": 0,
	} {
		if got := len(s.list(s.reader, "/v1/dossiers/"+s.client+"/reports?from="+day+"&to="+day)); got != want {
			t.Errorf("%d reports of %s, want %d", got, day, want)
		}
	}
	density := s.pages(new(view), "", "/v1/dossiers/"+s.client+"/timeline/density?by=day")
	s.same("the density", []doc{
		{"from": "2025-10-26", "to": "2025-10-26", "reports": 4.0, "forms": 0.0},
		{"from": "2025-03-30", "to": "2025-03-30", "reports": 3.0, "forms": 0.0},
	}, density)
}

func TestCase52PartialDates(t *testing.T) {
	t.Parallel()
	s := tell(t, 52, setting{})
	s.next("dates are of a year, a month, a day, a minute")
	written := func(name, text, at, precision string) report {
		r := on(name, "", at, precision)
		r.Text = text
		return r
	}
	s.wantReports(s.client,
		on("jaar", "2024", "2024-01-01T00:00:00+01:00", "year"),
		on("maand", "2024-02", "2024-02-01T00:00:00+01:00", "month"),
		on("dag", "2024-02-29", "2024-02-29T00:00:00+01:00", "day"),
		on("minuut", "2024-02-29T14:30+01:00", "2024-02-29T14:30:00+01:00", "second"),
		on("fractie", "2024-02-29T14:30:00.123456+01:00", "2024-02-29T14:30:00+01:00", "second"),
		written("periode", "Een nacht.", "2024-02-28T00:00:00+01:00", "day"),
		written("open-periode", "Tot aan een dag.", "2024-02-29T00:00:00+01:00", "day"),
		written("geen", "Zonder datum.", "2024-11-21T12:00:00+01:00", "second")) // when the source wrote it
	s.wantListed(s.client) // whoever was born in some year
}

func TestCase53NoOffset(t *testing.T) {
	t.Parallel()
	s := tell(t, 53, setting{})
	s.next("times have no offset")
	s.wantReports(s.client,
		on("winter", "2025-01-15T07:00:00", "2025-01-15T07:00:00+01:00", "second"),
		on("zomer", "2025-07-01T07:00:00", "2025-07-01T07:00:00+02:00", "second"))
}

func TestCase54WinterOffsetInSummer(t *testing.T) {
	t.Parallel()
	s := tell(t, 54, setting{})
	s.next("the source has winter all year")
	s.wantReports(s.client,
		on("verslag", "2025-07-01T07:00:00+01:00", "2025-07-01T08:00:00+02:00", "second"),
		on("utc", "2025-07-01T06:00:00Z", "2025-07-01T08:00:00+02:00", "second"))
}

// A leap second stays in its day, and in its year. There is no hour 24.
func TestCase55SixtiethSecond(t *testing.T) {
	t.Parallel()
	s := tell(t, 55, setting{})
	s.write("there is a sixtieth second")
	s.syncPartly("Observation/middernacht bad-date")
	want := []report{
		on("utc", "2016-12-31T23:59:60Z", "2017-01-01T00:59:59+01:00", "second"),
		on("lokaal", "2025-06-30T23:59:60+02:00", "2025-06-30T23:59:59+02:00", "second"),
	}
	s.wantReports(s.client, want...)
	s.wantIncomplete(s.client, "start", "reports", "timeline", "density")
	s.change("Observation", "middernacht", func(o map[string]any) { o["effectiveDateTime"] = "2025-07-01T00:00:00+02:00" })
	s.sync()
	s.wantReports(s.client, append(want, on("middernacht", "2025-06-30T24:00:00+02:00", "2025-07-01T00:00:00+02:00", "second"))...)
	s.wantIncomplete(s.client)
}

// What carries a lastUpdated of the past is found by comparing everything; and a
// correction counts that was written before what it corrects, by the clock.
func TestCase56TheSourcesClockIsWrong(t *testing.T) {
	t.Parallel()
	s := wrongClock(t)
	behind := daily("achter", "Geschreven terwijl de klok achterliep.")
	if !slices.ContainsFunc(s.look(s.client).Reports, func(r report) bool { return cmp.Equal(r, behind) }) {
		t.Error("what was written with a slow clock is not there")
	}
	s.write("it is right, and a report is corrected")
	s.syncPartly() // what it has now is older than what it had: a new epoch begins
	s.compare()
	s.wantReports(s.client, daily("voor", "Geschreven terwijl de klok voorliep; nagekeken.", corrected(oneOClock)), behind)
	s.wantNowhere("voorliep.")
}

// What carries a lastUpdated of the future is there now, not when that comes (I1).
func TestCase56StampedInTheFuture(t *testing.T) {
	t.Parallel()
	s := wrongClock(t)
	s.wantReports(s.client, daily("voor", "Geschreven terwijl de klok voorliep."), daily("achter", "Geschreven terwijl de klok achterliep."))
	s.write("it is right, and a report is corrected")
}

// wrongClock begins the case at a source of which everything was read the day
// before, and compares once.
func wrongClock(t *testing.T) *story {
	t.Helper()
	s := tell(t, 56, setting{})
	s.clock.add(-24 * time.Hour)
	s.put(`{"resourceType": "Patient", "id": "casus-56", "name": [{"text": "Casus 56"}]}`)
	s.sync()
	s.next("the source's clock is two hours fast, then forty days slow")
	s.compare()
	return s
}

// compare reconciles until nothing differs: a source that went back in time is
// read again from the beginning first.
func (s *story) compare() {
	s.t.Helper()
	if run := s.work(store.Scope{Only: store.StepReconcile}); *run.Outcome == store.OutcomePartial {
		s.sync()
		s.reconcile()
	}
}

// The clock by which the source answers was wrong, and is put right: what is written
// from then on counts, though it is older.
func TestCase56TheSourcesClockIsPutBack(t *testing.T) {
	t.Parallel()
	s := newStory(t, setting{})
	s.client = "c"
	right := s.clock.Now()
	write := func(status, text string) {
		t.Helper()
		if _, err := s.tenant.sim.PutAt(s.clock.Now(), []byte(`{"resourceType": "Observation", "id": "c-verslag", "status": "`+status+`",
			"subject": {"reference": "Patient/c"}, "code": {"coding": [{"system": "http://snomed.info/sct", "code": "11591000146107"}]},
			"effectiveDateTime": "2024-11-21T09:00:00+01:00", "valueString": "`+text+`"}`)); err != nil {
			t.Fatal(err)
		}
		s.know(dossier.Ref{Type: "Observation", ID: "c-verslag"})
	}
	r := report{ID: "verslag", At: "2024-11-21T09:00:00+01:00", Precision: "second", Title: "Rapportage", Category: "general"}

	s.clock.set(right.Add(48 * time.Hour)) // two days fast
	s.put(`{"resourceType": "Patient", "id": "c", "name": [{"text": "Mevrouw C"}]}`)
	write("final", "Geschreven met een klok die voorloopt.")
	s.sync()
	r.Text = "Geschreven met een klok die voorloopt."
	s.wantReports("c", r)

	s.clock.set(right.Add(time.Hour))
	write("corrected", "Verbeterd met de goede klok.")
	s.work(store.Scope{})
	s.compare()
	r.Text, r.CorrectedAt = "Verbeterd met de goede klok.", oneOClock
	s.wantReports("c", r)
	s.wantNowhere("die voorloopt")
}
