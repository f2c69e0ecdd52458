package acceptance

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/google/go-cmp/cmp"
)

// A dossierView is all that the portal API says of one dossier, in a shape that is easy
// to write down. Names stand for ids, and "" for null.
type dossierView struct {
	Reports  []report
	Forms    []form
	Plans    []plan
	Contacts []contact

	name       string
	reasons    map[string]string // by list: why it is empty
	incomplete []string          // lists that say so
	forms      []doc             // as they are
	plans      []doc
	raw        bytes.Buffer // every answer
}

type report struct {
	ID, At, Precision, Title, Author, Category string
	CorrectedAt, RecordedAt                    string
	Text                                       string
	Attachments                                []string // "foto.png image/png 67"
	Plan, Goal                                 string   // "plan Zorgleefplan"
}

type form struct {
	ID, At, Precision, Title, Author string
	CorrectedAt, RecordedAt          string
	Questions                        []string // "Slaapt u? = ja", indented; below an answer with a >
	Score                            string
}

type plan struct {
	ID, Title, State, Start, End, Author string
	Description, Narrative, Agreement    string
	Domains                              []string // "lichamelijk", "  goal doel Veilig lopen (active)", "  action Lopen (in-progress) doel"
	Evaluations                          []string // "2024-11-21T13:00:00+01:00 second Joke: Gaat goed"
}

type contact struct {
	ID, Name, Relationship, Email, Phone string
	Active                               bool
}

// doc is a JSON object.
type doc map[string]any

// str returns the member called name as a text, and null as none.
func (d doc) str(name string) string {
	if d[name] == nil {
		return ""
	}
	return fmt.Sprint(d[name])
}

// in returns the member called name, an object or null.
func (d doc) in(name string) doc {
	m, _ := d[name].(map[string]any)
	return m
}

// all returns the elements of the member called name.
func (d doc) all(name string) []doc {
	var list []doc
	elements, _ := d[name].([]any)
	for _, e := range elements {
		m, _ := e.(map[string]any)
		list = append(list, m)
	}
	return list
}

// readDossier reads everything in a dossier, once after each run, and checks that all of
// it agrees: lists with items, cards with items, counts with both.
func (s *story) readDossier(client string) *dossierView {
	s.t.Helper()
	if v := s.views[client]; v != nil {
		return v
	}
	v := &dossierView{reasons: make(map[string]string)}
	s.views[client] = v
	path := "/v1/dossiers/" + client
	answer := s.fetch(v, path)
	start := answer.in("item")
	v.name = start.str("name")
	s.noteFreshness(v, "start", answer.in("freshness"))
	reports := s.readList(v, "reports", path+"/reports?limit=100")
	for _, d := range reports {
		s.wantSame("a report in the list and by itself", d, s.fetch(v, path+"/reports/"+d.str("id")).in("item"))
		v.Reports = append(v.Reports, s.report(d))
	}
	for _, d := range s.readList(v, "forms", path+"/forms?limit=100") {
		whole := s.fetch(v, path+"/forms/"+d.str("id")).in("item")
		s.wantSame("a form in the list and by itself", d, withFields(whole, cardFields))
		v.forms, v.Forms = append(v.forms, whole), append(v.Forms, s.form(whole))
	}
	for _, d := range s.readList(v, "care-plans", path+"/care-plans?limit=100") {
		whole := s.fetch(v, path+"/care-plans/"+d.str("id")).in("item")
		s.wantSame("a plan in the list and by itself", d, withFields(whole, slices.Collect(maps.Keys(d))))
		v.plans, v.Plans = append(v.plans, whole), append(v.Plans, s.plan(whole))
	}
	for _, d := range s.readList(v, "contacts", path+"/contacts") {
		active, _ := d["active"].(bool)
		v.Contacts = append(v.Contacts, contact{strings.TrimPrefix(d.str("id"), s.client+"-"), d.str("name"),
			d.str("relationship"), d.str("email"), d.str("phone"), active})
	}
	s.wantListsAgree(v, path, start, reports)
	return v
}

var cardFields = []string{"id", "kind", "at", "precision", "title", "excerpt", "author", "category", "correctedAt", "recordedAt"}

