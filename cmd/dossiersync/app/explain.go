package app

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"dossiersync/config"
	"dossiersync/portalapi"
	"dossiersync/store"
	"dossiersync/store/dossier"
	"dossiersync/sync/fhir"
	"dossiersync/sync/render"
)

// A Resource is a FHIR resource as a file holds it.
type Resource struct {
	File    string
	Raw     []byte
	FullURL string // of an entry of a Bundle
	Line    int    // of what is not JSON among lines that are; 0: of others
}

// Explained is what becomes of one resource under a tenant's rules.
type Explained struct {
	File    string            `json:"file"`
	Type    string            `json:"type"`
	ID      string            `json:"id"`
	Client  string            `json:"client,omitempty"`
	Outcome Outcome           `json:"outcome"`
	Reason  dossier.Reason    `json:"reason,omitempty"`
	Kind    dossier.Kind      `json:"kind,omitempty"` // what it is to a reader
	Part    dossier.Part      `json:"part,omitempty"` // the right that a reader needs
	Why     []string          `json:"why"`            // sentences for people
	Members []dossier.Member  `json:"members"`        // what became of each member
	Words   []dossier.LeftOut `json:"missingWords"`   // places, not accepted, of which some words are not in what is shown
	Card    json.RawMessage   `json:"card"`           // as the portal gets it in a list; null: it does not
	Item    json.RawMessage   `json:"item"`           // as the portal gets it by itself; null: it does not
}

// LeftOut counts the members whose words reach no reader and that are not accepted.
func (e *Explained) LeftOut() (n int) {
	for _, m := range e.Members {
		if _, accepted := dossier.LeftOutReason(m.Place); m.Use == dossier.MemberLeftOut && !accepted {
			n++
		}
	}
	return n
}

// Outcome is what becomes of a resource.
type Outcome string

// The outcomes of Explain: the states of items, and one more.
const (
	OutcomeNotPulled Outcome = "not-pulled" // no search asks for its type
)

// DefaultTenant returns a tenant with the default rules, for files that come without a configuration.
func DefaultTenant() (*config.Tenant, error) {
	const minimal = `
portal_api: {auth: {issuer: "https://localhost", audience: explain, jwks_url: "https://localhost/jwks"}}
tenants: [{id: explain, name: Explain, source: {fhir: {base_url: "http://localhost/fhir"}}}]
`
	cfg, err := ParseConfig("the default rules", []byte(minimal), func(string) (string, bool) { return "", false })
	if err != nil {
		return nil, err
	}
	return &cfg.Tenants[0], nil
}

// ReadResources takes the FHIR resources out of what a file holds: one resource, a Bundle, an array, or
// one a line. What is not JSON comes along as it is, so that it is explained too.
func ReadResources(file string, data []byte) []Resource {
	data = bytes.TrimPrefix(data, []byte("\ufeff"))
	if !json.Valid(data) {
		if list, ok := values(data); ok {
			return readEach(file, list)
		}
		var all []Resource
		n := 0
		for line := range bytes.Lines(data) {
			n++
			line = bytes.TrimSpace(line)
			switch {
			case len(line) == 0:
			case json.Valid(line):
				all = append(all, ReadResources(file, line)...)
			default:
				all = append(all, Resource{File: file, Raw: line, Line: n})
			}
		}
		if len(all) > 1 && !slices.ContainsFunc(all, func(r Resource) bool { return json.Valid(r.Raw) }) {
			return []Resource{{File: file, Raw: data}} // one text in several lines
		}
		if len(all) == 1 {
			all[0].Line = 0
		}
		return all
	}
	var list []json.RawMessage
	if json.Unmarshal(data, &list) == nil {
		return readEach(file, list)
	}
	var b struct {
		ResourceType string
		Entry        []struct {
			FullURL  string
			Resource json.RawMessage
		}
	}
	if json.Unmarshal(data, &b) != nil || b.ResourceType != "Bundle" {
		return []Resource{{File: file, Raw: data}}
	}
	var all []Resource
	for _, e := range b.Entry {
		if e.Resource == nil {
			continue
		}
		if headOf(e.Resource).ResourceType == "Bundle" { // the answer to one request of a batch
			all = append(all, ReadResources(file, e.Resource)...)
			continue
		}
		all = append(all, Resource{File: file, Raw: e.Resource, FullURL: e.FullURL})
	}
	return withIDs(all)
}

