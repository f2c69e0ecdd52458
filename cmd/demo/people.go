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
	variable, user, name string
	what, dutch          string // who they are, in English and for the sample portal
	clients              []int  // which of the chosen dossiers
	grant                string
}

const everyPart = `"parts": ["reports", "forms", "care-plans"]`

// peopleOf has the users of each tenant. %[1]s is yesterday. A client has the name of the dossier.
var peopleOf = map[string][]person{
	"amaris": {
		{"CLIENT", "client", "", "the client", "cliënt: leest alles en beheert de toegang", []int{0},
			`{"role": "client", "state": "accepted", ` + everyPart + `}`},
		{"DAUGHTER", "dochter", "Sanne de Wit", "a daughter, who may read reports only",
			"dochter: leest alleen de rapportages", []int{0},
			`{"role": "contact", "state": "accepted", "name": "Sanne de Wit", "parts": ["reports"]}`},
		{"MENTOR", "mentor", "Joost Vermeer", "a mentor of two other clients",
			"mentor van twee andere cliënten", []int{1, 2},
			`{"role": "representative", "state": "accepted", "name": "Joost Vermeer", ` + everyPart + `}`},
		{"MANAGER", "beheerder", "Peter de Wit", "a son who manages the portal",
			"zoon: leest alles en beheert de toegang", []int{0},
			`{"role": "representative", "manager": true, "state": "accepted", "name": "Peter de Wit", ` + everyPart + `}`},
		{"ENDED", "buurman", "Henk Jansen", "a neighbour whose access ended yesterday",
			"buurman: zijn toegang is sinds gisteren voorbij", []int{0},
			`{"role": "contact", "state": "accepted", "name": "Henk Jansen", "until": "%[1]s", ` + everyPart + `}`},
	},
	"szr": {
		{"", "client", "", "", "cliënt: leest alles en beheert de toegang", []int{0},
			`{"role": "client", "state": "accepted", ` + everyPart + `}`},
		{"", "nicht", "Fatima Bakkali", "", "nicht: leest de dossiers van twee mensen", []int{0, 1},
			`{"role": "contact", "state": "accepted", "name": "Fatima Bakkali", ` + everyPart + `}`},
	},
}

// chosenClients is how many dossiers the people of the demo have.
const chosenClients = 3

// openDossiers grants dossiers to the people of the demo, starts the sample portal, prints a guide,
// and keeps writing in those dossiers. The channel is closed when the portal ends.
func (d *demo) openDossiers(
	ctx context.Context, o options, api, ops string, sources []source,
) (<-chan struct{}, error) {
	var list sampleList
	var first guide
	var people []person
	var client string
	for i, src := range sources {
		token, err := d.token(src.id, "portal", "dossier:grants")
		if err != nil {
			return nil, err
		}
		g := guide{demo: d, api: api, ops: ops, tenant: src.tenant, portal: token}
		found, clients, err := g.openTenant(ctx, o, src)
		if err != nil {
			return nil, err
		}
		if err := g.addTo(ctx, &list, found, clients); err != nil {
			return nil, err
		}
		if i == 0 {
			first, people = g, found
			client = clients[0]
		}
	}
	address, ended, err := d.startPortal(ctx, o, api, list)
	if err != nil {
		return nil, err
	}
	news := "A sync follows every 20 seconds, and each has something new in the dossiers below."
	if o.Load != "" || o.Source != nil {
		news = "A sync follows every 20 seconds."
	}
	return ended, first.print(people, client, news, address)
}

// openTenant grants dossiers to the people of a tenant, and returns both.
func (g *guide) openTenant(ctx context.Context, o options, src source) ([]person, []string, error) {
	if o.Load != "" || o.Source != nil {
		all, clients, err := g.openFullestDossier(ctx, src)
		if err == nil && len(clients) == 0 {
			err = errors.New("the source has no clients")
		}
		return []person{all}, clients, err
	}
	clients, err := g.chooseClients(ctx, src)
	if err != nil {
		return nil, nil, err
	}
	for _, p := range peopleOf[src.id] {
		for _, i := range p.clients {
			if i < len(clients) {
				if err := g.grant(ctx, clients[i], p); err != nil {
					return nil, nil, err
				}
			}
		}
	}
	go keepWriting(ctx, src.url, clients)
	return peopleOf[src.id], clients, nil
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
		if err := g.grant(ctx, client, person{user: "demo", grant: peopleOf[tenants[0].id][0].grant}); err != nil {
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

// grant stores a person's grant, as a portal does.
func (g *guide) grant(ctx context.Context, client string, p person) error {
	yesterday := time.Now().AddDate(0, 0, -1).Format(time.DateOnly)
	return g.send(ctx, http.MethodPut, client, p.user, strings.ReplaceAll(p.grant, "%[1]s", yesterday))
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
func (g *guide) print(list []person, client, news, portal string) error {
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

  Mijn dossier  http://%[11]s/           a sample portal: choose who you are
  portal API    http://%[2]s/           contract: http://%[2]s/openapi.yaml
  console       http://%[3]s/           contract: http://%[3]s/openapi.yaml
  metrics       http://%[3]s/metrics
  logs          %[4]s/*.log

These people have a token for %[5]s, which is valid for 12 hours:

%[6]s  $%-9[7]s the portal itself, which gives and takes grants (scope dossier:grants)

Set the variables, and read a dossier; | jq makes it legible:

  . %[8]s
%[9]s
As the operator:

  bin/dossiersync status --config %[10]s
  bin/dossiersync runs --config %[10]s

Ctrl-C stops everything. --keep goes on from there the next time.
`, news, g.api, g.ops, g.dir, g.tenant.name, table.String(), "PORTAL", file, calls.String(),
		g.path("dossiersync.yaml"), portal)
	return nil
}
