package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strings"
)

// showEverything makes a tenant pull and show all that can be shown, for resources that
// were not made for the demo.
const showEverything = `        search:
          reports: [Observation, DocumentReference, Composition]
          care-plans: [CarePlan, Provenance, Consent]
    mapping:
      show: {preliminary: true, in-progress: true, stopped: true, superseded: true}
`

// maxClients is the largest number of clients among which the fullest dossier is
// looked for.
const maxClients = 200

// printLoaded prints what the simulator logged about loading the files.
func (d *demo) printLoaded(log string) {
	b, _ := os.ReadFile(d.path(log)) // without it, nothing is printed
	for line := range strings.Lines(string(b)) {
		if strings.HasPrefix(line, "carerecordsim: ") || strings.Contains(line, " resources from ") {
			fmt.Fprint(d.stdout, line)
		}
	}
}

// openFullestDossier grants one person every dossier, and returns that person and the dossiers,
// the one with the most to read first.
func (g *guide) openFullestDossier(ctx context.Context, src source) (person, []string, error) {
	var found struct {
		Entry []struct {
			Resource struct {
				ID string `json:"id"`
			} `json:"resource"`
		} `json:"entry"`
	}
	if err := get(ctx, fmt.Sprintf("%s/Patient?_count=%d", src.url, maxClients), "", &found); err != nil {
		return person{}, nil, fmt.Errorf("ask the source for clients: %w", err)
	}
	all := peopleOf[tenants[0].id][3]
	all.what, all.dutch = "somebody who may read every dossier", "leest alle dossiers"
	token, err := g.token(src.id, all.user, "dossier:read")
	if err != nil {
		return person{}, nil, err
	}
	var clients []string
	most := -1
	for _, e := range found.Entry {
		client := e.Resource.ID
		if err := g.grant(ctx, client, all); err != nil {
			return person{}, nil, err
		}
		n, err := fullness(ctx, g.api, token, client)
		if err != nil {
			return person{}, nil, err
		}
		if n > most {
			most, clients = n, slices.Insert(clients, 0, client)
		} else {
			clients = append(clients, client)
		}
	}
	return all, clients, nil
}

// fullness returns how full the client's dossier is: first by its parts, then by its items.
func fullness(ctx context.Context, api, token, client string) (n int, err error) {
	var start struct {
		Item struct {
			Parts []struct {
				Count int `json:"count"`
			} `json:"parts"`
		} `json:"item"`
	}
	const perPart = 1_000_000 // more than a part's items
	err = get(ctx, "http://"+api+"/v1/dossiers/"+client, token, &start)
	if errors.Is(err, errNotFound) {
		return -1, nil // out of care, or merged into another
	}
	for _, p := range start.Item.Parts {
		if p.Count > 0 {
			n += p.Count + perPart
		}
	}
	return n, err
}

var errNotFound = errors.New("not found")

// get reads the JSON at url into v.
func get(ctx context.Context, url, token string, v any) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	req.Header.Set("Accept", "application/fhir+json, application/json")
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	switch resp.StatusCode {
	case http.StatusOK:
		return json.NewDecoder(resp.Body).Decode(v)
	case http.StatusNotFound:
		return errNotFound
	}
	return fmt.Errorf("GET: %s", resp.Status)
}
