package acceptance

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"dossiersync/cmd/carerecordsim/faults"
)

// proxy stands between a care record simulator and the program. It injects
// faults, and lets a test act in the middle of a run.
type proxy struct {
	faults   *faults.Injector
	url      string // the FHIR base URL
	now      func() time.Time
	requests atomic.Int64 // so far

	mu        sync.Mutex
	next      http.Handler
	onRequest func(*http.Request) // may be nil
}

func newProxy(t testing.TB, sim http.Handler, o faults.Options, rules ...faults.Rule) *proxy {
	t.Helper()
	if o.Clock == nil {
		o.Clock = time.Now
	}
	p := &proxy{faults: faults.New(o, rules...), now: o.Clock}
	p.setSource(sim)
	server := httptest.NewServer(p)
	t.Cleanup(server.Close)
	p.url = server.URL + "/fhir"
	return p
}

// ServeHTTP implements [http.Handler].
func (p *proxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p.requests.Add(1)
	w.Header().Set("Date", p.now().UTC().Format(http.TimeFormat))
	p.mu.Lock()
	onRequest, next := p.onRequest, p.next
	p.mu.Unlock()
	if onRequest != nil {
		onRequest(r)
	}
	if r.Context().Err() == nil {
		next.ServeHTTP(w, r)
	}
}

// setFaults replaces the faults; without rules the source behaves.
func (p *proxy) setFaults(rules ...faults.Rule) { p.faults.Set(rules...) }

// setSource replaces the source behind the faults.
func (p *proxy) setSource(source http.Handler) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.next = p.faults.Layer(source)
}

// wrap puts a handler around the one that answers now.
func (p *proxy) wrap(layer func(next http.Handler) http.Handler) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.next = layer(p.next)
}

// beforeRequests calls f before each request is answered; nil calls nothing.
func (p *proxy) beforeRequests(f func(*http.Request)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.onRequest = f
}

// afterRequests returns a channel that is closed when n more requests have come.
func (p *proxy) afterRequests(n int64) <-chan struct{} {
	reached := make(chan struct{})
	var count atomic.Int64
	p.beforeRequests(func(*http.Request) {
		if count.Add(1) == n {
			close(reached)
		}
	})
	return reached
}

// holdOne holds back the first request that matches until release is called or the
// request is cancelled. reached is closed when that request has come.
func (p *proxy) holdOne(matches func(*http.Request) bool) (reached <-chan struct{}, release func()) {
	arrived, released := make(chan struct{}), make(chan struct{})
	var once, open sync.Once
	p.beforeRequests(func(r *http.Request) {
		if !matches(r) {
			return
		}
		first := false
		once.Do(func() { first = true })
		if !first {
			return
		}
		close(arrived)
		select {
		case <-released:
		case <-r.Context().Done():
		}
	})
	return arrived, func() { open.Do(func() { close(released) }) }
}

// onEvery is the rule that every matching request meets the fault.
func onEvery(m faults.Match, f faults.Fault) faults.Rule { return faults.Rule{Match: m, Fault: f} }

// reportSearches matches searches for day reports.
var reportSearches = faults.Match{Type: "Observation", Interaction: faults.Search}

// isThirdReportPage returns a matcher of the third request for day reports. The
// program asks for it after it has applied the first page.
func isThirdReportPage() func(*http.Request) bool {
	pages := 0
	return func(r *http.Request) bool {
		if strings.HasSuffix(r.URL.Path, "/Observation") {
			pages++
		}
		return pages == 3
	}
}