func readEach(file string, list []json.RawMessage) []Resource {
	var all []Resource
	for _, one := range list {
		all = append(all, ReadResources(file, one)...)
	}
	return all
}

// values returns the JSON values that stand one after the other in data; ok is false if that is not all.
func values(data []byte) (all []json.RawMessage, ok bool) {
	d := json.NewDecoder(bytes.NewReader(data))
	for {
		var one json.RawMessage
		switch err := d.Decode(&one); {
		case errors.Is(err, io.EOF):
			return all, true
		case err != nil:
			return nil, false
		}
		all = append(all, one)
	}
}

// withIDs does for the entries of a Bundle what a server does that stores them (FHIR R4, http §3.1.0.11.2):
// those that are known by a urn:uuid only get that as their id, and references to it lead to them.
func withIDs(all []Resource) []Resource {
	links := make(map[string][]byte)
	for i := range all {
		uuid, ok := strings.CutPrefix(all[i].FullURL, "urn:uuid:")
		h := headOf(all[i].Raw)
		start := bytes.IndexByte(all[i].Raw, '{')
		if !ok || h.ResourceType == "" || start < 0 {
			continue
		}
		if h.ID == "" {
			h.ID = uuid
			all[i].Raw = slices.Concat(all[i].Raw[:start+1], []byte(`"id":"`+uuid+`",`), all[i].Raw[start+1:])
		}
		links[`"`+all[i].FullURL+`"`] = []byte(`"` + h.ResourceType + "/" + h.ID + `"`)
	}
	if len(links) == 0 {
		return all
	}
	for i := range all {
		all[i].Raw = uuidText.ReplaceAllFunc(all[i].Raw, func(text []byte) []byte {
			if link, ok := links[string(text)]; ok {
				return link
			}
			return text
		})
	}
	return all
}

// uuidText finds the JSON texts that are a urn:uuid.
var uuidText = regexp.MustCompile(`"urn:uuid:[^"\\\s]+"`)

// Explain returns what becomes of the resources under the tenant's rules, in their order. They are mapped,
// judged and rendered as a run would, and resolve each other. It needs no database and no source.
func Explain(t *config.Tenant, resources []Resource) ([]Explained, error) {
	options := sourceOptions(t)
	options.Aliases = append(options.Aliases, bases(resources)...)
	src, err := fhir.New(options)
	if err != nil {
		return nil, err
	}
	x := explainer{tenant: t, src: src, portal: portalTenant(t), around: store.NewAround(t.ID),
		render: render.New(t.ID, t.Location, renderRules(t)), files: make(map[string][]byte),
		clients: make(map[string]*dossier.Item), absent: make(map[string]bool)}
	for _, r := range resources {
		x.read(r)
	}
	x.judge()
	if err := x.renderAll(); err != nil {
		return nil, err
	}
	out := make([]Explained, 0, len(x.all))
	for i := range x.all {
		out = append(out, x.explained(&x.all[i]))
	}
	return out, nil
}

// bases returns the addresses of servers under which the entries of Bundles are.
func bases(resources []Resource) []*url.URL {
	seen := make(map[string]bool)
	var all []*url.URL
	for _, r := range resources {
		h := headOf(r.Raw)
		base, ok := strings.CutSuffix(r.FullURL, "/"+h.ResourceType+"/"+h.ID)
		if u, err := url.Parse(base); ok && err == nil && u.IsAbs() && !seen[base] {
			seen[base] = true
			all = append(all, u)
		}
	}
	return all
}

// head is the part of a resource by which it is judged, for sentences.
type head struct {
	ResourceType      string
	ID                string
	Status            any
	LifecycleStatus   any
	DocStatus         any
	Intent            any
	ImplicitRules     any
	ModifierExtension []struct{ URL string }
	Meta              struct{ Security, Tag []coding }
	SecurityLabel     []struct{ Coding []coding }
}

type coding struct{ System, Code, Display string }

func (c coding) String() string { return strings.TrimPrefix(c.System+"|"+c.Code, "|") }

func headOf(raw []byte) head {
	var h head
	_ = json.Unmarshal(raw, &h) // what is of another kind stays empty
	return h
}

