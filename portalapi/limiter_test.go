package portalapi_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/lestrrat-go/jwx/v3/jwa"
	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"

	"dossiersync/portalapi"
)

// With too many requests at once, the excess ones are refused at once, none waits forever, and
// afterwards all are answered again.
func TestOverloadIsShed(t *testing.T) {
	t.Parallel()
	registry := prometheus.NewPedanticRegistry()
	p := newDossierHarness(t, func(o *portalapi.Options) { o.Registerer, o.Tenants = registry, o.Tenants[:1] })
	p.items(report("1", "r", noon()))
	const url = "/v1/dossiers/1/reports"
	token := p.token("daughter", "dossier:read")
	inside := 4 * p.Reader.Connections()
	// Checking the signature takes longer than being turned away.
	if a := p.do(http.MethodGet, url, token, ""); a.status != http.StatusOK {
		t.Fatalf("before, answered with %d", a.status)
	}

	// While this holds, no read comes to its end.
	tx := p.lock(`LOCK TABLE items IN ACCESS EXCLUSIVE MODE`)
	type outcome struct {
		status int
		retry  string
		took   time.Duration
	}
	outcomes := make(chan outcome, 5*inside)
	var g errgroup.Group
	for range cap(outcomes) {
		g.Go(func() error {
			r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
			r.Header.Set("Authorization", "Bearer "+token)
			w := httptest.NewRecorder()
			began := time.Now()
			p.api.ServeHTTP(w, r) // checking so many answers takes longer than they do
			outcomes <- outcome{w.Code, w.Result().Header.Get("Retry-After"), time.Since(began)}
			return nil
		})
	}
	// All but those inside are turned away, most of them at once, the others after
	// half a second of waiting.
	fast := 0
	for n := range cap(outcomes) - inside {
		select {
		case o := <-outcomes:
			if o.status != http.StatusServiceUnavailable || o.retry != "2" {
				t.Errorf("a request too many is answered with %d, Retry-After %q", o.status, o.retry)
			}
			if o.took < 400*time.Millisecond {
				fast++
			}
		case <-time.After(time.Minute):
			t.Fatalf("only %d were turned away", n)
		}
	}
	if fast < inside {
		t.Errorf("%d were turned away at once, of %d", fast, cap(outcomes))
	}
	// A request without a token gets 401 all the same, and takes no place.
	for range inside {
		if a := p.do(http.MethodGet, url, "", ""); a.status != http.StatusUnauthorized {
			t.Fatalf("without a token: %d", a.status)
		}
	}
	if err := tx.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := g.Wait(); err != nil {
		t.Fatal(err)
	}
	close(outcomes)
	for o := range outcomes {
		if o.status != http.StatusOK {
			t.Errorf("a request inside is answered with %d", o.status)
		}
	}
	if a := p.get("daughter", url); a.status != http.StatusOK {
		t.Errorf("once it is over, answered with %d", a.status)
	}
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if got, want := f.GetMetric()[0].GetCounter().GetValue(), float64(cap(outcomes)-inside); f.GetName() == "dossiersync_http_shed_total" && got != want {
			t.Errorf("%v requests are counted as turned away, want %v", got, want)
		}
	}
}

// lock runs a statement in a transaction that the caller must roll back.
func (p *harness) lock(sql string) pgx.Tx {
	p.t.Helper()
	tx, err := p.db.Begin(p.t.Context())
	if err != nil {
		p.t.Fatal(err)
	}
	p.t.Cleanup(func() { _ = tx.Rollback(context.Background()) })
	if _, err := tx.Exec(p.t.Context(), sql); err != nil {
		p.t.Fatal(err)
	}
	return tx
}

