package portalapi_test

import (
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"

	"dossiersync/store"
	"dossiersync/store/dossier"
)

func (p *harness) withhold(w store.Withholding) {
	p.t.Helper()
	w.Tenant, w.By, w.Note = "amaris", "beheer", "datalek"
	if _, created, err := p.Withhold(p.t.Context(), w); err != nil || !created {
		p.t.Fatalf("withheld: %t, %v", created, err)
	}
}

func (p *harness) release(w store.Withholding) {
	p.t.Helper()
	w.Tenant, w.By, w.Note = "amaris", "beheer", "opgelost"
	if _, err := p.Release(p.t.Context(), w); err != nil {
		p.t.Fatal(err)
	}
}

// A withheld client cannot be told from one who does not exist, whichever rights a user has: not by
// the answer, nor the entry in the access log, nor the statements.
func TestWithheldClientLooksLikeNone(t *testing.T) {
	t.Parallel()
	p, asked := newTraced(t)
	r, f, pl := report("1", "r", noon()), form("1", "f", noon()), plan("1", "p", noon(), true)
	p.items(r, f, pl)
	p.exec(`UPDATE grants SET manager = true`)
	routes := []string{"", "/timeline", "/timeline?kind=report&around=2026-01-01", "/timeline/density?by=month", "/reports", "/reports/" + r.key(), "/forms",
		"/forms/" + f.key(), "/care-plans", "/care-plans?state=current", "/care-plans/" + pl.key(), "/contacts", "/access-log"}
	tag := p.get("daughter", "/v1/dossiers/1/reports").header.Get("ETag")
	// 2 is withheld before the replica knows it.
	p.withhold(store.Withholding{Client: "1"})
	p.withhold(store.Withholding{Client: "2"})
	p.client("amaris", "2", "Mevrouw Jansen")
	p.grant("amaris", "daughter", "2", everyPart)
	for _, method := range []string{http.MethodGet, http.MethodHead} {
		for _, route := range routes {
			p.wantAlike(asked, "daughter", []string{"nobody", "1", "2"}, method, route)
		}
	}
	if a := p.get("daughter", "/v1/dossiers/1/reports", "If-None-Match", tag); a.status != http.StatusNotFound {
		t.Errorf("a conditional request is answered with %d", a.status)
	}
	if l := p.get("daughter", "/v1/dossiers").list(t); len(l.Items) != 0 {
		t.Errorf("the dossiers are %v", ids(l))
	}
	// The portal's own grants are as they were.
	if a := p.manage(http.MethodGet, "/v1/dossiers/1/grants", ""); len(a.list(t).Items) != 1 {
		t.Errorf("the grants are %s", a.body)
	}
	p.release(store.Withholding{Client: "1"})
	if l := p.get("daughter", "/v1/dossiers/1/reports", "If-None-Match", tag).list(t); len(l.Items) != 1 {
		t.Errorf("after the release the reports are %v", ids(l))
	}
}

// Withheld items change nothing in an answer: no list, count, density, link, neighbour or reason.
func TestWithheldItemsLookLikeNone(t *testing.T) {
	t.Parallel()
	p := newDossierHarness(t)
	p.exec(`UPDATE grants SET manager = true`)
	p.exec(`UPDATE tenants SET change = 9`) // a worker has stored what is seeded
	pl, goal := plan("1", "p", noon(), true), item{tenant: "amaris", client: "1", id: "g", kind: dossier.KindGoal, title: "Doel"}
	seen := report("1", "seen", noon())
	late, f := report("1", "late", noon().AddDate(0, -2, 0)), form("1", "f", noon())
	contact := item{tenant: "amaris", client: "1", id: "k", kind: dossier.KindContact}
	p.items(seen)
	day := noon().Format("2006-01-02")
	urls := []string{"", "/timeline/density?by=day", "/timeline/density?by=month", "/timeline?around=" + day, "/contacts"}
	for _, it := range []item{late, f, pl, seen} {
		urls = append(urls, "/"+map[dossier.Kind]string{dossier.KindReport: "reports", dossier.KindForm: "forms",
			dossier.KindCarePlan: "care-plans"}[it.kind]+"/"+it.key())
	}
	for _, route := range []string{"/timeline", "/reports", "/forms", "/care-plans"} {
		for _, query := range []string{"", "?limit=1", "?from=" + day, "?to=2020-01-01"} {
			urls = append(urls, route+query)
		}
	}
	look := func() map[string]response {
		all := make(map[string]response)
		for _, url := range urls {
			a := p.get("daughter", "/v1/dossiers/1"+url)
			a.header.Del("X-Request-Id")
			a.header.Del("ETag") // changes with every withholding
			all[url] = a
		}
		return all
	}
	before := look()
	hidden := []item{late, f, pl, goal, contact}
	for _, it := range hidden[1:] { // the first is stored before it is withheld
		p.withhold(store.Withholding{Item: it.key()})
	}
	p.items(hidden...)
	p.exec(`UPDATE items SET plan = $1, goal = $2 WHERE key = $3`, pl.key(), goal.key(), seen.key())
	tag := p.get("daughter", "/v1/dossiers/1/reports").header.Get("ETag")
	p.withhold(store.Withholding{Item: late.key()})
	if a := p.get("daughter", "/v1/dossiers/1/reports", "If-None-Match", tag); a.status != http.StatusOK {
		t.Errorf("the list that had the report is confirmed with %d", a.status)
	}
	if diff := cmp.Diff(before, look(), cmp.AllowUnexported(response{})); diff != "" {
		t.Errorf("what is withheld shows (-before +after):\n%s", diff)
	}
	for _, it := range hidden {
		p.release(store.Withholding{Item: it.key()})
	}
	for url, want := range map[string]int{"/timeline": 3, "/reports": 2, "/forms": 1, "/care-plans": 1, "/contacts": 1} {
		if l := p.get("daughter", "/v1/dossiers/1"+url).list(t); len(l.Items) != want {
			t.Errorf("after the release %s has %v", url, ids(l))
		}
	}
}
