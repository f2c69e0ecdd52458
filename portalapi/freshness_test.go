package portalapi_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"dossiersync/portalapi"
	"dossiersync/store/dossier"
)

func TestEmptyListHasAReason(t *testing.T) {
	t.Parallel()
	const (
		timeline = "/v1/dossiers/1/timeline"
		reports  = "/v1/dossiers/1/reports"
		plans    = "/v1/dossiers/1/care-plans"
	)
	tests := []struct {
		name  string
		setup func(p *harness)
		url   string
		want  string
	}{
		{"nothing", nil, timeline, "nothing-yet"},
		{"nothing, filtered", nil, timeline + "?kind=report", "no-match"},
		{"nothing, limited", nil, timeline + "?limit=5", "nothing-yet"},
		{"a filter", func(p *harness) { p.items(report("1", "r", noon())) }, reports + "?to=2020-01-01", "no-match"},
		{"a state", func(p *harness) { p.items(plan("1", "p", noon(), true)) }, plans + "?state=expired", "no-match"},
		{"density", nil, timeline + "/density?by=day", "nothing-yet"},
		{"density, filtered", nil, timeline + "/density?by=day&to=2020-01-01", "no-match"},
		{"no right to a part", func(p *harness) {
			p.exec(`UPDATE grants SET parts = '{reports}'`)
			p.items(plan("1", "p", noon(), true))
		}, plans, "no-right"},
		{"no right to contacts", nil, "/v1/dossiers/1/contacts", "no-right"},
		{"no right to the log", nil, "/v1/dossiers/1/access-log", "no-right"},
		{"a right to half of the time line", func(p *harness) { p.exec(`UPDATE grants SET parts = '{reports}'`) }, timeline, "nothing-yet"},
		{"no right to all of the time line", func(p *harness) { p.exec(`UPDATE grants SET parts = '{care-plans}'`) }, timeline, "no-right"},
		{"not shared", nil, "/v1/dossiers/1/forms", "not-shared"},
		{"not shared, and no right", func(p *harness) { p.exec(`UPDATE grants SET parts = '{}'`) }, "/v1/dossiers/1/forms", "not-shared"},
		{"never synced", func(p *harness) { p.exec(`DELETE FROM cursors`) }, reports, "not-synced-yet"},
		{"begun to sync", func(p *harness) { p.exec(`UPDATE cursors SET as_of = NULL WHERE stream = 'reports'`) }, reports, "not-synced-yet"},
		{"another type of the stream never synced", func(p *harness) {
			p.exec(`INSERT INTO cursors (tenant, stream, type, fingerprint) VALUES ('amaris', 'reports', 'U', 'f')`)
		}, reports, "not-synced-yet"},
		{"another part never synced", func(p *harness) { p.exec(`UPDATE cursors SET as_of = NULL WHERE stream = 'reports'`) }, plans, "nothing-yet"},
		{"goals never synced", func(p *harness) { p.exec(`UPDATE cursors SET as_of = NULL WHERE stream = 'goals'`) }, plans, "not-synced-yet"},
		{"goals not pulled", func(p *harness) { p.exec(`DELETE FROM cursors WHERE stream = 'goals'`) }, plans, "nothing-yet"},
		{"history owed", func(p *harness) { p.exec(`INSERT INTO backfills (tenant, client) VALUES ('amaris', '1')`) }, reports, "not-synced-yet"},
		{"history of another owed", func(p *harness) { p.exec(`INSERT INTO backfills (tenant, client) VALUES ('amaris', '2')`) }, reports, "nothing-yet"},
		{"never synced, source down", func(p *harness) {
			p.exec(`DELETE FROM cursors; UPDATE tenants SET unreachable = now()`)
		}, reports, "source-unavailable"},
		{"source down", func(p *harness) { p.exec(`UPDATE tenants SET unreachable = now()`) }, reports, "source-unavailable"},
		{"source down, filtered", func(p *harness) { p.exec(`UPDATE tenants SET unreachable = now()`) }, reports + "?to=2020-01-01", "no-match"},
		{"rechecking", func(p *harness) {
			p.items(report("1", "r", noon()))
			p.exec(`UPDATE cursors SET rechecking = true WHERE stream = 'reports'`)
		}, reports, "rechecking"},
		{"rechecking, filtered", func(p *harness) { p.exec(`UPDATE cursors SET rechecking = true WHERE stream = 'reports'`) }, timeline + "?kind=report", "rechecking"},
		{"rechecking goals", func(p *harness) {
			p.items(plan("1", "p", noon(), true))
			p.exec(`UPDATE cursors SET rechecking = true WHERE stream = 'goals'`)
		}, plans, "rechecking"},
		{"rechecking clients", func(p *harness) {
			p.items(report("1", "r", noon()))
			p.exec(`UPDATE cursors SET rechecking = true WHERE stream = 'clients'`)
		}, timeline + "/density?by=day", "rechecking"},
		{"death", func(p *harness) {
			p.items(report("1", "r", noon()))
			p.exec(`UPDATE clients SET deceased = true`)
		}, timeline, "reading-ended"},
		{"death, contacts", func(p *harness) {
			p.exec(`UPDATE clients SET deceased = true; UPDATE grants SET manager = true`)
			p.items(item{tenant: "amaris", client: "1", id: "k", kind: dossier.KindContact})
		}, "/v1/dossiers/1/contacts", "reading-ended"},
		{"no dossiers", func(p *harness) { p.exec(`DELETE FROM grants`) }, "/v1/dossiers", "no-dossier"},
		{"no dossiers, source down", func(p *harness) {
			p.exec(`DELETE FROM grants; UPDATE tenants SET unreachable = now()`)
		}, "/v1/dossiers", "no-dossier"},
		// What a grant that does not count is for does not show.
		{"revoked", func(p *harness) { p.exec(`UPDATE grants SET state = 'revoked'`) }, "/v1/dossiers", "no-dossier"},
		{"unknown client", func(p *harness) { p.exec(`DELETE FROM clients`) }, "/v1/dossiers", "no-dossier"},
		{"hidden client", func(p *harness) { p.exec(`UPDATE clients SET state = 'hidden', reason = 'marked', name = NULL`) }, "/v1/dossiers", "no-dossier"},
		{"withheld client", func(p *harness) {
			p.exec(`INSERT INTO withheld (tenant, client, by, note) VALUES ('amaris', '1', 'x', 'x')`)
		}, "/v1/dossiers", "no-dossier"},
		{"no dossiers, never synced", func(p *harness) { p.exec(`DELETE FROM grants; DELETE FROM cursors`) }, "/v1/dossiers", "not-synced-yet"},
		// What is hidden or withdrawn is as if it were not there.
		{"hidden", func(p *harness) {
			p.items(report("1", "r", noon()))
			p.exec(`UPDATE items SET state = 'hidden', reason = 'marked', card = NULL, body = NULL`)
		}, timeline, "nothing-yet"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			p := newHarness(t, func(o *portalapi.Options) { o.Tenants[0].Shared = []dossier.Part{"reports", "care-plans"} })
			p.markSynced("amaris", time.Now())
			p.client("amaris", "1", "Mevrouw De Vries")
			p.grant("amaris", "daughter", "1", everyPart)
			if tt.setup != nil {
				tt.setup(p)
			}
			l := p.get("daughter", tt.url).list(t)
			if len(l.Items) != 0 {
				t.Errorf("shows %v", l.Items)
			}
			if got := reasonOf(l); got != tt.want {
				t.Errorf("the reason is %q, want %q", got, tt.want)
			}
		})
	}
}

