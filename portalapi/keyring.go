package portalapi

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"
)

const (
	maxJWKS = 1 << 20 // bytes of a JWK Set
	// maxKeyAge is how long keys stay in use while the published set cannot be read.
	maxKeyAge = 24 * time.Hour
	// fetchTime limits a fetch, because a request waits for it.
	fetchTime = 5 * time.Second
)

// keyring keeps the issuer's keys up to date with the published set. While the set cannot be read,
// the known keys stay in use, up to maxKeyAge.
type keyring struct {
	fetch func(ctx context.Context) ([]byte, error) // returns the published set
	every time.Duration                             // the age at which keys are fetched again
	pause time.Duration                             // the least time between two fetches
	now   func() time.Time
	log   *zap.Logger

	current atomic.Pointer[keySet] // nil: no set was ever read
	due     atomic.Int64           // when to fetch again, in nanoseconds since 1970

	mu    sync.Mutex // held while fetching; guards the fields below
	text  []byte     // the set that current was parsed from
	tried time.Time  // the last fetch
	good  time.Time  // the last fetch that succeeded
}

// newKeyring returns the keys of the file or URL that o names.
func newKeyring(o Auth, now func() time.Time, log *zap.Logger) (*keyring, error) {
	r := &keyring{now: now, log: log}
	switch {
	case (o.JWKSFile == "") == (o.JWKSURL == ""):
		return nil, errors.New("give either a file or a URL of the issuer's keys")
	case o.JWKSURL != "":
		r.fetch, r.every, r.pause = keysOfURL(o.JWKSURL), 15*time.Minute, 10*time.Second
		return r, nil
	}
	r.fetch, r.every = keysOfFile(o.JWKSFile), time.Second
	if err := r.load(context.Background()); err != nil {
		return nil, err
	}
	if len(r.current.Load().keys) == 0 {
		return nil, errors.New("the JWK Set has no keys")
	}
	r.good = now()
	return r, nil
}

// get returns the keys, or nil if no set was ever read. When they are due, one request fetches
// them while the others go on with the known keys.
func (r *keyring) get(ctx context.Context) *keySet {
	if r.current.Load() == nil {
		return r.renew(ctx, nil)
	}
	if r.now().UnixNano() >= r.due.Load() && r.mu.TryLock() {
		defer r.mu.Unlock()
		r.refresh(ctx)
	}
	return r.current.Load()
}

// renew returns newer keys than have, if there are any. It is for a token whose key have lacks.
func (r *keyring) renew(ctx context.Context, have *keySet) *keySet {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.current.Load() == have {
		r.refresh(ctx)
	}
	return r.current.Load()
}

// refresh fetches the keys, unless the last fetch is less than pause ago. The caller holds mu.
func (r *keyring) refresh(ctx context.Context) {
	now := r.now()
	if !r.tried.IsZero() && now.Sub(r.tried) < r.pause {
		return
	}
	r.tried = now
	if err := r.load(ctx); err != nil {
		r.log.Warn("the keys of tokens could not be read; known keys stay in use for a day", zap.Error(err))
		r.due.Store(now.Add(max(r.pause, time.Second)).UnixNano())
		if !r.good.IsZero() && now.Sub(r.good) > maxKeyAge {
			r.current.Store(new(keySet))
			r.text = nil
		}
		return
	}
	r.good = now
	r.due.Store(now.Add(r.every).UnixNano())
}

// load makes the published set current. An unchanged set keeps the same keySet, and so the cache of
// verified tokens. The caller holds mu.
func (r *keyring) load(ctx context.Context) error {
	// Detached from the caller's context, because other requests wait for this fetch too.
	ctx, cancel := context.WithTimeoutCause(context.WithoutCancel(ctx), fetchTime,
		errors.New("the keys of tokens take too long"))
	defer cancel()
	text, err := r.fetch(ctx)
	if err != nil || r.text != nil && bytes.Equal(text, r.text) {
		return err
	}
	set, err := parseKeys(text)
	if err != nil {
		return err
	}
	r.text = text
	r.current.Store(set)
	return nil
}

func keysOfFile(path string) func(context.Context) ([]byte, error) {
	return func(context.Context) ([]byte, error) {
		f, err := os.Open(path)
		if err != nil {
			return nil, fmt.Errorf("open the JWK Set: %w", err)
		}
		defer f.Close()
		return readKeys(f)
	}
}

// keysOfURL fetches from url, and follows redirects only within its host.
func keysOfURL(url string) func(context.Context) ([]byte, error) {
	client := &http.Client{Timeout: fetchTime, CheckRedirect: func(next *http.Request, via []*http.Request) error {
		if first := via[0].URL; next.URL.Scheme != first.Scheme || next.URL.Host != first.Host || len(via) > 5 {
			return errors.New("the issuer redirects to another host, or too often")
		}
		return nil
	}}
	return func(ctx context.Context) ([]byte, error) {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
		if err != nil {
			return nil, fmt.Errorf("fetch the JWK Set: %w", err)
		}
		req.Header.Set("Accept", "application/jwk-set+json, application/json")
		res, err := client.Do(req)
		if err != nil {
			return nil, fmt.Errorf("fetch the JWK Set: %w", err)
		}
		defer res.Body.Close()
		if res.StatusCode != http.StatusOK {
			return nil, fmt.Errorf("fetch the JWK Set: %s", res.Status)
		}
		return readKeys(res.Body)
	}
}

func readKeys(r io.Reader) ([]byte, error) {
	text, err := io.ReadAll(io.LimitReader(r, maxJWKS+1))
	if err != nil {
		return nil, fmt.Errorf("read the JWK Set: %w", err)
	}
	if len(text) > maxJWKS {
		return nil, errors.New("the JWK Set is larger than 1 MB")
	}
	return text, nil
}
