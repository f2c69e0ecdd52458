package portalapi

import (
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/lestrrat-go/jwx/v3/jwk"
	"go.uber.org/zap"
)

// A key is the public half of one of the issuer's keys.
type key struct {
	id     string   // empty: the set gives none
	algs   []string // the algorithms that it may be used with
	public any
}

// keySet is the issuer's keys as of one moment. It is not changed.
type keySet struct{ keys []key }

// find returns the keys that may have signed a token with this header. A token
// without a kid may be of any key, and a key without one may be of any token.
func (s *keySet) find(kid, alg string) []key {
	var found []key
	for _, k := range s.keys {
		if (kid == "" || k.id == "" || k.id == kid) && slices.Contains(k.algs, alg) {
			found = append(found, k)
		}
	}
	return found
}

// parseKeys reads a JWK Set (RFC 7517 §5). Keys that cannot be used are passed
// over: symmetric ones, those for encryption, unknown types, RSA below 2048 bits.
// A set without any key is one: it is how an issuer withdraws all.
func parseKeys(text []byte) (*keySet, error) {
	var set struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if err := json.Unmarshal(text, &set); err != nil {
		return nil, fmt.Errorf("read a JWK Set: %w", err)
	}
	var s keySet
	for _, raw := range set.Keys {
		if k, ok := parseKey(raw); ok {
			s.keys = append(s.keys, k)
		}
	}
	if len(s.keys) == 0 && (set.Keys == nil || len(set.Keys) > 0) {
		return nil, errors.New("the JWK Set has no key that can be used")
	}
	return &s, nil
}

func parseKey(raw []byte) (key, bool) {
	parsed, err := jwk.ParseKey(raw)
	if err != nil {
		return key{}, false
	}
	if _, asymmetric := parsed.(jwk.AsymmetricKey); !asymmetric {
		return key{}, false
	}
	if use, ok := parsed.KeyUsage(); ok && use != "sig" {
		return key{}, false
	}
	public, err := parsed.PublicKey()
	if err != nil {
		return key{}, false
	}
	var k key
	if err := jwk.Export(public, &k.public); err != nil {
		return key{}, false
	}
	k.id, _ = parsed.KeyID()
	switch p := k.public.(type) {
	case *rsa.PublicKey:
		if p.N.BitLen() >= 2048 {
			k.algs = []string{"RS256", "RS384", "RS512", "PS256", "PS384", "PS512"}
		}
	case *ecdsa.PublicKey:
		if alg, ok := curves[p.Curve.Params().Name]; ok {
			k.algs = []string{alg}
		}
	case ed25519.PublicKey:
		k.algs = []string{"EdDSA"}
	}
	if alg, ok := parsed.Algorithm(); ok {
		k.algs = slices.DeleteFunc(k.algs, func(a string) bool { return a != alg.String() })
	}
	return k, len(k.algs) > 0
}

// curves tells which algorithm goes with a curve (RFC 7518 §3.4).
var curves = map[string]string{"P-256": "ES256", "P-384": "ES384", "P-521": "ES512"}

// keyring is the issuer's keys, kept up to date from where they are published.
// While that fails, it keeps those it has.
type keyring struct {
	// fetch returns the set as published, or nil when it is as it was.
	fetch func(ctx context.Context) ([]byte, error)
	every time.Duration // how old the keys may become
	pause time.Duration // the least time between two fetches
	now   func() time.Time
	log   *zap.Logger

	current atomic.Pointer[keySet]
	due     atomic.Int64 // when they are too old, in nanoseconds
	mu      sync.Mutex   // of fetching
	tried   time.Time
	good    time.Time // when they were last known to be the issuer's
	broken  bool      // what is published cannot be read
}

// maxAge is how long keys stay in use while what is published cannot be had.
const maxAge = 24 * time.Hour

// fetchTime bounds a fetch, for which a request waits.
const fetchTime = 5 * time.Second

// get returns the keys, or nil while there never were any. When they are due,
// one request fetches them and the others go on with the old ones.
func (r *keyring) get(ctx context.Context) *keySet {
	have := r.current.Load()
	if have == nil {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.refresh(ctx)
		return r.current.Load()
	}
	if r.now().UnixNano() >= r.due.Load() && r.mu.TryLock() {
		defer r.mu.Unlock()
		r.refresh(ctx)
	}
	return r.current.Load()
}

// renew returns keys that are newer than have if there are any: a token names one
// that have does not hold.
func (r *keyring) renew(ctx context.Context, have *keySet) *keySet {
	r.mu.Lock()
	defer r.mu.Unlock()
	if now := r.current.Load(); now != have {
		return now
	}
	r.refresh(ctx)
	return r.current.Load()
}

// refresh fetches the keys unless that was tried a moment ago. The caller holds
// mu.
func (r *keyring) refresh(ctx context.Context) {
	now := r.now()
	if !r.tried.IsZero() && now.Sub(r.tried) < r.pause {
		return
	}
	r.tried = now
	if err := r.load(ctx); err != nil {
		r.log.Warn("the keys of tokens could not be read; those known stay in use for a day", zap.Error(err))
		r.due.Store(now.Add(max(r.pause, time.Second)).UnixNano())
		if !r.good.IsZero() && now.Sub(r.good) > maxAge {
			r.current.Store(new(keySet))
		}
		return
	}
	r.good = now
	r.due.Store(now.Add(r.every).UnixNano())
}

func (r *keyring) load(ctx context.Context) error {
	// Whoever happens to wait for it may go away; the others want it still.
	ctx, cancel := context.WithTimeoutCause(context.WithoutCancel(ctx), fetchTime, errors.New("the keys of tokens take too long"))
	defer cancel()
	text, err := r.fetch(ctx)
	switch {
	case err != nil:
		return err
	case text == nil && r.broken:
		return errors.New("the JWK Set is still one that cannot be read")
	case text == nil:
		return nil
	}
	set, err := parseKeys(text)
	r.broken = err != nil
	if err != nil {
		return err
	}
	r.current.Store(set)
	return nil
}
