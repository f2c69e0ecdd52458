package acceptance

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"dossiersync/cmd/dossiersync/app"
)

// Prometheus, with the configuration and the rules in deploy/, may scrape the service, and
// every panel of the dashboard has data once the service has worked.
func TestDashboardShowsDataFromPrometheus(t *testing.T) {
	t.Parallel()
	folders := os.Getenv("DOSSIERSYNC_DEPLOY_TOOLS")
	if folders == "" {
		t.Skip("DOSSIERSYNC_DEPLOY_TOOLS is not set: make check-deploy does this")
	}
	h := newSmallHarness(t)
	h.changeConfig(`(?m)^ops:\n`,
		"ops:\n  metrics: {token_file: metrics-token}\n  users: [{name: ann, token_file: ops-token, tenants: [amaris], may: [resync]}]\n")
	h.writeFile("ops-token", "of a user who may read\n")
	token := h.writeFile("metrics-token", "for prometheus and nobody else\n")
	p := h.start("serve")
	target := strings.TrimPrefix(p.addressOf(app.OpsListener), "http://")
	h.usePortalOf(p)
	prometheus := h.startPrometheus(filepath.SplitList(folders)[0], target, token)

	client := h.clientIDs()[0]
	reader := h.grantAll(client)
	waitUntil(t, "Prometheus has seen a run end", func() bool {
		h.get(reader, "/v1/dossiers/"+client+"/timeline")
		n, err := prometheus.countSeries("dossiersync_runs_total > 0")
		return err == nil && n > 0
	})
	wantDataInPanels(t, prometheus)
	if n, err := prometheus.countSeries(`ALERTS`); n != 0 || err != nil {
		t.Errorf("%d alerts of a healthy service, %v", n, err)
	}
	if n, err := prometheus.countSeries(`up{job="dossiersync"} == 1`); n != 1 || err != nil {
		t.Errorf("%d targets are up, %v", n, err)
	}
}

func wantDataInPanels(t *testing.T, prometheus prometheusServer) {
	t.Helper()
	var dashboard struct {
		Panels []struct {
			Title   string
			Targets []struct{ Expr string }
		}
	}
	text, err := os.ReadFile("../../../deploy/grafana/dossiersync.json")
	if err == nil {
		err = json.Unmarshal(text, &dashboard)
	}
	if err != nil {
		t.Fatal(err)
	}
	variables := strings.NewReplacer("$__rate_interval", "1m", "$tenant", ".*")
	for _, panel := range dashboard.Panels {
		for _, target := range panel.Targets {
			waitUntil(t, fmt.Sprintf("%q shows series of %s", panel.Title, target.Expr), func() bool {
				n, err := prometheus.countSeries(variables.Replace(target.Expr)) // rates need two scrapes
				return err == nil && (n > 0 || strings.HasSuffix(target.Expr, "> 0"))
			})
		}
	}
}

// prometheusServer is a Prometheus that runs until the test ends.
type prometheusServer struct{ base string }

func (h *harness) startPrometheus(folder, target, token string) prometheusServer {
	h.t.Helper()
	deploy, err := filepath.Abs("../../../deploy/prometheus")
	if err != nil {
		h.t.Fatal(err)
	}
	conf, err := os.ReadFile(filepath.Join(deploy, "prometheus.yml"))
	if err != nil {
		h.t.Fatal(err)
	}
	text := string(conf)
	for pattern, to := range map[string]string{
		`/run/secrets/metrics_token`: token, `targets: \[.*\]`: "targets: [" + target + "]",
		`_interval: 30s`: "_interval: 1s",
		`\[alerts.yml\]`: "[" + filepath.Join(deploy, "alerts.yml") + "]",
	} {
		changed := regexp.MustCompile(pattern).ReplaceAllLiteralString(text, to)
		if changed == text {
			h.t.Fatalf("prometheus.yml has no %s", pattern)
		}
		text = changed
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		h.t.Fatal(err)
	}
	address := ln.Addr().String()
	ln.Close()
	var output syncBuffer
	cmd := exec.Command(filepath.Join(folder, "prometheus"), "--config.file="+h.writeFile("prometheus.yml", text),
		"--storage.tsdb.path="+filepath.Join(h.dir, "tsdb"), "--web.listen-address="+address)
	cmd.Stdout, cmd.Stderr = &output, &output
	if err := cmd.Start(); err != nil {
		h.t.Fatal(err)
	}
	h.t.Cleanup(func() {
		_ = cmd.Process.Kill() // its data is temporary
		_ = cmd.Wait()
		if h.t.Failed() {
			h.t.Log(output.String())
		}
	})
	return prometheusServer{"http://" + address}
}

// countSeries returns the number of series that q selects.
func (p prometheusServer) countSeries(q string) (int, error) {
	resp, err := http.Get(p.base + "/api/v1/query?query=" + url.QueryEscape(q))
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	var answer struct {
		Error string
		Data  struct{ Result []any }
	}
	if err := json.NewDecoder(resp.Body).Decode(&answer); err != nil {
		return 0, err
	}
	if answer.Error != "" {
		return 0, fmt.Errorf("prometheus: %s", answer.Error)
	}
	return len(answer.Data.Result), nil
}
