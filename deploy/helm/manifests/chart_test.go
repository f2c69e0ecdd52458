package manifests

import (
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	monitoring "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1"
	apps "k8s.io/api/apps/v1"
	batch "k8s.io/api/batch/v1"
	core "k8s.io/api/core/v1"
	networking "k8s.io/api/networking/v1"
	policy "k8s.io/api/policy/v1"
	"k8s.io/apimachinery/pkg/labels"
	"sigs.k8s.io/yaml"
)

const chart = "../dossiersync"

// release is what helm would install.
type release struct {
	configs     map[string]core.ConfigMap
	deployments map[string]apps.Deployment
	jobs        map[string]batch.Job
	claims      map[string]core.PersistentVolumeClaim
	services    map[string]core.Service
	budgets     map[string]policy.PodDisruptionBudget
	policies    map[string]networking.NetworkPolicy
	monitors    map[string]monitoring.ServiceMonitor
	rules       map[string]monitoring.PrometheusRule
}

func helm(t *testing.T, args ...string) string {
	t.Helper()
	program := os.Getenv("DOSSIERSYNC_HELM")
	if program == "" {
		t.Skip("DOSSIERSYNC_HELM is not set: make check-dist does this")
	}
	cmd := exec.CommandContext(t.Context(), program, args...)
	var said strings.Builder
	cmd.Stderr = &said
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("helm %s: %v\n%s%s", strings.Join(args, " "), err, said.String(), out)
	}
	return string(out)
}

// rendered has what helm renders, once for each list of arguments.
var rendered sync.Map // of func() string

// output returns what helm would install, and checks the chart with the same values.
func output(t *testing.T, args []string) string {
	t.Helper()
	f, _ := rendered.LoadOrStore(strings.Join(args, " "), sync.OnceValue(func() string {
		helm(t, append([]string{"lint", "--strict", chart}, args...)...)
		return helm(t, append([]string{"template", "care", chart, "--kube-version", "1.33.0"}, args...)...)
	}))
	text := f.(func() string)()
	if text == "" {
		t.Skip("the chart could not be rendered")
	}
	return text
}

// render decodes what helm would install. A field that Kubernetes does not know fails the test.
func render(t *testing.T, args ...string) release {
	t.Helper()
	out := output(t, args)
	r := release{
		map[string]core.ConfigMap{}, map[string]apps.Deployment{}, map[string]batch.Job{}, map[string]core.PersistentVolumeClaim{},
		map[string]core.Service{}, map[string]policy.PodDisruptionBudget{}, map[string]networking.NetworkPolicy{},
		map[string]monitoring.ServiceMonitor{}, map[string]monitoring.PrometheusRule{},
	}
	for _, text := range regexp.MustCompile(`(?m)^---$`).Split(out, -1) {
		var kind struct {
			APIVersion, Kind string
			Metadata         struct{ Name string }
		}
		if err := yaml.Unmarshal([]byte(text), &kind); err != nil {
			t.Fatalf("%v\n%s", err, text)
		}
		name := kind.Metadata.Name
		switch kind.APIVersion + " " + kind.Kind {
		case "v1 ConfigMap":
			decode(t, r.configs, name, text)
		case "apps/v1 Deployment":
			decode(t, r.deployments, name, text)
		case "batch/v1 Job":
			decode(t, r.jobs, name, text)
		case "v1 PersistentVolumeClaim":
			decode(t, r.claims, name, text)
		case "v1 Service":
			decode(t, r.services, name, text)
		case "policy/v1 PodDisruptionBudget":
			decode(t, r.budgets, name, text)
		case "networking.k8s.io/v1 NetworkPolicy":
			decode(t, r.policies, name, text)
		case "monitoring.coreos.com/v1 ServiceMonitor":
			decode(t, r.monitors, name, text)
		case "monitoring.coreos.com/v1 PrometheusRule":
			decode(t, r.rules, name, text)
		case " ":
		default:
			t.Errorf("%s %s is not checked", kind.APIVersion, kind.Kind)
		}
	}
	return r
}

func decode[T any](t *testing.T, all map[string]T, name, text string) {
	t.Helper()
	var object T
	if err := yaml.UnmarshalStrict([]byte(text), &object); err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	if _, twice := all[name]; twice {
		t.Errorf("two objects of a kind are called %s", name)
	}
	all[name] = object
}