type explainer struct {
	tenant  *config.Tenant
	portal  portalapi.Tenant
	src     *fhir.Source
	render  *render.Renderer
	around  *store.Around
	files   map[string][]byte // Binary resources, by URL
	clients map[string]*dossier.Item
	past    map[dossier.Ref]bool // care plans that others replace
	absent  map[string]bool      // clients that are not among the files
	all     []explaining
}

type explaining struct {
	Resource
	fhir.Explanation
	rendered store.Rendered
	undated  bool // the file has no lastUpdated
	notes    []string
}

func (x *explainer) read(r Resource) {
	e := explaining{Resource: r}
	if raw, ok := withLastUpdated(r.Raw); ok {
		e.Raw, e.undated = raw, true
	}
	if h := headOf(r.Raw); h.ResourceType == "Binary" {
		x.files[x.src.FileURL(h.ID)] = r.Raw
	}
	x.all = append(x.all, e)
}

// withLastUpdated returns raw with the present moment as its lastUpdated, if it has none. Servers add one,
// and a record without any other date is placed by it.
func withLastUpdated(raw []byte) ([]byte, bool) {
	var r struct {
		ResourceType string
		Meta         json.RawMessage
	}
	start := bytes.IndexByte(raw, '{')
	if json.Unmarshal(raw, &r) != nil || r.ResourceType == "" || start < 0 || bytes.Contains(r.Meta, []byte(`"lastUpdated"`)) {
		return nil, false
	}
	member := `"lastUpdated":"` + time.Now().UTC().Format(time.RFC3339) + `"`
	if r.Meta == nil {
		return slices.Concat(raw[:start+1], []byte(`"meta":{`+member+`},`), raw[start+1:]), true
	}
	meta := bytes.Replace(r.Meta, []byte("{"), []byte("{"+member+","), 1)
	if bytes.Equal(bytes.Join(bytes.Fields(r.Meta), nil), []byte("{}")) {
		meta = []byte("{" + member + "}")
	}
	return bytes.Replace(raw, r.Meta, meta, 1), true
}

// judge maps the resources, and hides what the others among them hide.
func (x *explainer) judge() {
	for i := range x.all {
		e := &x.all[i]
		e.Explanation = x.src.MapOffline(e.Raw, x.files)
		if e.Item.Type == "Patient" && e.Item.ID != "" {
			x.clients[e.Item.ID] = &e.Item
		}
	}
	replaced := make(map[dossier.Ref]dossier.Ref)
	x.past = make(map[dossier.Ref]bool)
	known := make(map[dossier.Ref]bool)
	for i := range x.all {
		x.judgeClient(&x.all[i])
		if e := &x.all[i]; known[e.Item.Ref] && e.Item.ID != "" {
			e.notes = append(e.notes, "The files hold this id more than once. A run keeps the newest version; each is explained by itself here.")
		}
		known[x.all[i].Item.Ref] = true
		if p, ok := x.all[i].Item.Content.(*dossier.CarePlan); ok {
			for _, target := range p.Replaces {
				x.past[target] = x.past[target] || target != x.all[i].Item.Ref
			}
		}
		if r, ok := x.all[i].Item.Content.(*dossier.Report); ok {
			for _, target := range r.Replaces {
				replaced[target] = x.all[i].Item.Ref
			}
		}
	}
	for i := range x.all {
		e := &x.all[i]
		by, ok := replaced[e.Item.Ref]
		if ok && e.Item.State == dossier.StateShown {
			e.Item.State, e.Item.Reason, e.Item.Content = dossier.StateHidden, dossier.HiddenSuperseded, nil
			e.notes = append(e.notes, fmt.Sprintf("%s/%s says that it replaces this one.", by.Type, by.ID))
		}
	}
}

// judgeClient hides an item whose client is not shown.
func (x *explainer) judgeClient(e *explaining) {
	it := &e.Item
	if it.Client == "" || it.Type == "Patient" || it.State != dossier.StateShown {
		return
	}
	switch client := x.clients[it.Client]; {
	case client == nil && !x.absent[it.Client]:
		x.absent[it.Client] = true // said once
		e.notes = append(e.notes, fmt.Sprintf(
			"Its client, Patient/%s, is not among the files; what is shown here is so only if that client is shown.", it.Client))
	case client == nil:
	case client.State != dossier.StateShown:
		it.State, it.Reason, it.Content = dossier.StateHidden, dossier.HiddenClientHidden, nil
	default:
		if c, ok := client.Content.(*dossier.Client); ok && c.Deceased {
			e.notes = append(e.notes, "Its client has died: reading ends then, and lists are empty.")
		}
	}
}