func TestFreshnessIsOfOldestStream(t *testing.T) {
	t.Parallel()
	p := newDossierHarness(t)
	// Around a slot, so that nothing depends on the hour at which this runs.
	old, older := noon().Add(-48*time.Hour), noon().Add(-72*time.Hour)
	p.exec(`UPDATE cursors SET as_of = $1 WHERE stream = 'reports'`, old)
	p.exec(`UPDATE cursors SET as_of = $1 WHERE stream = 'forms'`, older)
	p.items(report("1", "r", noon()))
	get := func(url string) fresh { return p.get("daughter", url).list(t).Freshness }

	if got := get("/v1/dossiers/1/reports"); *got.AsOf != old.Format(time.RFC3339) || got.Reason != nil {
		t.Errorf("reports are as of %s, want %s; reason %v", *got.AsOf, old.Format(time.RFC3339), got.Reason)
	}
	if got := get("/v1/dossiers/1/timeline"); *got.AsOf != older.Format(time.RFC3339) {
		t.Errorf("the time line is as of %s, want %s", *got.AsOf, older.Format(time.RFC3339))
	}
	// A part that the user may not see says nothing about theirs.
	p.exec(`UPDATE grants SET parts = '{reports}'`)
	if got := get("/v1/dossiers/1/timeline"); *got.AsOf != old.Format(time.RFC3339) {
		t.Errorf("without forms the time line is as of %s, want %s", *got.AsOf, old.Format(time.RFC3339))
	}
	p.exec(`INSERT INTO quarantine (tenant, key, stream, type, client, reason, detail) VALUES
		('amaris', 'k1', 'forms', 'T', '1', 'bad-body', ''), ('amaris', 'k2', 'reports', 'T', '2', 'bad-body', '')`)
	if get("/v1/dossiers/1/timeline").Incomplete {
		t.Error("quarantine of another part, or of another client, makes the list incomplete")
	}
	p.exec(`INSERT INTO quarantine (tenant, key, stream, type, client, reason, detail) VALUES ('amaris', 'k3', 'reports', 'T', '1', 'bad-body', '')`)
	if !get("/v1/dossiers/1/timeline").Incomplete {
		t.Error("quarantine does not make the list incomplete")
	}
}

