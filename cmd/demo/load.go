package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
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

// openFullestDossier grants the reader every dossier, and prints a guide to the one with
// the most to read.
func (d *demo) openFullestDossier(ctx context.Context, api, ops string, src source, portal string) error {
	var found struct {
		Entry []struct {
			Resource struct {
				ID string `json:"id"`
			} `json:"resource"`
		} `json:"entry"`
	}
	if err := get(ctx, fmt.Sprintf("%s/Patient?_count=%d", src.url, maxClients), "", &found); err != nil {
		return fmt.Errorf("ask the source for clients: %w", err)
	}
	token, err := d.token(src.id, reader, "dossier:read")
	if err != nil {
		return err
	}
	paths, most := []string{"/v1/dossiers"}, 0
	for _, e := range found.Entry {
		client := e.Resource.ID
		if err := grant(ctx, api, portal, client); err != nil {
			return err
		}
		some, n, err := nonEmptyLists(ctx, api, token, client)
		if err != nil {
			return err
		}
		if n > most {
			paths, most = append([]string{"/v1/dossiers"}, some...), n
		}
	}
	return d.printGuide(api, ops, "A sync follows every 20 seconds.", paths...)
}

// nonEmptyLists returns the paths of the lists of the client's dossier that are not
// empty, and how full the dossier is: first by its parts, then by its items.
func nonEmptyLists(ctx context.Context, api, token, client string) (paths []string, n int, err error) {
	var start struct {
		Item struct {
			Parts []struct {
				Part  string `json:"part"`
				Count int    `json:"count"`
			} `json:"parts"`
		} `json:"item"`
	}
	const perPart = 1_000_000 // more than a part's items
	dossier := "/v1/dossiers/" + client
	err = get(ctx, "http://"+api+dossier, token, &start)
	if errors.Is(err, errNotFound) {
		return nil, 0, nil // out of care, or merged into another
	}
	for _, p := range start.Item.Parts {
		if p.Count > 0 {
			paths = append(paths, dossier+"/"+p.Part+"?limit=3")
			n += p.Count + perPart
		}
	}
	return paths, n, err
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
