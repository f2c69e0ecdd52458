package deploy_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/robfig/cron/v3"

	"dossiersync/store"
)

// promtool runs Prometheus' own tool.
func promtool(t *testing.T, args ...string) {
	t.Helper()
	command(t, nil, tool(t, "promtool"), args...)
}

func TestRulesHold(t *testing.T) {
	t.Parallel()
	promtool(t, "check", "rules", "prometheus/alerts.yml")
	promtool(t, "check", "config", "--syntax-only", "prometheus/prometheus.yml")
	promtool(t, "test", "rules", "prometheus/alerts_test.yml")
}

func TestDashboardsExpressionsAreOnes(t *testing.T) {
	t.Parallel()
	grafana := strings.NewReplacer("$__rate_interval", "5m", "$tenant", "amaris|szr")
	var rules strings.Builder
	rules.WriteString("groups:\n  - name: dashboard\n    rules:\n")
	for _, p := range theDashboard(t).Panels {
		for i, target := range p.Targets {
			fmt.Fprintf(&rules, "      - {record: 'panel_%d_%d', expr: %q}\n", p.ID, i, grafana.Replace(target.Expr))
		}
	}
	name := filepath.Join(t.TempDir(), "dashboard.yml")
	if err := os.WriteFile(name, []byte(rules.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	promtool(t, "check", "rules", name)
}

// By what the program reckons from its schedule, minute by minute over two days, an
// alarm comes 30 minutes after a slot without success, and none at night.
func TestAlarmsFollowTheSchedule(t *testing.T) {
	t.Parallel()
	schedule, err := cron.ParseStandard("CRON_TZ=Europe/Amsterdam 0 7-23/4 * * *")
	if err != nil {
		t.Fatal(err)
	}
	zone, err := time.LoadLocation("Europe/Amsterdam")
	if err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct {
		begin time.Time
		fails func(slot time.Time) bool
		late  map[string]bool // day and hour: whether DossiersyncTenantLate is there
		stale map[string]bool
	}{
		"a good day": {begin: time.Date(2026, 3, 2, 0, 0, 0, 0, zone),
			late: map[string]bool{"02 03:00": false, "02 06:59": false, "02 07:20": false, "02 11:31": false, "03 02:00": false, "03 06:59": false}},
		"the night that summer time begins": {begin: time.Date(2026, 3, 28, 0, 0, 0, 0, zone),
			late: map[string]bool{"28 23:45": false, "29 01:00": false, "29 05:00": false, "29 06:59": false, "29 07:31": false}},
		"the night that it ends": {begin: time.Date(2026, 10, 24, 0, 0, 0, 0, zone),
			late: map[string]bool{"24 23:45": false, "25 01:00": false, "25 05:00": false, "25 06:59": false, "25 07:31": false}},
		"one slot is missed": {begin: time.Date(2026, 3, 2, 0, 0, 0, 0, zone),
			fails: func(slot time.Time) bool { return slot.Day() == 2 && slot.Hour() == 11 },
			late:  map[string]bool{"02 10:59": false, "02 11:30": false, "02 11:31": true, "02 14:59": true, "02 15:05": false, "03 03:00": false},
			stale: map[string]bool{"02 14:59": false, "02 15:31": false}},
		"the last one of the day is missed": {begin: time.Date(2026, 3, 2, 0, 0, 0, 0, zone),
			fails: func(slot time.Time) bool { return slot.Day() == 2 && slot.Hour() == 23 },
			late:  map[string]bool{"02 23:30": false, "02 23:31": true, "03 06:59": true, "03 07:05": false},
			stale: map[string]bool{"03 06:59": false}},
		"none succeeds": {begin: time.Date(2026, 3, 2, 0, 0, 0, 0, zone),
			fails: func(slot time.Time) bool { return slot.Day() > 1 },
			late:  map[string]bool{"02 07:30": false, "02 07:31": true, "02 11:30": true, "02 11:31": false},
			stale: map[string]bool{"02 11:30": false, "02 11:31": true, "03 03:00": true}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var lag, stale []string
			begin := tt.begin.Add(-45 * time.Minute) // the slot at 23:00 was served
			last := begin.Add(-14 * time.Minute)
			for m := range 48 * 60 {
				now := begin.Add(time.Duration(m) * time.Minute)
				// A run takes two minutes, and counts from when it began.
				if slot := schedule.Next(now.Add(-3 * time.Minute)); slot.Equal(now.Add(-2*time.Minute)) && (tt.fails == nil || !tt.fails(slot)) {
					last = slot.Add(5 * time.Second)
				}
				lag = append(lag, fmt.Sprint(store.LagOf(schedule, &last, now, now).Seconds()))
				bit := "0"
				if store.StateOf(schedule, &last, now, now) == store.Stale {
					bit = "1"
				}
				stale = append(stale, bit)
			}
			rules, err := filepath.Abs("prometheus/alerts.yml")
			if err != nil {
				t.Fatal(err)
			}
			var file strings.Builder
			fmt.Fprintf(&file, "rule_files: [%q]\nevaluation_interval: 1m\ntests:\n  - interval: 1m\n    input_series:\n", rules)
			for series, values := range map[string][]string{"dossiersync_schedule_lag_seconds": lag, "dossiersync_tenant_stale": stale} {
				fmt.Fprintf(&file, "      - {series: '%s{tenant=\"amaris\"}', values: '%s'}\n", series, strings.Join(values, " "))
			}
			file.WriteString("    promql_expr_test:\n")
			for alarm, want := range map[string]map[string]bool{"DossiersyncTenantLate": tt.late, "DossiersyncTenantStale": tt.stale} {
				for at, fires := range want {
					var day, hour, minute int
					if _, err := fmt.Sscanf(at, "%d %d:%d", &day, &hour, &minute); err != nil {
						t.Fatal(err)
					}
					since := time.Date(tt.begin.Year(), tt.begin.Month(), day, hour, minute, 0, 0, zone).Sub(begin)
					fmt.Fprintf(&file, "      - {eval_time: %dm, expr: 'count(ALERTS{alertname=\"%s\",alertstate=\"firing\"}) or vector(0)', exp_samples: [{value: %d}]} # %s\n",
						int(since.Minutes()), alarm, map[bool]int{true: 1}[fires], at)
				}
			}
			path := filepath.Join(t.TempDir(), "schedule_test.yml")
			if err := os.WriteFile(path, []byte(file.String()), 0o600); err != nil {
				t.Fatal(err)
			}
			promtool(t, "test", "rules", path)
		})
	}
}
