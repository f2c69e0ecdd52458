package main

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"dossiersync/store"
	"dossiersync/sync/fhir/simulator/dossiers"
)

// record is what the test reads of a FHIR resource. It is read here once more,
// apart from package fhir: what readers see is compared with what the source
// holds by a second opinion.
type record struct {
	ResourceType string `json:"resourceType"`
	ID           string `json:"id"`
	Meta         struct {
		Security []coding `json:"security"`
		Tag      []coding `json:"tag"`
	} `json:"meta"`
	SecurityLabel []struct {
		Coding []coding `json:"coding"`
	} `json:"securityLabel"`
	Status    string `json:"status"`
	DocStatus string `json:"docStatus"`
	Active    *bool  `json:"active"`
	Deceased  any    `json:"deceasedBoolean"`
	DiedAt    string `json:"deceasedDateTime"`
	Link      []struct {
		Type string `json:"type"`
	} `json:"link"`
	Code struct {
		Coding []coding `json:"coding"`
	} `json:"code"`
	Subject struct {
		Reference string `json:"reference"`
	} `json:"subject"`
	ValueString string           `json:"valueString"`
	BasedOn     []map[string]any `json:"basedOn"`
	Focus       []map[string]any `json:"focus"`
	Content     []struct {
		Attachment struct {
			ContentType string `json:"contentType"`
			Data        string `json:"data"`
			URL         string `json:"url"`
			Size        int    `json:"size"`
		} `json:"attachment"`
	} `json:"content"`
	Period struct {
		End string `json:"end"`
	} `json:"period"`
	Extensions []any `json:"modifierExtension"`
	Context    struct {
		Related []map[string]any `json:"related"`
	} `json:"context"`
}

// category says to which of the two kinds a report belongs.
func (x *record) category() string {
	tagged := slices.ContainsFunc(x.Meta.Tag, func(c coding) bool { return c.Code == "zorgleefplan" })
	if tagged || len(x.BasedOn)+len(x.Focus)+len(x.Context.Related) > 0 {
		return "care-plan"
	}
	return "general"
}

type coding struct {
	System, Code string
}

func (x *record) marked() bool {
	labels := x.Meta.Security
	for _, l := range x.SecurityLabel {
		labels = append(labels, l.Coding...)
	}
	return len(x.Extensions) > 0 || slices.ContainsFunc(labels, func(c coding) bool { return c.Code == "NOPAT" })
}

func (x *record) client() string { return strings.TrimPrefix(x.Subject.Reference, "Patient/") }

// visible says of which clients readers see something.
func visible(p *record) bool {
	replaced := slices.ContainsFunc(p.Link, func(l struct {
		Type string `json:"type"`
	}) bool {
		return l.Type == "replaced-by"
	})
	return (p.Active == nil || *p.Active) && !replaced && !p.marked()
}

// expected returns what readers should see of each living, visible client: every
// report and plan, by key.
func (r *rig) expected() map[string]map[string]string {
	r.t.Helper()
	clients := make(map[string]map[string]string)
	var all []*record
	for name, raw := range r.sim.Resources() {
		typ, _, _ := strings.Cut(name, "/")
		if !slices.Contains([]string{"Patient", "Observation", "DocumentReference", "Composition", "CarePlan"}, typ) {
			continue
		}
		x := new(record)
		if err := json.Unmarshal(raw, x); err != nil {
			r.t.Fatal(err)
		}
		all = append(all, x)
		if x.ResourceType == "Patient" && visible(x) {
			clients[x.ID] = make(map[string]string)
			if x.Deceased == true || x.DiedAt != "" {
				clients[x.ID] = nil // reading has ended
			}
		}
	}
	today := time.Now().In(mustZone(r.t)).Format(time.DateOnly)
	for _, x := range all {
		seen := clients[x.client()]
		if seen == nil || x.marked() {
			continue
		}
		key := store.Key("amaris", store.Ref{Type: x.ResourceType, ID: x.ID})
		switch x.ResourceType {
		case "Observation":
			report := slices.ContainsFunc(x.Code.Coding, func(c coding) bool { return c.Code == "11591000146107" })
			if report && slices.Contains([]string{"final", "amended", "corrected"}, x.Status) {
				seen[key] = x.category() + ": " + words(x.ValueString)
			}
		case "DocumentReference":
			if len(x.Content) == 0 || x.Status != "current" || x.DocStatus == "preliminary" || x.DocStatus == "entered-in-error" {
				continue
			}
			// Content that lies elsewhere, or is not as it should be, is the
			// business of other tests.
			b, err := base64.StdEncoding.DecodeString(x.Content[0].Attachment.Data)
			if err != nil || len(x.Content) != 1 || len(b) != x.Content[0].Attachment.Size || x.Content[0].Attachment.ContentType[:10] != "text/plain" {
				r.apart[key] = true
				continue
			}
			seen[key] = x.category() + ": " + words(string(b))
		case "Composition":
			r.apart[key] = true
		case "CarePlan":
			open := x.Status == "active" || x.Status == "on-hold"
			if open || slices.Contains([]string{"completed", "revoked"}, x.Status) {
				state := "expired"
				if open && (x.Period.End == "" || x.Period.End >= today) {
					state = "current"
				}
				seen[key] = state
			}
		}
	}
	return clients
}

