package portalapi_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"dossiersync/store"
	"dossiersync/store/storetest"
)

// standbyHarness is a harness whose portal API reads content from a streaming standby.
type standbyHarness struct {
	*harness
	standby *storetest.Standby
	routes  []string // that read content, of client 1
	report  item
}

// newStandbyHarness returns a harness with the dossier of client 1, which daughter may read. The
// standby is not watched yet.
func newStandbyHarness(t *testing.T) *standbyHarness {
	t.Helper()
	replica, standby := storetest.NewReplicaWithStandby(t)
	if err := replica.Reader.AddStandby(standby.ReaderURL()); err != nil {
		t.Fatal(err)
	}
	h := &standbyHarness{harness: newHarnessOn(t, replica), standby: standby, report: report("1", "r", noon())}
	h.markSynced("amaris", noon())
	h.client("amaris", "1", "Mevrouw De Vries")
	h.grant("amaris", "daughter", "1", everyPart)
	f, pl := form("1", "f", noon()), plan("1", "p", noon(), true)
	h.items(h.report, report("1", "older", noon().AddDate(0, -2, 0)), f, pl)
	h.exec(`UPDATE tenants SET change = 1 WHERE id = 'amaris'`)
	h.routes = []string{
		"", "/timeline", "/timeline/density?by=day", "/reports", "/reports/" + h.report.key(), "/forms", "/forms/" + f.key(),
		"/care-plans?state=current", "/care-plans/" + pl.key(),
	}
	return h
}

// watch watches the standby until the test ends.
func (h *standbyHarness) watch() {
	ctx, stop := context.WithCancel(h.t.Context())
	done := make(chan error, 1)
	go func() { done <- h.Reader.WatchStandbys(ctx) }()
	h.t.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			h.t.Error(err)
		}
	})
}

func (h *standbyHarness) wantUsed(want int) {
	h.t.Helper()
	for deadline := time.Now().Add(time.Minute); h.Reader.StandbyStats().Used != want; time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			h.t.Fatalf("not %d standbys are in use, but %+v", want, h.Reader.StandbyStats())
		}
	}
}

func (h *standbyHarness) read(route string, headers ...string) response {
	h.t.Helper()
	return h.get("daughter", "/v1/dossiers/1"+route, headers...)
}

// reads returns how many reads of content f does, by where the answer comes from.
func (h *standbyHarness) reads(f func()) store.StandbyStats {
	before := h.Reader.StandbyStats()
	f()
	got := h.Reader.StandbyStats()
	return store.StandbyStats{
		FromPrimary: got.FromPrimary - before.FromPrimary, FromStandby: got.FromStandby - before.FromStandby,
		Failed: got.Failed - before.Failed, Behind: got.Behind - before.Behind,
	}
}

// wantFromStandby checks that all n reads of f are answered by the standby. On a busy machine one may
// take too long; then f is called again.
func (h *standbyHarness) wantFromStandby(n int64, f func()) {
	h.t.Helper()
	var got store.StandbyStats
	for range 5 {
		h.wantUsed(1)
		if got = h.reads(f); got == (store.StandbyStats{FromStandby: n}) {
			return
		}
	}
	h.t.Errorf("%d reads were %+v", n, got)
}

// write stores another text in the report, as a batch does, with a new change number.
func (h *standbyHarness) write(text string) {
	h.exec(`
		WITH raised AS (
			UPDATE tenants SET change = change + 1
			WHERE id = 'amaris'
			RETURNING change),
		changed AS (
			UPDATE clients SET change = raised.change
			FROM raised
			WHERE tenant = 'amaris' AND id = '1')
		UPDATE items SET body = json_build_object('text', $1::text, 'attachments', '[]'::json)
		WHERE key = $2`, text, h.report.key())
}

