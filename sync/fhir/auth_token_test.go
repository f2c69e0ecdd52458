package fhir

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"dossiersync/store/dossier"
	"dossiersync/sync/source"
)

// office hands out tokens, and serves the source to who shows one.
type office struct {
	answer func(n int, form url.Values, req *http.Request) (*http.Response, error) // to the n-th token request; nil: token-n for 300 s
	accept func(token string) bool                                                 // nil: every token

	mu    sync.Mutex
	asked []url.Values
	heads []http.Header
	sent  []string // the tokens that the source was shown
}

func (o *office) RoundTrip(req *http.Request) (*http.Response, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if req.URL.Host == "ecd.example" {
		token, _ := strings.CutPrefix(req.Header.Get("Authorization"), "Bearer ")
		o.sent = append(o.sent, token)
		if o.accept != nil && !o.accept(token) {
			return respond(req, 401, ""), nil
		}
		return respond(req, 200, emptyBundle), nil
	}
	if req.URL.String() != "https://login.example/token?x=1" || req.Method != http.MethodPost {
		return nil, fmt.Errorf("%s %s", req.Method, req.URL)
	}
	b, _ := io.ReadAll(req.Body)
	form, _ := url.ParseQuery(string(b))
	o.asked, o.heads = append(o.asked, form), append(o.heads, req.Header)
	if o.answer != nil {
		return o.answer(len(o.asked), form, req)
	}
	return respond(req, 200, fmt.Sprintf(`{"access_token":"token-%d","token_type":"bearer","expires_in":300}`, len(o.asked))), nil
}

func credentials(t testing.TB, o *office) http.RoundTripper {
	t.Helper()
	rt, err := ClientCredentials(o, ClientCredentialsOptions{TokenURL: mustURL("https://login.example/token?x=1"), ClientID: "dossier sync",
		Secret: func() (string, error) { return "ge:heim", nil }, Scope: "system/*.rs"})
	if err != nil {
		t.Fatal(err)
	}
	return rt
}

// read asks the source for something, once.
func read(t testing.TB, s *Source) error {
	t.Helper()
	_, err := s.Read(t.Context(), dossier.StreamClients, dossier.Ref{Type: "Patient", ID: "1"})
	if source.KindOf(err) == source.Invalid { // a Bundle: it was let in
		return nil
	}
	return err
}

func TestTokensAreKeptAndRenewed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		o := &office{}
		s, _ := testSource(t, credentials(t, o))
		for _, wait := range []time.Duration{0, 0, 200 * time.Second, 39 * time.Second, 2 * time.Second, 500 * time.Second} {
			time.Sleep(wait)
			if err := read(t, s); err != nil {
				t.Fatal(err)
			}
		}
		// Renewed a minute before the end of its 300 seconds.
		if diff := cmp.Diff([]string{"token-1", "token-1", "token-1", "token-1", "token-2", "token-3"}, o.sent); diff != "" {
			t.Error(diff)
		}
		if diff := cmp.Diff(url.Values{"grant_type": {"client_credentials"}, "scope": {"system/*.rs"}}, o.asked[0]); diff != "" {
			t.Error(diff)
		}
		user, password, _ := (&http.Request{Header: o.heads[0]}).BasicAuth()
		if user != "dossier+sync" || password != "ge%3Aheim" { // RFC 6749 §2.3.1
			t.Errorf("asked as %q with %q", user, password)
		}
	})
}

func TestTokenRenewedOnceWhenRefused(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		o := &office{}
		o.accept = func(token string) bool { return token != "token-1" || len(o.sent) == 1 }
		s, _ := testSource(t, credentials(t, o))
		if err := read(t, s); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		if err := read(t, s); err != nil { // case 63: the source has ended the token before its time
			t.Fatal(err)
		}
		if diff := cmp.Diff([]string{"token-1", "token-1", "token-2"}, o.sent); diff != "" {
			t.Error(diff)
		}
		// What a new token does not change is no reason to ask for more.
		o.accept = func(string) bool { return false }
		for range 5 {
			if err := read(t, s); source.KindOf(err) != source.Unauthorized || !strings.HasSuffix(err.Error(), "the source refuses our credentials (HTTP 401)") {
				t.Fatal(err)
			}
		}
		if len(o.asked) != 2 {
			t.Errorf("%d token requests", len(o.asked))
		}
	})
}

