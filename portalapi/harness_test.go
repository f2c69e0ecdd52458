package portalapi_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/lestrrat-go/jwx/v3/jwa"
	"github.com/lestrrat-go/jwx/v3/jwk"
	"github.com/lestrrat-go/jwx/v3/jwt"
	"github.com/robfig/cron/v3"

	"dossiersync/portalapi"
	"dossiersync/portalapi/portaltest"
	"dossiersync/store"
	"dossiersync/store/storetest"
)

func TestMain(m *testing.M) { os.Exit(storetest.Main(m)) }

const (
	issuer   = "https://login.example"
	audience = "dossiersync"
)

var amsterdam = func() *time.Location {
	loc, err := time.LoadLocation("Europe/Amsterdam")
	if err != nil {
		panic(err)
	}
	return loc
}()

// harness is an API with its own replica and two tenants. Every answer is checked against the
// contract.
type harness struct {
	*storetest.Replica
	*seeds
	t       testing.TB
	api     *portalapi.API
	handler http.Handler // api, checked
	keys    *keys
}

// newHarness returns a harness; change may alter the API's options.
func newHarness(t testing.TB, change ...func(*portalapi.Options)) *harness {
	t.Helper()
	return newHarnessOn(t, storetest.NewReplica(t), change...)
}

// newHarnessOn is newHarness with an existing replica.
func newHarnessOn(t testing.TB, replica *storetest.Replica, change ...func(*portalapi.Options)) *harness {
	t.Helper()
	p := &harness{t: t, Replica: replica, keys: newKeys(t)}
	p.seeds = newSeeds(t, p.URL)
	o := portalapi.Options{
		Auth:    portalapi.Auth{Issuer: issuer, Audience: audience, JWKSFile: p.keys.file},
		Tenants: []portalapi.Tenant{tenantNamed(t, "amaris", "Amaris"), tenantNamed(t, "szr", "SZR")},
		Build:   "test",
	}
	for _, f := range change {
		f(&o)
	}
	log := store.NewAccessLog(p.Reader)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = log.Run(ctx)
	}()
	t.Cleanup(func() { cancel(); <-done })
	var err error
	if p.api, err = portalapi.New(p.Reader, log, o); err != nil {
		t.Fatal(err)
	}
	p.handler = portaltest.Checked(t, p.api)
	for _, tn := range o.Tenants {
		if err := p.PutTenant(t.Context(), tn.ID, tn.Name, tn.Location.String()); err != nil {
			t.Fatal(err)
		}
		if err := p.PutProofKeys(t.Context(), p.Keys, true, tn.ID); err != nil {
			t.Fatal(err)
		}
	}
	return p
}

// forTest returns the harness for a subtest.
func (p *harness) forTest(t testing.TB) *harness {
	q := *p
	q.t, q.handler = t, portaltest.Checked(t, p.api)
	return &q
}

func tenantNamed(t testing.TB, id, name string) portalapi.Tenant {
	t.Helper()
	schedule, err := cron.ParseStandard("CRON_TZ=Europe/Amsterdam 0 7-23/4 * * *")
	if err != nil {
		t.Fatal(err)
	}
	return portalapi.Tenant{ID: id, Name: name, Location: amsterdam, Schedule: schedule,
		Labels: map[string]string{"reports": "Rapportages"}, Words: map[string]string{"part.reports": "Rapportages",
			"role.client": "de client", "role.contact": "de contact", "reason.no-match": "Niets gevonden.",
			"freshness.fresh": "Bijgewerkt {asOf}, volgende keer {next}.", "freshness.never": "Nog niet bijgewerkt.",
			"freshness.incomplete": "Er ontbreekt iets."}}
}

// keys is an issuer with one key, published in a file.
type keys struct {
	private jwk.Key
	file    string
}

func newKeys(t testing.TB) *keys {
	t.Helper()
	k := &keys{file: filepath.Join(t.TempDir(), "jwks.json")}
	k.rotate(t, "first")
	return k
}

// rotate replaces the issuer's key.
func (k *keys) rotate(t testing.TB, kid string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	k.private = importKey(t, private, kid)
	publish(t, k.file, k.private)
}