// cases are the values with which the chart is checked.
var cases = map[string][]string{
	"defaults":      nil,
	"monitoring":    {"--set", "monitoring.enabled=true"},
	"everything":    {"--values", "testdata/everything.yaml"},
	"tls":           {"--values", "testdata/tls.yaml"},
	"old cluster":   {"--kube-version", "1.25.0"},
	"no protection": {"--set", "networkPolicy.enabled=false", "--set", "monitoring.from=null"},
}

// each renders the chart with every case's values.
func each(t *testing.T, f func(t *testing.T, r release)) {
	t.Helper()
	for name, args := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f(t, render(t, args...))
		})
	}
}

func (r release) pods() map[string]core.PodTemplateSpec {
	all := make(map[string]core.PodTemplateSpec)
	for name, d := range r.deployments {
		all[name] = d.Spec.Template
	}
	for name, j := range r.jobs {
		all[name] = j.Spec.Template
	}
	return all
}

// ports returns the names of the container's ports.
func ports(pod core.PodTemplateSpec) (names []string) {
	for _, p := range pod.Spec.Containers[0].Ports {
		names = append(names, p.Name)
	}
	return names
}

// selected returns the names of the pods that a selector is for.
func (r release) selected(want map[string]string) (names []string) {
	for name, pod := range r.pods() {
		if labels.SelectorFromSet(want).Matches(labels.Set(pod.Labels)) {
			names = append(names, name)
		}
	}
	return names
}

func TestPartsAreThereAndFindEachOther(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, r release) {
		if got := slices.Sorted(maps.Keys(r.pods())); !slices.Equal(got, []string{"care-commands", "care-migrate", "care-ops", "care-portal", "care-worker"}) {
			t.Errorf("the pods are %v", got)
		}
		want := func(what, name string, selector map[string]string) core.PodTemplateSpec {
			t.Helper()
			if got := r.selected(selector); !slices.Equal(got, []string{name}) {
				t.Fatalf("%s %s selects %v", what, name, got)
			}
			return r.pods()[name]
		}
		for name, d := range r.deployments {
			pod := want("deployment", name, d.Spec.Selector.MatchLabels)
			c := pod.Spec.Containers[0]
			if name == "care-commands" { // runs beside ops, whose volume it shares
				terms := pod.Spec.Affinity.PodAffinity.RequiredDuringSchedulingIgnoredDuringExecution
				want("the affinity of", "care-ops", terms[0].LabelSelector.MatchLabels)
				continue
			}
			for _, probe := range []*core.Probe{c.StartupProbe, c.LivenessProbe, c.ReadinessProbe} {
				if probe == nil || !slices.Contains(ports(pod), probe.HTTPGet.Port.String()) {
					t.Errorf("%s has the probe %+v", name, probe)
				}
			}
			if c.LivenessProbe.HTTPGet.Path != "/healthz" || c.ReadinessProbe.HTTPGet.Path != "/readyz" {
				t.Errorf("%s is restarted by %s", name, c.LivenessProbe.HTTPGet.Path)
			}
			for _, spread := range pod.Spec.TopologySpreadConstraints {
				want("the spread of", name, spread.LabelSelector.MatchLabels)
			}
		}
		for name, s := range r.services {
			pod := want("service", name, s.Spec.Selector)
			for _, p := range s.Spec.Ports {
				if !slices.Contains(ports(pod), p.TargetPort.String()) {
					t.Errorf("service %s leads to port %s", name, p.TargetPort.String())
				}
			}
		}
		for name, b := range r.budgets {
			want("budget", name, b.Spec.Selector.MatchLabels)
			if n := b.Spec.MaxUnavailable; n == nil || n.IntValue() != 1 {
				t.Errorf("of %s may go %v", name, n)
			}
		}
		for name, p := range r.policies {
			pod := want("policy", name, p.Spec.PodSelector.MatchLabels)
			for _, rule := range p.Spec.Ingress {
				if len(rule.From) == 0 || len(rule.Ports) != 1 || !slices.Contains(ports(pod), rule.Ports[0].Port.String()) {
					t.Errorf("policy %s lets in %+v", name, rule)
				}
			}
		}
		for name, m := range r.monitors {
			found := 0
			for _, s := range r.services {
				if !labels.SelectorFromSet(m.Spec.Selector.MatchLabels).Matches(labels.Set(s.Labels)) {
					continue
				}
				if s.Labels[m.Spec.JobLabel] != "dossiersync" {
					t.Errorf("the alerts do not know the job %q", s.Labels[m.Spec.JobLabel])
				}
				for _, p := range s.Spec.Ports {
					if p.Name == m.Spec.Endpoints[0].Port {
						found++
					}
				}
			}
			if found != 3 || m.Spec.Endpoints[0].Authorization.Credentials.Name == "" {
				t.Errorf("monitor %s finds %d services, with %+v", name, found, m.Spec.Endpoints[0].Authorization)
			}
		}
	})
}

