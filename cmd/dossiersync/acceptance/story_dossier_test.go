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

	name         string
	emptyReasons map[string]string // of the empty lists
	incomplete   []string          // lists that say so
	reports      []doc             // as served
	forms        []doc             // as served
	plans        []doc             // as served
	raw          bytes.Buffer      // every answer
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
	Questions                        []string // "Slaapt u? = Ja"; a nested question is indented, below an answer by ">"
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

// str returns a member as a text; null is "".
func (d doc) str(name string) string {
	if d[name] == nil {
		return ""
	}
	return fmt.Sprint(d[name])
}

// in returns a member that is an object or null.
func (d doc) in(name string) doc {
	m, _ := d[name].(map[string]any)
	return m
}

// all returns the objects in a member that is a list.
func (d doc) all(name string) []doc {
	var list []doc
	elements, _ := d[name].([]any)
	for _, e := range elements {
		m, _ := e.(map[string]any)
		list = append(list, m)
	}
	return list
}

// dossierReader reads one dossier into a view, and checks that the answers agree
// with each other.
type dossierReader struct {
	*story
	path string // of the dossier
	view *dossierView
}

// readDossier reads everything in a dossier, once after each run.
func (s *story) readDossier(client string) *dossierView {
	s.t.Helper()
	if v := s.views[client]; v != nil {
		return v
	}
	r := &dossierReader{s, "/v1/dossiers/" + client, &dossierView{emptyReasons: make(map[string]string)}}
	s.views[client] = r.view
	answer := r.fetch(r.path)
	r.noteFreshness("start", answer.in("freshness"))
	start := answer.in("item")
	r.view.name = start.str("name")
	r.readReports()
	r.readForms()
	r.readPlans()
	r.readContacts()
	r.wantTimelineAgrees()
	r.wantCountsAgree(start)
	r.wantFiltersAgree()
	s.wantNoOtherItems(client, slices.Concat(ids(r.view.reports), ids(r.view.forms), ids(r.view.plans))...)
	return r.view
}

func (r *dossierReader) readReports() {
	r.t.Helper()
	r.view.reports = r.list("reports", r.path+"/reports?limit=100")
	for _, d := range r.view.reports {
		r.wantSame("a report in the list and by itself", d, r.fetch(r.path+"/reports/"+d.str("id")).in("item"))
		r.view.Reports = append(r.view.Reports, r.report(d))
	}
}

func (r *dossierReader) readForms() {
	r.t.Helper()
	for _, d := range r.list("forms", r.path+"/forms?limit=100") {
		whole := r.fetch(r.path + "/forms/" + d.str("id")).in("item")
		r.wantSame("a form in the list and by itself", d, withFields(whole, cardFields))
		r.view.forms, r.view.Forms = append(r.view.forms, whole), append(r.view.Forms, r.form(whole))
	}
}

func (r *dossierReader) readPlans() {
	r.t.Helper()
	for _, d := range r.list("care-plans", r.path+"/care-plans?limit=100") {
		whole := r.fetch(r.path + "/care-plans/" + d.str("id")).in("item")
		r.wantSame("a plan in the list and by itself", d, withFields(whole, slices.Collect(maps.Keys(d))))
		r.view.plans, r.view.Plans = append(r.view.plans, whole), append(r.view.Plans, r.plan(whole))
	}
}

func (r *dossierReader) readContacts() {
	r.t.Helper()
	for _, d := range r.list("contacts", r.path+"/contacts") {
		active, _ := d["active"].(bool)
		r.view.Contacts = append(r.view.Contacts, contact{strings.TrimPrefix(d.str("id"), r.client+"-"), d.str("name"),
			d.str("relationship"), d.str("email"), d.str("phone"), active})
	}
}

var cardFields = []string{"id", "kind", "at", "precision", "title", "excerpt", "author", "category", "correctedAt",
	"recordedAt", "kindLabel", "categoryLabel"}

