package acceptance

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"

	"dossiersync/cmd/carerecordsim/simulator"
	"dossiersync/cmd/dossiersync/app"
	"dossiersync/store"
)

// wantBanner fails the test unless the console's banner has the words, and is green only if it is
// to be.
func (h *harness) wantBanner(green bool, words ...string) {
	h.t.Helper()
	if h.opsAddress == "" {
		address := h.start("serve", "--only", "ops").addressOf(app.OpsListener)
		h.opsAddress = strings.TrimPrefix(address, "http://")
	}
	resp, err := http.Get("http://" + h.opsAddress + "/")
	if err != nil {
		h.t.Fatal(err)
	}
	defer resp.Body.Close()
	page, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		h.t.Fatalf("the overview is answered with %d (%v)", resp.StatusCode, err)
	}
	_, banner, _ := strings.Cut(string(page), `<div class="lead `)
	banner, _, _ = strings.Cut(banner, "<table")
	if got := strings.HasPrefix(banner, "good"); got != green {
		h.t.Errorf("the banner is green: %t, want %t\n%s", got, green, banner)
	}
	for _, word := range words {
		if !strings.Contains(banner, word) {
			h.t.Errorf("the banner does not say %q:\n%s", word, banner)
		}
	}
}

// Given a new tenant with a wrong address: it is never green, and says what may be wrong.
func TestNeverSyncedTenantIsNotGreen(t *testing.T) {
	t.Parallel()
	h := newSmallHarness(t)
	h.wantStatus(exitDone, "waiting", "No worker is alive.")
	h.wantBanner(false, "waits for its first run: Amaris")
	h.changeConfig(`/fhir\n`, "/elsewhere\n")
	if code, out, _ := h.runCommand("sync"); code != exitFailed || !strings.Contains(out, "base_url may be wrong") {
		t.Errorf("sync: exit %d\n%s", code, out)
	}
	h.wantStatus(exitLeftOver, "never", "source-unreachable", "HTTP 404", "base_url may be wrong", "tries again at", "readers see nothing yet")
	h.wantBanner(false, "1 of 1 organisations needs attention: Amaris", "base_url may be wrong")
	h.changeConfig(`/elsewhere\n`, "/fhir\n")
	h.mustRun("sync")
	h.wantStatus(exitDone, "fresh", "readable")
	h.wantBanner(true, "The organisation is up to date.")
}

// Given a source that refuses its reports: the type and the status are named until it is read again.
func TestForbiddenReportsAreNamed(t *testing.T) {
	t.Parallel()
	s := newEmptyStory(t, storyOptions{})
	s.putReports("client-00", 6)
	s.sync()
	s.wantStatus(exitDone, "fresh")
	m, err := simulator.ParseMishap("forbidden=Observation")
	if err != nil {
		t.Fatal(err)
	}
	s.tenant.sim.SetMishap(m)
	s.wantRun(store.Scope{}, store.OutcomePartial, "types could not be read")
	s.wantStatus(exitLeftOver, "fresh", "type-unreadable: 1 type could not be read", "Observation (reports)", "HTTP 403", "reports as of 20")
	s.wantBanner(false, "needs attention: AMARIS", "HTTP 403")
	s.tenant.sim.SetMishap(nil)
	s.sync()
	s.wantStatus(exitDone, "fresh")
	s.wantBanner(true)
}

// Given a worker that is killed, and a slot that comes: nothing is green without it.
func TestKilledWorkerIsMissedWhenASlotIsDue(t *testing.T) {
	t.Parallel()
	h := newSmallHarness(t)
	worker := h.start("serve", "--only", "worker")
	waitUntil(t, "the first run is complete", func() bool { return h.queryOne(`SELECT count(succeeded)::text FROM tenants`) == "1" })
	h.wantStatus(exitDone, "fresh", "1 worker is alive")
	worker.kill()
	h.exec(`UPDATE runs SET slot = slot - interval '2 days', started_at = started_at - interval '2 days'`)
	h.exec(`UPDATE tenants SET succeeded = succeeded - interval '2 days'`)
	waitUntil(t, "the worker is missed", func() bool {
		code, out, _ := h.runCommand("status", "--only", "no-worker")
		return code == exitLeftOver && strings.Contains(out, "no worker is alive, and a run has been due")
	})
	h.wantStatus(exitLeftOver, "no-worker", "No worker is alive.", "dossiersync sync --tenant amaris")
	h.wantBanner(false, "no worker is alive", "No worker is alive.")
	h.start("serve", "--only", "worker")
	waitUntil(t, "another worker has caught up", func() bool {
		code, out, _ := h.runCommand("status")
		return code == exitDone && strings.Contains(out, "fresh")
	})
	h.wantBanner(true)
}

// Given removals that are held: they need attention until an operator says that they are known, and
// nothing is left of it after the source was mended.
func TestHeldRemovalsNeedAttentionUntilAcknowledged(t *testing.T) {
	t.Parallel()
	s := newStoryWithMishap(t, "unseen=Observation")
	s.wantStatus(exitLeftOver, "removals-held: removals are held: set 1, 24 items of reports (Observation)", "dossiersync held --tenant amaris")
	s.wantBanner(false, "removals are held")
	s.mustRun("acknowledge", "removals-held", "--tenant", "amaris", "--note", "asked Amaris", "--by", "Anna de Vries")
	s.wantStatus(exitDone, "known: asked Amaris (Anna de Vries, until 20")
	s.wantBanner(true)
	var out struct {
		Items []struct {
			Attention []struct {
				Code         string
				Acknowledged *struct{ By string }
			}
		}
	}
	if err := json.Unmarshal([]byte(s.mustRun("status", "--json")), &out); err != nil {
		t.Fatal(err)
	}
	if a := out.Items[0].Attention; len(a) != 1 || a[0].Code != "removals-held" || a[0].Acknowledged == nil || a[0].Acknowledged.By != "Anna de Vries" {
		t.Errorf("attention is %+v", a)
	}
	s.tenant.sim.SetMishap(nil)
	s.runScope(store.Scope{})
	s.reconcile()
	if out := s.mustRun("status"); strings.Contains(out, "removals-held") {
		t.Errorf("after the source was mended:\n%s", out)
	}
}

// Given two processes with different configurations of a tenant: it is said until they agree.
func TestDifferentConfigurationsAreTold(t *testing.T) {
	t.Parallel()
	h := newSmallHarness(t)
	h.mustRun("sync")
	worker := h.start("serve", "--only", "worker")
	waitUntil(t, "the worker says that it is alive", func() bool { return h.queryOne(`SELECT count(*)::text FROM processes`) == "1" })
	h.changeConfig(`category: .*\n`, "category: []\n")
	h.start("serve", "--only", "portal")
	waitUntil(t, "both say that they are alive", func() bool { return h.queryOne(`SELECT count(*)::text FROM processes`) == "2" })
	h.wantStatus(exitLeftOver, "configurations-differ", "worker on ", "portal on ")
	worker.stop()
	h.wantStatus(exitDone, "fresh")
	if h.queryOne(`SELECT count(*)::text FROM processes WHERE seen > now() - interval '1 minute'`) != "1" {
		t.Error("the worker did not say that it ends")
	}
}
