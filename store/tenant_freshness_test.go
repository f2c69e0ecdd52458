package store_test

import (
	"testing"
	"time"

	"github.com/robfig/cron/v3"

	"dossiersync/store"
)

func TestStateOf(t *testing.T) {
	t.Parallel()
	schedule, err := cron.ParseStandard("CRON_TZ=Europe/Amsterdam 0 7-23/4 * * *")
	if err != nil {
		t.Fatal(err)
	}
	at := func(text string) time.Time {
		v, err := time.Parse("2006-01-02 15:04:05 -07:00", text)
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	tests := []struct {
		name, last, now string
		want            store.FreshnessState
	}{
		{"just done", "2026-03-02 07:00:05 +01:00", "2026-03-02 07:04:00 +01:00", store.Fresh},
		{"before the next slot", "2026-03-02 07:00:05 +01:00", "2026-03-02 10:59:59 +01:00", store.Fresh},
		{"the next one is running", "2026-03-02 07:00:05 +01:00", "2026-03-02 11:30:00 +01:00", store.Fresh},
		{"half an hour later", "2026-03-02 07:00:05 +01:00", "2026-03-02 11:30:01 +01:00", store.Late},
		{"one slot missed", "2026-03-02 07:00:05 +01:00", "2026-03-02 15:29:00 +01:00", store.Late},
		{"two slots missed", "2026-03-02 07:00:05 +01:00", "2026-03-02 15:30:01 +01:00", store.Stale},
		{"at night", "2026-03-02 23:00:05 +01:00", "2026-03-03 06:59:00 +01:00", store.Fresh},
		{"in the morning", "2026-03-02 23:00:05 +01:00", "2026-03-03 07:31:00 +01:00", store.Late},
		{"by hand, before a slot", "2026-03-02 10:58:00 +01:00", "2026-03-02 11:31:00 +01:00", store.Late},
		{"the night that summer time begins", "2026-03-28 23:00:05 +01:00", "2026-03-29 07:29:00 +02:00", store.Fresh},
		{"the night that it ends", "2026-10-24 23:00:05 +02:00", "2026-10-25 07:29:00 +01:00", store.Fresh},
	}
	for _, tt := range tests {
		last := at(tt.last)
		if got := store.StateOf(schedule, &last, time.Time{}, at(tt.now)); got != tt.want {
			t.Errorf("%s: %s, want %s", tt.name, got, tt.want)
		}
		// Never synced, it counts from when it became known.
		if got := store.StateOf(schedule, nil, last, at(tt.now)); got != tt.want {
			t.Errorf("%s, never synced: %s, want %s", tt.name, got, tt.want)
		}
	}
}

func TestLagCountsFromFirstMissedSlot(t *testing.T) {
	t.Parallel()
	schedule, err := cron.ParseStandard("CRON_TZ=Europe/Amsterdam 0 7-23/4 * * *")
	if err != nil {
		t.Fatal(err)
	}
	slot := time.Date(2026, 3, 1, 22, 0, 0, 0, time.UTC)
	last := slot.Add(20 * time.Second)
	for _, tt := range []struct {
		since time.Duration // since 23:00 in Amsterdam
		want  time.Duration
	}{
		{time.Hour, 0}, {8*time.Hour - time.Second, 0}, {8 * time.Hour, 0}, // the night, and the slot itself
		{8*time.Hour + time.Minute, time.Minute}, {8*time.Hour + 30*time.Minute, 30 * time.Minute},
		{12*time.Hour + time.Minute, 4*time.Hour + time.Minute}, // the next slot takes nothing back
		{32 * time.Hour, 24 * time.Hour},
	} {
		now := slot.Add(tt.since)
		if got := store.LagOf(schedule, &last, time.Time{}, now); got != tt.want {
			t.Errorf("%s after the last slot: %s, want %s", tt.since, got, tt.want)
		}
		if got := store.LagOf(schedule, nil, last, now); got != tt.want {
			t.Errorf("%s after the last slot, never synced: %s, want %s", tt.since, got, tt.want)
		}
	}
}