func mustZone(t *testing.T) *time.Location {
	t.Helper()
	zone, err := time.LoadLocation("Europe/Amsterdam")
	if err != nil {
		t.Fatal(err)
	}
	return zone
}

// words folds white space, which the mapping may.
func words(s string) string { return strings.Join(strings.Fields(s), " ") }

// served returns what the portal API serves of each client.
func (r *rig) served(token string, clients []string) map[string]map[string]string {
	r.t.Helper()
	out := make(map[string]map[string]string)
	for _, d := range r.list(token, "/v1/dossiers") {
		out[d.Client] = make(map[string]string)
	}
	for client := range out {
		for _, it := range r.list(token, "/v1/dossiers/"+client+"/reports?limit=100") {
			if !r.apart[it.ID] {
				out[client][it.ID] = it.Category + ": " + words(it.Text)
			}
		}
		for _, it := range r.list(token, "/v1/dossiers/"+client+"/care-plans?limit=100") {
			out[client][it.ID] = it.State
		}
		if len(out[client]) == 0 {
			out[client] = nil
		}
	}
	for _, client := range clients {
		if _, ok := out[client]; ok {
			continue
		}
		if status, body := r.get(token, "/v1/dossiers/"+client+"/reports"); status != http.StatusNotFound {
			r.t.Errorf("client %s is not listed, and answers %d %s", client, status, body)
		}
	}
	return out
}

func TestReplicaEqualsTheSourceAfterEveryChange(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	now := time.Now()
	d, err := dossiers.Generate(dossiers.Options{Clients: 14, Years: 0.2, Seed: 11, Now: now})
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Fill(r.sim); err != nil {
		t.Fatal(err)
	}
	r.sync()
	r.serve()
	portal, reader := r.token("portal", "dossier:grants"), r.token("dochter", "dossier:read")
	var clients []string
	for _, v := range r.sim.List("Patient") {
		clients = append(clients, v.ID)
		r.grant(portal, v.ID, "dochter")
	}
	if diff := cmp.Diff(r.expected(), r.served(reader, clients)); diff != "" {
		t.Fatalf("after the first sync: %s", diff)
	}

	var gone []string
	living := dossiers.NewLiving(d, r.sim, dossiers.LivingOptions{})
	for round := range 3 {
		done := make(map[string]int)
		for range 60 {
			change, err := living.Step()
			if err != nil {
				t.Fatal(err)
			}
			// What is deleted without a trace is found by reconcile only.
			if strings.HasPrefix(change.What, "delete") {
				gone = append(gone, store.Key("amaris", store.Ref{Type: change.Type, ID: change.ID}))
			}
			done[change.What]++
		}
		r.markOne()
		r.moveOne()
		r.sync()
		want, served := r.expected(), r.served(reader, clients)
		for _, seen := range served {
			for _, key := range gone {
				delete(seen, key)
			}
		}
		if diff := cmp.Diff(want, served); diff != "" {
			t.Fatalf("after round %d (%v): %s", round, done, diff)
		}
		t.Logf("round %d: %v", round, done)
	}
}

// markOne marks a report that readers see as not for the client.
func (r *rig) markOne() {
	r.change("Observation", func(x *record) bool { return x.Status == "final" && !x.marked() }, func(x map[string]any) {
		meta, _ := x["meta"].(map[string]any)
		meta["security"] = []any{map[string]any{"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "NOPAT"}}
	})
}

// moveOne moves a report to another client.
func (r *rig) moveOne() {
	r.change("Observation", func(x *record) bool { return x.Status == "final" && x.client() != "100002" }, func(x map[string]any) {
		x["subject"] = map[string]any{"reference": "Patient/100002"}
	})
}

func (r *rig) change(typ string, fits func(*record) bool, change func(map[string]any)) {
	r.t.Helper()
	for _, v := range r.sim.List(typ) {
		x := new(record)
		if err := json.Unmarshal(v.Body, x); err != nil {
			r.t.Fatal(err)
		}
		if fits(x) {
			if _, err := r.sim.Update(typ, v.ID, change); err != nil {
				r.t.Fatal(err)
			}
			return
		}
	}
	r.t.Fatal(fmt.Errorf("no %s fits", typ))
}
