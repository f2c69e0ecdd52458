package portalapi_test

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/lestrrat-go/jwx/v3/jwa"
	"github.com/lestrrat-go/jwx/v3/jwk"
	"github.com/lestrrat-go/jwx/v3/jws"

	"dossiersync/portalapi"
	"dossiersync/store/dossier"
)

const dossiersURL = "/v1/dossiers"

func TestTokenIsRefused(t *testing.T) {
	t.Parallel()
	p := newDossierHarness(t)
	good := func() claims { return claimsOf("daughter", "dossier:read") }
	with := func(name string, value any) claims {
		c := good()
		c[name] = value
		return c
	}
	es := func(c claims) string { return sign(t, jwa.ES256(), p.keys.private, c) }
	valid := es(good())
	parts := strings.Split(valid, ".")
	header := func(text string) string { return base64.RawURLEncoding.EncodeToString([]byte(text)) }
	// resign signs the good claims, with the issuer's key, under another header.
	resign := func(text string) string {
		var private ecdsa.PrivateKey
		if err := jwk.Export(p.keys.private, &private); err != nil {
			t.Fatal(err)
		}
		signed := header(text) + "." + parts[1]
		sum := sha256.Sum256([]byte(signed))
		r, s, err := ecdsa.Sign(rand.Reader, &private, sum[:])
		if err != nil {
			t.Fatal(err)
		}
		var signature [64]byte
		r.FillBytes(signature[:32])
		s.FillBytes(signature[32:])
		return signed + "." + header(string(signature[:]))
	}
	if a := p.do(http.MethodGet, dossiersURL, resign(`{"alg":"ES256","kid":"first"}`), ""); a.status != http.StatusOK {
		t.Fatalf("a token signed by hand is answered with %d", a.status)
	}

	stranger, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	public, err := p.keys.private.PublicKey()
	if err != nil {
		t.Fatal(err)
	}
	var raw ecdsa.PublicKey
	if err := jwk.Export(public, &raw); err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKIXPublicKey(&raw)
	if err != nil {
		t.Fatal(err)
	}
	published, err := os.ReadFile(p.keys.file)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	tests := map[string]string{
		"none":                        header(`{"alg":"none"}`) + "." + parts[1] + ".",
		"None":                        header(`{"alg":"None"}`) + "." + parts[1] + "." + parts[2],
		"no algorithm":                header(`{}`) + "." + parts[1] + "." + parts[2],
		"alg twice":                   header(`{"alg":"none","alg":"ES256","ALG":"none"}`) + "." + parts[1] + ".",
		"HS256 with the public PEM":   sign(t, jwa.HS256(), pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}), good()),
		"HS256 with the public DER":   sign(t, jwa.HS256(), der, good()),
		"HS256 with the JWKS":         sign(t, jwa.HS256(), published, good()),
		"another key":                 sign(t, jwa.ES256(), importKey(t, stranger, "first"), good()),
		"another key, without kid":    sign(t, jwa.ES256(), importKey(t, stranger, ""), good()),
		"another key, unknown kid":    sign(t, jwa.ES256(), importKey(t, stranger, "third"), good()),
		"a key in the header":         header(`{"alg":"ES256","jwk":`+string(marshal(t, importKey(t, stranger.Public(), "first")))+`}`) + "." + parts[1] + "." + parts[2],
		"changed payload":             parts[0] + "." + header(`{"iss":"`+issuer+`","aud":"dossiersync","sub":"son","tenant":"amaris","scope":"dossier:read","exp":9999999999}`) + "." + parts[2],
		"changed signature":           parts[0] + "." + parts[1] + "." + strings.Repeat("A", len(parts[2])),
		"no signature":                parts[0] + "." + parts[1] + ".",
		"two parts":                   parts[0] + "." + parts[1],
		"four parts":                  valid + "." + parts[2],
		"crit":                        header(`{"alg":"ES256","crit":["exp"]}`) + "." + parts[1] + "." + parts[2],
		"empty crit":                  resign(`{"alg":"ES256","crit":[]}`),
		"crit that is null":           resign(`{"alg":"ES256","crit":null}`),
		"crit of b64":                 resign(`{"alg":"ES256","crit":["b64"],"b64":true}`),
		"b64 without crit":            resign(`{"alg":"ES256","b64":false}`),
		"kid that is a number":        resign(`{"alg":"ES256","kid":1}`),
		"right key, unknown kid":      resign(`{"alg":"ES256","kid":"third"}`),
		"right key, another curve":    resign(`{"alg":"ES384","kid":"first"}`),
		"right key, ES256K":           resign(`{"alg":"ES256K","kid":"first"}`),
		"right key, RS256":            resign(`{"alg":"RS256","kid":"first"}`),
		"not a token":                 "letmein",
		"empty parts":                 "..",
		"too long":                    es(with("padding", strings.Repeat("x", 9000))),
		"expired":                     es(with("exp", now.Add(-2*time.Minute).Unix())),
		"no expiry":                   es(with("exp", nil)),
		"not yet valid":               es(with("nbf", now.Add(2*time.Minute).Unix())),
		"issued in the future":        es(with("iat", now.Add(2*time.Minute).Unix())),
		"another issuer":              es(with("iss", issuer+"/")),
		"no issuer":                   es(with("iss", nil)),
		"another audience":            es(with("aud", "portal")),
		"no audience":                 es(with("aud", nil)),
		"no subject":                  es(with("sub", nil)),
		"empty subject":               es(with("sub", "")),
		"subject with a NUL":          es(with("sub", "a\x00b")),
		"subject with a line break":   es(with("sub", "a\nb")),
		"long subject":                es(with("sub", strings.Repeat("x", 256))),
		"foreign tenant":              es(with("tenant", "elders")),
		"no tenant":                   es(with("tenant", nil)),
		"several tenants":             es(with("tenant", []string{"amaris"})),
		"scope that is not a text":    es(with("scope", []string{"dossier:read"})),
		"another type of token":       resign(`{"alg":"ES256","typ":"logout+jwt"}`),
		"a type with a prefix":        resign(`{"alg":"ES256","typ":"application/dpop+jwt"}`),
		"bound to a certificate":      es(with("cnf", map[string]string{"x5t#S256": "bwcK0esc3ACC3DB2Y5_lESsXE8o9ltc05O89jdN-dg2"})),
		"an ID token":                 es(with("at_hash", "MTIzNDU2Nzg5MDEyMzQ1Ng")),
		"valid for too long":          es(with("exp", now.Add(25*time.Hour).Unix())),
		"issued long ago":             es(with("iat", now.Add(-48*time.Hour).Unix())),
		"expiry as a text":            resignClaims(t, p, `"exp":"%[1]d"`),
		"not before as a text":        resignClaims(t, p, `"exp":%[1]d,"nbf":"0"`),
		"claims that are not objects": parts[0] + "." + header(`[]`) + "." + parts[2],
	}
	for name, token := range tests {
		a := p.do(http.MethodGet, dossiersURL, token, "")
		if kind := "invalid-token"; a.status != http.StatusUnauthorized {
			t.Errorf("%s: answered with %d", name, a.status)
		} else if got, _ := a.problem(t); got != kind {
			t.Errorf("%s: the problem is %s", name, got)
		} else if !strings.Contains(a.header.Get("WWW-Authenticate"), `error="invalid_token"`) {
			t.Errorf("%s: the challenge is %s", name, a.header.Get("WWW-Authenticate"))
		}
	}
	for name, headers := range map[string][]string{
		"none": nil, "another scheme": {"Authorization", "Basic " + valid}, "no scheme": {"Authorization", valid}, "empty": {"Authorization", "Bearer "},
	} {
		if a := p.do(http.MethodGet, dossiersURL, "", "", headers...); a.status != http.StatusUnauthorized {
			t.Errorf("header %s: answered with %d", name, a.status)
		}
	}
	if n := len(p.accesses()); n != 1 {
		t.Errorf("%d accesses are logged, want the one of the valid token", n)
	}
}

