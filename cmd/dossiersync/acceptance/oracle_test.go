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

// oracle reads what the care record system holds, and returns what readers should see. It is
// a second opinion: it shares only the keys of items with the program, reads FHIR in the
// plainest way that fits what the simulator writes, and returns items as a person reads
// them.
type oracle struct {
	t           *testing.T
	zone        *time.Location
	all         map[string]resource // by Type/id
	unavailable map[string]bool     // keys of items whose file cannot be had: the last good version may be shown
}

// shownDossier is what one client's dossier shows. Items are by key.
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

// resource is a FHIR resource or a part of one.
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

// part returns the object at the path; of a list, its first element.
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

// text returns the text at the path, or a number as it is written.
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

// hasBool reports whether the member is present and v.
func (x resource) hasBool(name string, v bool) bool {
	b, ok := x[name].(bool)
	return ok && b == v
}

// newOracle reads all resources of a source.
func newOracle(t *testing.T, resources map[string][]byte) *oracle {
	t.Helper()
	o := &oracle{t: t, zone: amsterdam(t), all: make(map[string]resource), unavailable: make(map[string]bool)}
	for name, raw := range resources {
		o.all[name] = readResource(t, raw)
	}
	return o
}

// of returns the resources of a type, by key.
func (o *oracle) of(typ string) map[string]resource {
	found := make(map[string]resource)
	for name, x := range o.all {
		if id, ok := strings.CutPrefix(name, typ+"/"); ok {
			found[dossier.Key("amaris", dossier.Ref{Type: typ, ID: id})] = x
		}
	}
	return found
}

// dossiers returns the dossiers that readers may open.
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

// isOpen reports whether readers may open the client's dossier.
func (o *oracle) isOpen(patient resource) bool {
	merged := slices.ContainsFunc(patient.parts("link"),
		func(l resource) bool { return l.text("type") == "replaced-by" })
	return (!patient.hasBool("active", false) || hasDied(patient)) && !merged && isForClients(patient)
}

func hasDied(patient resource) bool {
	return patient.hasBool("deceasedBoolean", true) || patient.text("deceasedDateTime") != ""
}

// isForClients reports whether x is not marked, has no implicitRules, and no modifier
// extension.
func isForClients(x resource) bool {
	labels := x.part("meta").parts("security")
	for _, l := range x.parts("securityLabel") {
		labels = append(labels, l.parts("coding")...)
	}
	marked := slices.ContainsFunc(labels, func(c resource) bool { return c.text("code") == "NOPAT" })
	return !marked && x.text("implicitRules") == "" && !isModified(x)
}

// isModified reports whether there is a modifier extension anywhere in x.
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

// ownerOf returns the dossier of the Patient that a member of x names, or nil.
func ownerOf(clients map[string]*shownDossier, x resource, member string) *shownDossier {
	id, ok := strings.CutPrefix(x.text(member, "reference"), "Patient/")
	if !ok {
		return nil
	}
	return clients[id]
}

// contactView is a contact as a person reads it.
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