func TestOneTokenRequestForAll(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		o := &office{}
		rt := credentials(t, o)
		var all sync.WaitGroup
		for range 20 {
			all.Go(func() {
				req, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://ecd.example/fhir", nil)
				if resp, err := rt.RoundTrip(req); err != nil || resp.StatusCode != 200 || len(req.Header) != 0 {
					t.Error(resp, err)
				}
			})
		}
		all.Wait()
		if len(o.asked) != 1 || len(o.sent) != 20 {
			t.Errorf("%d token requests for %d", len(o.asked), len(o.sent))
		}
	})
}

func TestSecretInTheBody(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		o := &office{}
		o.answer = func(n int, form url.Values, req *http.Request) (*http.Response, error) {
			if form.Get("client_secret") != "ge:heim" || form.Get("client_id") != "dossier sync" || req.Header.Get("Authorization") != "" {
				return respond(req, 401, `{"error":"invalid_client"}`), nil
			}
			return respond(req, 200, fmt.Sprintf(`{"access_token":"token-%d"}`, n)), nil
		}
		s, _ := testSource(t, credentials(t, o))
		for range 3 {
			if err := read(t, s); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Hour)
		}
		if len(o.asked) != 4 { // it is remembered what the server takes
			t.Errorf("%d token requests", len(o.asked))
		}
	})
}

func TestTokenFailures(t *testing.T) {
	t.Parallel()
	answer := func(status int, body string, header ...string) func(int, url.Values, *http.Request) (*http.Response, error) {
		return func(_ int, _ url.Values, req *http.Request) (*http.Response, error) {
			return respond(req, status, body, header...), nil
		}
	}
	const none, unreachable = "read Patient: there are no credentials for the source: ", "read Patient: the source cannot be reached: "
	for _, test := range []struct {
		name   string
		answer func(int, url.Values, *http.Request) (*http.Response, error)
		kind   source.FailureKind
		text   string
	}{
		{"refused", answer(401, `{"error":"invalid_client","error_description":"ge:heim"}`), source.Unauthorized, none + "the token URL refuses us (HTTP 401): invalid_client"},
		{"no such scope", answer(400, `{"error":"invalid_scope"}`), source.Unauthorized, none + "the token URL refuses us (HTTP 400): invalid_scope"},
		{"an error of its own", answer(403, `{"error":"Mw. Jansen"}`), source.Unauthorized, none + "the token URL refuses us (HTTP 403)"},
		{"nowhere", answer(404, ""), source.Unauthorized, none + "the token URL refuses us (HTTP 404)"},
		{"elsewhere", answer(302, "", "Location", "https://evil.example/token"), source.Unauthorized, none + "the token URL refuses us (HTTP 302)"},
		{"a web page", answer(200, "<html>"), source.Unauthorized, none + "the token URL's answer holds no token"},
		{"no token", answer(200, `{"expires_in":300}`), source.Unauthorized, none + "the token URL's answer holds no token"},
		{"no token that can be sent", answer(200, `{"access_token":"a\nb"}`), source.Unauthorized, none + "the token URL's answer holds no token"},
		{"another kind", answer(200, `{"access_token":"a","token_type":"DPoP"}`), source.Unauthorized, none + "the token URL's answer holds another kind of token than Bearer"},
		{"broken", answer(500, ""), source.Unreachable, unreachable + "the token URL answers with an error (HTTP 500)"},
		{"busy", answer(429, "", "Retry-After", "3600"), source.Throttled, "read Patient: the source asks for patience: the token URL asks for patience (HTTP 429)"},
		{"silent", func(_ int, _ url.Values, req *http.Request) (*http.Response, error) {
			return nil, &url.Error{Op: "Post", URL: "https://login.example/token?geheim", Err: errors.New("ge:heim")}
		}, source.Unreachable, unreachable + "the token URL cannot be reached: the connection failed"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				o := &office{answer: test.answer}
				s, _ := testSource(t, credentials(t, o))
				err := read(t, s)
				if source.KindOf(err) != test.kind || errorText(err) != test.text {
					t.Errorf("got %v, want %s", err, test.text)
				}
				want := map[source.FailureKind]int{source.Unauthorized: 1, source.Unreachable: 4, source.Throttled: 1}[test.kind]
				if test.name == "refused" || test.name == "no such scope" {
					want = 2 // with the secret in the body, too
				}
				if len(o.asked) != want || len(o.sent) != 0 {
					t.Errorf("%d token requests, %d requests", len(o.asked), len(o.sent))
				}
			})
		})
	}
}

