package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"time"
)

// tenant is one care organisation of the demo.
type tenant struct{ id, name string }

var tenants = []tenant{{"amaris", "Amaris"}, {"szr", "SZR"}}

const (
	issuer   = "https://login.example"
	audience = "dossiersync"
	reader   = "dochter"
)

// show runs the demo until ctx ends.
func show(ctx context.Context, o options, stdout, stderr io.Writer) error {
	d, err := newDemo(o.Data, stdout, stderr)
	if err != nil {
		return err
	}
	defer d.close()
	sources, err := d.sources(ctx, o)
	if err != nil {
		return err
	}
	api, ops, err := d.configure(sources, o)
	if err != nil {
		return err
	}
	fmt.Fprintln(stdout, "\nThe first sync, into a private PostgreSQL:")
	conf := d.path("dossiersync.yaml")
	err = d.runToEnd(ctx, "dossiersync", "sync", "--config", conf)
	if exit, ok := errors.AsType[exitError](err); ok && exit.code == 3 {
		err = nil // something is left over: it is in the summary
	}
	if err != nil || o.Once {
		return err
	}
	ended, err := d.start("dossiersync.log", "dossiersync", "serve", "--config", conf)
	if err != nil {
		return err
	}
	err = waitFor(ctx, "dossiersync", ended, func() bool { return isReady(ctx, "http://"+ops+"/readyz") })
	if err != nil {
		return fmt.Errorf("%w; see %s", err, d.path("dossiersync.log"))
	}
	if err := d.openDossier(ctx, o, api, ops, sources[0]); err != nil {
		return err
	}
	select {
	case <-ctx.Done():
	case <-ended:
		return fmt.Errorf("dossiersync ended unexpectedly; see %s", d.path("dossiersync.log"))
	}
	return nil
}

// source is a tenant with the address of its care record system.
type source struct {
	tenant
	url string
}

// sources starts a simulator for each tenant, unless o names another source.
func (d *demo) sources(ctx context.Context, o options) ([]source, error) {
	if o.Source != nil {
		return []source{{tenants[0], strings.TrimSuffix(o.Source.String(), "/")}}, nil
	}
	if o.Load != "" {
		fmt.Fprintf(d.stdout, "Starting a care record simulator with the resources in %s ...\n", o.Load)
		src, err := d.simulate(ctx, tenants[0], "--load", o.Load)
		d.printLoaded(tenants[0].id + ".log")
		return []source{src}, err
	}
	var list []source
	for i, t := range tenants {
		fmt.Fprintf(d.stdout, "Starting the care record simulator of %s: %d clients, %d years ...\n",
			t.name, o.Clients, o.Years)
		args := []string{"--tenant-name", t.name,
			"--clients", fmt.Sprint(o.Clients), "--years", fmt.Sprint(o.Years), "--seed", fmt.Sprint(i + 1)}
		if !o.Once {
			args = append(args, "--live", "10s")
		}
		src, err := d.simulate(ctx, t, args...)
		if err != nil {
			return nil, err
		}
		list = append(list, src)
	}
	return list, nil
}

// simulate starts a simulator for the tenant.
func (d *demo) simulate(ctx context.Context, t tenant, args ...string) (source, error) {
	portFile := t.id + ".port"
	args = append([]string{"--listen", "127.0.0.1:0", "--port-file", d.path(portFile)}, args...)
	ended, err := d.start(t.id+".log", "carerecordsim", args...)
	if err != nil {
		return source{}, err
	}
	var port string
	err = waitFor(ctx, "the simulator of "+t.name, ended, func() bool {
		port = d.readWord(portFile)
		return port != ""
	})
	if err != nil {
		return source{}, fmt.Errorf("%w; see %s", err, d.path(t.id+".log"))
	}
	return source{t, "http://127.0.0.1:" + port + "/fhir"}, nil
}

// configure writes the keys and the configuration, and returns the addresses of the two
// listeners.
func (d *demo) configure(sources []source, o options) (api, ops string, err error) {
	key, err := d.output("dossiersync", "token", "key")
	if err != nil {
		return "", "", err
	}
	if err := os.WriteFile(d.path("key.pem"), []byte(key), 0o600); err != nil {
		return "", "", err
	}
	jwks, err := d.output("dossiersync", "token", "jwks", "--key", d.path("key.pem"))
	if err != nil {
		return "", "", err
	}
	if err := os.WriteFile(d.path("jwks.json"), []byte(jwks), 0o600); err != nil {
		return "", "", err
	}
	api, ops = "127.0.0.1:8080", "127.0.0.1:8081"
	if !o.Once {
		api, ops = freeAddress(api), freeAddress(ops)
	}
	var b strings.Builder
	fmt.Fprintf(&b, `# Written by the demo. No database: a private PostgreSQL under data_dir.
data_dir: .
portal_api:
  listen: %s
  auth: {issuer: "%s", audience: %s, jwks_file: jwks.json}
ops:
  listen: %s
tenants:
`, api, issuer, audience, ops)
	for _, src := range sources {
		fmt.Fprintf(&b, `  - id: %s
    name: %s
    schedule: "*/20 * * * * *"   # every 20 seconds, to watch a report arrive
    source:
      fhir:
        base_url: %s
        requests_per_second: 200
`, src.id, src.name, src.url)
		if strings.HasPrefix(src.url, "http://127.0.0.1:") {
			b.WriteString("        lag: 0s      # the simulator commits at once\n        overlap: 60s\n")
		}
		if o.Load != "" {
			b.WriteString(showEverything)
			continue
		}
		b.WriteString(`    mapping:
      category: [{match: {tag: "https://ecd.example/kind|zorgleefplan"}, set: care-plan}]
`)
	}
	return api, ops, os.WriteFile(d.path("dossiersync.yaml"), []byte(b.String()), 0o600)
}

