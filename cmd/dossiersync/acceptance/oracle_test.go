package acceptance

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"dossiersync/store/dossier"
)

// The oracle reads what the care record system holds and says what readers are
// to see of it. It is a second opinion: it shares nothing with package fhir and
// package sync but the names of items, reads FHIR in the plainest way that fits
// what the simulator writes, and says of an item what a person would read.
type oracle struct {
	t           *testing.T
	zone        *time.Location
	all         map[string]resource // by Type/id
	unavailable map[string]bool     // keys of items whose content cannot be had: the last good one may be shown
}

// shownDossier is what one client's dossier shows. Items are by their keys.
type shownDossier struct {
	Name     string
	Reports  map[string]reportView
	Forms    map[string]formView
	Plans    map[string]planView
	Contacts map[string]contactView
}

func newShownDossier(name string) *shownDossier {
	return &shownDossier{
		Name: name, Reports: make(map[string]reportView), Forms: make(map[string]formView),
		Plans: make(map[string]planView), Contacts: make(map[string]contactView),
	}
}

// resource is a FHIR resource, or a part of one.
type resource map[string]any

func readResource(t *testing.T, raw []byte) resource {
	t.Helper()
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber() // 1.50 is not 1.5
	var x resource
	if err := d.Decode(&x); err != nil {
		t.Fatal(err)
	}
	return x
}

// part returns the object at the path; of a list the first element.
func (x resource) part(path ...string) resource {
	for _, name := range path {
		switch v := x[name].(type) {
		case map[string]any:
			x = v
		case []any:
			x = nil
			if len(v) > 0 {
				x, _ = v[0].(map[string]any)
			}
		default:
			return nil
		}
	}
	return x
}

// parts returns the objects of a list.
func (x resource) parts(name string) []resource {
	list, _ := x[name].([]any)
	var all []resource
	for _, v := range list {
		one, _ := v.(map[string]any)
		all = append(all, one)
	}
	return all
}

// text returns the text, or the number as it is written, at the path.
func (x resource) text(path ...string) string {
	last := len(path) - 1
	switch v := x.part(path[:last]...)[path[last]].(type) {
	case string:
		return v
	case json.Number:
		return v.String()
	}
	return ""
}

// hasBool reports whether a truth value is there and is v.
func (x resource) hasBool(name string, v bool) bool {
	b, ok := x[name].(bool)
	return ok && b == v
}

// newOracle reads all that the source holds.
func newOracle(t *testing.T, resources map[string][]byte) *oracle {
	t.Helper()
	o := &oracle{t: t, zone: mustZone(t), all: make(map[string]resource), unavailable: make(map[string]bool)}
	for name, raw := range resources {
		o.all[name] = readResource(t, raw)
	}
	return o
}

func mustZone(t *testing.T) *time.Location {
	t.Helper()
	zone, err := time.LoadLocation("Europe/Amsterdam")
	if err != nil {
		t.Fatal(err)
	}
	return zone
}

// of returns the resources of a type by their keys.
func (o *oracle) of(typ string) map[string]resource {
	found := make(map[string]resource)
	for name, x := range o.all {
		if id, ok := strings.CutPrefix(name, typ+"/"); ok {
			found[dossier.Key("amaris", dossier.Ref{Type: typ, ID: id})] = x
		}
	}
	return found
}

// dossiers returns what each client's dossier shows, for all whose dossier can be
// opened.
func (o *oracle) dossiers() map[string]*shownDossier {
	clients := make(map[string]*shownDossier)
	for _, x := range o.of("Patient") {
		if o.isOpen(x) {
			clients[x.text("id")] = newShownDossier(o.name(x))
		}
	}
	living := maps.Clone(clients)
	for _, x := range o.of("Patient") {
		if hasDied(x) {
			delete(living, x.text("id")) // reading has ended
		}
	}
	o.reports(living)
	o.forms(living)
	o.plans(living)
	o.contacts(living)
	return clients
}

// isOpen says of which clients readers see something.
func (o *oracle) isOpen(patient resource) bool {
	merged := slices.ContainsFunc(patient.parts("link"), func(l resource) bool { return l.text("type") == "replaced-by" })
	return (!patient.hasBool("active", false) || hasDied(patient)) && !merged && isForClients(patient)
}

func hasDied(patient resource) bool {
	return patient.hasBool("deceasedBoolean", true) || patient.text("deceasedDateTime") != ""
}

// isForClients reports whether nothing keeps x from the client's eyes.
func isForClients(x resource) bool {
	labels := x.part("meta").parts("security")
	for _, l := range x.parts("securityLabel") {
		labels = append(labels, l.parts("coding")...)
	}
	marked := slices.ContainsFunc(labels, func(c resource) bool { return c.text("code") == "NOPAT" })
	return !marked && x.text("implicitRules") == "" && !isModified(x)
}

// isModified reports whether something somewhere in x changes its meaning.
func isModified(v any) bool {
	switch v := v.(type) {
	case resource:
		return isModified(map[string]any(v))
	case map[string]any:
		if list, ok := v["modifierExtension"].([]any); ok && len(list) > 0 {
			return true
		}
		return slices.ContainsFunc(slices.Collect(maps.Values(v)), isModified)
	case []any:
		return slices.ContainsFunc(v, isModified)
	}
	return false
}

// ownerOf returns the dossier to which x belongs, or nil.
func ownerOf(clients map[string]*shownDossier, x resource, member string) *shownDossier {
	id, ok := strings.CutPrefix(x.text(member, "reference"), "Patient/")
	if !ok {
		return nil
	}
	return clients[id]
}

// contactView is a person around a client.
type contactView struct {
	Name, Relationship, Email, Phone string
	Active                           bool
}

func (o *oracle) contacts(clients map[string]*shownDossier) {
	today := time.Now().In(o.zone).Format(time.DateOnly)
	for _, x := range o.of("RelatedPerson") {
		d := ownerOf(clients, x, "patient")
		if d == nil || !isForClients(x) || o.name(x) == "" {
			continue
		}
		end := x.text("period", "end")
		c := contactView{Name: o.name(x), Active: !x.hasBool("active", false) && (end == "" || end >= today[:len(end)])}
		var relations []string
		for _, r := range x.parts("relationship") {
			relations = append(relations, conceptText(r))
		}
		c.Relationship = strings.Join(relations, ", ")
		for _, p := range x.parts("telecom") {
			switch p.text("system") {
			case "email":
				c.Email = p.text("value")
			case "phone":
				c.Phone = p.text("value")
			}
		}
		d.Contacts[x.text("id")] = c
	}
}
