package main

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"os"
)

// sampleList is what the sample portal knows of organisations and people.
type sampleList struct {
	Organisations []sampleOrganisation `json:"organisations"`
	People        []samplePerson       `json:"people"`
}

type sampleOrganisation struct {
	Tenant  string   `json:"tenant"`
	Name    string   `json:"name"`
	Colour  string   `json:"colour"`
	Clients []string `json:"clients"`
}

type samplePerson struct {
	Tenant string `json:"tenant"`
	User   string `json:"user"`
	Name   string `json:"name"`
	What   string `json:"what"`
}

// addTo adds the tenant and its people. A client has the name of the first dossier.
func (g *guide) addTo(ctx context.Context, list *sampleList, people []person, clients []string) error {
	list.Organisations = append(list.Organisations,
		sampleOrganisation{g.tenant.id, g.tenant.name, g.tenant.colour, clients})
	for _, p := range people {
		if p.name == "" {
			token, err := g.token(g.tenant.id, p.user, "dossier:read")
			if err != nil {
				return err
			}
			var start struct {
				Item struct {
					Name string `json:"name"`
				} `json:"item"`
			}
			if err := get(ctx, "http://"+g.api+"/v1/dossiers/"+clients[0], token, &start); err != nil {
				return err
			}
			p.name = cmp.Or(start.Item.Name, p.user)
		}
		list.People = append(list.People, samplePerson{g.tenant.id, p.user, p.name, p.dutch})
	}
	return nil
}

// startPortal starts the sample portal, and returns its address.
func (d *demo) startPortal(
	ctx context.Context, o options, api string, list sampleList,
) (string, <-chan struct{}, error) {
	text, err := json.MarshalIndent(list, "", "  ")
	if err != nil {
		return "", nil, err
	}
	if err := os.WriteFile(d.path("people.json"), text, 0o600); err != nil {
		return "", nil, err
	}
	address := d.listenOn("the sample portal", fmt.Sprintf("127.0.0.1:%d", o.PortalPort))
	ended, err := d.start("portal.log", "demoportal", "--listen", address, "--api", "http://"+api,
		"--people", d.path("people.json"), "--key", d.path("key.pem"), "--issuer", issuer, "--audience", audience)
	if err != nil {
		return "", nil, err
	}
	err = waitFor(ctx, "the sample portal", ended, func() bool { return isReady(ctx, "http://"+address+"/inloggen") })
	if err != nil {
		return "", nil, fmt.Errorf("%w; see %s", err, d.path("portal.log"))
	}
	return address, ended, nil
}
