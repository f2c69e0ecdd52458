package ops_test

import (
	"errors"
	"regexp"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"dossiersync/portalapi/ops"
)

func TestMetricsOfTenants(t *testing.T) {
	t.Parallel()
	reg := prometheus.NewPedanticRegistry()
	d := newHarness(t, func(o *ops.Options) { o.Registerer, o.Gatherer = reg, reg })
	d.putTenants("amaris", "szr")
	for _, sql := range []string{
		`UPDATE tenants SET succeeded = now() - interval '3 days', unreachable = now() - interval '100 seconds' WHERE id = 'amaris'`,
		`INSERT INTO runs (tenant, trigger, state, outcome) VALUES ('amaris', 'schedule', 'done', 'failed'), ('amaris', 'schedule', 'done', 'failed')`,
		`INSERT INTO runs (tenant, trigger, requested_at) VALUES ('szr', 'manual', now() - interval '500 seconds')`,
		`WITH h AS (INSERT INTO holds (tenant, stream, type, rule, run) VALUES ('amaris', 'reports', 'Observation', 'day', 1) RETURNING id)
			INSERT INTO absences (tenant, key, type, id, stream, state, hold) SELECT 'amaris', k, 'Observation', k, 'reports', 'held', h.id FROM h, unnest('{a,b,c}'::text[]) k`,
	} {
		if _, err := d.Pool().Exec(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
	}
	body := d.do("GET", "/metrics", "").Body.String()
	for _, want := range []string{
		`dossiersync_tenant_late\{tenant="amaris"\} 1`, `dossiersync_tenant_stale\{tenant="amaris"\} 1`, `dossiersync_tenant_stale\{tenant="szr"\} 0`,
		`dossiersync_schedule_lag_seconds\{tenant="amaris"\} 2\d{5}\.`, `dossiersync_schedule_lag_seconds\{tenant="szr"\} 0`,
		`dossiersync_source_unreachable_seconds\{tenant="amaris"\} 10\d\.`, `dossiersync_source_unreachable_seconds\{tenant="szr"\} 0`,
		`dossiersync_failed_runs_in_a_row\{tenant="amaris"\} 2`, `dossiersync_waiting_runs\{tenant="szr"\} 1`,
		`dossiersync_idle_run_seconds\{tenant="szr"\} 50\d\.`, `dossiersync_idle_run_seconds\{tenant="amaris"\} 0`,
		`dossiersync_withheld\{tenant="amaris"\} 0`,
		`dossiersync_held_removals\{stream="reports",tenant="amaris"\} 3`, `dossiersync_held_removals\{stream="forms",tenant="amaris"\} 0`,
		`dossiersync_tenant_state\{state="stale",tenant="amaris"\} 1`, `dossiersync_tenant_state\{state="fresh",tenant="amaris"\} 0`,
		`dossiersync_tenant_state\{state="waiting",tenant="szr"\} 1`, `dossiersync_tenant_attention\{code="removals-held",tenant="amaris"\} 1`,
		`dossiersync_tenant_attention\{code="no-worker",tenant="szr"\} 1`, `dossiersync_tenant_attention\{code="refused",tenant="amaris"\} 0`,
		`dossiersync_jobs\{state="available"\} 0`, `dossiersync_worker_up 0`, `dossiersync_database_up 1`,
	} {
		if !regexp.MustCompile(`(?m)^` + want).MatchString(body) {
			t.Errorf("no %s in\n%s", want, body)
		}
	}
	// Without a database, unknown values are left out and the scrape succeeds.
	d.ops.Close()
	w := d.do("GET", "/metrics", "")
	if w.Code != 200 || !regexp.MustCompile(`(?m)^dossiersync_database_up 0$`).MatchString(w.Body.String()) ||
		regexp.MustCompile(`(?m)^dossiersync_(tenant|quarantine|worker|jobs)`).MatchString(w.Body.String()) {
		t.Errorf("without a database: %d\n%s", w.Code, w.Body)
	}
}

// Metrics are of all tenants, so they need the token for metrics or a user who may see all tenants.
func TestMetricsNeedTheirTokenOrAllTenants(t *testing.T) {
	t.Parallel()
	readable := true
	d := newHarness(t, withUsers, func(o *ops.Options) {
		o.MetricsToken = func() (string, error) {
			if !readable {
				return "token for metrics", errors.New("no such file")
			}
			return "token for metrics", nil
		}
	})
	scrape := func(who string, want int, headers ...string) {
		t.Helper()
		if w := d.do("GET", "/metrics", "", headers...); w.Code != want {
			t.Errorf("%s is answered with %d, want %d", who, w.Code, want)
		}
	}
	prometheus := []string{"Authorization", "Bearer token for metrics"}
	scrape("prometheus", 200, prometheus...)
	scrape("nobody", 401)
	scrape("ann, who sees all", 200, as("ann")...)
	scrape("bob, who sees one", 403, as("bob")...)
	scrape("eve, who may do nothing", 403, as("eve")...)
	for _, url := range []string{"/api/tenants", "/api/runs"} {
		if w := d.do("GET", url, "", prometheus...); w.Code != 401 {
			t.Errorf("with the token for metrics %s is answered with %d", url, w.Code)
		}
	}
	readable = false
	scrape("prometheus, while the token cannot be read", 401, prometheus...)
}
