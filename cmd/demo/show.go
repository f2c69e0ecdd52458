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
	s, err := newStage(o.Data, stdout, stderr)
	if err != nil {
		return err
	}
	defer s.close()
	sources, err := s.sources(ctx, o)
	if err != nil {
		return err
	}
	api, ops, err := s.configure(sources, o)
	if err != nil {
		return err
	}
	fmt.Fprintln(stdout, "\nThe first sync, into a private PostgreSQL:")
	conf := s.path("dossiersync.yaml")
	err = s.follow(ctx, "dossiersync", "sync", "--config", conf)
	if exit, ok := errors.AsType[exitError](err); ok && exit.code == 3 {
		err = nil // something is left over, which the summary tells
	}
	if err != nil || o.Once {
		return err
	}
	ended, err := s.start("dossiersync.log", "dossiersync", "serve", "--config", conf)
	if err != nil {
		return err
	}
	err = waitFor(ctx, "dossiersync", ended, func() bool { return answers(ctx, "http://"+ops+"/readyz") })
	if err != nil {
		return fmt.Errorf("%w; see %s", err, s.path("dossiersync.log"))
	}
	if err := s.open(ctx, o, api, ops, sources[0]); err != nil {
		return err
	}
	select {
	case <-ctx.Done():
	case <-ended:
		return fmt.Errorf("dossiersync ended by itself; see %s", s.path("dossiersync.log"))
	}
	return nil
}

// source is where a tenant's dossiers come from.
type source struct {
	tenant
	url string
}

// sources starts a simulator for each tenant, or takes the server that was named.
func (s *stage) sources(ctx context.Context, o options) ([]source, error) {
	if o.Source != nil {
		return []source{{tenants[0], strings.TrimSuffix(o.Source.String(), "/")}}, nil
	}
	if o.Load != "" {
		fmt.Fprintf(s.stdout, "Starting a care record simulator with what is in %s ...\n", o.Load)
		src, err := s.simulate(ctx, tenants[0], "--load", o.Load)
		s.tellLoaded(tenants[0].id + ".log")
		return []source{src}, err
	}
	var list []source
	for i, t := range tenants {
		fmt.Fprintf(s.stdout, "Starting the care record simulator of %s: %d clients, %d years ...\n", t.name, o.Clients, o.Years)
		args := []string{"--tenant-name", t.name,
			"--clients", fmt.Sprint(o.Clients), "--years", fmt.Sprint(o.Years), "--seed", fmt.Sprint(i + 1)}
		if !o.Once {
			args = append(args, "--live", "10s")
		}
		src, err := s.simulate(ctx, t, args...)
		if err != nil {
			return nil, err
		}
		list = append(list, src)
	}
	return list, nil
}

// simulate starts a simulator for the tenant.
func (s *stage) simulate(ctx context.Context, t tenant, args ...string) (source, error) {
	portFile := t.id + ".port"
	args = append([]string{"--listen", "127.0.0.1:0", "--port-file", s.path(portFile)}, args...)
	ended, err := s.start(t.id+".log", "carerecordsim", args...)
	if err != nil {
		return source{}, err
	}
	var port string
	err = waitFor(ctx, "the simulator of "+t.name, ended, func() bool {
		port = s.readWord(portFile)
		return port != ""
	})
	if err != nil {
		return source{}, fmt.Errorf("%w; see %s", err, s.path(t.id+".log"))
	}
	return source{t, "http://127.0.0.1:" + port + "/fhir"}, nil
}

// configure writes the keys and the configuration, and returns the addresses of
// the two listeners.
func (s *stage) configure(sources []source, o options) (api, ops string, err error) {
	key, err := s.output("dossiersync", "token", "key")
	if err != nil {
		return "", "", err
	}
	if err := os.WriteFile(s.path("key.pem"), []byte(key), 0o600); err != nil {
		return "", "", err
	}
	jwks, err := s.output("dossiersync", "token", "jwks", "--key", s.path("key.pem"))
	if err != nil {
		return "", "", err
	}
	if err := os.WriteFile(s.path("jwks.json"), []byte(jwks), 0o600); err != nil {
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
			b.WriteString("        lag: 0s      # the simulator commits at once\n        overlap: 30s\n")
		}
		if o.Load != "" {
			b.WriteString(everything)
			continue
		}
		b.WriteString(`    mapping:
      category: [{match: {tag: "https://ecd.example/kind|zorgleefplan"}, set: care-plan}]
`)
	}
	return api, ops, os.WriteFile(s.path("dossiersync.yaml"), []byte(b.String()), 0o600)
}

// freeAddress returns preferred, or if that is taken another address of this
// machine.
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

func answers(ctx context.Context, url string) bool {
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

// open opens a dossier, and prints what there is to see.
func (s *stage) open(ctx context.Context, o options, api, ops string, src source) error {
	token, err := s.token(src.id, "portal", "dossier:grants")
	if err != nil {
		return err
	}
	if o.Load != "" {
		return s.openFullest(ctx, api, ops, src, token)
	}
	client, err := pickClient(ctx, src.url)
	if err != nil {
		return err
	}
	if err := grant(ctx, api, token, client); err != nil {
		return err
	}
	return s.introduce(api, ops, "A sync follows every 20 seconds, and the simulators write something every 10.",
		"/v1/dossiers", "/v1/dossiers/"+client+"/timeline?limit=3", "/v1/dossiers/"+client+"/care-plans?state=current")
}

// grant does what a portal does when a manager lets somebody in: it grants the
// reader the dossier of a client.
func grant(ctx context.Context, api, token, client string) error {
	const body = `{"role": "representative", "manager": true, "parts": ["reports", "forms", "care-plans"], "state": "accepted", "name": "Een dochter"}`
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
		answer, _ := io.ReadAll(io.LimitReader(resp.Body, 1000))
		return fmt.Errorf("grant the dossier: %s: %s", resp.Status, answer)
	}
	return nil
}

// pickClient returns the client on whom the source was last written to.
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

func (s *stage) token(tenant, user, scope string) (string, error) {
	out, err := s.output("dossiersync", "token", "sign", "--key", s.path("key.pem"), "--issuer", issuer,
		"--audience", audience, "--tenant", tenant, "--user", user, "--scope", scope, "--valid", (12 * time.Hour).String())
	return strings.TrimSpace(out), err
}

// introduce prints what there is to see, ready to paste; paths are the portal
// API's.
func (s *stage) introduce(api, ops, news string, paths ...string) error {
	token, err := s.token(tenants[0].id, reader, "dossier:read")
	if err != nil {
		return err
	}
	var b strings.Builder
	for _, path := range paths {
		fmt.Fprintf(&b, "  curl -s -H \"Authorization: Bearer $TOKEN\" 'http://%s%s'\n", api, path)
	}
	fmt.Fprintf(s.stdout, `
Everything runs. %[6]s

  portal API    http://%[1]s/v1/            contract: http://%[1]s/openapi.yaml
  console       http://%[2]s/               contract: http://%[2]s/openapi.yaml
  metrics       http://%[2]s/metrics
  logs          %[3]s/*.log

Be somebody's daughter, and open the dossier:

  export TOKEN=%[4]s
%[7]s
Be the operator:

  bin/dossiersync status --config %[5]s
  bin/dossiersync runs --config %[5]s
  curl -s http://%[2]s/api/tenants

Ctrl-C stops everything.
`, api, ops, s.dir, token, s.path("dossiersync.yaml"), news, b.String())
	return nil
}
