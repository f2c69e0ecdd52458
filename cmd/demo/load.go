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

// everything is what is pulled and shown of resources that somebody else wrote:
// all that can be.
const everything = `        search:
          reports: [Observation, DocumentReference, Composition]
          care-plans: [CarePlan, Provenance, Consent]
    mapping:
      show: {preliminary: true, in-progress: true, stopped: true, superseded: true}
`

// mostClients is of how many clients at most it is found out what there is to
// read.
const mostClients = 200

// tellLoaded prints what the simulator says became of the files.
func (s *stage) tellLoaded(log string) {
	b, _ := os.ReadFile(s.path(log)) // what is missing the summary will miss
	for line := range strings.Lines(string(b)) {
		if strings.HasPrefix(line, "carerecordsim: ") || strings.Contains(line, " resources from ") {
			fmt.Fprint(s.stdout, line)
		}
	}
}

// openFullest lets the reader into every dossier, and introduces the one with the
// most to read.
func (s *stage) openFullest(ctx context.Context, api, ops string, src source, portal string) error {
	var found struct {
		Entry []struct {
			Resource struct {
				ID string `json:"id"`
			} `json:"resource"`
		} `json:"entry"`
	}
	if err := get(ctx, fmt.Sprintf("%s/Patient?_count=%d", src.url, mostClients), "", &found); err != nil {
		return fmt.Errorf("ask the source for clients: %w", err)
	}
	token, err := s.token(src.id, reader, "dossier:read")
	if err != nil {
		return err
	}
	paths, most := []string{"/v1/dossiers"}, 0
	for _, e := range found.Entry {
		client := e.Resource.ID
		if err := grant(ctx, api, portal, client); err != nil {
			return err
		}
		some, n, err := readable(ctx, api, token, client)
		if err != nil {
			return err
		}
		if n > most {
			paths, most = append([]string{"/v1/dossiers"}, some...), n
		}
	}
	return s.introduce(api, ops, "A sync follows every 20 seconds.", paths...)
}

// readable returns the lists of the client's dossier in which there is something,
// and how much that is; a part counts for more than many of one kind.
func readable(ctx context.Context, api, token, client string) (paths []string, n int, err error) {
	var start struct {
		Item struct {
			Parts []struct {
				Part  string `json:"part"`
				Count int    `json:"count"`
			} `json:"parts"`
		} `json:"item"`
	}
	dossier := "/v1/dossiers/" + client
	err = get(ctx, "http://"+api+dossier, token, &start)
	if errors.Is(err, errNotThere) {
		return nil, 0, nil // out of care, or merged into another
	}
	for _, p := range start.Item.Parts {
		if p.Count > 0 {
			paths = append(paths, dossier+"/"+p.Part+"?limit=3")
			n += p.Count + 1_000_000
		}
	}
	return paths, n, err
}

var errNotThere = errors.New("not found")

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
		return errNotThere
	}
	return fmt.Errorf("GET: %s", resp.Status)
}