// wantTimelineAgrees checks that the time line has exactly the cards of the
// reports and forms, and that these lists are newest first.
func (r *dossierReader) wantTimelineAgrees() {
	r.t.Helper()
	cards := []doc{}
	for _, d := range slices.Concat(r.view.reports, r.view.forms) {
		cards = append(cards, withFields(d, cardFields))
	}
	line := r.list("timeline", r.path+"/timeline?limit=100")
	for _, list := range [][]doc{r.view.reports, r.view.forms, line} {
		if !slices.IsSortedFunc(list, func(a, b doc) int { return r.moment(b).Compare(r.moment(a)) }) {
			r.t.Errorf("not newest first: %v", list)
		}
	}
	byID := func(a, b doc) int { return strings.Compare(a.str("id"), b.str("id")) }
	r.wantSame("the time line and the lists", slices.SortedFunc(slices.Values(cards), byID),
		slices.SortedFunc(slices.Values(line), byID))
}

// wantCountsAgree checks the counts of the start panel and the densities.
func (r *dossierReader) wantCountsAgree(start doc) {
	r.t.Helper()
	counts := map[string]float64{"reports": float64(len(r.view.Reports)), "forms": float64(len(r.view.Forms)),
		"care-plans": float64(len(r.view.Plans))}
	for _, part := range start.all("parts") {
		r.wantSame("the list and the start panel's count of "+part.str("part"),
			fmt.Sprint(counts[part.str("part")]), part.str("count"))
	}
	for _, by := range []string{"day", "week", "month"} {
		sums := map[string]float64{"reports": 0, "forms": 0}
		for _, d := range r.list("density", r.path+"/timeline/density?by="+by) {
			for part := range sums {
				n, _ := d[part].(float64)
				sums[part] += n
			}
		}
		for part, sum := range sums {
			r.wantSame("the list and the density by "+by+" of "+part, counts[part], sum)
		}
	}
}

// wantFiltersAgree checks that filtered lists have the items with that value.
func (r *dossierReader) wantFiltersAgree() {
	r.t.Helper()
	for _, filter := range []struct {
		all                []doc
		list, field, value string
	}{
		{r.view.reports, "reports", "category", "general"},
		{r.view.reports, "reports", "category", "care-plan"},
		{r.view.plans, "care-plans", "state", "current"},
		{r.view.plans, "care-plans", "state", "expired"},
	} {
		want := slices.DeleteFunc(slices.Clone(filter.all),
			func(d doc) bool { return d.str(filter.field) != filter.value })
		got := r.list("", r.path+"/"+filter.list+"?limit=100&"+filter.field+"="+filter.value)
		r.wantSame(filter.list+" of "+filter.value, ids(want), ids(got))
	}
}

