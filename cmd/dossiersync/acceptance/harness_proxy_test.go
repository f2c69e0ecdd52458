package acceptance

import (
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"dossiersync/cmd/carerecordsim/faults"
)

// proxy stands before a care record simulator: it can fail as its faults say,
// and lets a test act in the midst of a run.
type proxy struct {
	faults *faults.Injector
	url    string // where FHIR begins
	next   http.Handler
	now    func() time.Time // the source's

	mu        sync.Mutex
	onRequest func(*http.Request) // nil: it only passes requests on
	requests  atomic.Int64        // requests so far
}

func newProxy(t testing.TB, sim http.Handler, o faults.Options, rules ...faults.Rule) *proxy {
	t.Helper()
	if o.Clock == nil {
		o.Clock = time.Now
	}
	f := &proxy{faults: faults.New(o, rules...), now: o.Clock}
	f.next = f.faults.Layer(sim)
	server := httptest.NewServer(f)
	t.Cleanup(server.Close)
	f.url = server.URL + "/fhir"
	return f
}

// ServeHTTP implements [http.Handler].
func (p *proxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p.requests.Add(1)
	w.Header().Set("Date", p.now().UTC().Format(http.TimeFormat))
	p.mu.Lock()
	acts, behind := p.onRequest, p.next
	p.mu.Unlock()
	if acts != nil {
		acts(r)
	}
	if r.Context().Err() == nil {
		behind.ServeHTTP(w, r)
	}
}

// wrap has another handler answer, which is given the one that did.
func (p *proxy) wrap(by func(behind http.Handler) http.Handler) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.next = by(p.next)
}

// onEachRequest has act called before each request is answered; nil: nothing is.
func (p *proxy) onEachRequest(act func(*http.Request)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.onRequest = act
}

// afterRequests returns a channel that is closed when n more requests have come.
func (p *proxy) afterRequests(n int64) <-chan struct{} {
	reached := make(chan struct{})
	var came atomic.Int64
	p.onEachRequest(func(*http.Request) {
		if came.Add(1) == n {
			close(reached)
		}
	})
	return reached
}

// holdOne holds back the next request that fits, until release is called or whoever
// sent it is gone. The channel is closed when it has come.
func (p *proxy) holdOne(fits func(*http.Request) bool) (came <-chan struct{}, release func()) {
	reached, released := make(chan struct{}), make(chan struct{})
	var once, open sync.Once
	p.onEachRequest(func(r *http.Request) {
		if !fits(r) {
			return
		}
		first := false
		once.Do(func() { first = true })
		if !first {
			return
		}
		close(reached)
		select {
		case <-released:
		case <-r.Context().Done():
		}
	})
	return reached, func() { open.Do(func() { close(released) }) }
}

// waitFor fails the test unless the channel is closed within half a minute.
func waitFor(t testing.TB, what string, c <-chan struct{}) {
	t.Helper()
	select {
	case <-c:
	case <-time.After(30 * time.Second):
		t.Fatalf("after 30 s: %s did not happen", what)
	}
}

// waitUntil fails the test unless something becomes so within half a minute: other
// processes have nothing else to wait on.
func waitUntil(t testing.TB, what string, so func() bool) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); !so(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("after 30 s it is not so that %s", what)
		}
	}
}
