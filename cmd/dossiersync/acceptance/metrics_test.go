package acceptance

import (
	"crypto/tls"
	"crypto/x509"
	"io"
	"maps"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus/testutil/promlint"

	"dossiersync/cmd/carerecordsim/simulator"
	"dossiersync/cmd/dossiersync/app"
	"dossiersync/portalapi/portaltest"
)

// family is the type and the labels of a metric.
type family struct {
	Type   string
	Labels string // sorted, with commas between them
}

// families reads the program's own metrics from the text format.
func families(t *testing.T, text string) map[string]family {
	t.Helper()
	all := make(map[string]family)
	name, label := "", regexp.MustCompile(`[{,]([a-z_]+)="`)
	for line := range strings.Lines(text) {
		if rest, ok := strings.CutPrefix(line, "# TYPE "); ok {
			f := strings.Fields(rest)
			if name = f[0]; strings.HasPrefix(name, "dossiersync_") {
				all[name] = family{Type: f[1]}
			}
			continue
		}
		if f, ok := all[name]; ok && !strings.HasPrefix(line, "#") {
			labels := []string{}
			for _, m := range label.FindAllStringSubmatch(line, -1) {
				if m[1] != "le" {
					labels = append(labels, m[1])
				}
			}
			slices.Sort(labels)
			f.Labels = strings.Join(labels, ",")
			all[name] = f
		}
	}
	return all
}

// documentedFamilies reads the tables of deploy/METRICS.md.
func documentedFamilies(t *testing.T) map[string]family {
	t.Helper()
	text, err := os.ReadFile("../../../deploy/METRICS.md")
	if err != nil {
		t.Fatal(err)
	}
	all := make(map[string]family)
	for _, m := range regexp.MustCompile("(?m)^\\| `(dossiersync_[a-z_]+)` \\| ([a-z]+) \\| ([a-z_, ]*) ?\\| ").FindAllStringSubmatch(string(text), -1) {
		labels := strings.FieldsFunc(m[3], func(r rune) bool { return r == ',' || r == ' ' })
		slices.Sort(labels)
		all[m[1]] = family{m[2], strings.Join(labels, ",")}
	}
	return all
}

// The service exposes exactly the metrics of deploy/METRICS.md, over TLS, to
// requests with a token.
func TestExposedMetricsAreDocumented(t *testing.T) {
	t.Parallel()
	h := newSmallHarness(t)
	servers := portaltest.NewAuthority(t, "servers")
	cert, key := servers.Issue(1, x509.ExtKeyUsageServerAuth)
	h.writeFile("ops.pem", cert)
	h.writeFile("ops-key.pem", key)
	h.writeFile("metrics-token", "for prometheus and nobody else\n")
	h.writeFile("ops-token", "of a user who may read\n")
	h.changeConfig(`(?m)^ops:\n  listen: .*\n`, `ops:
  listen: 127.0.0.1:0
  tls: {cert_file: ops.pem, key_file: ops-key.pem}
  metrics: {token_file: metrics-token}
  users:
    - {name: ann, token_file: ops-token, tenants: ["*"], may: [read]}
`)
	p := h.start("serve")
	base := p.addressOf(app.OpsListener)
	roots := x509.NewCertPool()
	roots.AddCert(servers.Cert)
	client := &http.Client{Timeout: 20 * time.Second,
		Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}}}
	get := func(url, token string) (int, string) {
		t.Helper()
		return getMetrics(t, client, url, token)
	}
	get(p.addressOf(app.PortalListener)+"/v1/dossiers", "")
	for path, want := range map[string]int{"/metrics": 401, "/healthz": 200} {
		if status, _ := get(base+path, ""); status != want {
			t.Errorf("without a token %s is answered with %d, want %d", path, status, want)
		}
	}
	if status, _ := get(base+"/api/tenants", "for prometheus and nobody else"); status != http.StatusUnauthorized {
		t.Errorf("with the token for metrics /api/tenants is answered with %d", status)
	}
	if status, _ := get(base+"/metrics", "of a user who may read"); status != http.StatusOK {
		t.Errorf("with the token of a user who may read all tenants /metrics is answered with %d", status)
	}
	address := strings.TrimPrefix(base, "https://")
	h.mustRun("health", "--ready", "--address", address)

	var text string
	waitUntil(t, "a run has ended", func() bool {
		_, text = get(base+"/metrics", "for prometheus and nobody else")
		return regexp.MustCompile(`dossiersync_runs_total\{.*\} 1\n`).MatchString(text)
	})
	// The replica's metrics are collected before those of the run: ask again.
	_, text = get(base+"/metrics", "for prometheus and nobody else")
	if diff := cmp.Diff(documentedFamilies(t), families(t, text)); diff != "" {
		t.Errorf("metrics (-deploy/METRICS.md +exposed):\n%s", diff)
	}
	if problems, err := promlint.New(strings.NewReader(text)).Lint(); err != nil || len(problems) > 0 {
		t.Errorf("lint: %v, %v", problems, err)
	}
	p.kill()
	if code, _, errs := h.runCommand("health", "--address", address); code != exitFailed {
		t.Errorf("health of a service that is gone exits with %d: %s", code, errs)
	}
}