func TestStateFollowsSchedule(t *testing.T) {
	t.Parallel()
	p := newDossierHarness(t)
	state := func() string { return p.get("daughter", "/v1/dossiers/1/reports").list(t).Freshness.State }
	if got := state(); got != "fresh" {
		t.Errorf("just synced it is %s", got)
	}
	p.exec(`UPDATE tenants SET succeeded = now() - interval '3 days'`)
	if got := state(); got != "stale" {
		t.Errorf("three days later it is %s", got)
	}
	p.exec(`UPDATE tenants SET succeeded = NULL, since = now() - interval '3 days'`)
	if got := state(); got != "stale" {
		t.Errorf("never synced for three days it is %s", got)
	}
	p.exec(`UPDATE tenants SET since = now()`)
	if got := state(); got != "fresh" {
		t.Errorf("just known it is %s", got)
	}
	next := p.get("daughter", "/v1/dossiers/1/reports").list(t).Freshness.NextSync
	at, err := time.Parse(time.RFC3339, *next)
	if err != nil || !at.After(time.Now()) || !slices.Contains([]int{7, 11, 15, 19, 23}, at.In(amsterdam).Hour()) {
		t.Errorf("the next sync is at %s, %v", *next, err)
	}
}

// While reports are checked against new rules, the time line has no cards of reports, and reports
// have no links to plans.
func TestRecheckingPartIsLeftOut(t *testing.T) {
	t.Parallel()
	p := newDossierHarness(t)
	pl := plan("1", "plan", noon(), true)
	r, f := report("1", "r", noon()), form("1", "f", noon())
	r.plan = pl.key()
	p.items(r, f, pl)
	p.exec(`UPDATE cursors SET rechecking = true WHERE stream = 'care-plans'`)
	one, _ := p.get("daughter", "/v1/dossiers/1/reports/"+r.key()).item(t)
	if one["plan"] != nil {
		t.Errorf("the report shows the plan %v", one["plan"])
	}
	if a := p.get("daughter", "/v1/dossiers/1/care-plans/"+pl.key()); a.status != 404 {
		t.Errorf("the plan is answered with %d", a.status)
	}
	p.exec(`UPDATE cursors SET rechecking = stream = 'reports'`)
	l := p.get("daughter", "/v1/dossiers/1/timeline").list(t)
	if got := ids(l); !slices.Equal(got, keysOf(f)) || reasonOf(l) != "" {
		t.Errorf("the time line shows %v, reason %q", got, reasonOf(l))
	}
	start, _ := p.get("daughter", "/v1/dossiers/1").item(t)
	if n := start["parts"].([]any)[0].(map[string]any)["count"]; n != 0.0 {
		t.Errorf("the start panel counts %v reports", n)
	}
}

func TestPartThatIsNoLongerSharedIsNotServed(t *testing.T) {
	t.Parallel()
	p := newDossierHarness(t, func(o *portalapi.Options) { o.Tenants[0].Shared = []dossier.Part{dossier.PartCarePlans} })
	it := report("1", "r", noon())
	p.items(it)
	for _, url := range []string{"/v1/dossiers/1/reports", "/v1/dossiers/1/timeline", "/v1/dossiers/1/timeline/density?by=day"} {
		if a := p.get("daughter", url); a.status != http.StatusOK || !strings.Contains(a.body, `"items":[]`) {
			t.Errorf("%s: %d %s", url, a.status, a.body)
		}
	}
	if a := p.get("daughter", "/v1/dossiers/1/reports/"+it.key()); a.status != http.StatusNotFound {
		t.Errorf("the item: %d %s", a.status, a.body)
	}
	if a := p.get("daughter", "/v1/dossiers/1"); !strings.Contains(a.body, `{"part":"reports","label":"Rapportages","count":0`) {
		t.Errorf("the start panel: %s", a.body)
	}
}

// Every answer says in the organisation's words how up to date it is.
func TestFreshnessHasSentence(t *testing.T) {
	t.Parallel()
	p := newDossierHarness(t)
	at := time.Now().In(amsterdam)
	said := func() string {
		t.Helper()
		return p.get("daughter", "/v1/dossiers/1/reports").list(t).Freshness.Sentence
	}
	p.markSynced("amaris", at)
	if got := said(); !strings.HasPrefix(got, "Bijgewerkt om "+at.Format("15:04")+", volgende keer ") || !strings.Contains(got, "rond ") {
		t.Errorf("just now: %q", got)
	}
	p.exec(`UPDATE cursors SET as_of = '2025-03-02T10:16:00Z'`)
	if got := said(); !strings.HasPrefix(got, "Bijgewerkt op 2 maart 2025 om 11:16, ") {
		t.Errorf("of a year ago: %q", got)
	}
	p.exec(`UPDATE cursors SET as_of = NULL`)
	if got := said(); got != "Nog niet bijgewerkt." {
		t.Errorf("never: %q", got)
	}
}
