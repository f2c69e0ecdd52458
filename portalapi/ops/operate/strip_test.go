package operate_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"dossiersync/portalapi/ops/operate"
	"dossiersync/store/storetest"
)

const usual = "0 7-23/4 * * *"

// Times are in the zone, on a day without a change of clocks, except on 29 March.
func at(t *testing.T, tenant *operate.Tenant, text string) time.Time {
	t.Helper()
	m, err := time.ParseInLocation("2006-01-02 15:04", text, tenant.Location)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestStripShowsHowEachSlotWent(t *testing.T) {
	t.Parallel()
	r := storetest.NewReplica(t)
	a := tenant(t, usual)
	if err := r.PutTenant(t.Context(), a.ID, a.Name, a.Location.String()); err != nil {
		t.Fatal(err)
	}
	type run struct {
		slot, asked, began, ended string // empty: null
		state, outcome            string
		scope                     string
	}
	for _, x := range []run{
		{"2026-03-02 07:00", "2026-03-02 07:00", "2026-03-02 07:01", "2026-03-02 07:02", "done", "complete", "{}"},
		{"2026-03-02 11:00", "2026-03-02 11:00", "2026-03-02 11:01", "2026-03-02 11:45", "done", "complete", "{}"},
		{"2026-03-02 15:00", "2026-03-02 15:00", "2026-03-02 15:01", "2026-03-02 15:02", "done", "partial", "{}"},
		{"2026-03-02 19:00", "2026-03-02 19:00", "2026-03-02 19:01", "2026-03-02 19:02", "done", "failed", "{}"},
		// 23:00 was missed; a run of one client satisfies nothing.
		{"", "2026-03-02 23:10", "2026-03-02 23:10", "2026-03-02 23:11", "done", "complete", `{"client":"1"}`},
		// Caught up in the morning.
		{"2026-03-03 07:00", "2026-03-03 09:00", "2026-03-03 09:00", "2026-03-03 09:01", "done", "complete", "{}"},
		// It failed, and an operator mended it.
		{"2026-03-03 11:00", "2026-03-03 11:00", "2026-03-03 11:00", "2026-03-03 11:01", "done", "failed", "{}"},
		{"", "2026-03-03 11:20", "2026-03-03 11:20", "2026-03-03 11:21", "done", "complete", "{}"},
		{"2026-03-03 15:00", "2026-03-03 15:00", "", "2026-03-03 15:01", "done", "cancelled", "{}"},
		{"2026-03-03 19:00", "2026-03-03 19:00", "2026-03-03 19:00", "", "running", "", "{}"},
	} {
		moment := func(text string) *time.Time {
			if text == "" {
				return nil
			}
			m := at(t, a, text)
			return &m
		}
		var outcome *string
		if x.outcome != "" {
			outcome = &x.outcome
		}
		if _, err := r.Pool().Exec(t.Context(), `
			INSERT INTO runs (tenant, trigger, slot, requested_at, started_at, finished_at, state, outcome, scope)
			VALUES ('amaris', 'schedule', $1, $2, $3, $4, $5, $6, $7)`,
			moment(x.slot), moment(x.asked), moment(x.began), moment(x.ended), x.state, outcome, x.scope); err != nil {
			t.Fatal(err)
		}
	}
	for name, tt := range map[string]struct {
		since, now string
		want       []string
	}{
		"two days": {"2026-03-02 06:00", "2026-03-03 19:10", []string{
			"Mon 07:00 on time", "Mon 11:00 late", "Mon 15:00 partial", "Mon 19:00 failed", "Mon 23:00 missed",
			"Tue 07:00 late", "Tue 11:00 on time", "Tue 15:00 cancelled", "Tue 19:00 running"}},
		"not before it was known": {"2026-03-02 18:59", "2026-03-02 23:29", []string{"Mon 19:00 failed", "Mon 23:00 due"}},
		"missed after 30 minutes": {"2026-03-02 22:59", "2026-03-02 23:31", []string{"Mon 23:00 missed"}},
		"before the first slot":   {"2026-03-02 06:00", "2026-03-02 06:59", nil},
	} {
		now := at(t, a, tt.now)
		s := operate.Status{Known: true, Since: at(t, a, tt.since), Now: now, NextSlot: a.Schedule.Next(now)}
		days, err := operate.Strip(t.Context(), r.Store, a, &s)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, d := range days {
			for _, slot := range d.Slots {
				got = append(got, fmt.Sprintf("%s %s", slot.At.Format("Mon 15:04"), slot.State))
				if slot.Words == "" || slot.At.Format(time.DateOnly) != d.Date.Format(time.DateOnly) {
					t.Errorf("%s: %+v on %v", name, slot, d.Date)
				}
			}
		}
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	if days, err := operate.Strip(t.Context(), r.Store, a, &operate.Status{}); days != nil || err != nil {
		t.Errorf("of a tenant that is not known there is %v, %v", days, err)
	}
}

// A strip is limited to stripSlots slots and to two weeks, however often a schedule fires.
func TestStripIsBounded(t *testing.T) {
	t.Parallel()
	r := storetest.NewReplica(t)
	for _, tt := range []struct {
		schedule, now string
		want          int
		first, last   string
	}{
		{usual, "2026-03-20 12:00", 67, "2026-03-07 07:00", "2026-03-20 11:00"},
		{usual, "2026-03-29 23:00", 70, "2026-03-16 07:00", "2026-03-29 23:00"}, // summer time began
		{"* * * * *", "2026-03-20 12:00", 72, "2026-03-20 10:49", "2026-03-20 12:00"},
		{"*/5 8 * * *", "2026-03-20 12:00", 72, "2026-03-15 08:00", "2026-03-20 08:55"},
		{"0 3 1 * *", "2026-03-20 12:00", 0, "", ""},
	} {
		a := tenant(t, tt.schedule)
		if err := r.PutTenant(t.Context(), a.ID, a.Name, a.Location.String()); err != nil {
			t.Fatal(err)
		}
		now := at(t, a, tt.now)
		s := operate.Status{Known: true, Since: now.AddDate(-1, 0, 0), Now: now, NextSlot: a.Schedule.Next(now)}
		days, err := operate.Strip(t.Context(), r.Store, a, &s)
		if err != nil {
			t.Fatal(err)
		}
		var slots []string
		for _, d := range days {
			for _, slot := range d.Slots {
				slots = append(slots, slot.At.Format("2006-01-02 15:04"))
			}
		}
		if len(slots) != tt.want || tt.want > 0 && (slots[0] != tt.first || slots[len(slots)-1] != tt.last) {
			t.Errorf("%s: %d slots: %v", tt.schedule, len(slots), slots)
		}
	}
}
