package acceptance

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"dossiersync/cmd/carerecordsim/simulator"
	"dossiersync/cmd/dossiersync/app"
)

// A textCase is one client with resources as some software writes them, and what a reader of the
// dossier gets of them. In texts {id} stands for the case's id, which is also the client's. An object
// with the one member base64 stands for its text in base64. What resources of a type usually have is
// added where a case does not say it (null: not there).
type textCase struct {
	ID       string            `json:"id"`
	Report   string            `json:"report"`   // the public report, or the kind of fault, that it is after
	Wrong    string            `json:"wrong"`    // what went wrong there, or could
	Expected string            `json:"expected"` // in words
	Mapping  json.RawMessage   `json:"mapping"`  // the tenant's rules
	Patient  bool              `json:"patient"`  // the client is among the resources
	Get      []string          `json:"get"`      // lists of the portal API; each item is read in full as well
	Must     []string          `json:"must"`     // what the answers have
	MustNot  []string          `json:"mustNot"`  // what they do not have
	Rows     map[string]string `json:"rows"`     // state and reason of stored records, by type/id
	Clean    bool              `json:"clean"`    // nothing of the client is in quarantine
	Items    []map[string]any  `json:"resources"`

	tenant, kind string
}

// What is read is what was written: each case of testdata/texts, which holds the inputs of public bug
// reports, and others of their kinds. One sync reads them all.
func TestWhatIsWrittenIsWhatIsRead(t *testing.T) {
	t.Parallel()
	all := readTextCases(t)
	h := newTextHarness(t, all)
	for _, c := range all {
		t.Run(c.kind+"/"+c.ID, func(t *testing.T) { h.wantTextCase(t, c) })
	}
}

func readTextCases(t *testing.T) []*textCase {
	t.Helper()
	files, err := filepath.Glob("testdata/texts/*.json")
	if err != nil || len(files) == 0 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	var all []*textCase
	known := make(map[string]bool)
	for _, name := range files {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		d := json.NewDecoder(bytes.NewReader(b))
		d.UseNumber() // 1.20 is not 1.2
		d.DisallowUnknownFields()
		var cases []*textCase
		if err := d.Decode(&cases); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		for _, c := range cases {
			c.kind = strings.TrimSuffix(filepath.Base(name), ".json")
			if known[c.ID] {
				t.Fatalf("%s: %s is there twice", name, c.ID)
			}
			known[c.ID] = true
		}
		all = append(all, cases...)
	}
	return all
}

// newTextHarness returns a harness that serves the cases, with a tenant for each set of rules.
func newTextHarness(t *testing.T, all []*textCase) *harness {
	t.Helper()
	var tenants []tenant
	byRules := make(map[string]int)
	for _, c := range all {
		i, known := byRules[string(c.Mapping)]
		if !known {
			i = len(tenants)
			byRules[string(c.Mapping)] = i
			one := tenant{id: fmt.Sprintf("t%d", i), name: "Amaris", sim: simulator.New(simulator.Options{})}
			var rules map[string]json.RawMessage
			if c.Mapping != nil {
				if err := json.Unmarshal(c.Mapping, &rules); err != nil {
					t.Fatal(err)
				}
			}
			for _, name := range slices.Sorted(maps.Keys(rules)) {
				one.mapping += fmt.Sprintf("      %s: %s\n", name, rules[name]) // JSON is YAML
			}
			tenants = append(tenants, one)
		}
		c.tenant = tenants[i].id
		for _, raw := range c.resources(t) {
			if _, err := tenants[i].sim.PutAsIs(time.Now().Add(-time.Hour), raw); err != nil {
				t.Fatalf("%s: %v", c.ID, err)
			}
		}
	}
	h := newHarness(t, tenants...)
	for _, tenant := range tenants {
		if code, out, errs := h.runCommand("sync", "--tenant", tenant.id); code != exitDone && code != exitLeftOver {
			t.Fatalf("sync: exit %d\n%s%s", code, out, errs)
		}
	}
	h.serve(app.Portal)
	return h
}