// wantListsAgree checks what else the API says of the items against the lists.
func (s *story) wantListsAgree(v *dossierView, path string, start doc, reports []doc) {
	s.t.Helper()
	cards := []doc{}
	for _, d := range slices.Concat(reports, v.forms) {
		cards = append(cards, withFields(d, cardFields))
	}
	line := s.readList(v, "timeline", path+"/timeline?limit=100")
	for _, list := range [][]doc{reports, v.forms, line} {
		if !slices.IsSortedFunc(list, func(a, b doc) int { return s.moment(b).Compare(s.moment(a)) }) {
			s.t.Errorf("not the newest first: %v", list)
		}
	}
	byID := func(a, b doc) int { return strings.Compare(a.str("id"), b.str("id")) }
	s.wantSame("the time line and the lists", slices.SortedFunc(slices.Values(cards), byID), slices.SortedFunc(slices.Values(line), byID))
	counts := map[string]int{"reports": len(v.Reports), "forms": len(v.Forms), "care-plans": len(v.Plans)}
	for _, part := range start.all("parts") {
		s.wantSame("the start panel's count and the list of "+part.str("part"), fmt.Sprint(counts[part.str("part")]), part.str("count"))
	}
	for _, by := range []string{"day", "week", "month"} {
		sums := map[string]float64{"reports": 0, "forms": 0}
		for _, d := range s.readList(v, "density", path+"/timeline/density?by="+by) {
			for part := range sums {
				n, _ := d[part].(float64)
				sums[part] += n
			}
		}
		s.wantSame("the density by "+by+" and the lists", map[string]float64{"reports": float64(len(v.Reports)), "forms": float64(len(v.Forms))}, sums)
	}
	filtered := func(list []doc, field string, values ...string) {
		for _, value := range values {
			of := slices.DeleteFunc(slices.Clone(list), func(d doc) bool { return d.str(field) != value })
			name := map[string]string{"category": "reports", "state": "care-plans"}[field]
			s.wantSame("those of "+value, ids(of), ids(s.readList(v, "", path+"/"+name+"?limit=100&"+field+"="+value)))
		}
	}
	filtered(reports, "category", "general", "care-plan")
	filtered(v.plans, "state", "current", "expired")
	s.wantNoOtherItems(strings.TrimPrefix(path, "/v1/dossiers/"), slices.Concat(ids(reports), ids(v.forms), ids(v.plans))...)
}

// moment returns the moment of a card.
func (s *story) moment(d doc) time.Time {
	s.t.Helper()
	at, err := time.Parse(time.RFC3339, d.str("at"))
	if err != nil {
		s.t.Error(err)
	}
	return at
}

func ids(list []doc) []string {
	all := []string{}
	for _, d := range list {
		all = append(all, d.str("id"))
	}
	return all
}

func withFields(d doc, fields []string) doc {
	part := doc{}
	for _, f := range fields {
		part[f] = d[f]
	}
	return part
}

func (s *story) wantSame(what string, a, b any) {
	s.t.Helper()
	if diff := cmp.Diff(a, b); diff != "" {
		s.t.Errorf("%s differ:\n%s", what, diff)
	}
}

// fetch returns an answer, as part of the view.
func (s *story) fetch(v *dossierView, path string) doc {
	s.t.Helper()
	status, body := s.get(s.readerToken, path)
	if status != http.StatusOK {
		s.t.Fatalf("%s: %d %s", path, status, body)
	}
	v.raw.Write(body)
	var d doc
	if err := json.Unmarshal(body, &d); err != nil {
		s.t.Fatal(err)
	}
	return d
}

// readList returns all of a list, and notes what it says of itself.
func (s *story) readList(v *dossierView, name, path string) []doc {
	s.t.Helper()
	var list []doc
	for path != "" {
		d := s.fetch(v, path)
		list = append(list, d.all("items")...)
		path = d.in("page").str("next")
		reason := d.in("freshness").str("reason")
		s.noteFreshness(v, name, d.in("freshness"))
		if (reason == "") != (len(list) > 0) {
			s.t.Errorf("%s has %d items, and the reason %q", name, len(list), reason)
		}
	}
	return list
}