// resignClaims signs claims as a text, with the issuer's key; %[1]d in times is an hour from now.
func resignClaims(t *testing.T, p *harness, times string) string {
	t.Helper()
	payload := fmt.Sprintf(`{"iss":"`+issuer+`","aud":"dossiersync","sub":"daughter","tenant":"amaris","scope":"dossier:read",`+
		times+`}`, time.Now().Add(time.Hour).Unix())
	token, err := jws.Sign([]byte(payload), jws.WithKey(jwa.ES256(), p.keys.private))
	if err != nil {
		t.Fatal(err)
	}
	return string(token)
}

// The operator says which types of token count, how long they may be valid, and the form of scope.
func TestTokenIsAcceptedAsConfigured(t *testing.T) {
	t.Parallel()
	p := newDossierHarness(t, func(o *portalapi.Options) {
		o.Auth.Types, o.Auth.MaxLifetime, o.Auth.ScopeArray = []string{"at+jwt"}, time.Hour, true
	})
	signed := func(typ string, lifetime time.Duration, scope any) string {
		c := claimsOf("daughter", "")
		c["scope"], c["iat"], c["exp"] = scope, time.Now().Unix(), time.Now().Add(lifetime).Unix()
		payload, err := json.Marshal(c)
		if err != nil {
			t.Fatal(err)
		}
		headers := jws.NewHeaders()
		if err := headers.Set(jws.TypeKey, typ); err != nil {
			t.Fatal(err)
		}
		token, err := jws.Sign(payload, jws.WithKey(jwa.ES256(), p.keys.private, jws.WithProtectedHeaders(headers)))
		if err != nil {
			t.Fatal(err)
		}
		return string(token)
	}
	scopes := []string{"openid", "dossier:read"}
	for name, tt := range map[string]struct {
		token string
		want  int
	}{
		"as configured":          {signed("at+jwt", time.Hour, scopes), http.StatusOK},
		"the type with a prefix": {signed("application/AT+JWT", time.Hour, scopes), http.StatusOK},
		"no listed type":         {signed("JWT", time.Hour, scopes), http.StatusUnauthorized},
		"too long":               {signed("at+jwt", 2*time.Hour, scopes), http.StatusUnauthorized},
		"scope as a text":        {signed("at+jwt", time.Hour, "dossier:read"), http.StatusUnauthorized},
		"scope of numbers":       {signed("at+jwt", time.Hour, []int{1}), http.StatusUnauthorized},
		"another scope":          {signed("at+jwt", time.Hour, []string{"openid"}), http.StatusForbidden},
	} {
		if a := p.do(http.MethodGet, dossiersURL, tt.token, ""); a.status != tt.want {
			t.Errorf("%s: answered with %d, want %d", name, a.status, tt.want)
		}
	}
}