// A client that disconnects while queued leaves no place taken.
func TestDisconnectFreesThePlace(t *testing.T) {
	t.Parallel()
	p := newDossierHarness(t)
	p.items(report("1", "r", noon()))
	tx := p.lock(`LOCK TABLE items IN ACCESS EXCLUSIVE MODE`)
	ctx, hangUp := context.WithCancel(t.Context())
	var g errgroup.Group
	for range 4 * p.Reader.Connections() {
		g.Go(func() error {
			r := httptest.NewRequestWithContext(ctx, http.MethodGet, "/v1/dossiers/1/reports", nil)
			r.Header.Set("Authorization", "Bearer "+p.token("daughter", "dossier:read"))
			p.handler.ServeHTTP(httptest.NewRecorder(), r)
			return nil
		})
	}
	hangUp()
	if err := g.Wait(); err != nil {
		t.Fatal(err)
	}
	if err := tx.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
	if a := p.get("daughter", "/v1/dossiers/1/reports"); a.status != http.StatusOK {
		t.Errorf("answered with %d", a.status)
	}
}

// However many requests one tenant sends, other tenants get places.
func TestOneTenantLeavesRoomForOthers(t *testing.T) {
	t.Parallel()
	p := newDossierHarness(t)
	p.grant("szr", "son", "1", everyPart)
	p.client("szr", "1", "Jan")
	tx := p.lock(`SELECT FROM tenants FOR UPDATE`) // holds no read up
	if _, err := tx.Exec(t.Context(), `LOCK TABLE items IN ACCESS EXCLUSIVE MODE`); err != nil {
		t.Fatal(err)
	}
	token := p.token("daughter", "dossier:read")
	places := 4 * p.Reader.Connections()
	var g errgroup.Group
	statuses := make(chan int, 4*places)
	for range cap(statuses) {
		g.Go(func() error {
			statuses <- p.do(http.MethodGet, "/v1/dossiers/1/reports", token, "").status
			return nil
		})
	}
	for n := range cap(statuses) - places/2 {
		select {
		case status := <-statuses:
			if status != http.StatusServiceUnavailable {
				t.Errorf("one too many is answered with %d", status)
			}
		case <-time.After(time.Minute):
			t.Fatalf("only %d were turned away: more than half are inside", n)
		}
	}
	// The connections are all taken: what does not need one shows that there is room.
	c := claimsOf("son", "openid")
	c["tenant"] = "szr"
	if a := p.do(http.MethodGet, "/v1/dossiers/1/reports", sign(t, jwa.ES256(), p.keys.private, c), ""); a.status != http.StatusForbidden {
		t.Errorf("of another organisation, answered with %d", a.status)
	}
	if err := tx.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := g.Wait(); err != nil {
		t.Fatal(err)
	}
	close(statuses)
	for status := range statuses {
		if status != http.StatusOK {
			t.Errorf("one inside is answered with %d", status)
		}
	}
}

// A client that reads its answer slowly blocks no other.
func TestSlowReaderTakesNoPlace(t *testing.T) {
	t.Parallel()
	p := newDossierHarness(t, func(o *portalapi.Options) { o.Tenants = o.Tenants[:1] })
	p.items(report("1", "r", noon()))
	token := p.token("daughter", "dossier:read")
	release := make(chan struct{})
	var g errgroup.Group
	started := make(chan struct{}, 5*p.Reader.Connections())
	for range cap(started) {
		g.Go(func() error {
			r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/v1/dossiers/1/reports", nil)
			r.Header.Set("Authorization", "Bearer "+token)
			p.api.ServeHTTP(&slowWriter{ResponseRecorder: httptest.NewRecorder(), started: started, release: release}, r)
			return nil
		})
	}
	for range cap(started) {
		select {
		case <-started:
		case <-time.After(time.Minute):
			t.Fatal("those who read slowly keep others out")
		}
	}
	if a := p.get("daughter", "/v1/dossiers/1/reports"); a.status != http.StatusOK {
		t.Errorf("answered with %d", a.status)
	}
	close(release)
	if err := g.Wait(); err != nil {
		t.Fatal(err)
	}
}

type slowWriter struct {
	*httptest.ResponseRecorder
	started chan<- struct{}
	release <-chan struct{}
}

func (w *slowWriter) Write(p []byte) (int, error) {
	w.started <- struct{}{}
	<-w.release
	return w.ResponseRecorder.Write(p)
}