// noteFreshness keeps what the list called name, if it is, says of itself. All that was
// written has just been synchronised.
func (s *story) noteFreshness(v *dossierView, name string, freshness doc) {
	s.t.Helper()
	if freshness.str("asOf") == "" || freshness.str("state") != "fresh" || freshness.str("nextSync") == "" {
		s.t.Errorf("%s is as of %q, %s, until %q", name, freshness.str("asOf"), freshness.str("state"), freshness.str("nextSync"))
	}
	if reason := freshness.str("reason"); name != "" && reason != "" {
		v.reasons[name] = reason
	}
	if name != "" && freshness["incomplete"] == true && !slices.Contains(v.incomplete, name) {
		v.incomplete = append(v.incomplete, name)
	}
}

// nameOf returns what the story calls the item that readers know by id.
func (s *story) nameOf(id string) string {
	if ref, ok := s.names[id]; ok {
		return ref.ID
	}
	return id
}

func authorLine(d doc) string {
	return strings.Join(slices.DeleteFunc([]string{d.str("name"), d.str("role")}, func(s string) bool { return s == "" }), ", ")
}

func (s *story) report(d doc) report {
	r := report{
		ID: s.nameOf(d.str("id")), At: d.str("at"), Precision: d.str("precision"), Title: d.str("title"), Author: authorLine(d.in("author")),
		Category: d.str("category"), CorrectedAt: d.str("correctedAt"), RecordedAt: d.str("recordedAt"), Text: d.str("text"),
		Plan: s.link(d.in("plan")), Goal: s.link(d.in("goal")),
	}
	for _, a := range d.all("attachments") {
		r.Attachments = append(r.Attachments, attachmentLine(a))
	}
	return r
}

func attachmentLine(d doc) string {
	return strings.TrimSpace(d.str("title") + " " + d.str("contentType") + " " + d.str("size"))
}

func (s *story) link(d doc) string {
	return strings.TrimSpace(s.nameOf(d.str("id")) + " " + d.str("title"))
}

func (s *story) form(d doc) form {
	return form{
		ID: s.nameOf(d.str("id")), At: d.str("at"), Precision: d.str("precision"), Title: d.str("title"), Author: authorLine(d.in("author")),
		CorrectedAt: d.str("correctedAt"), RecordedAt: d.str("recordedAt"),
		Questions: questionLines(nil, "", d.all("questions")), Score: d.str("score"),
	}
}

func questionLines(lines []string, indent string, list []doc) []string {
	for _, q := range list {
		line, below := indent+q.str("label"), []doc{}
		for i, a := range q.all("answers") {
			line += []string{" = ", " | "}[min(i, 1)] + a.str("display")
			below = append(below, a.all("questions")...)
		}
		lines = questionLines(append(lines, line), indent+"> ", below)
		lines = questionLines(lines, indent+"  ", q.all("questions"))
	}
	return lines
}

func (s *story) plan(d doc) plan {
	p := plan{
		ID: s.nameOf(d.str("id")), Title: d.str("title"), State: d.str("state"), Start: d.in("period").str("start"), End: d.in("period").str("end"),
		Author: authorLine(d.in("author")), Description: d.str("description"), Narrative: d.str("narrative"),
		Agreement: strings.TrimSpace(d.in("agreement").str("by") + " " + d.in("agreement").str("at")),
	}
	for _, domain := range d.all("domains") {
		p.Domains = append(p.Domains, domain.str("code"))
		for _, g := range domain.all("goals") {
			p.Domains = append(p.Domains, fmt.Sprintf("  goal %s %s (%s)", s.nameOf(g.str("id")), g.str("description"), g.str("status")))
		}
		for _, a := range domain.all("actions") {
			line := fmt.Sprintf("  action %s (%s)", a.str("description"), a.str("status"))
			goals, _ := a["goals"].([]any)
			for _, g := range goals {
				line += " " + s.nameOf(fmt.Sprint(g))
			}
			p.Domains = append(p.Domains, line)
		}
	}
	for _, e := range d.all("evaluations") {
		p.Evaluations = append(p.Evaluations, strings.TrimSpace(e.str("at")+" "+e.str("precision")+" "+authorLine(e.in("author")))+": "+e.str("text"))
	}
	return p
}