// renderAll renders the items. What others are rendered from comes first by the order of streams, and
// again where it names others of its own stream.
func (x *explainer) renderAll() error {
	for range 3 {
		for _, stream := range dossier.Streams() {
			for i := range x.all {
				e := &x.all[i]
				if s, _ := dossier.StreamOf(e.Item.Type); s != stream || e.Item.ID == "" {
					continue
				}
				if err := x.renderOne(e); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

func (x *explainer) renderOne(e *explaining) error {
	it := &e.Item
	if it.State == dossier.StateShown {
		r, err := x.render.Render(it.Ref, it.Content, x.around.Lookup(it.Client))
		if err != nil {
			return fmt.Errorf("%s: show %s/%s: %w", e.File, it.Type, it.ID, err)
		}
		if r.Kind == "" {
			r.Kind = it.Content.Kind()
		}
		e.rendered = r
	}
	x.around.Put(it, e.rendered)
	return nil
}

// explained returns what is said of e.
func (x *explainer) explained(e *explaining) Explained {
	it := &e.Item
	out := Explained{File: e.File, Type: it.Type, ID: it.ID, Client: it.Client, Outcome: Outcome(it.State),
		Reason: it.Reason, Members: e.Members, Words: []dossier.LeftOut{}}
	h := headOf(e.Raw)
	out.Type, out.ID = cmp.Or(out.Type, h.ResourceType), cmp.Or(out.ID, h.ID)
	if _, pulled := dossier.StreamOf(out.Type); !pulled && out.Type != "" {
		out.Outcome, out.Reason, out.Members = OutcomeNotPulled, "", nil
	}
	if it.State == dossier.StateShown {
		out.Kind, out.Part = e.rendered.Kind, e.rendered.Part
		x.shape(e, &out)
	}
	out.Why = append(x.why(e, &out), e.notes...)
	if !json.Valid(e.Raw) || h.ResourceType == "" {
		out.Why = whyNoResource(e)
	}
	if e.undated && time.Since(e.rendered.At).Abs() < time.Hour {
		out.Why = append(out.Why, "It says no date, and the file has no lastUpdated, which a server adds: the present moment stands in for it.")
	}
	if out.Members == nil {
		out.Members = []dossier.Member{}
	}
	return out
}

// readableKinds are the kinds that the portal lists by themselves.
var readableKinds = []dossier.Kind{dossier.KindReport, dossier.KindForm, dossier.KindCarePlan}

// shape sets what the portal gets.
func (x *explainer) shape(e *explaining, out *Explained) {
	r := &e.rendered
	if out.Kind == dossier.KindGoal || slices.Contains(readableKinds, out.Kind) {
		for _, w := range r.MissingWords(e.Item.Words) {
			if _, accepted := dossier.LeftOutReason(w.Place); !accepted && w.Kind == dossier.LeftOutWords {
				out.Words = append(out.Words, w)
			}
		}
	}
	if !slices.Contains(readableKinds, out.Kind) {
		return
	}
	listed := store.Listed{Card: r.Card}
	if r.Open != nil {
		today := dossier.LocalDate(time.Now(), x.tenant.Location)
		open := *r.Open && !x.past[e.Item.Ref] && (r.Ends == "" || r.Ends >= today)
		listed.Open = &open
	}
	out.Card = portalapi.Shape(&listed, out.Kind, x.portal)
	listed.Body, listed.Plan, listed.Goal = r.Body, x.card(r.Plan), x.card(r.Goal)
	out.Item = portalapi.Shape(&listed, out.Kind, x.portal)
}

// card returns the card of the item with the key, if there is one.
func (x *explainer) card(key string) []byte {
	for i := range x.all {
		e := &x.all[i]
		if key != "" && e.Item.State == dossier.StateShown && dossier.Key(x.tenant.ID, e.Item.Ref) == key {
			return e.rendered.Card
		}
	}
	return nil
}