// textCaseDefaults is what resources of a type have unless a case says otherwise.
var textCaseDefaults = map[string]string{
	"Observation": `{"status": "final", "subject": {"reference": "Patient/{id}"}, "effectiveDateTime": "2026-03-03T10:00:00+01:00",
		"code": {"coding": [{"system": "http://snomed.info/sct", "code": "11591000146107"}]}}`,
	"DocumentReference": `{"status": "current", "docStatus": "final", "type": {"text": "Brief"}, "subject": {"reference": "Patient/{id}"},
		"date": "2026-03-03T10:00:00+01:00"}`,
	"Composition": `{"status": "final", "subject": {"reference": "Patient/{id}"}, "date": "2026-03-03T10:00:00+01:00", "title": "Verslag",
		"type": {"coding": [{"system": "http://snomed.info/sct", "code": "11591000146107"}]}}`,
	"CarePlan":      `{"status": "active", "intent": "plan", "subject": {"reference": "Patient/{id}"}, "title": "Zorgleefplan"}`,
	"Goal":          `{"lifecycleStatus": "active", "subject": {"reference": "Patient/{id}"}}`,
	"Questionnaire": `{"status": "active"}`,
	"QuestionnaireResponse": `{"status": "completed", "subject": {"reference": "Patient/{id}"},
		"authored": "2026-03-03T10:00:00+01:00"}`,
	"RelatedPerson": `{"active": true, "patient": {"reference": "Patient/{id}"}}`,
}

// resources returns the case's resources as the source serves them.
func (c *textCase) resources(t *testing.T) [][]byte {
	t.Helper()
	list := c.Items
	if !c.Patient {
		list = append(list, map[string]any{"resourceType": "Patient", "id": c.ID, "active": true,
			"name": []any{map[string]any{"text": "Cliënt " + c.ID}}})
	}
	var all [][]byte
	for i, r := range list {
		typ, _ := r["resourceType"].(string)
		if _, ok := r["id"]; !ok {
			r["id"] = fmt.Sprintf("%s-%d", c.ID, i+1)
		}
		var usual map[string]any
		if text, ok := textCaseDefaults[typ]; ok {
			if err := json.Unmarshal([]byte(text), &usual); err != nil {
				t.Fatal(err)
			}
		}
		for name, v := range usual {
			if given, ok := r[name]; !ok {
				r[name] = v
			} else if given == nil {
				delete(r, name)
			}
		}
		all = append(all, []byte(strings.ReplaceAll(string(encodeText(t, unpackText(r))), "{id}", c.ID)))
	}
	return all
}

// unpackText returns v with base64 for what is to be in base64.
func unpackText(v any) any {
	switch v := v.(type) {
	case map[string]any:
		if s, ok := v["base64"].(string); ok && len(v) == 1 {
			return base64.StdEncoding.EncodeToString([]byte(s))
		}
		for name := range v {
			v[name] = unpackText(v[name])
		}
	case []any:
		for i := range v {
			v[i] = unpackText(v[i])
		}
	}
	return v
}

// encodeText writes v as JSON without escapes for HTML.
func encodeText(t *testing.T, v any) []byte {
	t.Helper()
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		t.Fatal(err)
	}
	return bytes.TrimSpace(b.Bytes())
}

