package fhir

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strings"
	"time"

	"golang.org/x/time/rate"

	"dossiersync/sync/source"
)

// A client asks one care record system, politely: so many requests at once and
// so many a second, none while it asked for patience, none while the circuit is
// open. Retry wraps an attempt; an attempt is limiter, then breaker, then HTTP.
type client struct {
	base    *url.URL
	http    *http.Client
	limits  Limits
	times   times
	slots   chan struct{}
	limiter *rate.Limiter
	breaker *breaker
	pause   pause
	observe func(Request)
}

// times is how long a client waits for what.
type times struct {
	attempts    int           // per call
	backoff     time.Duration // the most before the second attempt; doubled for each further one
	backoffMost time.Duration
	patience    time.Duration // in all, within one call, for a source that asks for it
	header      time.Duration // from the request until the answer begins
	body        time.Duration // for the whole answer
	window      time.Duration // in which an answer must get on
	progress    int64         // by so many bytes
	open        time.Duration // how long an open circuit stays so
	trip        uint32        // failures in a row that open it
}

// usual is what serves with real sources. Ten failures in a row are more than
// one request alone can cause: a client for whom the source answers 500 must not
// stop the others.
var usual = times{
	attempts: 4, backoff: 500 * time.Millisecond, backoffMost: 10 * time.Second,
	header: 30 * time.Second, body: 60 * time.Second, window: 10 * time.Second, progress: 1 << 10,
	open: 30 * time.Second, trip: 10,
}

func newClient(o Options, t times) *client {
	t.patience = o.Patience
	within := newReach(o)
	return &client{
		base: o.BaseURL,
		http: &http.Client{Transport: o.Transport, CheckRedirect: func(req *http.Request, via []*http.Request) error {
			if len(via) >= 5 {
				return errRedirects
			}
			if wrong := within.trouble(req.URL); wrong != "" {
				return wrong
			}
			return nil
		}},
		limits:  o.Limits,
		times:   t,
		slots:   make(chan struct{}, o.Concurrency),
		limiter: rate.NewLimiter(rate.Limit(o.RequestsPerSecond), o.Concurrency),
		breaker: newBreaker(o.Tenant, t, o.OnBreaker),
		observe: o.Observe,
	}
}

// A request is one GET.
type request struct {
	act    string // for errors: "search Observation"
	kind   string // for metrics: "Observation"
	url    *url.URL
	strict bool // ask the server to refuse parameters that it does not know
	file   bool // take whatever comes, not only FHIR
	list   bool // take it apart as a Bundle
}

// An response is what came back. Of an answer that is an error only status and
// header are there.
type response struct {
	status int
	header http.Header
	body   []byte
	wire   int64 // bytes received, as packed

	bundle   bundle // where a list was asked for
	noBundle error  // why it is none, though whole and JSON
}

// get asks until it has an answer with status 200, or there is no use in asking
// on. The error is a [*source.Failure], or that of ctx.
func (c *client) get(ctx context.Context, req request) (response, error) {
	select {
	case c.slots <- struct{}{}:
		defer func() { <-c.slots }()
	case <-ctx.Done():
		return response{}, cancelled(ctx, req.act)
	}
	patience := c.times.patience
	for n := 1; ; n++ {
		wait := c.pause.left()
		if wait > patience || !fits(ctx, wait) {
			return response{}, c.pause.failure(req.act, wait)
		}
		if patience -= wait; !sleep(ctx, wait) {
			return response{}, cancelled(ctx, req.act)
		}
		ans, t := c.attempt(ctx, req)
		switch {
		case t == nil:
			return ans, nil
		case t.failure == nil:
			return ans, cancelled(ctx, req.act)
		}
		last := !t.retry || n == c.times.attempts
		if t.failure.Kind == source.Throttled {
			c.pause.extend(t.failure)
			last = last || t.failure.After > patience
		} else if !last && !sleep(ctx, c.times.backoffBefore(n+1)) {
			return ans, cancelled(ctx, req.act)
		}
		if last {
			return ans, t.failure
		}
	}
}

// attempt asks once.
func (c *client) attempt(ctx context.Context, req request) (response, *trouble) {
	asked := time.Now()
	if err := c.limiter.Wait(ctx); err != nil {
		return response{}, &trouble{}
	}
	waited := time.Since(asked)
	done, open := c.breaker.allow(req.act)
	if open != nil {
		c.observe(Request{Type: req.kind, Class: "refused", Waited: waited})
		return response{}, &trouble{failure: open}
	}
	began := time.Now()
	ans, err := c.do(ctx, req)
	t := sortOut(ctx, req.act, ans, err)
	done(t)
	c.observe(Request{Type: req.kind, Class: class(ans.status, t), Waited: waited, Duration: time.Since(began), Bytes: ans.wire})
	return ans, t
}

// backoffBefore returns how long to wait before attempt n: any time up to a
// limit that doubles, so that many clients do not come back at once.
func (t times) backoffBefore(n int) time.Duration {
	most := min(t.backoff<<(n-2), t.backoffMost)
	return rand.N(most) + 1 //nolint:gosec // it only spreads requests
}

// fits reports whether ctx lasts longer than d.
func fits(ctx context.Context, d time.Duration) bool {
	deadline, ok := ctx.Deadline()
	return !ok || d == 0 || time.Until(deadline) > d
}

// sleep waits for d; false means that ctx ended first.
func sleep(ctx context.Context, d time.Duration) bool {
	if d <= 0 {
		return ctx.Err() == nil
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// cancelled is the error of a call whose caller has given up, or has no more
// time: no failure of the source's.
func cancelled(ctx context.Context, act string) error {
	err := ctx.Err()
	if err == nil {
		err = context.DeadlineExceeded // the limiter saw that it would come too soon
	}
	if cause := context.Cause(ctx); cause != nil && !errors.Is(cause, err) {
		return fmt.Errorf("%s: %w: %w", act, err, cause)
	}
	return fmt.Errorf("%s: %w", act, err)
}

// sameOrigin reports whether u has the scheme, host and port of base.
func sameOrigin(u, base *url.URL) bool {
	return u.Scheme == base.Scheme && u.User == nil && strings.EqualFold(hostPort(u, u.Scheme), hostPort(base, base.Scheme))
}