func TestPodsMayDoLittle(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, r release) {
		for name, pod := range r.pods() {
			s, c := pod.Spec, pod.Spec.Containers[0]
			if !*s.SecurityContext.RunAsNonRoot || *s.SecurityContext.RunAsUser != 65532 || *s.AutomountServiceAccountToken ||
				s.SecurityContext.SeccompProfile.Type != core.SeccompProfileTypeRuntimeDefault {
				t.Errorf("%s may do too much: %+v", name, s.SecurityContext)
			}
			if *c.SecurityContext.AllowPrivilegeEscalation || !*c.SecurityContext.ReadOnlyRootFilesystem || !slices.Contains(c.SecurityContext.Capabilities.Drop, "ALL") {
				t.Errorf("%s may do too much: %+v", name, c.SecurityContext)
			}
			if c.Resources.Requests.Memory().IsZero() || c.Resources.Limits.Memory().IsZero() {
				t.Errorf("%s has no limits", name)
			}
		}
	})
}

// Every process finds each secret that the configuration names, its own secrets only, and nothing
// wrong with the configuration.
func TestProcessesFindTheirOwnSecrets(t *testing.T) {
	t.Parallel()
	program := filepath.Join(t.TempDir(), "dossiersync")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-C", "../../..", "-o", program, "./cmd/dossiersync").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	may := map[string][]string{
		"care-migrate": {"database_url", "portal_key"}, "care-worker": {"worker_url", "source_token", "szr_token"},
		"care-commands": {"worker_url", "source_token", "szr_token"},
		"care-portal":   {"reader_url", "portal_key"}, "care-ops": {"ops_url", "ops_token"},
	}
	each(t, func(t *testing.T, r release) {
		for name, pod := range r.pods() {
			found := make(map[string]bool)
			config := ""
			for _, v := range pod.Spec.Volumes {
				switch {
				case v.ConfigMap != nil:
					config = r.configs[v.ConfigMap.Name].Data["dossiersync.yaml"]
				case v.PersistentVolumeClaim != nil:
					if _, ok := r.claims[v.PersistentVolumeClaim.ClaimName]; !ok {
						t.Errorf("%s has no volume %s", name, v.PersistentVolumeClaim.ClaimName)
					}
				case v.Projected != nil:
					for _, s := range v.Projected.Sources {
						if s.Secret == nil {
							for _, item := range s.ConfigMap.Items {
								if r.configs[s.ConfigMap.Name].Data[item.Key] == "" {
									t.Errorf("%s finds nothing for %s", name, item.Path)
								}
								found[item.Path] = true
							}
							continue
						}
						for _, item := range s.Secret.Items {
							if !slices.Contains(append(may[name], "metrics_token", "tls.crt", "tls.key"), item.Key) {
								t.Errorf("%s knows %s", name, item.Key)
							}
							found[item.Path] = true
						}
					}
				}
			}
			check(t, program, name, config, found)
		}
	})
}

