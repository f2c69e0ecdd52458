package ops_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"

	"dossiersync/store"

	"golang.org/x/net/html"
)

// Each page, for each kind of user: things that they may not see are absent, actions that they may
// not do are refused, and each page is complete.
func TestEveryPageForEveryUser(t *testing.T) {
	t.Parallel()
	s := newFilledHarness(t)
	for _, run := range []store.Run{s.done, s.running} {
		if _, err := s.Pool().Exec(t.Context(), `INSERT INTO run_left_out (run, place, kind, items) VALUES
			($1, 'Observation.bodySite', 'unread', 2), ($1, 'Observation.note', 'withheld', 1)`, run.ID); err != nil {
			t.Fatal(err)
		}
	}
	item := "/quarantine/" + s.bad
	pages := []struct {
		url            string
		ann, bob, chef int // ann may resync, bob only read szr, chef do everything
	}{
		{"/", 200, 200, 200}, {"/?live=no", 200, 200, 200},
		{"/tenants/szr", 200, 200, 200}, {"/tenants/amaris", 200, 404, 200}, {"/tenants/elders", 404, 404, 404},
		{"/tenants/szr/runs", 200, 200, 200}, {"/tenants/szr/runs?before=2", 200, 200, 200}, {"/tenants/szr/runs?before=x", 400, 400, 400},
		{"/tenants/amaris/runs", 200, 404, 200},
		{runPage(s.done), 200, 200, 200}, {runPage(s.running), 200, 200, 200}, {runPage(s.running) + "?live=no", 200, 200, 200}, {runPage(s.waiting), 200, 200, 200},
		{runPage(s.waiting) + "?told=asked", 200, 200, 200}, {"/runs/999999", 404, 404, 404}, {"/runs/x", 404, 404, 404},
		{"/quarantine", 200, 200, 200}, {"/quarantine?tenant=szr", 200, 200, 200}, {"/quarantine?tenant=amaris", 200, 404, 200}, {"/quarantine?after=x", 400, 400, 400},
		{item, 200, 200, 200}, {"/quarantine/" + url.PathEscape(s.stray), 200, 200, 200}, {"/quarantine/6xE4w6UEAgpxV2HZxJrlAD", 200, 404, 200},
		{"/quarantine/nothing", 404, 404, 404}, {"/quarantine/%00", 404, 404, 404}, {"/quarantine/%ff", 404, 404, 404}, {"/quarantine/%3f%2f", 404, 404, 404}, {item + "/discard", 403, 403, 200},
		{"/tenants/szr/items/k1", 200, 200, 200}, {"/tenants/szr/items/" + s.bad, 200, 200, 200}, {"/tenants/szr/items/nothing", 404, 404, 404},
		{"/tenants/szr/items/%00", 404, 404, 404}, {"/tenants/szr/items/%ff", 404, 404, 404}, {"/tenants/amaris/items/k1", 404, 404, 404},
		{"/tenants/szr/items/k1?x=1", 400, 400, 400}, {"/tenants/szr/items/" + url.PathEscape(s.stray), 200, 200, 200},
		{"/held-removals", 200, 200, 200}, {"/tenants/szr/held/1", 200, 200, 200}, {"/tenants/szr/held/99", 404, 404, 404}, {"/tenants/amaris/held/1", 404, 404, 404},
		{"/tenants/szr/held/x", 404, 404, 404}, {"/tenants/szr/held/1?from=x", 400, 400, 400}, {"/withheld", 200, 200, 200}, {"/withheld?told=withheld", 200, 200, 200},
		{"/tenants/szr/why", 200, 200, 200}, {"/tenants/amaris/why", 200, 404, 200},
		{"/nowhere", 404, 404, 404}, {"/?x=1", 400, 400, 400},
	}
	for user, want := range map[string]func(i int) int{
		"ann":  func(i int) int { return pages[i].ann },
		"bob":  func(i int) int { return pages[i].bob },
		"chef": func(i int) int { return pages[i].chef },
		"":     func(i int) int { return 303 },
		"eve":  func(i int) int { return 403 },
	} {
		v := s.as(user)
		for i, p := range pages {
			w := v.get(p.url)
			if p.url == "/nowhere" { // is nobody's
				if w.Code != 404 {
					t.Errorf("%q: %s is answered with %d", user, p.url, w.Code)
				}
				continue
			}
			if w.Code != want(i) {
				t.Errorf("%q: %s is answered with %d, want %d", user, p.url, w.Code, want(i))
				continue
			}
			if to := w.Header().Get("Location"); w.Code == 303 && !strings.HasPrefix(to, "/login") {
				t.Errorf("%s leads who has not logged in to %s", p.url, to)
			}
			if w.Code != 303 {
				checkPage(t, fmt.Sprintf("%q: %s", user, p.url), w)
			}
			if user == "bob" && strings.Contains(w.Body.String(), "/amaris") {
				t.Errorf("%s leads bob to amaris", p.url)
			}
		}
	}
	v := s.as("ann")
	for _, told := range []*httptest.ResponseRecorder{
		v.post("/tenants/szr/why", url.Values{"client": {"1042"}}), v.post("/tenants/szr/why", url.Values{"client": {"1042"}, "user": {"dochter"}}),
		v.post("/tenants/szr/why", url.Values{"client": {"1043"}, "user": {"vreemde"}}), v.post("/tenants/szr/why", url.Values{"client": {"4711"}}),
		v.post("/tenants/szr/why", url.Values{"client": {"geen id"}}), v.post("/tenants/szr/resync", url.Values{"from": {"gisteren"}}),
		v.post("/login", url.Values{"token": {"nobody's"}}), v.get("/login?next=/quarantine"), s.as("").get("/login"),
	} {
		if told.Code != 303 {
			checkPage(t, fmt.Sprintf("a form, answered with %d", told.Code), told)
		}
	}
}