func TestTokenIsAccepted(t *testing.T) {
	t.Parallel()
	p := newDossierHarness(t)
	with := func(name string, value any) claims {
		c := claimsOf("daughter", "openid dossier:read  profile")
		c[name] = value
		return c
	}
	now := time.Now()
	for name, c := range map[string]claims{
		"one audience of several":   with("aud", []string{"portal", "dossiersync"}),
		"expired within leeway":     with("exp", now.Add(-50*time.Second).Unix()),
		"valid soon, within leeway": with("nbf", now.Add(50*time.Second).Unix()),
		"unknown claims":            with("amr", []string{"sms"}),
	} {
		if a := p.do(http.MethodGet, dossiersURL, sign(t, jwa.ES256(), p.keys.private, c), ""); a.status != http.StatusOK {
			t.Errorf("%s: answered with %d", name, a.status)
		}
	}
	if a := p.do(http.MethodGet, dossiersURL, "", "", "Authorization", "bearer "+p.token("daughter", "dossier:read")); a.status != http.StatusOK {
		t.Errorf("scheme in lower case: answered with %d", a.status)
	}
}

func TestEveryAllowedAlgorithm(t *testing.T) {
	t.Parallel()
	p := newDossierHarness(t)
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	_, edKey, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	ec := func(c elliptic.Curve) any {
		key, err := ecdsa.GenerateKey(c, rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		return key
	}
	tests := []struct {
		alg jwa.SignatureAlgorithm
		key any
	}{
		{jwa.RS256(), rsaKey}, {jwa.RS384(), rsaKey}, {jwa.RS512(), rsaKey},
		{jwa.PS256(), rsaKey}, {jwa.PS384(), rsaKey}, {jwa.PS512(), rsaKey},
		{jwa.ES256(), ec(elliptic.P256())}, {jwa.ES384(), ec(elliptic.P384())}, {jwa.ES512(), ec(elliptic.P521())},
		{jwa.EdDSA(), edKey},
	}
	var published []jwk.Key
	for _, tt := range tests {
		// Keys without a kid, as `dossiersync token jwks` publishes.
		published = append(published, importKey(t, tt.key, ""))
	}
	publish(t, p.keys.file, published...)
	for i, tt := range tests {
		token := sign(t, tt.alg, published[i], claimsOf("daughter", "dossier:read"))
		if a := p.do(http.MethodGet, dossiersURL, token, ""); a.status != http.StatusOK {
			t.Errorf("%s: answered with %d", tt.alg, a.status)
		}
	}
	// A key that is only for one algorithm is not for another.
	only := importKey(t, rsaKey, "only")
	if err := only.Set(jwk.AlgorithmKey, jwa.PS256()); err != nil {
		t.Fatal(err)
	}
	publish(t, p.keys.file, only)
	time.Sleep(1100 * time.Millisecond) // the file is looked at once a second
	bare := importKey(t, rsaKey, "only")
	for alg, want := range map[jwa.SignatureAlgorithm]int{jwa.PS256(): http.StatusOK, jwa.RS256(): http.StatusUnauthorized} {
		token := sign(t, alg, bare, claimsOf("daughter", "dossier:read"))
		if a := p.do(http.MethodGet, dossiersURL, token, ""); a.status != want {
			t.Errorf("%s by a key for PS256: answered with %d, want %d", alg, a.status, want)
		}
	}
}

func TestKeyFileIsReadAgain(t *testing.T) {
	t.Parallel()
	clock := &clock{now: time.Now()}
	p := newHarness(t, func(o *portalapi.Options) { o.Now = clock.Now })
	old := p.token("daughter", "dossier:read")
	status := func(token string) int { return p.do(http.MethodGet, dossiersURL, token, "").status }
	if got := status(old); got != http.StatusOK {
		t.Fatalf("answered with %d", got)
	}
	p.keys.rotate(t, "second")
	if got := status(p.token("daughter", "dossier:read")); got != http.StatusOK {
		t.Errorf("a token by the new key is answered with %d", got)
	}
	if got := status(old); got != http.StatusUnauthorized {
		t.Errorf("a token by the old key, verified before, is answered with %d", got)
	}
	// A file that is gone or broken leaves the keys as they are.
	if err := os.WriteFile(p.keys.file, []byte(`{"keys":[`), 0o600); err != nil {
		t.Fatal(err)
	}
	clock.advance(time.Minute)
	if got := status(p.token("daughter", "dossier:read")); got != http.StatusOK {
		t.Errorf("with a broken file answered with %d", got)
	}
	if err := os.Remove(p.keys.file); err != nil {
		t.Fatal(err)
	}
	clock.advance(time.Minute)
	if got := status(p.token("son", "dossier:read")); got != http.StatusOK {
		t.Errorf("without a file answered with %d", got)
	}
}

func TestWithdrawnKeysAreNoLongerTrusted(t *testing.T) {
	t.Parallel()
	t.Run("an empty set withdraws all at once", func(t *testing.T) {
		t.Parallel()
		clock := &clock{now: time.Now()}
		p := newHarness(t, func(o *portalapi.Options) { o.Now = clock.Now })
		token := p.token("daughter", "dossier:read")
		if got := p.do(http.MethodGet, dossiersURL, token, "").status; got != http.StatusOK {
			t.Fatalf("answered with %d", got)
		}
		publish(t, p.keys.file)
		clock.advance(2 * time.Second)
		if got := p.do(http.MethodGet, dossiersURL, token, "").status; got != http.StatusUnauthorized {
			t.Errorf("answered with %d", got)
		}
	})
	t.Run("a file that is gone does after a day", func(t *testing.T) {
		t.Parallel()
		for _, gone := range []bool{false, true} {
			clock := &clock{now: time.Now()}
			p := newHarness(t, func(o *portalapi.Options) { o.Now, o.Auth.MaxLifetime = clock.Now, 72*time.Hour })
			claims := claimsOf("daughter", "dossier:read")
			claims["exp"] = clock.Now().Add(48 * time.Hour).Unix()
			token := sign(t, jwa.ES256(), p.keys.private, claims)
			want := http.StatusOK
			if gone {
				if err := os.Remove(p.keys.file); err != nil {
					t.Fatal(err)
				}
				want = http.StatusUnauthorized
			}
			clock.advance(25 * time.Hour)
			if got := p.do(http.MethodGet, dossiersURL, token, "").status; got != want {
				t.Errorf("after a day, file gone %v: answered with %d, want %d", gone, got, want)
			}
		}
	})
}

// A key file that returns unchanged after more than a day is trusted again.
func TestKeyFileComesBackUnchanged(t *testing.T) {
	t.Parallel()
	clock := &clock{now: time.Now()}
	p := newHarness(t, func(o *portalapi.Options) { o.Now, o.Auth.MaxLifetime = clock.Now, 72*time.Hour })
	claims := claimsOf("daughter", "dossier:read")
	claims["exp"] = clock.Now().Add(72 * time.Hour).Unix()
	token := sign(t, jwa.ES256(), p.keys.private, claims)
	expect := func(when string, want int) {
		t.Helper()
		if got := p.do(http.MethodGet, dossiersURL, token, "").status; got != want {
			t.Errorf("%s: answered with %d, want %d", when, got, want)
		}
	}
	expect("at first", http.StatusOK)
	if err := os.Rename(p.keys.file, p.keys.file+".away"); err != nil {
		t.Fatal(err)
	}
	clock.advance(25 * time.Hour)
	expect("without a file for a day", http.StatusUnauthorized)
	if err := os.Rename(p.keys.file+".away", p.keys.file); err != nil {
		t.Fatal(err)
	}
	clock.advance(2 * time.Second)
	expect("with the file back", http.StatusOK)
}

type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

func TestKeysOfURL(t *testing.T) {
	t.Parallel()
	var fetched atomic.Int64
	var down atomic.Bool
	down.Store(true)
	keys := newKeys(t)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		fetched.Add(1)
		if down.Load() {
			http.Error(w, "down", http.StatusBadGateway)
			return
		}
		_, _ = w.Write(jwks(t, keys.private))
	}))
	t.Cleanup(server.Close)
	clock := &clock{now: time.Now()}
	p := newHarness(t, func(o *portalapi.Options) {
		o.Auth.JWKSFile, o.Auth.JWKSURL, o.Now = "", server.URL, clock.Now
	})
	p.keys = keys
	status := func() int { return p.do(http.MethodGet, dossiersURL, p.token("daughter", "dossier:read"), "").status }
	expect := func(when string, want int, fetches int64) {
		t.Helper()
		if got := status(); got != want {
			t.Errorf("%s: answered with %d, want %d", when, got, want)
		}
		if got := fetched.Load(); got != fetches {
			t.Errorf("%s: fetched %d times, want %d", when, got, fetches)
		}
	}
	expect("before the issuer answers", http.StatusServiceUnavailable, 1)
	down.Store(false)
	expect("within the pause", http.StatusServiceUnavailable, 1)
	clock.advance(11 * time.Second)
	expect("when it answers", http.StatusOK, 2)
	keys.rotate(t, "second")
	expect("a new key within the pause", http.StatusUnauthorized, 2)
	clock.advance(11 * time.Second)
	expect("a new key", http.StatusOK, 3)
	down.Store(true)
	clock.advance(16 * time.Minute)
	expect("an outage", http.StatusOK, 4)
	expect("an outage, the next request", http.StatusOK, 4)
	clock.advance(time.Minute - time.Second)
	expect("an outage, later", http.StatusOK, 5)
}

