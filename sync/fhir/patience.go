package fhir

import (
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"dossiersync/sync/source"
)

const (
	// longestWait is the longest that a source is believed to ask for. Longer
	// is nonsense, and answered with fallbackWait.
	longestWait  = 24 * time.Hour
	fallbackWait = 60 * time.Second
	// unsaidWait is for a source that asks for patience and does not say for
	// how long.
	unsaidWait = 2 * time.Second
)

// patience returns how long an answer asks to wait, by Retry-After (RFC 9110
// §10.2.3) or RateLimit (draft-ietf-httpapi-ratelimit-headers), and whether it
// asks at all. It is never long beyond sense: some write a moment where a
// duration belongs.
func patience(h http.Header) (wait time.Duration, asked bool) {
	wait, asked = retryAfter(h)
	if !asked {
		wait, asked = rateLimit(h)
	}
	switch {
	case !asked:
		return unsaidWait, false
	case wait > longestWait:
		return fallbackWait, true
	}
	return max(wait, time.Second), true
}

func retryAfter(h http.Header) (time.Duration, bool) {
	s := strings.TrimSpace(h.Get("Retry-After"))
	if s == "" {
		return 0, false
	}
	now := serverTime(h)
	if now.IsZero() {
		now = time.Now()
	}
	if at, err := http.ParseTime(s); err == nil {
		return at.Sub(now), true
	}
	n, err := strconv.ParseFloat(s, 64)
	switch {
	case err != nil || n != n: // not a number, or NaN
		return fallbackWait, true
	case n > 1e11: // an epoch in milliseconds (SMART bulk-data-server)
		return time.UnixMilli(int64(min(n, 1e15))).Sub(now), true
	case n > 1e9: // an epoch in seconds
		return time.Unix(int64(n), 0).Sub(now), true
	}
	return time.Duration(n * float64(time.Second)), true
}

// rateLimit reads `"policy";r=0;t=60`: nothing left for 60 seconds.
func rateLimit(h http.Header) (wait time.Duration, asked bool) {
	for _, policy := range strings.Split(strings.Join(h.Values("RateLimit"), ","), ",") {
		left, reset := -1, -1
		for _, param := range strings.Split(policy, ";") {
			name, s, _ := strings.Cut(strings.TrimSpace(param), "=")
			n, err := strconv.Atoi(s)
			if err != nil || n < 0 {
				continue
			}
			switch name {
			case "r":
				left = n
			case "t":
				reset = min(n, int(2*longestWait/time.Second))
			}
		}
		if left == 0 && reset >= 0 {
			wait, asked = max(wait, time.Duration(reset)*time.Second), true
		}
	}
	return wait, asked
}

// serverTime returns the source's own clock when it answered, zero if it does
// not tell.
func serverTime(h http.Header) time.Time {
	t, err := http.ParseTime(h.Get("Date"))
	if err != nil {
		return time.Time{}
	}
	return t.UTC()
}

// pause holds back every request to a source that asked for patience.
type pause struct {
	mu    sync.Mutex
	until time.Time
	why   source.Failure // the answer that asked for it
}

// extend lasts the pause for at least f.After from now.
func (p *pause) extend(f *source.Failure) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if until := time.Now().Add(f.After); until.After(p.until) {
		p.until, p.why = until, *f
	}
}

// Waiting implements [source.Waiter].
func (s *Source) Waiting() *source.Failure {
	p := &s.client.pause
	p.mu.Lock()
	defer p.mu.Unlock()
	left := time.Until(p.until)
	if left <= 0 {
		return nil
	}
	f := p.why
	f.After = left
	return &f
}

// failure is that of a request that is not made, because the pause lasts too long.
func (p *pause) failure(act string, wait time.Duration) *source.Failure {
	p.mu.Lock()
	defer p.mu.Unlock()
	return &source.Failure{Kind: source.Throttled, Act: act, Status: p.why.Status, Err: p.why.Err, After: wait}
}

// left returns how much longer the pause lasts.
func (p *pause) left() time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	return max(time.Until(p.until), 0)
}
