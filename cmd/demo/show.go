package main

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"os"
	"strings"
	"time"
)

// tenant is one care organisation of the demo.
type tenant struct {
	id, name string
	colour   string // of the sample portal
	labels   string // the words that readers see, in YAML; empty: the defaults
}

var tenants = []tenant{
	{id: "amaris", name: "Amaris", colour: "zee"},
	{id: "szr", name: "SZR", colour: "pruim", labels: "{reports: Rapportage, forms: Formulieren, " +
		"care-plans: Zorgleefplannen, general: Algemeen, care-plan: Zorgleefplan}"},
}

const (
	issuer   = "https://login.example"
	audience = "dossiersync"
)

// show runs the demo until ctx ends.
func show(ctx context.Context, o options, stdout, stderr io.Writer) error {
	d, err := newDemo(o.Data, o.Keep, stdout, stderr)
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
	conf := d.path("dossiersync.yaml")
	if err := d.firstSync(ctx, conf, o.Once); err != nil || o.Once {
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
	portal, err := d.openDossiers(ctx, o, api, ops, sources)
	if err != nil {
		return err
	}
	select {
	case <-ctx.Done():
	case <-ended:
		return fmt.Errorf("dossiersync ended unexpectedly; see %s", d.path("dossiersync.log"))
	case <-portal:
		return fmt.Errorf("the sample portal ended unexpectedly; see %s", d.path("portal.log"))
	}
	return nil
}

// firstSync syncs and prints the summary: all of it, or the lines that say how it ended.
func (d *demo) firstSync(ctx context.Context, conf string, whole bool) error {
	fmt.Fprintln(d.stdout, "\nThe first sync, into a private PostgreSQL:")
	var summary bytes.Buffer
	var out io.Writer = &summary
	if whole {
		out = d.stdout
	}
	err := d.runToEnd(ctx, out, "dossiersync", "sync", "--config", conf)
	if exit, ok := errors.AsType[exitError](err); ok && exit.code == 3 {
		err = nil // something is left over: it is in the summary
	}
	if whole || err != nil {
		_, _ = io.Copy(d.stdout, &summary)
		return err
	}
	for line := range strings.Lines(summary.String()) {
		if words := strings.Fields(line); len(words) > 2 && words[1] == "run" {
			fmt.Fprint(d.stdout, "  ", line)
		} else if len(words) > 2 && words[0] == "total" {
			fmt.Fprintf(d.stdout, "    %s records read, %s of them new and shown\n", words[1], words[2])
		}
	}
	name := d.path("first-sync.txt")
	fmt.Fprintf(d.stdout, "  what was left out, and why: %s\n", name)
	return os.WriteFile(name, summary.Bytes(), 0o600)
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
		fmt.Fprintf(d.stdout, "Starting the care record simulator of %s: %d clients, %v years ...\n",
			t.name, o.Clients, o.Years)
		args := []string{"--tenant-name", t.name,
			"--clients", fmt.Sprint(o.Clients), "--years", fmt.Sprint(o.Years), "--seed", fmt.Sprint(i + 1)}
		if !o.Once {
			args = append(args, "--live", "10s", "--state", d.path(t.id+".ndjson"))
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
	// A demo that goes on has the address of the last one, if that is free.
	listen := freeAddress("127.0.0.1:" + cmp.Or(d.readWord(portFile), "0"))
	if err := os.RemoveAll(d.path(portFile)); err != nil {
		return source{}, err
	}
	args = append([]string{"--listen", listen, "--port-file", d.path(portFile)}, args...)
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
	if err := d.makeKey(); err != nil {
		return "", "", err
	}
	api, ops = fmt.Sprintf("127.0.0.1:%d", o.Port), fmt.Sprintf("127.0.0.1:%d", o.OpsPort)
	if !o.Once {
		api, ops = d.listenOn("the portal API", api), d.listenOn("the console", ops)
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
		if src.labels != "" {
			fmt.Fprintf(&b, "      labels: %s\n", src.labels)
		}
	}
	return api, ops, os.WriteFile(d.path("dossiersync.yaml"), []byte(b.String()), 0o600)
}

// makeKey makes the key of the tokens, unless a demo before made it, and its JWK Set.
func (d *demo) makeKey() error {
	if _, err := os.Stat(d.path("key.pem")); errors.Is(err, fs.ErrNotExist) {
		key, err := d.output("dossiersync", "token", "key")
		if err != nil {
			return err
		}
		if err := os.WriteFile(d.path("key.pem"), []byte(key), 0o600); err != nil {
			return err
		}
	}
	jwks, err := d.output("dossiersync", "token", "jwks", "--key", d.path("key.pem"))
	if err != nil {
		return err
	}
	return os.WriteFile(d.path("jwks.json"), []byte(jwks), 0o600)
}

// listenOn returns preferred, or another address and says so.
func (d *demo) listenOn(what, preferred string) string {
	address := freeAddress(preferred)
	if address != preferred && !strings.HasSuffix(preferred, ":0") {
		fmt.Fprintf(d.stdout, "%s is in use: %s listens on %s\n", preferred, what, address)
	}
	return address
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

func (d *demo) token(tenant, user, scope string) (string, error) {
	out, err := d.output("dossiersync", "token", "sign", "--key", d.path("key.pem"), "--issuer", issuer,
		"--audience", audience, "--tenant", tenant, "--user", user, "--scope", scope, "--valid", (12 * time.Hour).String())
	return strings.TrimSpace(out), err
}