// wantTextCase compares what a reader gets with what the case expects.
func (h *harness) wantTextCase(t *testing.T, c *textCase) {
	t.Helper()
	h.putGrant(h.tenantToken(c.tenant, "portal", "dossier:grants"), c.ID, "dochter", fullGrant)
	reader := h.tenantToken(c.tenant, "dochter", "dossier:read")
	var served strings.Builder
	for _, list := range c.Get {
		served.WriteString(h.servedText(t, reader, c, list))
	}
	answers := served.String()
	for _, s := range c.Must {
		if !strings.Contains(answers, s) {
			t.Errorf("lacks %q", s)
		}
	}
	for _, s := range c.MustNot {
		if strings.Contains(answers, s) {
			t.Errorf("has %q", s)
		}
	}
	for name, want := range c.Rows {
		typ, id, _ := strings.Cut(strings.ReplaceAll(name, "{id}", c.ID), "/")
		got := strings.Join(h.query(`
			SELECT state || coalesce(' ' || reason, '') FROM items WHERE tenant = $1 AND type = $2 AND id = $3
			UNION ALL
			SELECT 'quarantined ' || reason FROM quarantine WHERE tenant = $1 AND type = $2 AND id = $3`,
			c.tenant, typ, id), ", ")
		if got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	if c.Clean {
		for _, s := range h.query(`
			SELECT type || ' ' || reason || ': ' || detail FROM quarantine WHERE tenant = $1 AND id LIKE $2 || '-%'`,
			c.tenant, c.ID) {
			t.Errorf("in quarantine: %s", s)
		}
	}
	if t.Failed() || testing.Verbose() {
		t.Logf("%s\nwrong there: %s\nexpected: %s\nserved: %s", c.Report, c.Wrong, c.Expected, answers)
	}
}

// servedText returns a list of the portal API, and each of its items in full, as text.
func (h *harness) servedText(t *testing.T, reader string, c *textCase, list string) string {
	t.Helper()
	status, body := h.get(reader, "/v1/dossiers/"+c.ID+list)
	if status != http.StatusOK {
		t.Fatalf("%s: %d %s", list, status, body)
	}
	var page struct{ Items []map[string]any }
	if err := json.Unmarshal(body, &page); err != nil {
		t.Fatal(err)
	}
	routes := map[string]string{"report": "reports", "form": "forms", "care-plan": "care-plans"}
	all := []any{page.Items}
	for _, one := range page.Items {
		kind, _ := one["kind"].(string)
		id, _ := one["id"].(string)
		_, body := h.get(reader, "/v1/dossiers/"+c.ID+"/"+routes[kind]+"/"+url.PathEscape(id))
		var full struct{ Item any }
		if err := json.Unmarshal(body, &full); err != nil {
			t.Fatal(err)
		}
		all = append(all, full.Item)
	}
	return string(encodeText(t, all))
}

// A person who is marked later is named no more, whichever way records name the person; one whose
// mark is taken away is named again.
func TestPersonMarkedLaterIsNamedNoMore(t *testing.T) {
	t.Parallel()
	s := newEmptyStory(t, storyOptions{})
	const identifier = `"identifier": [{"system": "http://fhir.nl/fhir/NamingSystem/agb-z", "value": "01001"}]`
	s.put(`{"resourceType": "Patient", "id": "anna", "name": [{"text": "Anna"}]}`)
	s.put(`{"resourceType": "Practitioner", "id": "arts", ` + identifier + `, "name": [{"text": "Kees Jansen"}]}`)
	for i, performer := range []string{
		`{"reference": "Practitioner/arts", "display": "Kees Jansen"}`,
		`{"identifier": {"system": "http://fhir.nl/fhir/NamingSystem/agb-z", "value": "01001"}, "display": "Kees Jansen"}`,
		`{"reference": "Practitioner?identifier=http://fhir.nl/fhir/NamingSystem/agb-z|01001", "display": "Kees Jansen"}`,
		`{"reference": "Practitioner/arts/", "display": "Kees Jansen"}`,
		`{"reference": "#hier"}`,
	} {
		raw := strings.TrimSuffix(dayReportJSON(fmt.Sprint("r", i), "anna", yesterdayNoon, fmt.Sprint("Dag ", i)), "}")
		s.put(raw + `, "performer": [` + performer + `], "contained": [{"resourceType": "Practitioner", "id": "hier", ` + identifier +
			`, "name": [{"text": "Kees Jansen"}]}]}`)
	}
	authors := func() (n int) {
		for _, r := range s.readDossier("anna").Reports {
			if r.Author != "" {
				n++
			}
		}
		return n
	}
	mark := func(security any) {
		if _, err := s.tenant.sim.Update("Practitioner", "arts", func(p map[string]any) {
			p["meta"] = map[string]any{"security": security}
		}); err != nil {
			t.Fatal(err)
		}
	}
	for range 2 {
		mark(nil)
		s.sync()
		s.reconcile()
		if n := authors(); n != 5 {
			t.Errorf("%d of 5 reports name their author", n)
		}
		mark([]any{map[string]any{"code": "NOPAT"}})
		s.sync()
		if n := authors(); n != 0 {
			t.Errorf("%d reports name an author who is hidden", n)
		}
	}
}
