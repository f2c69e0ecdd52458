package acceptance

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"dossiersync/store"
	"dossiersync/store/dossier"
)

// datedReport is a report whose text is the date with which it was written.
func datedReport(name, written, at, precision string) report {
	return dayReport(name, "Geschreven met "+written+".",
		func(r *report) { r.At, r.Precision, r.RecordedAt = at, precision, "" })
}

// Given reports of both nights in which the clock changes, with and without offset.
func TestCase51BothDSTNights(t *testing.T) {
	t.Parallel()
	s := newStory(t, 51, storyOptions{})
	s.step("reports are of the nights in which the clock changes")
	s.wantReports(s.client,
		datedReport("maart-voor", "2025-03-30T01:59:59+01:00", "2025-03-30T01:59:59+01:00", "second"),
		datedReport("maart-na", "2025-03-30T03:00:00+02:00", "2025-03-30T03:00:00+02:00", "second"),
		datedReport("maart-nooit", "2025-03-30T02:30:00+02:00", "2025-03-30T01:30:00+01:00", "second"),
		datedReport("oktober-zomer", "2025-10-26T02:30:00+02:00", "2025-10-26T02:30:00+02:00", "second"),
		datedReport("oktober-winter", "2025-10-26T02:30:00+01:00", "2025-10-26T02:30:00+01:00", "second"),
		datedReport("oktober-zonder", "2025-10-26T02:30:00", "2025-10-26T02:30:00+02:00", "second"), // the hour occurs twice: the first
		datedReport("oktober-dag", "2025-10-26", "2025-10-26T00:00:00+02:00", "day"))
	// A day of 23 or 25 hours has its own reports only.
	for day, want := range map[string]int{
		"2025-03-29": 0, "2025-03-30": 3, "2025-03-31": 0, "2025-10-25": 0, "2025-10-26": 4, "2025-10-27": 0,
	} {
		if got := len(s.list(s.readerToken, "/v1/dossiers/"+s.client+"/reports?from="+day+"&to="+day)); got != want {
			t.Errorf("%d reports of %s, want %d", got, day, want)
		}
	}
	density := s.items("/v1/dossiers/" + s.client + "/timeline/density?by=day")
	s.wantSame("the density", []doc{
		{"from": "2025-10-26", "to": "2025-10-26", "reports": 4.0, "forms": 0.0},
		{"from": "2025-03-30", "to": "2025-03-30", "reports": 3.0, "forms": 0.0},
	}, density)
}

// Given reports with dates of a year, a month, a day, a minute and a fraction of a second,
// with periods, and without a date.
func TestCase52PartialDates(t *testing.T) {
	t.Parallel()
	s := newStory(t, 52, storyOptions{})
	s.step("reports have dates of every precision")
	written := func(name, text, at, precision string) report {
		r := datedReport(name, "", at, precision)
		r.Text = text
		return r
	}
	s.wantReports(s.client,
		datedReport("jaar", "2024", "2024-01-01T00:00:00+01:00", "year"),
		datedReport("maand", "2024-02", "2024-02-01T00:00:00+01:00", "month"),
		datedReport("dag", "2024-02-29", "2024-02-29T00:00:00+01:00", "day"),
		datedReport("minuut", "2024-02-29T14:30+01:00", "2024-02-29T14:30:00+01:00", "second"),
		datedReport("fractie", "2024-02-29T14:30:00.123456+01:00", "2024-02-29T14:30:00+01:00", "second"),
		written("periode", "Een nacht.", "2024-02-28T00:00:00+01:00", "day"),
		written("open-periode", "Tot aan een dag.", "2024-02-29T00:00:00+01:00", "day"),
		written("geen", "Zonder datum.", "2024-11-21T12:00:00+01:00", "second")) // lastUpdated
	s.wantListed(s.client) // a partial birth date hides nobody
}

// Given reports with times without offset, in winter and in summer: they are local times.
func TestCase53DatesWithoutOffset(t *testing.T) {
	t.Parallel()
	s := newStory(t, 53, storyOptions{})
	s.step("reports have times without an offset")
	s.wantReports(s.client,
		datedReport("winter", "2025-01-15T07:00:00", "2025-01-15T07:00:00+01:00", "second"),
		datedReport("zomer", "2025-07-01T07:00:00", "2025-07-01T07:00:00+02:00", "second"))
}

// Given reports of summer with the winter's offset, and in UTC.
func TestCase54WinterOffsetInSummer(t *testing.T) {
	t.Parallel()
	s := newStory(t, 54, storyOptions{})
	s.step("reports have the offset of winter in summer")
	s.wantReports(s.client,
		datedReport("verslag", "2025-07-01T07:00:00+01:00", "2025-07-01T08:00:00+02:00", "second"),
		datedReport("utc", "2025-07-01T06:00:00Z", "2025-07-01T08:00:00+02:00", "second"))
}