// With --only a part exposes its own metrics, to the same token.
func TestPartsAloneExposeMetrics(t *testing.T) {
	t.Parallel()
	h := newAmarisHarness(t, simulator.New(simulator.Options{}))
	h.writeFile("metrics-token", "for prometheus and nobody else\n")
	h.changeConfig(`(?m)^ops:\n`, "ops:\n  metrics: {token_file: metrics-token}\n")
	documented := documentedFamilies(t)
	for _, part := range []string{"worker", "portal"} {
		p := h.start("serve", "--only", part, "--metrics-listen", "127.0.0.1:0")
		base := p.addressOf(app.MetricsListener)
		h.mustRun("health", "--ready", "--address", strings.TrimPrefix(base, "http://"))
		for token, want := range map[string]int{"": 401, "another": 401, "for prometheus and nobody else": 200} {
			status, body := getMetrics(t, http.DefaultClient, base+"/metrics", token)
			if status != want {
				t.Errorf("%s: the token %q is answered with %d, want %d", part, token, status, want)
			}
			for name, f := range families(t, body) {
				if documented[name].Type != f.Type {
					t.Errorf("%s: %s is not in deploy/METRICS.md", part, name)
				}
			}
		}
	}
}

// Each part says by itself whether it can do its work: not while the database is away, and not
// with a schema that is older than the program.
func TestPartsAloneSayWhetherTheyAreReady(t *testing.T) {
	t.Parallel()
	h := newAmarisHarness(t, simulator.New(simulator.Options{}))
	asked := map[string]string{}
	for part, listeners := range map[string][]string{
		"worker": {app.MetricsListener}, "portal": {app.MetricsListener, app.PortalListener}, "ops": {app.OpsListener},
	} {
		args := []string{"serve", "--only", part}
		if part != "ops" {
			args = append(args, "--metrics-listen", "127.0.0.1:0")
		}
		p := h.start(args...)
		for _, l := range listeners {
			asked[part+" at the "+l] = p.addressOf(l)
		}
	}
	want := func(when string, status int, says string) {
		t.Helper()
		for name, base := range asked {
			if got, body := getMetrics(t, http.DefaultClient, base+"/readyz", ""); got != status || !strings.Contains(body, says) {
				t.Errorf("%s: %s answers %d %s, want %d", when, name, got, body, status)
			}
			if got, body := getMetrics(t, http.DefaultClient, base+"/healthz", ""); got != http.StatusOK {
				t.Errorf("%s: %s is not healthy: %d %s", when, name, got, body)
			}
		}
	}
	want("at first", http.StatusOK, "ready")
	h.exec(`UPDATE dossiersync_schema_version SET version = version - 1`)
	want("with an older schema", http.StatusServiceUnavailable, "dossiersync migrate")
	h.exec(`UPDATE dossiersync_schema_version SET version = version + 2`)
	want("with a newer schema", http.StatusOK, "ready")
	h.exec(`UPDATE dossiersync_schema_version SET version = version - 1`)
	h.exec(`DELETE FROM proof_keys`)
	maps.DeleteFunc(asked, func(name, _ string) bool { return !strings.HasPrefix(name, "portal") })
	want("without its key", http.StatusServiceUnavailable, "proof_key_file")
}

// getMetrics returns the status and the body of an answer; token may be "".
func getMetrics(t *testing.T, client *http.Client, url, token string) (int, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	resp, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(body)
}

// A standby that does not answer, and a server that is no standby, keep the portal API neither from
// starting nor from being ready. The log and the metrics say that they are left out.
func TestUselessStandbysAreLeftOut(t *testing.T) {
	t.Parallel()
	h := newAmarisHarness(t, simulator.New(simulator.Options{}))
	h.writeFile("standby", "postgres://reader:no@127.0.0.1:1/dossiersync")
	h.writeFile("primary", h.replica.ReaderURL)
	h.changeConfig("portal_api:\n",
		"portal_api:\n  replicas: [{database_file: standby}, {database_file: primary}]\n")
	h.mustRun("config", "check")
	p := h.start("serve", "--only", "portal", "--metrics-listen", "127.0.0.1:0")
	base := p.addressOf(app.MetricsListener)
	if status, body := getMetrics(t, http.DefaultClient, base+"/readyz", ""); status != http.StatusOK {
		t.Errorf("the portal API is not ready: %s", body)
	}
	for _, says := range []string{"portal_api.replicas[0]", "portal_api.replicas[1]", "it is no standby"} {
		waitUntil(t, "the log says "+says, func() bool { return strings.Contains(p.output.String(), says) })
	}
	_, text := getMetrics(t, http.DefaultClient, base+"/metrics", "")
	if !strings.Contains(text, `dossiersync_standbys{state="left-out"} 2`) {
		t.Errorf("the metrics do not say that two standbys are left out:\n%s", text)
	}
}