// checkPage checks that a response is a complete and accessible page without scripts and without
// data of a dossier.
func checkPage(t *testing.T, name string, w *httptest.ResponseRecorder) {
	t.Helper()
	if got := w.Header().Get("Content-Type"); got != "text/html; charset=utf-8" {
		t.Errorf("%s: is %s", name, got)
		return
	}
	for header, want := range map[string]string{
		"Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
		"X-Content-Type-Options":  "nosniff", "Referrer-Policy": "no-referrer", "Cache-Control": "no-store", "X-Frame-Options": "DENY",
	} {
		if got := w.Header().Get(header); got != want {
			t.Errorf("%s: %s is %q", name, header, got)
		}
	}
	body := w.Body.String()
	if strings.Contains(body, marked) {
		t.Errorf("%s: shows what is written in a dossier:\n%s", name, body)
	}
	checkTags(t, name, body)
	root, err := html.Parse(strings.NewReader(body))
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	p := &look{t: t, name: name, ids: map[string]int{}, counts: map[string]int{}, labelled: map[string]bool{}}
	p.walk(root)
	p.conclude()
}

var void = []string{"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"}

// checkTags checks that tags are closed in order, because browsers repair faults in different ways.
func checkTags(t *testing.T, name, body string) {
	t.Helper()
	var open []string
	z := html.NewTokenizer(strings.NewReader(body))
	for {
		switch z.Next() {
		case html.ErrorToken:
			if z.Err() != io.EOF || len(open) > 0 {
				t.Errorf("%s: ends with %v, and %v open", name, z.Err(), open)
			}
			return
		case html.StartTagToken:
			if tag, _ := z.TagName(); !slices.Contains(void, string(tag)) {
				open = append(open, string(tag))
			}
		case html.EndTagToken:
			tag, _ := z.TagName()
			if len(open) == 0 || open[len(open)-1] != string(tag) {
				t.Errorf("%s: </%s> while %v are open", name, tag, open)
				return
			}
			open = open[:len(open)-1]
		}
	}
}

// look has the parts of a page that tests use.
type look struct {
	t        *testing.T
	name     string
	ids      map[string]int
	counts   map[string]int
	inputs   []string
	labelled map[string]bool
	refers   []string
	level    int
}

