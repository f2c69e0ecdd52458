package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"strings"
	"time"
)

// person is somebody who uses the portal. Their token is in the environment variable.
type person struct {
	variable, user, what string
	clients              []int // which of the chosen dossiers
	grant                string
}

const everyPart = `"parts": ["reports", "forms", "care-plans"]`

// people are the users that the demo gives tokens. %[1]s is yesterday.
var people = []person{
	{"CLIENT", "client", "the client", []int{0}, `{"role": "client", "state": "accepted", ` + everyPart + `}`},
	{"DAUGHTER", "dochter", "a daughter, who may read reports only", []int{0},
		`{"role": "contact", "state": "accepted", "name": "Een dochter", "parts": ["reports"]}`},
	{"MENTOR", "mentor", "a mentor of two other clients", []int{1, 2},
		`{"role": "representative", "state": "accepted", "name": "Een mentor", ` + everyPart + `}`},
	{"MANAGER", "beheerder", "a son who manages the portal", []int{0},
		`{"role": "representative", "manager": true, "state": "accepted", "name": "Een zoon", ` + everyPart + `}`},
	{"ENDED", "buurman", "a neighbour whose access ended yesterday", []int{0},
		`{"role": "contact", "state": "accepted", "name": "Een buurman", "until": "%[1]s", ` + everyPart + `}`},
}

// chosenClients is how many dossiers the people of the demo have.
const chosenClients = 3

// openDossiers grants dossiers to the people of the demo, prints a guide, and keeps writing
// in those dossiers.
func (d *demo) openDossiers(ctx context.Context, o options, api, ops string, src source) error {
	portal, err := d.token(src.id, "portal", "dossier:grants")
	if err != nil {
		return err
	}
	g := guide{demo: d, api: api, ops: ops, tenant: src.tenant, portal: portal}
	if o.Load != "" || o.Source != nil {
		return g.openFullestDossier(ctx, src)
	}
	clients, err := g.chooseClients(ctx, src)
	if err != nil {
		return err
	}
	for _, p := range people {
		for _, i := range p.clients {
			if i < len(clients) {
				if err := g.grant(ctx, clients[i], p.user, p.grant); err != nil {
					return err
				}
			}
		}
	}
	go keepWriting(ctx, src.url, clients)
	return g.print(people, clients[0],
		"A sync follows every 20 seconds, and each has something new in the dossiers below.")
}

// guide prints the tokens of people, and what to try.
type guide struct {
	*demo
	api, ops string
	tenant   tenant
	portal   string // the portal's own token
}

// chooseClients returns clients with a current care plan whose dossiers the portal shows.
func (g *guide) chooseClients(ctx context.Context, src source) ([]string, error) {
	var found struct {
		Entry []struct {
			Resource struct {
				Subject struct {
					Reference string `json:"reference"`
				} `json:"subject"`
			} `json:"resource"`
		} `json:"entry"`
	}
	err := get(ctx, src.url+"/CarePlan?status=active&_count=100&_sort=-_lastUpdated", "", &found)
	if err != nil {
		return nil, fmt.Errorf("ask the source for clients: %w", err)
	}
	reader, err := g.token(src.id, "demo", "dossier:read")
	if err != nil {
		return nil, err
	}
	var tried, clients []string
	for _, e := range found.Entry {
		_, client, _ := strings.Cut(e.Resource.Subject.Reference, "/")
		if len(clients) == chosenClients || slices.Contains(tried, client) {
			continue
		}
		tried = append(tried, client)
		if err := g.grant(ctx, client, "demo", people[0].grant); err != nil {
			return nil, err
		}
		err := get(ctx, "http://"+g.api+"/v1/dossiers/"+client, reader, &struct{}{})
		switch {
		case err == nil:
			clients = append(clients, client)
		case !errors.Is(err, errNotFound):
			return nil, err
		}
		if err := g.send(ctx, http.MethodDelete, client, "demo", ""); err != nil {
			return nil, err
		}
	}
	if len(clients) == 0 {
		return nil, errors.New("no client of the source has an active care plan; give more --clients or --years")
	}
	return clients, nil
}

// grant stores a grant, as a portal does.
func (g *guide) grant(ctx context.Context, client, user, grant string) error {
	yesterday := time.Now().AddDate(0, 0, -1).Format(time.DateOnly)
	return g.send(ctx, http.MethodPut, client, user, strings.ReplaceAll(grant, "%[1]s", yesterday))
}

func (g *guide) send(ctx context.Context, method, client, user, body string) error {
	req, err := http.NewRequestWithContext(ctx, method,
		"http://"+g.api+"/v1/dossiers/"+client+"/grants/"+user, strings.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Authorization", "Bearer "+g.portal)
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Dossier-Actor", "beheerder")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return fmt.Errorf("grant a dossier: %w", err)
	}
	defer resp.Body.Close()
	if resp.StatusCode/100 != 2 {
		text, _ := io.ReadAll(io.LimitReader(resp.Body, 1000))
		return fmt.Errorf("grant a dossier: %s: %s", resp.Status, text)
	}
	return nil
}

// print writes the people's tokens into a file and prints the guide. client is the dossier of
// the first lines.
func (g *guide) print(list []person, client, news string) error {
	var tokens, table strings.Builder
	fmt.Fprintf(&tokens, "export PORTAL=%s\n", g.portal)
	for _, p := range list {
		token, err := g.token(g.tenant.id, p.user, "dossier:read")
		if err != nil {
			return err
		}
		fmt.Fprintf(&tokens, "export %s=%s\n", p.variable, token)
		fmt.Fprintf(&table, "  $%-9s %s\n", p.variable, p.what)
	}
	file := g.path("people.sh")
	if err := os.WriteFile(file, []byte(tokens.String()), 0o600); err != nil {
		return err
	}
	var calls strings.Builder
	call := func(variable, path string) {
		fmt.Fprintf(&calls, "  curl -sH \"Authorization: Bearer $%s\" 'http://%s%s'\n", variable, g.api, path)
	}
	dossier := "/v1/dossiers/" + client
	call(list[0].variable, "/v1/dossiers")
	call(list[0].variable, dossier+"/timeline?limit=3")
	call(list[0].variable, dossier+"/care-plans?state=current")
	fmt.Fprintf(&calls, "  curl -sH \"Authorization: Bearer $PORTAL\" -H 'Dossier-Actor: beheerder' 'http://%s%s/grants'\n",
		g.api, dossier)
	fmt.Fprintf(g.stdout, `
Everything runs. %[1]s

  portal API  http://%[2]s/           contract: http://%[2]s/openapi.yaml
  console     http://%[3]s/           contract: http://%[3]s/openapi.yaml
  metrics     http://%[3]s/metrics
  logs        %[4]s/*.log

These people have a token for %[5]s, which is valid for 12 hours:

%[6]s  $%-9[7]s the portal itself, which gives and takes grants (scope dossier:grants)

Set the variables, and read a dossier; | jq makes it legible:

  . %[8]s
%[9]s
As the operator:

  bin/dossiersync status --config %[10]s
  bin/dossiersync runs --config %[10]s

Ctrl-C stops everything. --keep goes on from there the next time.
`, news, g.api, g.ops, g.dir, g.tenant.name, table.String(), "PORTAL", file, calls.String(), g.path("dossiersync.yaml"))
	return nil
}