// A token URL that hangs is a source that cannot be reached; a caller who gives up
// is neither.
func TestTokenURLThatHangs(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, _ := testSource(t, credentials(t, &office{answer: func(_ int, _ url.Values, req *http.Request) (*http.Response, error) {
			<-req.Context().Done()
			return nil, req.Context().Err()
		}}))
		if err := read(t, s); errorText(err) != "read Patient: the source cannot be reached: the token URL cannot be reached: timed out waiting for a token" {
			t.Errorf("got %v", err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := s.Read(ctx, dossier.StreamClients, dossier.Ref{Type: "Patient", ID: "1"}); source.KindOf(err) != "" || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v", err)
		}
	})
}

// A token that cannot be renewed is used as long as it lasts.
func TestTokenThatCannotBeRenewed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		o := &office{}
		o.answer = func(n int, _ url.Values, req *http.Request) (*http.Response, error) {
			if n > 1 {
				return respond(req, 503, ""), nil
			}
			return respond(req, 200, `{"access_token":"token-1","expires_in":"300"}`), nil
		}
		s, _ := testSource(t, credentials(t, o))
		for _, wait := range []time.Duration{0, 250 * time.Second, time.Second, 40 * time.Second} {
			time.Sleep(wait)
			if err := read(t, s); err != nil {
				t.Fatal(err)
			}
		}
		if len(o.asked) != 3 {
			t.Errorf("%d token requests", len(o.asked))
		}
		time.Sleep(10 * time.Second)
		if err := read(t, s); source.KindOf(err) != source.Unreachable {
			t.Errorf("got %v", err)
		}
	})
}

func TestTokenLifetimes(t *testing.T) {
	t.Parallel()
	for expires, want := range map[string]time.Duration{`300`: 300 * time.Second, `"300"`: 300 * time.Second, `null`: unsaidLifetime, `"straks"`: unsaidLifetime,
		`-1`: 0, `1e99`: 24 * time.Hour, `{}`: unsaidLifetime, `"NaN"`: unsaidLifetime} {
		var o tokens
		before := time.Now()
		if err := o.take(200, http.Header{}, []byte(`{"access_token":"a","expires_in":`+expires+`}`)); err != nil {
			t.Fatal(err)
		}
		if got := o.until.Sub(before).Round(time.Second); got != want || o.renew.After(o.until) {
			t.Errorf("%s: got %v, want %v", expires, got, want)
		}
	}
}

func TestCredentialOptions(t *testing.T) {
	t.Parallel()
	_, err := ClientCredentials(nil, ClientCredentialsOptions{TokenURL: mustURL("ftp://x")})
	for _, want := range []string{"token URL: not an http or https URL", "no client id", "no client secret"} {
		if !strings.Contains(errorText(err), want) {
			t.Errorf("%q is missing in %v", want, err)
		}
	}
	_, err = PrivateKeyJWT(nil, PrivateKeyJWTOptions{})
	for _, want := range []string{"token URL: not an http or https URL", "no client id", "no key id", "no key"} {
		if !strings.Contains(errorText(err), want) {
			t.Errorf("%q is missing in %v", want, err)
		}
	}
	s, _ := testSource(t, mustCredentials(t, ClientCredentialsOptions{TokenURL: mustURL("https://login.example/token?x=1"), ClientID: "a",
		Secret: func() (string, error) { return "", errors.New("secret file /run/x cannot be read") }}))
	if err := read(t, s); errorText(err) != "read Patient: there are no credentials for the source: secret file /run/x cannot be read" {
		t.Errorf("got %v", err)
	}
}

func mustCredentials(t testing.TB, o ClientCredentialsOptions) http.RoundTripper {
	t.Helper()
	rt, err := ClientCredentials(&office{}, o)
	if err != nil {
		t.Fatal(err)
	}
	return rt
}