var words = regexp.MustCompile(`\S`)

func (p *look) walk(n *html.Node) {
	attr := make(map[string]string)
	for _, a := range n.Attr {
		attr[a.Key] = a.Val
		if a.Key == "style" || strings.HasPrefix(a.Key, "on") || strings.HasPrefix(a.Key, "hx-on") || strings.HasPrefix(strings.TrimSpace(a.Val), "javascript:") {
			p.t.Errorf("%s: <%s %s=%q> runs or styles by itself", p.name, n.Data, a.Key, a.Val)
		}
		if a.Key == "id" {
			p.ids[a.Val]++
		}
		if a.Key == "aria-labelledby" || a.Key == "aria-describedby" {
			p.refers = append(p.refers, a.Val)
		}
	}
	if n.Type == html.ElementNode {
		p.counts[n.Data]++
		p.element(n, attr)
	}
	for c := n.FirstChild; c != nil; c = c.NextSibling {
		p.walk(c)
	}
}

func (p *look) element(n *html.Node, attr map[string]string) {
	switch n.Data {
	case "html":
		if attr["lang"] != "en" {
			p.t.Errorf("%s: has lang %q", p.name, attr["lang"])
		}
	case "title", "h1", "h2", "label", "caption", "th", "a", "button":
		if !words.MatchString(textOf(n)) {
			p.t.Errorf("%s: a <%s> is empty", p.name, n.Data)
		}
		if n.Data == "label" {
			p.labelled[attr["for"]] = true
		}
		if n.Data == "th" && attr["scope"] == "" {
			p.t.Errorf("%s: a <th> has no scope", p.name)
		}
		if level := strings.TrimPrefix(n.Data, "h"); len(n.Data) == 2 && level >= "1" && level <= "6" {
			if next := int(level[0] - '0'); next > p.level+1 {
				p.t.Errorf("%s: h%d follows h%d", p.name, next, p.level)
			} else {
				p.level = next
			}
		}
	case "script":
		if attr["src"] == "" || n.FirstChild != nil {
			p.t.Errorf("%s: a script stands in the page", p.name)
		}
	case "style":
		p.t.Errorf("%s: a style stands in the page", p.name)
	case "input", "select", "textarea":
		if attr["type"] != "hidden" {
			p.inputs = append(p.inputs, attr["id"])
		}
	case "progress":
		if attr["aria-label"] == "" {
			p.t.Errorf("%s: a <progress> has no name", p.name)
		}
	case "form":
		if !strings.HasPrefix(attr["action"], "/") || strings.Contains(attr["action"], "?") {
			p.t.Errorf("%s: a form goes to %q", p.name, attr["action"])
		}
	case "table":
		if n.FirstChild == nil || !slices.ContainsFunc(slices.Collect(n.ChildNodes()), func(c *html.Node) bool { return c.Data == "caption" }) {
			p.t.Errorf("%s: a table has no caption", p.name)
		}
	}
}

func (p *look) conclude() {
	for tag, want := range map[string]int{"h1": 1, "main": 1, "title": 1, "header": 1, "footer": 1} {
		if p.counts[tag] != want {
			p.t.Errorf("%s: has %d <%s>", p.name, p.counts[tag], tag)
		}
	}
	for _, id := range p.inputs {
		if id == "" || !p.labelled[id] {
			p.t.Errorf("%s: the input %q has no label", p.name, id)
		}
	}
	for id, n := range p.ids {
		if n > 1 {
			p.t.Errorf("%s: the id %s is there %d times", p.name, id, n)
		}
	}
	for _, id := range p.refers {
		if p.ids[id] == 0 {
			p.t.Errorf("%s: names %s, which is not there", p.name, id)
		}
	}
}

func textOf(n *html.Node) string {
	if n.Type == html.TextNode {
		return n.Data
	}
	var b strings.Builder
	for c := range n.ChildNodes() {
		b.WriteString(textOf(c))
	}
	return b.String()
}

