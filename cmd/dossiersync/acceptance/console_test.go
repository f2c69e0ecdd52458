package acceptance

import (
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"dossiersync/cmd/carerecordsim/simulator"
)

// In the console alone, an operator syncs an organisation, retries a mended item, and
// approves removals.
func TestOperatorWorkInConsole(t *testing.T) {
	t.Parallel()
	sim := simulator.New(simulator.Options{Zone: amsterdam(t)})
	putEarlier(t, sim, `{"resourceType":"Patient","id":"client-1","active":true,"name":[{"text":"Mevrouw Geheim"}]}`)
	for i := range 30 {
		putEarlier(t, sim, dayReportJSON(fmt.Sprintf("report-%02d", i), "client-1", "2026-03-02", "Geheim"))
	}
	putEarlier(t, sim, dayReportJSON("bad", "client-1", "2026-13-02", "Geheim"))
	h := newAmarisHarness(t, sim)
	h.addOpsUser("amaris", "the token of ann only")
	h.serve("")

	b := newConsoleBrowser(t, "http://"+h.opsAddress)
	b.wantText("Log in")
	b.send("/login", url.Values{"token": {"the token of ann only"}})
	b.wantText("Overview", "Amaris")
	b.retryMendedItem(sim)
	b.approveRemovals(sim)
	b.send("/logout", nil)
	b.wantText("Your token")
	b.open("/quarantine")
	b.wantText("Your token")
	if log := h.log.String(); strings.Contains(log, "client-1") || strings.Contains(log, "eheim") ||
		strings.Contains(log, "token of") || !strings.Contains(log, `"by":"ann"`) {
		t.Errorf("the log has personal data, or lacks the operator:\n%s", log)
	}
}

// putEarlier writes a resource with a lastUpdated of an hour ago, because a run reads up
// to the second in which it begins.
func putEarlier(t *testing.T, sim *simulator.Server, resource string) {
	t.Helper()
	if _, err := sim.PutAt(time.Now().Add(-time.Hour), []byte(resource)); err != nil {
		t.Fatal(err)
	}
}

// retryMendedItem syncs, finds one item in quarantine, mends it in the source and
// retries it.
func (b *consoleBrowser) retryMendedItem(sim *simulator.Server) {
	b.t.Helper()
	b.send("/tenants/amaris/resync", nil)
	b.waitForOutcome("partial", "1 item in quarantine")
	b.open("/quarantine")
	b.wantText("Observation bad", "has an invalid date")
	item := regexp.MustCompile(`/quarantine/[A-Za-z0-9_-]+`).FindString(b.page)
	b.open(item)
	b.wantText("client-1", "no version of it could be applied yet")
	putEarlier(b.t, sim, dayReportJSON("bad", "client-1", "2026-03-03", "Geheim"))
	b.send(item+"/retry", nil)
	b.waitForOutcome("complete")
	b.open("/quarantine")
	b.wantText("Nothing is in quarantine")
	b.send("/tenants/amaris/why", url.Values{"client": {"client-1"}})
	b.wantText("31 shown, newest 2026-03-03", "there is no grant on this dossier")
}

// approveRemovals reconciles after most reports have vanished, and approves the removals
// that are held.
func (b *consoleBrowser) approveRemovals(sim *simulator.Server) {
	b.t.Helper()
	for i := range 25 {
		sim.Forget("Observation", fmt.Sprintf("report-%02d", i))
	}
	b.send("/tenants/amaris/reconcile", nil)
	b.waitForOutcome("partial", "items held")
	b.open("/held-removals")
	b.wantText("reports", "25")
	set := regexp.MustCompile(`/tenants/amaris/held/\d+`).FindString(b.page)
	b.open(set)
	b.wantText("25 items of 1 client", "client-1")
	b.send(set, url.Values{"of": {"25 client-1"}, "decision": {"approve"}, "note": {"opgeschoond"}})
	b.wantText("Approved: the next run carries this out", "approved")
	b.send("/tenants/amaris/reconcile", nil)
	b.waitForOutcome("complete")
	b.open("/held-removals")
	b.wantText("No removals are held")
	b.send("/tenants/amaris/why", url.Values{"client": {"client-1"}})
	b.wantText("6 shown, newest 2026-03-03", "25 withdrawn")
}

// consoleBrowser reads pages, follows redirects and keeps cookies. It runs no script.
type consoleBrowser struct {
	t      *testing.T
	base   string
	at     string // the path of the page
	client *http.Client
	page   string // HTML
}

func newConsoleBrowser(t *testing.T, base string) *consoleBrowser {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	b := &consoleBrowser{t: t, base: base, client: &http.Client{Jar: jar}}
	b.open("/")
	return b
}

func (b *consoleBrowser) open(path string) {
	b.t.Helper()
	resp, err := b.client.Get(b.base + path)
	b.read(resp, err)
}

// send posts a form.
func (b *consoleBrowser) send(path string, form url.Values) {
	b.t.Helper()
	resp, err := b.client.PostForm(b.base+path, form)
	b.read(resp, err)
}

func (b *consoleBrowser) read(resp *http.Response, err error) {
	b.t.Helper()
	if err != nil {
		b.t.Fatal(err)
	}
	defer resp.Body.Close()
	page, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		b.t.Fatalf("%s is answered with %d, %v\n%s", resp.Request.URL.Path, resp.StatusCode, err, page)
	}
	b.page, b.at = string(page), resp.Request.URL.Path
	if strings.Contains(b.page, "Geheim") {
		b.t.Errorf("%s shows text of a dossier", b.at)
	}
}

var tag = regexp.MustCompile(`<[^>]*>`)

// wantText fails the test unless the page has all of the texts.
func (b *consoleBrowser) wantText(texts ...string) {
	b.t.Helper()
	page := strings.Join(strings.Fields(tag.ReplaceAllString(b.page, "")), " ")
	for _, text := range texts {
		if !strings.Contains(strings.ToLower(page), strings.ToLower(text)) {
			b.t.Fatalf("%s does not say %q:\n%s", b.at, text, page)
		}
	}
}

// waitForOutcome reloads a run's page until the run has ended, with that outcome and those
// texts.
func (b *consoleBrowser) waitForOutcome(outcome string, texts ...string) {
	b.t.Helper()
	for deadline := time.Now().Add(patience); strings.Contains(b.page, `/cancel"`); b.open(b.at) {
		if time.Now().After(deadline) {
			b.t.Fatalf("the run does not end:\n%s", b.page)
		}
		time.Sleep(50 * time.Millisecond)
	}
	b.wantText(append(texts, outcome)...)
}