// The portal API reads from a standby what it would read from the primary. The primary alone decides
// on rights and on what is withheld, also while the standby does not replay.
func TestStandbyReads(t *testing.T) {
	t.Parallel()
	h := newStandbyHarness(t)
	want := map[string]response{}
	for _, route := range h.routes {
		want[route] = h.read(route)
		if want[route].status != http.StatusOK {
			t.Fatalf("%s: %d %s", route, want[route].status, want[route].body)
		}
	}
	h.watch()
	h.wantUsed(1)
	h.standby.CatchUp(h.Replica)
	n := int64(len(h.routes))
	h.wantFromStandby(n, func() {
		for _, route := range h.routes {
			if got := h.read(route); got.body != want[route].body || got.header.Get("ETag") != want[route].header.Get("ETag") {
				t.Errorf("%s: %s\nfrom the primary: %s", route, got.body, want[route].body)
			}
		}
	})
	none := h.reads(func() {
		for _, route := range h.routes {
			if got := h.read(route, "If-None-Match", want[route].header.Get("ETag")); got.status != http.StatusNotModified {
				t.Errorf("a conditional request for %s is answered %d", route, got.status)
			}
		}
	})
	if none != (store.StandbyStats{}) {
		t.Errorf("conditional requests read content: %+v", none)
	}
	h.standby.Pause()
	refused := h.reads(func() {
		h.withhold(store.Withholding{Item: h.report.key()})
		for _, route := range h.routes {
			had := strings.Contains(want[route].body, h.report.key())
			if got := h.read(route); strings.Contains(got.body, h.report.key()) || had && got.body == want[route].body {
				t.Errorf("%s shows a withheld report: %s", route, got.body)
			}
		}
	})
	if refused.FromStandby > 0 || refused.Behind == 0 {
		t.Errorf("while an item is withheld, and the replay is paused: %+v", refused)
	}
	h.release(store.Withholding{Item: h.report.key()})
	h.write("nieuw")
	if got := h.read("/reports"); !strings.Contains(got.body, "nieuw") {
		t.Errorf("a new text is not shown: %s", got.body)
	}
	h.exec(`UPDATE cursors SET rechecking = true WHERE stream = 'forms'`)
	if got := h.read("/forms").list(t); len(got.Items) != 0 || reasonOf(got) != "rechecking" {
		t.Errorf("forms while they are checked again: %v", got)
	}
	h.exec(`UPDATE cursors SET rechecking = false`)
	h.exec(`UPDATE grants SET parts = '{forms}', version = version + 1`)
	if got := h.read("/reports").list(t); len(got.Items) != 0 || reasonOf(got) != "no-right" {
		t.Errorf("reports without a right: %v", got)
	}
	h.exec(`UPDATE grants SET state = 'revoked', version = version + 1`)
	for _, route := range h.routes {
		if got := h.read(route); got.status != http.StatusNotFound {
			t.Errorf("%s after the grant was revoked: %d", route, got.status)
		}
	}
	h.exec(`UPDATE grants SET state = 'accepted', parts = '{reports,forms,care-plans}', version = version + 1`)
	// The replay lags more and more, because the portal API and this test write.
	h.wantUsed(0)
	if got := h.reads(func() { h.read("/reports") }); got != (store.StandbyStats{FromPrimary: 1}) {
		t.Errorf("while the standby is left out: %+v", got)
	}
	h.standby.Resume()
	h.wantUsed(1)
	h.standby.CatchUp(h.Replica)
	h.wantFromStandby(1, func() {
		if got := h.read("/reports"); !strings.Contains(got.body, "nieuw") {
			t.Errorf("the standby shows %s", got.body)
		}
	})
	h.standby.Pause()
	if _, err := h.Owner(t).Erase(t.Context(), "amaris", "1", "beheer"); err != nil {
		t.Fatal(err)
	}
	if got := h.read("/reports"); got.status != http.StatusNotFound {
		t.Errorf("after the erasure: %d", got.status)
	}
	h.standby.Resume()
	h.wantUsed(1)
	h.standby.Promote()
	h.wantUsed(0)
}

// While the primary is written to, and the standby is killed, stopped, started and paused in its
// replay, no answer is older than the write that ended before its request, and none is an error.
func TestStandbyNeverGoesBack(t *testing.T) {
	t.Parallel()
	h := newStandbyHarness(t)
	h.write("0")
	h.watch()
	h.wantUsed(1)
	mishaps := []func(){h.standby.Kill}
	if os.Getenv("DOSSIERSYNC_FULL") != "" {
		mishaps = nil
		for range 25 {
			mishaps = append(mishaps, []func(){h.standby.Kill, h.standby.Stop, h.standby.Pause}[rand.IntN(3)])
		}
	}
	var written atomic.Int64
	ctx, stop := context.WithCancel(t.Context())
	var g errgroup.Group
	g.Go(func() error {
		for n := int64(1); ctx.Err() == nil; n++ {
			h.write(fmt.Sprint(n))
			written.Store(n)
			time.Sleep(time.Duration(rand.IntN(60)) * time.Millisecond)
		}
		return nil
	})
	token := h.token("daughter", "dossier:read")
	for range 3 {
		g.Go(func() error { return h.readUntil(ctx, token, &written) })
	}
	for _, mishap := range mishaps {
		time.Sleep(time.Duration(200+rand.IntN(800)) * time.Millisecond)
		mishap()
		time.Sleep(time.Duration(rand.IntN(1500)) * time.Millisecond)
		h.standby.Start()
		h.standby.Resume()
		h.wantUsed(1)
	}
	time.Sleep(500 * time.Millisecond)
	stop()
	if err := g.Wait(); err != nil {
		t.Error(err)
	}
	s := h.Reader.StandbyStats()
	if s.FromStandby == 0 || s.Behind+s.Failed == 0 {
		t.Errorf("the standby was not tried: %+v", s)
	}
	t.Logf("%d writes, %+v", written.Load(), s)
}

// readUntil reads the report until ctx ends, and returns an error for an answer that fails or is too
// old.
func (h *standbyHarness) readUntil(ctx context.Context, token string, written *atomic.Int64) error {
	url := "/v1/dossiers/1/reports/" + h.report.key()
	for last := int64(0); ctx.Err() == nil; {
		least := max(last, written.Load())
		a := h.do(http.MethodGet, url, token, "")
		var got struct{ Item struct{ Text string } }
		a.decode(h.t, &got)
		var n int64
		if _, err := fmt.Sscan(got.Item.Text, &n); err != nil {
			return err
		}
		if n < least {
			return fmt.Errorf("the answer is of write %d, after %d", n, least)
		}
		last = n
	}
	return nil
}