// A button is shown only to users who have its permission.
func TestButtonsNeedTheirPermission(t *testing.T) {
	t.Parallel()
	s := newFilledHarness(t)
	if _, err := s.Pool().Exec(t.Context(), `INSERT INTO quarantine (tenant, key, stream, type, reason, detail)
		VALUES ('szr', '7xE4w6UEAgpxV2HZxJrlAE', 'forms', 'QuestionnaireResponse', 'bad-id', '')`); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ url, action, may string }{
		{"/tenants/szr", `action="/tenants/szr/resync"`, "ann chef"},
		{"/tenants/szr", `action="/tenants/szr/reconcile"`, "ann chef"},
		{"/tenants/szr", `action="/tenants/szr/why"`, "ann bob chef"},
		{runPage(s.running), `/cancel"`, "ann chef"},
		{runPage(s.done), `/cancel"`, ""},
		{"/quarantine/" + s.bad, `/retry"`, "ann chef"},
		{"/quarantine/" + s.bad, `/discard"`, "chef"},
		{"/quarantine/7xE4w6UEAgpxV2HZxJrlAE", `/retry"`, ""}, // has neither id nor bytes
		{"/quarantine/7xE4w6UEAgpxV2HZxJrlAE", "cannot be retried alone", "ann bob chef"},
		{"/quarantine?tenant=szr", `action="/tenants/szr/retry"`, "ann chef"},
		{"/quarantine", "/retry", ""}, // of several, one is to be chosen
		{"/tenants/szr/held/1", `value="approve"`, "chef"},
		{"/withheld", `action="/withheld"`, "chef"},
	} {
		for _, user := range []string{"ann", "bob", "chef"} {
			got := strings.Contains(s.as(user).get(tt.url).Body.String(), tt.action)
			if want := strings.Contains(tt.may, user); got != want {
				t.Errorf("%s on %s is shown to %s: %t, want %t", tt.action, tt.url, user, got, want)
			}
		}
	}
}

func TestPagesShowTheirContent(t *testing.T) {
	t.Parallel()
	s := newFilledHarness(t)
	v := s.as("bob")
	why := v.post("/tenants/szr/why", url.Values{"client": {"1042"}, "user": {"zoon"}}).Body.String()
	for name, tt := range map[string]struct {
		page string
		want []string
	}{
		"overview":   {v.get("/").Body.String(), []string{"1 of 1 organisations needs attention: SZR", "the source cannot be read: search Observation: the circuit is open; tries again at", "No worker is alive.", "stale", "3 items", "412 removals", "running"}},
		"tenant":     {v.get("/tenants/szr").Body.String(), []string{"Stale: two slots were missed", "The source cannot be read: search Observation: the circuit is open; tries again at", "Readers see what they saw before", "removals-held", "The source was restored or replaced", "one client", "missed, there was no run"}},
		"running":    {v.get(runPage(s.running)).Body.String(), []string{"reading reports, stream 2 of 3", "1,202 of 6,000 of reports", "everything anew", "The source cannot be read now: search Observation: the circuit is open; tries again at", "search QuestionnaireResponse: HTTP 500", "has an invalid date", `hx-get="` + runPage(s.running) + `/progress"`}},
		"waiting":    {v.get(runPage(s.waiting)).Body.String(), []string{"waiting for its turn", "everything from the beginning of client 1042"}},
		"done":       {v.get(runPage(s.done)).Body.String(), []string{"partial", "2 items in quarantine"}},
		"quarantine": {v.get("/quarantine").Body.String(), []string{"Observation o3", "has an invalid date", "%3f4xE4w6UEAgpxV2HZxJrlAB"}},
		"item":       {v.get("/quarantine/" + s.bad).Body.String(), []string{"effectiveDateTime", "1042", "only quarantine show --raw prints them"}},
		"stray":      {v.get("/quarantine/" + url.PathEscape(s.stray)).Body.String(), []string{"QuestionnaireResponse without an id", "none, or it could not be read"}},
		"held":       {v.get("/held-removals").Body.String(), []string{"Set 1", "412", "more are missing within a day"}},
		"set":        {v.get("/tenants/szr/held/1").Body.String(), []string{"412 items of 0 clients", "record", "You lack the right approve"}},
		"withheld":   {v.get("/withheld").Body.String(), []string{"Nothing is withheld"}},
		"why":        {why, []string{"this user does not see them: their grant does not count today", "the invitation was not accepted yet", "1 hidden", "This user may not open the dossier"}},
	} {
		page := html.UnescapeString(tt.page)
		for _, want := range tt.want {
			if !strings.Contains(strings.ToLower(page), strings.ToLower(want)) && !strings.Contains(strings.ToLower(plain(tt.page)), strings.ToLower(want)) {
				t.Errorf("%s does not say %q:\n%s", name, want, plain(tt.page))
			}
		}
	}
	// Clients are shown for one item at a time only.
	for _, url := range []string{"/", "/tenants/szr", "/tenants/szr/runs", "/quarantine", "/held-removals"} {
		if page := v.get(url).Body.String(); strings.Contains(page, "1042") || strings.Contains(page, "9999") {
			t.Errorf("%s names a client", url)
		}
	}
}