func TestMissingScope(t *testing.T) {
	t.Parallel()
	p := newDossierHarness(t)
	a := p.do(http.MethodGet, "/v1/dossiers/1", p.token("daughter", "dossier:grants openid"), "")
	if kind, _ := a.problem(t); a.status != http.StatusForbidden || kind != "missing-scope" {
		t.Errorf("answered with %d, %s", a.status, kind)
	}
	a = p.do(http.MethodGet, "/v1/dossiers/1/grants", p.token("daughter", "dossier:read"), "", "Dossier-Actor", "x")
	if kind, _ := a.problem(t); a.status != http.StatusForbidden || kind != "missing-scope" {
		t.Errorf("grants are answered with %d, %s", a.status, kind)
	}
	if got := p.accesses(); len(got) != 2 || got[0].Outcome != "denied" || got[1].Outcome != "denied" {
		t.Errorf("the access log has %v", got)
	}
}

func TestNewRefusesBadOptions(t *testing.T) {
	t.Parallel()
	good := func() portalapi.Options {
		return portalapi.Options{
			Auth:    portalapi.Auth{Issuer: issuer, Audience: audience, JWKSFile: newKeys(t).file},
			Tenants: []portalapi.Tenant{tenantNamed(t, "amaris", "Amaris")},
		}
	}
	for name, change := range map[string]func(o *portalapi.Options){
		"no tenants":        func(o *portalapi.Options) { o.Tenants = nil },
		"a tenant twice":    func(o *portalapi.Options) { o.Tenants = append(o.Tenants, o.Tenants[0]) },
		"no location":       func(o *portalapi.Options) { o.Tenants[0].Location = nil },
		"no schedule":       func(o *portalapi.Options) { o.Tenants[0].Schedule = nil },
		"odd time line":     func(o *portalapi.Options) { o.Tenants[0].Timeline = []dossier.Kind{dossier.KindCarePlan} },
		"no issuer":         func(o *portalapi.Options) { o.Auth.Issuer = "" },
		"no audience":       func(o *portalapi.Options) { o.Auth.Audience = "" },
		"no keys":           func(o *portalapi.Options) { o.Auth.JWKSFile = "" },
		"keys twice":        func(o *portalapi.Options) { o.Auth.JWKSURL = "https://login.example/jwks" },
		"a file of no keys": func(o *portalapi.Options) { publish(t, o.Auth.JWKSFile) },
		"a missing file":    func(o *portalapi.Options) { o.Auth.JWKSFile += ".old" },
	} {
		o := good()
		change(&o)
		if _, err := portalapi.New(nil, nil, o); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}
