package sync_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/robfig/cron/v3"
	"pgregory.net/rapid"

	dossiersync "dossiersync/sync"
)

func scheduled(t *testing.T, text string) cron.Schedule {
	t.Helper()
	s, err := cron.ParseStandard("CRON_TZ=Europe/Amsterdam " + text)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestLastSlot(t *testing.T) {
	t.Parallel()
	const usual = "0 7-23/4 * * *"
	for _, tc := range []struct{ schedule, now, want string }{
		{usual, "2026-03-02T07:00:00+01:00", "2026-03-02T07:00:00+01:00"}, // the moment of a slot
		{usual, "2026-03-02T10:59:59+01:00", "2026-03-02T07:00:00+01:00"},
		{usual, "2026-03-02T22:59:59+01:00", "2026-03-02T19:00:00+01:00"},
		{usual, "2026-03-03T06:59:59+01:00", "2026-03-02T23:00:00+01:00"}, // the night
		{usual, "2026-03-29T06:59:59+02:00", "2026-03-28T23:00:00+01:00"}, // summer time begins: a night of seven hours
		{usual, "2026-03-29T07:00:00+02:00", "2026-03-29T07:00:00+02:00"},
		{usual, "2026-10-25T06:59:59+01:00", "2026-10-24T23:00:00+02:00"}, // it ends: a night of nine
		{usual, "2026-10-25T07:00:00+01:00", "2026-10-25T07:00:00+01:00"},
		{usual, "2026-03-02T06:30:00Z", "2026-03-02T07:00:00+01:00"}, // in the schedule's zone
		{"0 0 1 1 *", "2026-12-31T12:00:00+01:00", "2026-01-01T00:00:00+01:00"},
		{"0 0 29 2 *", "2028-02-28T12:00:00+01:00", "2024-02-29T00:00:00+01:00"},
		{"0 0 30 2 *", "2026-03-02T12:00:00+01:00", "0001-01-01T00:00:00Z"}, // never
	} {
		now, err := time.Parse(time.RFC3339, tc.now)
		if err != nil {
			t.Fatal(err)
		}
		want, err := time.Parse(time.RFC3339, tc.want)
		if err != nil {
			t.Fatal(err)
		}
		if got := dossiersync.LastSlot(scheduled(t, tc.schedule), now); !got.Equal(want) {
			t.Errorf("%s at %s: %s, want %s", tc.schedule, tc.now, got, tc.want)
		}
	}
}

// The last slot is a slot of the schedule, is not after the moment, and no other slot lies between.
func TestNoSlotFollowsTheLastSlot(t *testing.T) {
	t.Parallel()
	var schedules []cron.Schedule
	for _, text := range []string{"0 7-23/4 * * *", "*/5 * * * *", "30 2 * * *", "0 3 * * *", "15 9 * * 1",
		"0 12 28-31 * *", "0 0 1 1 *"} {
		schedules = append(schedules, scheduled(t, text))
	}
	rapid.Check(t, func(rt *rapid.T) {
		s := rapid.SampledFrom(schedules).Draw(rt, "schedule")
		// Every other moment is near a night in which the clocks change.
		now := time.Unix(rapid.Int64Range(1_577_836_800, 2_208_988_800).Draw(rt, "now"), 0) // 2020 to 2040
		if rapid.Bool().Draw(rt, "dst") {
			day := rapid.SampledFrom([]time.Time{
				time.Date(2026, 3, 29, 0, 0, 0, 0, time.UTC), time.Date(2026, 10, 25, 0, 0, 0, 0, time.UTC)}).Draw(rt,
				"day")
			now = day.Add(time.Duration(rapid.IntRange(-6*3600, 12*3600).Draw(rt, "seconds")) * time.Second)
		}
		slot := dossiersync.LastSlot(s, now)
		if slot.IsZero() || slot.After(now) {
			rt.Fatalf("%s is the last slot at %s", slot, now)
		}
		if got := s.Next(slot.Add(-time.Second)); !got.Equal(slot) {
			rt.Errorf("%s is no slot", slot)
		}
		if next := s.Next(slot); !next.After(now) {
			rt.Errorf("%s lies between %s and %s", next, slot, now)
		}
	})
}

func TestDefaultScheduleHasFiveSlotsADayAllYear(t *testing.T) {
	t.Parallel()
	s := scheduled(t, "0 7-23/4 * * *")
	zone := amsterdam(t)
	want := time.Date(2026, 1, 1, 7, 0, 0, 0, zone)
	slot := s.Next(time.Date(2026, 1, 1, 0, 0, 0, 0, zone))
	for want.Year() == 2026 {
		if !slot.Equal(want) {
			t.Fatalf("slot %s, want %s", slot, want)
		}
		slot = s.Next(slot)
		if want.Hour() == 23 {
			want = time.Date(want.Year(), want.Month(), want.Day()+1, 7, 0, 0, 0, zone)
		} else {
			want = time.Date(want.Year(), want.Month(), want.Day(), want.Hour()+4, 0, 0, 0, zone)
		}
	}
}

func TestTenantsAreSpreadAfterASlot(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		tenant := rapid.String().Draw(rt, "tenant")
		within := time.Duration(rapid.Int64Range(-1, int64(time.Hour)).Draw(rt, "within"))
		got := dossiersync.Spread(tenant, within)
		if got < 0 || got > 0 && got >= within {
			rt.Errorf("%s, within %s", got, within)
		}
		if again := dossiersync.Spread(tenant, within); again != got {
			rt.Errorf("%s, and then %s", got, again)
		}
	})
	// Of a hundred tenants, some are in each quarter of the time.
	var quarters [4]int
	for i := range 100 {
		quarters[dossiersync.Spread(fmt.Sprint("tenant-", i), time.Minute)/(15*time.Second)]++
	}
	for i, n := range quarters {
		if n < 10 {
			t.Errorf("%d of 100 tenants in quarter %d: %v", n, i+1, quarters)
		}
	}
}
