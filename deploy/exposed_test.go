// Package deploy_test checks what lies in deploy/ against what the program does.
package deploy_test

import (
	"encoding/json"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// alert is a rule of prometheus/alerts.yml.
type alert struct {
	Alert       string
	Expr        string
	Labels      map[string]string
	Annotations map[string]string
}

func alerts(t *testing.T) []alert {
	t.Helper()
	var file struct {
		Groups []struct{ Rules []alert }
	}
	if err := yaml.Unmarshal(read(t, "prometheus/alerts.yml"), &file); err != nil {
		t.Fatal(err)
	}
	var all []alert
	for _, g := range file.Groups {
		all = append(all, g.Rules...)
	}
	if len(all) == 0 {
		t.Fatal("there are no alerts")
	}
	return all
}

func read(t *testing.T, name string) []byte {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// exposed returns the labels of every metric that the program exposes, by the list
// with which cmd/dossiersync/acceptance compares the whole program.
func exposed(t *testing.T) map[string][]string {
	t.Helper()
	all := map[string][]string{"up": nil}
	row := regexp.MustCompile("(?m)^\\| `(dossiersync_[a-z_]+)` \\| ([a-z]+) \\| ([a-z_, ]*) ?\\| ")
	for _, m := range row.FindAllStringSubmatch(string(read(t, "METRICS.md")), -1) {
		labels := strings.FieldsFunc(m[3], func(r rune) bool { return r == ',' || r == ' ' })
		all[m[1]] = labels
		if m[2] == "histogram" {
			all[m[1]+"_bucket"] = append(slices.Clone(labels), "le")
			all[m[1]+"_sum"], all[m[1]+"_count"] = labels, labels
		}
	}
	return all
}

var (
	selector = regexp.MustCompile(`\b(dossiersync_[a-z_]+|up)\b(\{[^}]*\})?`)
	matcher  = regexp.MustCompile(`([a-z_]+)\s*(?:=~|!~|!=|=)\s*"`)
	grouping = regexp.MustCompile(`\b(?:by|on|without|ignoring) \(([a-z_, ]*)\)`)
	legend   = regexp.MustCompile(`\{\{\s*(?:\$labels\.)?([a-z_]+)\s*\}\}`)
)

// uses returns what is wrong with the names in an expression and in the text that
// is made of its labels.
func uses(all map[string][]string, expr, text string) (faults []string) {
	fault := func(format string, args ...any) { faults = append(faults, fmt.Sprintf(format, args...)) }
	target := []string{"instance", "job"} // what Prometheus adds
	var may []string
	for _, m := range selector.FindAllStringSubmatch(expr, -1) {
		labels, known := all[m[1]]
		if !known {
			fault("%s is not exposed", m[1])
			continue
		}
		labels = append(slices.Clone(labels), target...)
		may = append(may, labels...)
		for _, l := range matcher.FindAllStringSubmatch(m[2], -1) {
			if !slices.Contains(labels, l[1]) {
				fault("%s has no label %s", m[1], l[1])
			}
		}
	}
	if may == nil {
		fault("names no metric")
	}
	var kept []string
	grouped := false
	for _, g := range grouping.FindAllStringSubmatch(expr, -1) {
		grouped = true
		for _, l := range strings.FieldsFunc(g[1], func(r rune) bool { return r == ',' || r == ' ' }) {
			kept = append(kept, l)
			if !slices.Contains(may, l) {
				fault("no metric in it has the label %s", l)
			}
		}
	}
	if !grouped {
		kept = may
	}
	for _, l := range legend.FindAllStringSubmatch(text, -1) {
		if !slices.Contains(kept, l[1]) {
			fault("its text names the label %s, which is not left", l[1])
		}
	}
	return faults
}

func TestAlertsUseWhatIsExposed(t *testing.T) {
	t.Parallel()
	all := exposed(t)
	for _, a := range alerts(t) {
		for _, fault := range uses(all, a.Expr, a.Annotations["summary"]) {
			t.Errorf("%s: %s", a.Alert, fault)
		}
	}
	// The check itself can fail.
	for _, bad := range [][2]string{
		{"dossiersync_tenant_lat", ""}, {`dossiersync_tenant_late{stream="x"}`, ""}, {"sum by (stream) (dossiersync_tenant_late)", ""},
		{"max by (tenant) (dossiersync_held_removals)", "{{ $labels.stream }}"}, {"1 > 0", ""}, {"rate(dossiersync_http_shed_total_bucket[5m])", ""},
	} {
		if len(uses(all, bad[0], bad[1])) == 0 {
			t.Errorf("%s %s: no fault is found", bad[0], bad[1])
		}
	}
}

// panel is a part of a Grafana dashboard.
type panel struct {
	ID      int
	Type    string
	Title   string
	GridPos struct{ H, W, X, Y int }
	Targets []struct{ Expr, LegendFormat, RefID string }
}

type dashboard struct {
	UID        string
	Templating struct {
		List []struct{ Name, Type, Definition string }
	}
	Panels []panel
}

func theDashboard(t *testing.T) dashboard {
	t.Helper()
	var d dashboard
	if err := json.Unmarshal(read(t, "grafana/dossiersync.json"), &d); err != nil {
		t.Fatal(err)
	}
	return d
}

func TestDashboardUsesWhatIsExposed(t *testing.T) {
	t.Parallel()
	all, d := exposed(t), theDashboard(t)
	ids := make(map[int]bool)
	for i, p := range d.Panels {
		if ids[p.ID] || p.ID == 0 || p.Title == "" || p.GridPos.X+p.GridPos.W > 24 {
			t.Errorf("panel %d %q has no id, title or place of its own", p.ID, p.Title)
		}
		ids[p.ID] = true
		for _, q := range d.Panels[i+1:] {
			if a, b := p.GridPos, q.GridPos; a.X < b.X+b.W && b.X < a.X+a.W && a.Y < b.Y+b.H && b.Y < a.Y+a.H {
				t.Errorf("%q lies over %q", p.Title, q.Title)
			}
		}
		if p.Type != "row" && len(p.Targets) == 0 {
			t.Errorf("%q shows nothing", p.Title)
		}
		for _, target := range p.Targets {
			for _, fault := range uses(all, target.Expr, target.LegendFormat) {
				t.Errorf("%q: %s", p.Title, fault)
			}
		}
	}
	for _, v := range d.Templating.List {
		m := regexp.MustCompile(`^label_values\(([a-z_]+), ([a-z_]+)\)$`).FindStringSubmatch(v.Definition)
		if v.Type == "query" && (m == nil || !slices.Contains(all[m[1]], m[2])) {
			t.Errorf("the variable %s asks for %s", v.Name, v.Definition)
		}
	}
	// What operators must be able to see is on it.
	text := string(read(t, "grafana/dossiersync.json"))
	for name := range all {
		if strings.HasSuffix(name, "_bucket") && !strings.Contains(text, name) {
			t.Errorf("%s is on no panel", name)
		}
	}
}