func importKey(t testing.TB, raw any, kid string) jwk.Key {
	t.Helper()
	key, err := jwk.Import(raw)
	if err != nil {
		t.Fatal(err)
	}
	if kid != "" {
		if err := key.Set(jwk.KeyIDKey, kid); err != nil {
			t.Fatal(err)
		}
	}
	return key
}

func publish(t testing.TB, file string, list ...jwk.Key) {
	t.Helper()
	if err := os.WriteFile(file, jwks(t, list...), 0o600); err != nil {
		t.Fatal(err)
	}
}

func jwks(t testing.TB, list ...jwk.Key) []byte {
	t.Helper()
	set := jwk.NewSet()
	for _, key := range list {
		public, err := key.PublicKey()
		if err != nil {
			t.Fatal(err)
		}
		if err := set.AddKey(public); err != nil {
			t.Fatal(err)
		}
	}
	text, err := json.Marshal(set)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// claims are the claims of a token; a nil value leaves the claim out.
type claims map[string]any

func claimsOf(user, scope string) claims {
	return claims{"iss": issuer, "aud": audience, "sub": user, "tenant": "amaris", "scope": scope,
		"exp": time.Now().Add(time.Hour).Unix()}
}

func sign(t testing.TB, alg jwa.SignatureAlgorithm, key any, c claims) string {
	t.Helper()
	token := jwt.New()
	for name, value := range c {
		if value == nil {
			continue
		}
		if err := token.Set(name, value); err != nil {
			t.Fatal(err)
		}
	}
	text, err := jwt.Sign(token, jwt.WithKey(alg, key))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func (p *harness) token(user, scope string) string {
	p.t.Helper()
	return sign(p.t, jwa.ES256(), p.keys.private, claimsOf(user, scope))
}

// response is the response to a request.
type response struct {
	status int
	header http.Header
	body   string
}

// do sends a request, with headers given as name, value, name, value…
func (p *harness) do(method, url, token, body string, headers ...string) response {
	p.t.Helper()
	r := httptest.NewRequestWithContext(p.t.Context(), method, url, strings.NewReader(body))
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	p.handler.ServeHTTP(w, r)
	text, err := io.ReadAll(w.Result().Body)
	if err != nil {
		p.t.Fatal(err)
	}
	return response{w.Code, w.Result().Header, string(text)}
}

// get reads url as a user of tenant amaris.
func (p *harness) get(user, url string, headers ...string) response {
	p.t.Helper()
	return p.do(http.MethodGet, url, p.token(user, "dossier:read"), "", headers...)
}

// list has the fields of a list that tests use.
type list struct {
	Items []map[string]any `json:"items"`
	Page  struct {
		Next, Previous             *string
		NextCursor, PreviousCursor *string
		Changed                    bool
	} `json:"page"`
	Freshness fresh `json:"freshness"`
}

type fresh struct {
	AsOf, NextSync *string
	State          string
	Incomplete     bool
	Reason         *string
	Sentence       string
	ReasonSentence *string
}

func (a response) list(t testing.TB) list {
	t.Helper()
	var l list
	a.decode(t, &l)
	return l
}

func (a response) item(t testing.TB) (map[string]any, fresh) {
	t.Helper()
	var one struct {
		Item      map[string]any
		Freshness fresh
	}
	a.decode(t, &one)
	return one.Item, one.Freshness
}

func (a response) decode(t testing.TB, v any) {
	t.Helper()
	if a.status != http.StatusOK {
		t.Fatalf("the answer is %d: %s", a.status, a.body)
	}
	if err := json.Unmarshal([]byte(a.body), v); err != nil {
		t.Fatal(err)
	}
}

// problem returns the last word of a problem's type, and its parameter.
func (a response) problem(t testing.TB) (kind, parameter string) {
	t.Helper()
	var p struct{ Type, Parameter string }
	if err := json.Unmarshal([]byte(a.body), &p); err != nil {
		t.Fatalf("%d is not a problem: %s", a.status, a.body)
	}
	return p.Type[strings.LastIndex(p.Type, ":")+1:], p.Parameter
}

func ids(l list) []string {
	out := []string{}
	for _, it := range l.Items {
		out = append(out, fmt.Sprint(it["id"]))
	}
	return out
}

func reasonOf(l list) string {
	if l.Freshness.Reason == nil {
		return ""
	}
	return *l.Freshness.Reason
}