// Given reports at second 60 and at hour 24: a leap second stays in its day; hour 24 is
// quarantined.
func TestCase55LeapSecond(t *testing.T) {
	t.Parallel()
	s := newStory(t, 55, storyOptions{})
	s.writeStep("reports have a sixtieth second and an hour 24")
	s.syncPartial("Observation/middernacht bad-date")
	want := []report{
		datedReport("utc", "2016-12-31T23:59:60Z", "2017-01-01T00:59:59+01:00", "second"),
		datedReport("lokaal", "2025-06-30T23:59:60+02:00", "2025-06-30T23:59:59+02:00", "second"),
	}
	s.wantReports(s.client, want...)
	s.wantIncomplete(s.client, "start", "reports", "timeline", "density")
	s.change("Observation", "middernacht",
		func(o map[string]any) { o["effectiveDateTime"] = "2025-07-01T00:00:00+02:00" })
	s.sync()
	s.wantReports(s.client, append(want, datedReport("middernacht", "2025-06-30T24:00:00+02:00",
		"2025-07-01T00:00:00+02:00", "second"))...)
	s.wantIncomplete(s.client)
}

// Given a source whose clock is fast by two hours for one report and slow by 40 days for
// another, and is then right: a reconcile finds the late one, and the correction counts
// although its lastUpdated is older.
func TestCase56SourceClockIsWrong(t *testing.T) {
	t.Parallel()
	s := newWrongClockStory(t)
	behind := dayReport("achter", "Geschreven terwijl de klok achterliep.")
	if !slices.ContainsFunc(s.readDossier(s.client).Reports, func(r report) bool { return cmp.Equal(r, behind) }) {
		t.Error("the report written with a slow clock is not shown")
	}
	s.writeStep("the clock is right, and a report is corrected")
	s.syncPartial() // the version is older than the stored one: a new epoch begins
	s.reconcileUntilEqual()
	s.wantReports(s.client, dayReport("voor", "Geschreven terwijl de klok voorliep; nagekeken.",
		correctedAt(oneOClock)), behind)
	s.wantNowhere("voorliep.")
}

// Given the same source before its clock is right: a report with a future lastUpdated is
// shown at once (I1).
func TestCase56StampedInTheFuture(t *testing.T) {
	t.Parallel()
	s := newWrongClockStory(t)
	s.wantReports(s.client, dayReport("voor", "Geschreven terwijl de klok voorliep."),
		dayReport("achter", "Geschreven terwijl de klok achterliep."))
	s.writeStep("the clock is right, and a report is corrected")
}

// newWrongClockStory starts the case at a source of which everything was read the day before,
// and reconciles.
func newWrongClockStory(t *testing.T) *story {
	t.Helper()
	s := newStory(t, 56, storyOptions{})
	s.clock.add(-24 * time.Hour)
	s.put(`{"resourceType": "Patient", "id": "casus-56", "name": [{"text": "Casus 56"}]}`)
	s.sync()
	s.step("the source's clock is two hours fast, then forty days slow")
	s.reconcileUntilEqual()
	return s
}

// reconcileUntilEqual reconciles. If the source went back in time, everything is read again
// and compared a second time.
func (s *story) reconcileUntilEqual() {
	s.t.Helper()
	if run := s.runScope(store.Scope{Only: store.StepReconcile}); *run.Outcome == store.OutcomePartial {
		s.sync()
		s.reconcile()
	}
}

// Given a source whose clock is two days fast and is then put back: versions written from
// then on count, although their lastUpdated is older.
func TestCase56SourceClockIsPutBack(t *testing.T) {
	t.Parallel()
	s := newEmptyStory(t, storyOptions{})
	s.client = "c"
	right := s.clock.Now()
	write := func(status, text string) {
		t.Helper()
		if _, err := s.tenant.sim.PutAt(s.clock.Now(), []byte(`{"resourceType": "Observation", "id": "c-verslag", "status": "`+status+`",
			"subject": {"reference": "Patient/c"}, "code": {"coding": [{"system": "http://snomed.info/sct", "code": "11591000146107"}]},
			"effectiveDateTime": "2024-11-21T09:00:00+01:00", "valueString": "`+text+`"}`)); err != nil {
			t.Fatal(err)
		}
		s.register(dossier.Ref{Type: "Observation", ID: "c-verslag"})
	}
	r := report{ID: "verslag", At: "2024-11-21T09:00:00+01:00", Precision: "second", Title: "Rapportage",
		Category: "general"}

	s.clock.set(right.Add(48 * time.Hour)) // two days fast
	s.put(`{"resourceType": "Patient", "id": "c", "name": [{"text": "Mevrouw C"}]}`)
	write("final", "Geschreven met een klok die voorloopt.")
	s.sync()
	r.Text = "Geschreven met een klok die voorloopt."
	s.wantReports("c", r)

	s.clock.set(right.Add(time.Hour))
	write("corrected", "Verbeterd met de goede klok.")
	s.runScope(store.Scope{})
	s.reconcileUntilEqual()
	r.Text, r.CorrectedAt = "Verbeterd met de goede klok.", oneOClock
	s.wantReports("c", r)
	s.wantNowhere("die voorloopt")
}
