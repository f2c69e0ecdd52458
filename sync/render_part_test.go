package sync_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"dossiersync/store"
	"dossiersync/store/dossier"
	"dossiersync/sync/source"
)

// Case 46: readers see a plan that the source keeps as many CarePlans as one plan, with the content
// of all.
func TestCase46ManyCarePlansAreOnePlan(t *testing.T) {
	t.Parallel()
	note := func(minute int, text string) dossier.Note {
		return dossier.Note{At: dossier.Moment{Time: at(minute), Precision: dossier.PrecisionSecond}, Text: text}
	}
	goalIn := func(id, description string, domain dossier.Domain) dossier.Item {
		return record(goals, id, "a", 2, &dossier.Goal{Description: description, Domain: domain, Status: "active"})
	}
	to := func(id string) dossier.Ref { return dossier.Ref{Type: goals.Name, ID: id} }
	physical, home := dossier.Domain{Code: "lichamelijk", Name: "Lichamelijk"},
		dossier.Domain{Code: "wonen", Name: "Wonen"}
	f, h := newPlansHarness(t, client("a", 1), nurse("n1", "Fatima de Wit", 1),
		goalIn("g1", "Veilig lopen", physical), goalIn("g2", "Goed eten", physical), goalIn("g3", "Eigen kamer", home),
		planOf("p", 3, func(p *dossier.CarePlan) {
			p.Title, p.Description, p.Addresses = "Zorgleefplan", "Samen gemaakt.", []string{"Valrisico"}
			p.Goals = []dossier.Ref{to("g1")}
			p.Actions = []dossier.Action{{Description: "Dagelijks wandelen", Status: "in-progress",
				Goals: []dossier.Ref{to("g1")}}}
			p.Evaluations, p.Notes = []dossier.Evaluation{{Note: note(10, "tweede")}},
				[]dossier.Note{note(40, "van het geheel")}
		}),
		planOf("eten", 3, withPartOf("p"), func(p *dossier.CarePlan) {
			p.Title, p.Description, p.At, p.Status = "Dieet", "Zonder zout.", beginsOn(1), "on-hold"
			p.Goals, p.Notes = []dossier.Ref{to("g1"), to("g2")},
				[]dossier.Note{note(50, "van het eten"), {Text: "zonder datum"}}
			p.Addresses, p.Narrative = []string{"Valrisico", "Ondergewicht"}, "Elke dag wegen."
			p.Team = []dossier.Party{{Ref: dossier.Ref{Type: practitioners.Name, ID: "n1"}}}
		}),
		planOf("wonen", 3, withPartOf("p"), func(p *dossier.CarePlan) {
			p.Title, p.At, p.Goals, p.Notes = "Eigen kamer", beginsOn(2), []dossier.Ref{to("g3")}, nil
			p.Evaluations = []dossier.Evaluation{{Note: note(20, "eerste")}, {Note: note(5, "derde")}}
			p.Team = []dossier.Party{{Ref: dossier.Ref{Type: practitioners.Name, ID: "n1"}}, {Display: "Jan"}}
		}),
		planOf("los", 3, withPartOf("eten"), func(p *dossier.CarePlan) {
			p.Title, p.Description, p.Notes = "", "Bijvoeding", nil
		}))
	h.wantSync(store.OutcomeComplete, store.Scope{})
	list := h.listPlans("a")
	if len(list) != 1 {
		t.Fatalf("%d plans are listed, want 1", len(list))
	}
	key := func(id string) string { return dossier.Key(tenant, to(id)) }
	const none = `"achievement":null,"start":null,"targets":[],"notes":[],` +
		`"statusLabel":"active","achievementLabel":null,"statusReason":null,"expressedBy":null,"evaluations":[]`
	const bare = `"statusLabel":"in-progress","timing":null,"performer":[],"product":null,"amount":null,"location":null,` +
		`"reason":null,"evaluations":[]}`
	const about = `,"goals":[],"action":null}`
	action := func(plan, place string) string {
		return `{"id":"` + dossier.Key(tenant, dossier.Ref{Type: carePlans.Name + "#action", ID: plan + "#" + place}) + `",`
	}
	goalJSON := func(id, description string) string {
		return `{"id":"` + key(id) + `","description":"` + description + `","status":"active",` + none + `}`
	}
	day := func(clock string) string {
		return `"at":"2026-01-01T` + clock + `:00+01:00","precision":"second","author":null,`
	}
	want := `{"description":"Samen gemaakt.\n\nDieet\nZonder zout.","addresses":["Valrisico","Ondergewicht"],` +
		`"team":[{"name":"Fatima de Wit","role":"verpleegkundige"},{"name":"Jan","role":null}],"domains":[` +
		`{"code":"lichamelijk","name":"Lichamelijk","goals":[` + goalJSON("g1", "Veilig lopen") + `,` +
		goalJSON("g2", "Goed eten") + `],` +
		`"actions":[` + action("p", "1") + `"description":"Dagelijks wandelen","status":"in-progress",` +
		`"goals":["` + key("g1") + `"],` + bare + `]},` +
		`{"code":"wonen","name":"Wonen","goals":[` + goalJSON("g3", "Eigen kamer") + `],"actions":[]},` +
		`{"code":null,"name":null,"goals":[],` +
		`"actions":[` + action("los", "0") + `"description":"Bijvoeding","status":"in-progress","goals":[],` +
		bare + `]}],` +
		`"evaluations":[{` + day("01:20") + `"text":"eerste"` + about + `,{` + day("01:10") + `"text":"tweede"` +
		about + `,{` + day("01:05") + `"text":"derde"` + about + `],` +
		`"notes":[{` + day("01:50") + `"text":"van het eten"},{` + day("01:40") + `"text":"van het geheel"},` +
		`{"at":null,"precision":null,"author":null,"text":"zonder datum"}],` +
		`"agreement":null,"narrative":"Dieet\nElke dag wegen."}`
	if diff := cmp.Diff(want, string(list[0].Body)); diff != "" {
		t.Error(diff)
	}
	// A part without actions is shown as an action itself.
	h.changeAndSync(f, hidden(planOf("los", 0)))
	p := h.servedPlans("a")[0]
	if a := p.Domains[0].Actions; len(a) != 2 || a[1].Description != "Dieet" || *a[1].Status != "on-hold" ||
		!cmp.Equal(a[1].Goals, []string{key("g1"), key("g2")}) {
		t.Errorf("actions %+v", a)
	}
}