// moment returns the time of a card.
func (r *dossierReader) moment(d doc) time.Time {
	r.t.Helper()
	at, err := time.Parse(time.RFC3339, d.str("at"))
	if err != nil {
		r.t.Error(err)
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

// fetch returns an answer, and adds it to the view's raw text.
func (r *dossierReader) fetch(path string) doc {
	r.t.Helper()
	status, body := r.get(r.readerToken, path)
	if status != http.StatusOK {
		r.t.Fatalf("%s: %d %s", path, status, body)
	}
	r.view.raw.Write(body)
	var d doc
	if err := json.Unmarshal(body, &d); err != nil {
		r.t.Fatal(err)
	}
	return d
}

// list returns the items of all pages of a list. With a name, the freshness is kept
// in the view. A list has a reason if and only if it is empty.
func (r *dossierReader) list(name, path string) []doc {
	r.t.Helper()
	var list []doc
	for path != "" {
		d := r.fetch(path)
		list = append(list, d.all("items")...)
		path = d.in("page").str("next")
		reason := d.in("freshness").str("reason")
		r.noteFreshness(name, d.in("freshness"))
		if (reason == "") != (len(list) > 0) {
			r.t.Errorf("%s has %d items, and the reason %q", name, len(list), reason)
		}
	}
	return list
}

// items returns the items of all pages of a list.
func (s *story) items(path string) []doc {
	s.t.Helper()
	return (&dossierReader{story: s, view: new(dossierView)}).list("", path)
}

// noteFreshness keeps the reason and the incompleteness of a list with a name. The
// state must be fresh, because a run has just ended.
func (r *dossierReader) noteFreshness(name string, freshness doc) {
	r.t.Helper()
	if freshness.str("asOf") == "" || freshness.str("state") != "fresh" || freshness.str("nextSync") == "" {
		r.t.Errorf("%s is as of %q, %s, until %q", name, freshness.str("asOf"), freshness.str("state"),
			freshness.str("nextSync"))
	}
	if name == "" {
		return
	}
	if reason := freshness.str("reason"); reason != "" {
		r.view.emptyReasons[name] = reason
	}
	if freshness["incomplete"] == true && !slices.Contains(r.view.incomplete, name) {
		r.view.incomplete = append(r.view.incomplete, name)
	}
}

func authorLine(d doc) string {
	return strings.Join(slices.DeleteFunc([]string{d.str("name"), d.str("role")},
		func(s string) bool { return s == "" }), ", ")
}

func (r *dossierReader) report(d doc) report {
	x := report{
		ID: r.nameOf(d.str("id")), At: d.str("at"), Precision: d.str("precision"), Title: d.str("title"),
		Author:   authorLine(d.in("author")),
		Category: d.str("category"), CorrectedAt: d.str("correctedAt"), RecordedAt: d.str("recordedAt"),
		Text: d.str("text"),
		Plan: r.link(d.in("plan")), Goal: r.link(d.in("goal")),
	}
	for _, a := range d.all("attachments") {
		x.Attachments = append(x.Attachments, attachmentLine(a))
	}
	return x
}

func attachmentLine(d doc) string {
	return strings.TrimSpace(d.str("title") + " " + d.str("contentType") + " " + d.str("size"))
}

func (r *dossierReader) link(d doc) string {
	return strings.TrimSpace(r.nameOf(d.str("id")) + " " + d.str("title"))
}

func (r *dossierReader) form(d doc) form {
	return form{
		ID: r.nameOf(d.str("id")), At: d.str("at"), Precision: d.str("precision"), Title: d.str("title"),
		Author:      authorLine(d.in("author")),
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

func (r *dossierReader) plan(d doc) plan {
	p := plan{
		ID: r.nameOf(d.str("id")), Title: d.str("title"), State: d.str("state"), Start: d.in("period").str("start"),
		End:    d.in("period").str("end"),
		Author: authorLine(d.in("author")), Description: d.str("description"), Narrative: d.str("narrative"),
		Agreement: strings.TrimSpace(d.in("agreement").str("by") + " " + d.in("agreement").str("at")),
	}
	for _, domain := range d.all("domains") {
		p.Domains = append(p.Domains, domain.str("code"))
		for _, g := range domain.all("goals") {
			p.Domains = append(p.Domains, fmt.Sprintf("  goal %s %s (%s)", r.nameOf(g.str("id")),
				g.str("description"), g.str("status")))
		}
		for _, a := range domain.all("actions") {
			line := fmt.Sprintf("  action %s (%s)", a.str("description"), a.str("status"))
			goals, _ := a["goals"].([]any)
			for _, g := range goals {
				line += " " + r.nameOf(fmt.Sprint(g))
			}
			p.Domains = append(p.Domains, line)
		}
	}
	for _, e := range d.all("evaluations") {
		p.Evaluations = append(p.Evaluations,
			strings.TrimSpace(e.str("at")+" "+e.str("precision")+" "+authorLine(e.in("author")))+": "+e.str("text"))
	}
	return p
}