// plain returns the text of a page, with one space between words.
func plain(page string) string {
	root, err := html.Parse(strings.NewReader(page))
	if err != nil {
		return err.Error()
	}
	return strings.Join(strings.Fields(textOf(root)), " ")
}

func TestRunPageUpdatesUntilTheRunEnds(t *testing.T) {
	t.Parallel()
	s := newFilledHarness(t)
	v := s.as("bob")
	moving := func(id string) string {
		t.Helper()
		w := v.get(id+"/progress", "HX-Request", "true")
		if w.Code != http.StatusOK || strings.Contains(w.Body.String(), "<html") {
			t.Fatalf("the moving part is %d: %s", w.Code, w.Body)
		}
		checkTags(t, "the moving part", w.Body.String())
		return w.Body.String()
	}
	if part := moving(runPage(s.running)); !strings.Contains(part, `hx-trigger="every 2s"`) {
		t.Errorf("the page of a run that is running does not move:\n%s", part)
	}
	if part := moving(runPage(s.done)); strings.Contains(part, "hx-trigger") {
		t.Errorf("the page of a run that has ended moves:\n%s", part)
	}
	if part := v.get("/", "HX-Request", "true").Body.String(); strings.Contains(part, "<html") || !strings.Contains(part, `hx-trigger="every 20s"`) {
		t.Errorf("the moving part of the overview is\n%s", part)
	}
	for _, url := range []string{"/?live=no", runPage(s.running) + "?live=no"} {
		if strings.Contains(v.get(url).Body.String(), "hx-trigger") {
			t.Errorf("%s moves", url)
		}
	}
	// Without a session, the user is redirected to the login page.
	if w := s.as("").get(runPage(s.running)+"/progress", "HX-Request", "true"); w.Code != http.StatusUnauthorized || w.Header().Get("HX-Redirect") != "/login" {
		t.Errorf("without a session the moving part is %d, %v", w.Code, w.Header())
	}
}

func TestAssetNamesChangeWithContent(t *testing.T) {
	t.Parallel()
	s := newFilledHarness(t)
	v := s.as("")
	found := regexp.MustCompile(`/assets/[a-z.]+\.[0-9a-f]{12}\.(css|js|svg)`).FindAllString(v.get("/login").Body.String(), -1)
	if len(found) != 3 {
		t.Fatalf("a page loads %v", found)
	}
	for _, url := range found {
		w := v.get(url)
		if w.Code != http.StatusOK || w.Body.Len() == 0 || !strings.Contains(w.Header().Get("Cache-Control"), "immutable") {
			t.Errorf("%s is %d, %v", url, w.Code, w.Header())
		}
	}
	if w := v.get("/assets/style.css"); w.Code != http.StatusNotFound {
		t.Errorf("a file without its digest is answered with %d", w.Code)
	}
	if w := v.get("/assets/NOTICE"); w.Code != http.StatusNotFound {
		t.Errorf("another file is answered with %d", w.Code)
	}
}