func TestPlanPartsFollowEveryChange(t *testing.T) {
	t.Parallel()
	before := []dossier.Item{planOf("p", 2), planOf("q", 2, withPartOf("p")), planOf("r", 2, withPartOf("q")),
		planOf("s", 2)}
	for _, tc := range []struct {
		name   string
		before []dossier.Item // additional records at first
		change []dossier.Item
		want   string // client a's plans
		ofB    string
	}{
		{"nothing changes", nil, nil, "Plan p: p q r, Plan s: s", ""},
		{"the whole is hidden", nil, []dossier.Item{hidden(before[0])}, "Plan q: q r, Plan s: s", ""},
		{"the whole belongs to another client", nil, []dossier.Item{movedTo("b", planOf("p", 0))},
			"Plan q: q r, Plan s: s", "Plan p: p"},
		{"a part belongs to another client", nil, []dossier.Item{movedTo("b", planOf("q", 0, withPartOf("p")))},
			"Plan p: p, Plan r: r, Plan s: s", "Plan q: q"},
		{"all belong to another client", nil,
			[]dossier.Item{movedTo("b", planOf("p", 0)), movedTo("b", planOf("q", 0, withPartOf("p"))),
				movedTo("b", planOf("r", 0, withPartOf("q")))},
			"Plan s: s", "Plan p: p q r"},
		{"a part is withdrawn", nil, []dossier.Item{withdrawn(before[1])}, "Plan p: p, Plan r: r, Plan s: s", ""},
		{"a part of a part is hidden", nil, []dossier.Item{hidden(before[2])}, "Plan p: p q, Plan s: s", ""},
		{"a part is unreadable", nil, []dossier.Item{unreadable(before[1], 0, false)},
			"Plan p: p, Plan r: r, Plan s: s", ""},
		{"a part stands on its own", nil, []dossier.Item{planOf("q", 0)}, "Plan p: p, Plan q: q r, Plan s: s", ""},
		{"a part goes elsewhere", nil, []dossier.Item{planOf("q", 0, withPartOf("s"))}, "Plan p: p, Plan s: s q r", ""},
		{"a part says something else", nil, []dossier.Item{planOf("r", 0, withPartOf("q"),
			func(p *dossier.CarePlan) { p.Notes[0].Text = "R" })}, "Plan p: p q R, Plan s: s", ""},
		{"the whole becomes a part", nil, []dossier.Item{planOf("p", 0, withPartOf("s"))}, "Plan s: s p q r", ""},
		{"the whole is completed, its parts are not", nil, []dossier.Item{planOf("p", 0, withCompleted)},
			"Plan p: p, Plan q: q r, Plan s: s", ""},
		{"all are completed", nil, []dossier.Item{planOf("p", 0, withCompleted),
			planOf("q", 0, withPartOf("p"), withCompleted), planOf("r", 0, withPartOf("q"), withCompleted)},
			"Plan p: p q r, Plan s: s", ""},
		{"a part is completed, its own part is not", nil,
			[]dossier.Item{planOf("q", 0, withPartOf("p"), withCompleted)}, "Plan p: p q, Plan r: r, Plan s: s", ""},
		{"a part is replaced", nil, []dossier.Item{planOf("r2", 0, withPartOf("q"), withReplaces("r"))},
			"Plan p: p q r2, Plan r: r, Plan s: s", ""},
		{"the replacement of a part is hidden", []dossier.Item{planOf("r2", 2, withPartOf("q"), withReplaces("r"))},
			[]dossier.Item{hidden(planOf("r2", 0))},
			"Plan p: p q r, Plan s: s", ""},
		{"the whole is replaced", nil, []dossier.Item{planOf("p2", 0, withReplaces("p"))},
			"Plan p2: p2, Plan p: p, Plan q: q r, Plan s: s", ""},
		{"all are replaced", nil, []dossier.Item{planOf("p2", 0, withReplaces("p")),
			planOf("q2", 0, withPartOf("p2"), withReplaces("q")), planOf("r2", 0, withPartOf("q2"), withReplaces("r"))},
			"Plan p2: p2 q2 r2, Plan p: p q r, Plan s: s", ""},
		{"the whole ends before a part begins", nil, []dossier.Item{planOf("p", 0, withEnd("2026-01-02")),
			planOf("q", 0, withPartOf("p"), withStart(2)), planOf("r", 0, withPartOf("p"), withStart(1))},
			"Plan p: p r, Plan q: q, Plan s: s", ""},
		{"the parts end before the whole", nil,
			[]dossier.Item{planOf("p", 0, withEnd("2026-01-04")),
				planOf("q", 0, withPartOf("p"), withStart(1), withEnd("2026-01-03"))},
			"Plan p: p q r, Plan s: s", ""},
		{"two plans name each other", nil, []dossier.Item{planOf("s", 0, withPartOf("s2")),
			planOf("s2", 0, withPartOf("s"))}, "Plan p: p q r, Plan s: s s2", ""},
		{"a plan names itself", nil, []dossier.Item{planOf("s", 0, withPartOf("s"))}, "Plan p: p q r, Plan s: s", ""},
		{"a circle is broken up", []dossier.Item{planOf("s2", 2, withPartOf("s3")), planOf("s3", 2, withPartOf("s4")),
			planOf("s4", 2, withPartOf("s2"))},
			[]dossier.Item{planOf("s4", 0)}, "Plan p: p q r, Plan s4: s4 s3 s2, Plan s: s", ""},
		{"only the second plan named exists", nil, []dossier.Item{planOf("q", 0, withPartOf("nowhere", "s"))},
			"Plan p: p, Plan s: s q r", ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			f, h := newPlansHarness(t, client("a", 1), client("b", 1))
			f.put(before...)
			f.put(tc.before...)
			h.wantSync(store.OutcomeComplete, store.Scope{})
			for i := range tc.change {
				tc.change[i].Updated = at(13 * 60)
			}
			f.put(tc.change...)
			f.advance(4 * time.Hour)
			h.sync(store.Scope{})
			if got := h.planNotes("a"); got != tc.want {
				t.Errorf("a has %s, want %s", got, tc.want)
			}
			if got := h.planNotes("b"); got != tc.ofB {
				t.Errorf("b has %s, want %s", got, tc.ofB)
			}
			if got := h.queryText(`SELECT count(*)::text FROM stale`); got != "0" {
				t.Errorf("%s items are still to be rendered again", got)
			}
		})
	}
}