// check lets the program look at the configuration, with the secrets that a pod finds.
func check(t *testing.T, program, pod, config string, found map[string]bool) {
	t.Helper()
	dir := t.TempDir()
	for name := range found {
		text := "none-that-this-process-may-know"
		if strings.HasSuffix(name, "_url") {
			text = "postgres://user:password@host/dossiersync"
		}
		if strings.HasPrefix(name, "tls.") {
			continue // they are cut out below, because they would have to be certificates
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if strings.Contains(config, "tls.crt") {
		config = regexp.MustCompile(`(?m)^ *tls:\n( *)(cert|key)_file: .*\n *(cert|key)_file: .*\n`).ReplaceAllString(config, "")
	}
	file := filepath.Join(dir, "dossiersync.yaml")
	if err := os.WriteFile(file, []byte(strings.ReplaceAll(config, "/run/secrets/", dir+"/")), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.CommandContext(t.Context(), program, "--config", file, "config", "check").CombinedOutput(); err != nil {
		t.Errorf("%s: %v\n%s\n%s", pod, err, out, config)
	}
}

func TestValuesReachTheManifests(t *testing.T) {
	t.Parallel()
	r := render(t, cases["everything"]...)
	worker := r.deployments["care-worker"]
	if got, want := worker.Spec.Template.Spec.Containers[0].Image,
		"registry.example/care/dossiersync@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"; got != want {
		t.Errorf("the image is %s, want %s", got, want)
	}
	if *worker.Spec.Replicas != 3 || *r.deployments["care-portal"].Spec.Replicas != 5 || *r.deployments["care-ops"].Spec.Replicas != 1 {
		t.Error("there are other numbers of pods")
	}
	if worker.Spec.Template.Spec.NodeSelector["disk"] != "fast" || len(worker.Spec.Template.Spec.Tolerations) != 1 {
		t.Error("the worker goes elsewhere")
	}
	if p := r.policies["care-portal"].Spec; len(p.Ingress) != 1 || len(p.Egress) != 2 || len(p.PolicyTypes) != 2 {
		t.Errorf("the portal's policy is %+v", p)
	}
	if pod := r.jobs["care-migrate"].Spec.Template.Spec; !slices.Equal(pod.Containers[0].Args, []string{"migrate", "--restored"}) ||
		!slices.ContainsFunc(pod.Volumes, func(v core.Volume) bool { return v.PersistentVolumeClaim != nil }) {
		t.Errorf("after a restore the job runs %v", pod.Containers[0].Args)
	}
	if c := r.claims["care-ops"].Spec; *c.StorageClassName != "encrypted" || c.Resources.Requests.Storage().String() != "5Gi" {
		t.Errorf("the volume is %+v", c)
	}
	if rendered := render(t); rendered.deployments["care-worker"].Spec.Template.Spec.Containers[0].Image != "dossiersync:devel" {
		t.Error("without a tag the image is not that of the chart")
	}
	tls := render(t, cases["tls"]...)
	if got := tls.deployments["care-portal"].Spec.Template.Spec.Containers[0].ReadinessProbe.HTTPGet.Scheme; got != core.URISchemeHTTPS {
		t.Errorf("with TLS the probes speak %s", got)
	}
	if len(tls.policies) != 0 || len(render(t).monitors) != 0 {
		t.Error("what is turned off is there")
	}
}

// The alerts are those of deploy/prometheus, with links that lead somewhere.
func TestAlertsAreTheRepositorys(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../prometheus/alerts.yml")
	if err != nil {
		t.Fatal(err)
	}
	var want monitoring.PrometheusRuleSpec
	if err := yaml.UnmarshalStrict(text, &want); err != nil {
		t.Fatal(err)
	}
	got := render(t, cases["everything"]...).rules["care"].Spec
	if len(got.Groups) != len(want.Groups) || len(want.Groups) == 0 {
		t.Fatalf("there are %d groups of alerts, want %d", len(got.Groups), len(want.Groups))
	}
	for i, g := range want.Groups {
		for j, rule := range g.Rules {
			has := got.Groups[i].Rules[j]
			if has.Alert != rule.Alert || has.Expr.String() != rule.Expr.String() || has.Annotations["summary"] != rule.Annotations["summary"] {
				t.Errorf("%s differs: %+v", rule.Alert, has)
			}
			if url := has.Annotations["runbook_url"]; !strings.HasPrefix(url, "https://wiki.example/dossiersync#") {
				t.Errorf("%s leads to %s", rule.Alert, url)
			}
		}
	}
}