// freeAddress returns preferred, or another free address of this machine if it is taken.
func freeAddress(preferred string) string {
	for _, address := range []string{preferred, "127.0.0.1:0"} {
		ln, err := net.Listen("tcp", address)
		if err != nil {
			continue
		}
		address = ln.Addr().String()
		ln.Close()
		return address
	}
	return preferred
}

func isReady(ctx context.Context, url string) bool {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return false
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return false
	}
	resp.Body.Close()
	return resp.StatusCode == http.StatusOK
}

// openDossier grants the reader a dossier, and prints a guide to it.
func (d *demo) openDossier(ctx context.Context, o options, api, ops string, src source) error {
	token, err := d.token(src.id, "portal", "dossier:grants")
	if err != nil {
		return err
	}
	if o.Load != "" {
		return d.openFullestDossier(ctx, api, ops, src, token)
	}
	client, err := pickClient(ctx, src.url)
	if err != nil {
		return err
	}
	if err := grant(ctx, api, token, client); err != nil {
		return err
	}
	return d.printGuide(api, ops, "A sync runs every 20 seconds, and the simulators write something every 10.",
		"/v1/dossiers", "/v1/dossiers/"+client+"/timeline?limit=3", "/v1/dossiers/"+client+"/care-plans?state=current")
}

// grant grants the reader the dossier of a client, as a portal does for a manager.
func grant(ctx context.Context, api, token, client string) error {
	const body = `{"role": "representative", "manager": true, "parts": ["reports", "forms", "care-plans"],
		"state": "accepted", "name": "Een dochter"}`
	req, err := http.NewRequestWithContext(ctx, http.MethodPut,
		"http://"+api+"/v1/dossiers/"+client+"/grants/"+reader, strings.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Authorization", "Bearer "+token)
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Dossier-Actor", "beheerder")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return fmt.Errorf("grant the dossier: %w", err)
	}
	defer resp.Body.Close()
	if resp.StatusCode/100 != 2 {
		text, _ := io.ReadAll(io.LimitReader(resp.Body, 1000))
		return fmt.Errorf("grant the dossier: %s: %s", resp.Status, text)
	}
	return nil
}

// pickClient returns the client whose care plan changed last.
func pickClient(ctx context.Context, base string) (string, error) {
	var bundle struct {
		Entry []struct {
			Resource struct {
				Subject struct {
					Reference string `json:"reference"`
				} `json:"subject"`
			} `json:"resource"`
		} `json:"entry"`
	}
	err := get(ctx, base+"/CarePlan?status=active&_count=1&_sort=-_lastUpdated", "", &bundle)
	if err != nil || len(bundle.Entry) == 0 {
		return "", errors.New("ask the source for a client: it has no active care plan")
	}
	ref := bundle.Entry[0].Resource.Subject.Reference
	return ref[strings.LastIndex(ref, "/")+1:], nil
}

func (d *demo) token(tenant, user, scope string) (string, error) {
	out, err := d.output("dossiersync", "token", "sign", "--key", d.path("key.pem"), "--issuer", issuer,
		"--audience", audience, "--tenant", tenant, "--user", user, "--scope", scope, "--valid", (12 * time.Hour).String())
	return strings.TrimSpace(out), err
}

// printGuide prints commands to paste, with those that read paths of the portal API.
func (d *demo) printGuide(api, ops, news string, paths ...string) error {
	token, err := d.token(tenants[0].id, reader, "dossier:read")
	if err != nil {
		return err
	}
	var b strings.Builder
	for _, path := range paths {
		fmt.Fprintf(&b, "  curl -s -H \"Authorization: Bearer $TOKEN\" 'http://%s%s'\n", api, path)
	}
	fmt.Fprintf(d.stdout, `
Everything runs. %[6]s

  portal API    http://%[1]s/v1/            contract: http://%[1]s/openapi.yaml
  console       http://%[2]s/               contract: http://%[2]s/openapi.yaml
  metrics       http://%[2]s/metrics
  logs          %[3]s/*.log

As a client's daughter, open the dossier:

  export TOKEN=%[4]s
%[7]s
As the operator:

  bin/dossiersync status --config %[5]s
  bin/dossiersync runs --config %[5]s
  curl -s http://%[2]s/api/tenants

Ctrl-C stops everything.
`, api, ops, d.dir, token, d.path("dossiersync.yaml"), news, b.String())
	return nil
}