// I6: a hidden goal or part leaves the plan at once, also if the run fails later.
func TestHiddenPartLeavesThePlanInAFailedRun(t *testing.T) {
	t.Parallel()
	f, h := newPlansHarness(t, client("a", 1), goal("g", "a", "geheim doel", 2),
		planOf("p", 2), planOf("q", 2, withPartOf("p"),
			func(p *dossier.CarePlan) { p.Goals = []dossier.Ref{{Type: goals.Name, ID: "g"}} }))
	h.wantSync(store.OutcomeComplete, store.Scope{})
	goalsOf := func() (n int) {
		for _, p := range h.servedPlans("a") {
			for _, d := range p.Domains {
				n += len(d.Goals)
			}
		}
		return n
	}
	if h.planNotes("a") != "Plan p: p q" || goalsOf() != 1 {
		t.Fatalf("at first: %s, %d goals", h.planNotes("a"), goalsOf())
	}
	f.script = func(a request) error {
		if a.of(observations) {
			return failure(source.BreakerOpen, 0)
		}
		return nil
	}
	f.put(hidden(record(goals, "g", "a", 13*60, nil)))
	f.advance(4 * time.Hour)
	h.wantSync(store.OutcomeFailed, store.Scope{})
	if got := goalsOf(); got != 0 {
		t.Errorf("%d goals are shown", got)
	}
	f.put(hidden(record(carePlans, "q", "a", 17*60, nil)))
	f.advance(4 * time.Hour)
	h.wantSync(store.OutcomeFailed, store.Scope{})
	if got := h.planNotes("a"); got != "Plan p: p" {
		t.Errorf("a has %s", got)
	}
}

