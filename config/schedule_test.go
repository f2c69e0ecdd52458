package config_test

import (
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestFaultsOfSchedules(t *testing.T) {
	t.Parallel()
	check(t, tenant(`schedule: "@every 4h"`),
		`6:tenants[0].schedule: "@every 4h" counts from the start of a worker, so workers would not agree on when a run is due; write five fields (minute, hour, day of month, month, day of week), such as 0 7-23/4 * * *`)
	check(t, tenant(`schedule: "@reboot"`),
		`6:tenants[0].schedule: "@reboot" is not a moment on the clock that all workers agree on; write five fields (minute, hour, day of month, month, day of week), such as 0 7-23/4 * * *, or @hourly or @daily`)
	check(t, tenant("schedule: TZ=UTC 0 0 * * *"),
		`6:tenants[0].schedule: "TZ=UTC 0 0 * * *" contains a time zone; remove it and set timezone`)
	check(t, tenant("schedule: CRON_TZ="),
		`6:tenants[0].schedule: "CRON_TZ=" contains a time zone; remove it and set timezone`)
	check(t, tenant("schedule: 0 0 30 2 *"),
		`6:tenants[0].schedule: "0 0 30 2 *" is a moment that never comes, like 30 February; write five fields (minute, hour, day of month, month, day of week), such as 0 7-23/4 * * *`)
	check(t, tenant(`schedule: ", 0 0 * * *"`),
		`6:tenants[0].schedule: ", 0 0 * * *" is a moment that never comes, like 30 February; write five fields (minute, hour, day of month, month, day of week), such as 0 7-23/4 * * *`)
	check(t, tenant("schedule: 61 * * * *"),
		`6:tenants[0].schedule: "61 * * * *" is not a schedule (end of range (61) above maximum (59): 61); write five fields (minute, hour, day of month, month, day of week), such as 0 7-23/4 * * *`)
	check(t, tenant("schedule: 0 7"),
		`6:tenants[0].schedule: "0 7" is not a schedule (expected 5 to 6 fields, found 2: [0 7]); write five fields (minute, hour, day of month, month, day of week), such as 0 7-23/4 * * *`)
}

func TestSchedulesCountInTheTenantsZone(t *testing.T) {
	t.Parallel()
	// The night that summer time ends; 04:00Z is 05:00 in Amsterdam.
	from := time.Date(2025, 10, 26, 4, 0, 0, 0, time.UTC)
	for text, want := range map[string]string{
		"0 7-23/4 * * *":         "2025-10-26T06:00:00Z",
		"30 15 5 * * *":          "2025-10-26T04:15:30Z",
		"\"@daily\"":             "2025-10-26T23:00:00Z",
		"0 0 29 2 *":             "2028-02-28T23:00:00Z",
		"\"  0 12 * * MON-FRI\"": "2025-10-27T11:00:00Z",
	} {
		schedule := mustParse(t, tenant("schedule: "+text)).Tenants[0].Schedule
		if got := schedule.Next(from).Format(time.RFC3339); got != want {
			t.Errorf("%s: got %s, want %s", text, got, want)
		}
	}
}

func TestAcceptedSchedulesAreAlwaysDue(t *testing.T) {
	t.Parallel()
	field := rapid.StringMatching(`(\*|[0-9]{1,2}|[0-9]-[0-9]{1,2}|,)(/[1-9])?(,[0-9]{1,2})?`)
	rapid.Check(t, func(rt *rapid.T) {
		fields := rapid.SliceOfN(field, 5, 6).Draw(rt, "fields")
		year := rapid.IntRange(2020, 2080).Draw(rt, "year")
		c, err := parse(tenant(`schedule: "` + strings.Join(fields, " ") + `"`))
		if err != nil {
			return
		}
		if c.Tenants[0].Schedule.Next(time.Date(year, 1, 1, 0, 0, 0, 0, time.UTC)).IsZero() {
			rt.Errorf("%s never comes after %d", c.Tenants[0].Schedule.Text, year)
		}
	})
}