// I12: a plan of more parts than can be shown together is quarantined; its parts are shown.
func TestPlanWithTooManyPartsIsQuarantined(t *testing.T) {
	t.Parallel()
	f, h := newPlansHarness(t, client("a", 1), planOf("p", 2))
	f.pageSize, h.opts.WindowItems = 1000, 1000
	h.restart()
	var parts []dossier.Item
	for i := range store.MaxMembers + 1 {
		parts = append(parts, planOf(fmt.Sprint("part", i), 3, withPartOf("p")))
	}
	f.put(parts...)
	h.wantSync(store.OutcomePartial, store.Scope{})
	if got := h.queryText(quarantineSQL); got != "p not-storable" {
		t.Errorf("quarantine: %s", got)
	}
	const count = `SELECT count(*)::text FROM items WHERE kind = 'care-plan' AND state = 'shown'`
	if got, want := h.queryText(count), fmt.Sprint(len(parts)); got != want {
		t.Errorf("%s plans are shown, want %s", got, want)
	}
	f.remove(func(it dossier.Item) bool { return it.ID == "part0" })
	f.put(hidden(record(carePlans, "part0", "a", 13*60, nil)))
	f.advance(4 * time.Hour)
	h.wantSync(store.OutcomeComplete, store.Scope{})
	if got := len(h.listPlans("a")); got != 1 {
		t.Errorf("%d plans are listed, want 1", got)
	}
}

// I12: the nesting of parts is limited.
func TestPartNestedTooDeepIsQuarantined(t *testing.T) {
	t.Parallel()
	f, h := newPlansHarness(t, client("a", 1), planOf("0", 2))
	for i := range 17 {
		f.put(planOf(fmt.Sprint(i+1), 2, withPartOf(fmt.Sprint(i))))
	}
	want := "Plan 0: 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16"
	for range 2 {
		h.wantSync(store.OutcomePartial, store.Scope{})
		if got := h.planNotes("a"); got != want {
			t.Errorf("a has %s, want %s", got, want)
		}
		if got := h.queryText(quarantineSQL); got != "17 not-storable" {
			t.Errorf("quarantine: %s", got)
		}
	}
	h.changeAndSync(f, planOf("17", 0))
	if got := h.planNotes("a"); got != want+", Plan 17: 17" {
		t.Errorf("a has %s", got)
	}
}

// A report about a part links to the whole plan, if the reader may see plans.
func TestReportAboutAPartLinksToTheWhole(t *testing.T) {
	t.Parallel()
	r := report("r", "a", "over q", 4)
	r.Content.(*dossier.Report).Plan = dossier.Ref{Type: carePlans.Name, ID: "r"}
	f, h := newPlansHarness(t, client("a", 1), planOf("p", 2), planOf("q", 2, withPartOf("p")),
		planOf("r", 2, withPartOf("q")), r)
	h.wantSync(store.OutcomeComplete, store.Scope{})
	daughter := h.grantRead("daughter", []string{"reports", "care-plans"}, "a")
	son := h.grantRead("son", []string{"reports"}, "a")
	link := func(id store.Identity) string {
		t.Helper()
		_, it, err := h.Reader.Item(t.Context(), id, "a", dossier.Key(tenant, r.Ref), dossier.KindReport, "")
		if err != nil || it == nil {
			t.Fatal(it, err)
		}
		l, err := h.Reader.List(t.Context(), id, "a",
			store.ListQuery{Kinds: []dossier.Kind{dossier.KindReport}, Bodies: true, Limit: 1})
		if err != nil || string(l.Items[0].Plan) != string(it.Plan) {
			t.Fatalf("in a list the plan is %s (%v), else %s", l.Items[0].Plan, err, it.Plan)
		}
		return string(it.Plan)
	}
	whole := func(id string) string {
		return fmt.Sprintf(`{"id":%q,"kind":"care-plan","title":"Plan %s",`+
			`"period":{"start":null,"end":null},"author":null,"kindLabel":"care-plan"}`,
			dossier.Key(tenant, dossier.Ref{Type: carePlans.Name, ID: id}), id)
	}
	if got := link(daughter); got != whole("p") {
		t.Errorf("linked to %s", got)
	}
	if got := link(son); got != "" {
		t.Errorf("a reader of reports only gets a link to %s", got)
	}
	for id, found := range map[string]bool{"p": true, "q": false, "r": false} {
		_, it, err := h.Reader.Item(t.Context(), daughter, "a",
			dossier.Key(tenant, dossier.Ref{Type: carePlans.Name, ID: id}), dossier.KindCarePlan, "")
		if err != nil || (it != nil) != found {
			t.Errorf("plan %s is found: %v (%v)", id, it != nil, err)
		}
	}
	_, counts, err := h.Reader.Dossier(t.Context(), daughter, "a")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range counts {
		if c.Kind == dossier.KindCarePlan && c.Count != 1 {
			t.Errorf("%d plans are counted, want 1", c.Count)
		}
	}
	// When the plan is hidden, its parts are plans of their own.
	h.changeAndSync(f, hidden(planOf("p", 0)))
	if got := link(daughter); got != whole("q") {
		t.Errorf("linked to %s", got)
	}
	h.changeAndSync(f, movedTo("b", planOf("q", 0)), client("b", 0))
	if got := link(daughter); got != whole("r") {
		t.Errorf("linked to %s", got)
	}
}
