package ops_test

import (
	"errors"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"dossiersync/portalapi/ops"
)

// clock is a clock that the test sets.
type clock struct{ ahead atomic.Int64 }

func (c *clock) now() time.Time { return time.Now().Add(time.Duration(c.ahead.Load())) }

func (c *clock) move(d time.Duration) { c.ahead.Add(int64(d)) }

func TestSessionEndsAfterEightHours(t *testing.T) {
	t.Parallel()
	var c clock
	s := newFilledHarness(t, func(o *ops.Options) { o.Now = c.now })
	v := s.as("ann")
	for _, tt := range []struct {
		after time.Duration
		want  int
	}{{0, 200}, {8*time.Hour - time.Minute, 200}, {2 * time.Minute, 303}} {
		c.move(tt.after)
		if w := v.get("/"); w.Code != tt.want {
			t.Errorf("%v on, it is answered with %d, want %d", tt.after, w.Code, tt.want)
		}
	}
}

func TestForgedSessionIsRefused(t *testing.T) {
	t.Parallel()
	s := newFilledHarness(t)
	v := s.as("bob")
	good := v.cookies[0].Value
	if w := v.get("/"); w.Code != http.StatusOK {
		t.Fatalf("the session is answered with %d", w.Code)
	}
	try := func(value string) {
		t.Helper()
		v.cookies[0].Value = value
		if w := v.get("/"); w.Code != http.StatusSeeOther {
			t.Errorf("the session %q is answered with %d", value, w.Code)
		}
	}
	for i := range good {
		// The last letter of a base64 text may hold bits that say nothing.
		if good[i] == '.' || i+1 == len(good) {
			continue
		}
		other := byte('A')
		if good[i] == other {
			other = 'B'
		}
		try(good[:i] + string(other) + good[i+1:])
	}
	parts := strings.Split(good, ".")
	try("")
	try(good + ".x")
	try(strings.Join(parts[:3], "."))
	try("YW5u." + strings.Join(parts[1:], ".")) // ann
	// Another process has another key.
	other := newFilledHarness(t)
	v.cookies[0].Value = good
	v.filledHarness = other
	if w := v.get("/"); w.Code != http.StatusSeeOther {
		t.Errorf("another process takes it: %d", w.Code)
	}
	v.filledHarness = s
	v.cookies = append(v.cookies, v.cookies[0])
	if w := v.get("/"); w.Code != http.StatusSeeOther {
		t.Errorf("two cookies are answered with %d", w.Code)
	}
}

func TestSessionEndsWithItsToken(t *testing.T) {
	t.Parallel()
	var token atomic.Value
	token.Store("the first")
	s := newFilledHarness(t, func(o *ops.Options) {
		o.Users = append(o.Users, ops.User{Name: "new", Tenants: []string{"szr"}, May: []string{"read"}, Token: func() (string, error) {
			if text := token.Load().(string); text != "" {
				return text, nil
			}
			return "", errors.New("no such file")
		}})
	})
	v := s.as("")
	v.cookies = v.post("/login", url.Values{"token": {"the first"}}).Result().Cookies()
	for _, tt := range []struct {
		token string
		want  int
	}{{"the first", 200}, {"the second", 303}, {"", 303}, {"the first", 200}} {
		token.Store(tt.token)
		if w := v.get("/"); w.Code != tt.want {
			t.Errorf("with %q it is answered with %d, want %d", tt.token, w.Code, tt.want)
		}
	}
}

func TestLogOutEndsTheSessionEverywhere(t *testing.T) {
	t.Parallel()
	s := newFilledHarness(t)
	v, elsewhere := s.as("ann"), s.as("ann")
	if w := v.post("/logout", nil, "Sec-Fetch-Site", "cross-site"); w.Code != http.StatusForbidden {
		t.Errorf("another site logs out: %d", w.Code)
	}
	w := v.post("/logout", nil)
	if c := w.Result().Cookies(); w.Code != http.StatusSeeOther || len(c) != 1 || c[0].MaxAge >= 0 || c[0].Value != "" {
		t.Errorf("answered with %d, %v", w.Code, c)
	}
	// The old cookie is no longer valid.
	if w := v.get("/"); w.Code != http.StatusSeeOther {
		t.Errorf("the old session is answered with %d", w.Code)
	}
	if w := elsewhere.get("/"); w.Code != http.StatusOK {
		t.Errorf("another session of ann's is answered with %d", w.Code)
	}
}

func TestCookieIsKeptFromScriptsAndOtherSites(t *testing.T) {
	t.Parallel()
	s := newFilledHarness(t)
	form := url.Values{"token": {"token of ann"}}
	plain := s.as("").post("/login", form).Result().Cookies()[0]
	if plain.Name != "dossiersync-operator" || !plain.HttpOnly || plain.Secure || plain.SameSite != http.SameSiteStrictMode || plain.Path != "/" || plain.Domain != "" || plain.MaxAge != 8*3600 {
		t.Errorf("over HTTP it is %+v", plain)
	}
	safe := s.as("").post("/login", form, "X-Forwarded-Proto", "https").Result().Cookies()[0]
	if safe.Name != "__Host-dossiersync-operator" || !safe.HttpOnly || !safe.Secure || safe.SameSite != http.SameSiteStrictMode || safe.Path != "/" || safe.Domain != "" {
		t.Errorf("over TLS it is %+v", safe)
	}
	v := s.as("")
	v.cookies = []*http.Cookie{safe}
	if w := v.get("/", "X-Forwarded-Proto", "https"); w.Code != http.StatusOK {
		t.Errorf("over TLS it is answered with %d", w.Code)
	}
}

func TestTokenIsForTheAPIAndSessionForPages(t *testing.T) {
	t.Parallel()
	s := newFilledHarness(t)
	v := s.as("ann")
	if w := v.get("/api/tenants"); w.Code != http.StatusUnauthorized {
		t.Errorf("the API takes a session: %d", w.Code)
	}
	if w := s.as("").get("/", as("ann")...); w.Code != http.StatusSeeOther {
		t.Errorf("a page takes a token: %d", w.Code)
	}
	if w := v.get("/metrics"); w.Code != http.StatusUnauthorized {
		t.Errorf("metrics take a session: %d", w.Code)
	}
}

// Behind a proxy all operators have one address: wrong tokens from it must not lock out users with
// a right token.
func TestWrongTokensAreLimitedButNotRightOnes(t *testing.T) {
	t.Parallel()
	var c clock
	core, logged := observer.New(zapcore.WarnLevel)
	s := newFilledHarness(t, func(o *ops.Options) { o.Now, o.Log = c.now, zap.New(core) })
	v := s.as("")
	wrong, right := url.Values{"token": {"wrong"}}, url.Values{"token": {"token of ann"}}
	getsIn := func() {
		t.Helper()
		if w := v.post("/login", right); w.Code != http.StatusSeeOther || len(w.Result().Cookies()) != 1 {
			t.Errorf("the right token is answered with %d", w.Code)
		}
		if w := s.do("GET", "/api/tenants", "", as("ann")...); w.Code != http.StatusOK {
			t.Errorf("by API, the right token is answered with %d", w.Code)
		}
	}
	try := func(want int) {
		t.Helper()
		if w := v.post("/login", wrong); w.Code != want || len(w.Result().Cookies()) > 0 || (w.Header().Get("Retry-After") != "") != (want == http.StatusTooManyRequests) {
			t.Errorf("a wrong token is answered with %d, want %d", w.Code, want)
		}
	}
	byAPI := func(want int) {
		t.Helper()
		if w := s.do("GET", "/api/tenants", "", as("nobody")...); w.Code != want || (w.Header().Get("Retry-After") == "30") != (want == http.StatusTooManyRequests) {
			t.Errorf("by API, a wrong token is answered with %d, want %d", w.Code, want)
		}
	}
	for range 3 {
		try(http.StatusUnauthorized)
	}
	getsIn() // and takes nothing of what others may try
	for range 2 {
		byAPI(http.StatusUnauthorized)
	}
	for range 20 {
		try(http.StatusTooManyRequests)
		byAPI(http.StatusTooManyRequests)
	}
	getsIn()
	if w := s.do("GET", "/api/tenants", ""); w.Code != http.StatusUnauthorized {
		t.Errorf("without a token it is answered with %d", w.Code)
	}
	if n := logged.FilterMessage("a wrong token is refused").Len(); n != 5 {
		t.Errorf("%d wrong tokens are in the log", n)
	}
	c.move(31 * time.Second)
	try(http.StatusUnauthorized)
	byAPI(http.StatusTooManyRequests)
}

func TestLoginRedirectsToTheWantedPage(t *testing.T) {
	t.Parallel()
	s := newFilledHarness(t)
	v := s.as("")
	if got := v.get(runPage(s.done) + "?live=no").Header().Get("Location"); got != "/login?next="+url.QueryEscape(runPage(s.done)) {
		t.Errorf("a page leads to %s", got)
	}
	for next, want := range map[string]string{
		"": "/", "/quarantine": "/quarantine", "/runs/1": "/runs/1", "https://evil.example/": "/", "//evil.example": "/", `/\evil.example`: "/",
		"/%2f/evil.example": "/", "evil": "/", "/login": "/", "/logout": "/", "javascript:alert(1)": "/", "/runs/1?x=1": "/runs/1", "/\tevil": "/",
	} {
		w := v.post("/login", url.Values{"token": {"token of bob"}, "next": {next}})
		if got := w.Header().Get("Location"); got != want {
			t.Errorf("%q leads to %q, want %q", next, got, want)
		}
	}
	for _, tt := range []struct{ token string }{{""}, {"token of empty"}, {"token of lost"}, {"token of annx"}} {
		if w := s.as("").post("/login", url.Values{"token": {tt.token}}); w.Code != http.StatusUnauthorized {
			t.Errorf("%q is answered with %d", tt.token, w.Code)
		}
	}
}

func TestTokenOfTwoUsersIsRefused(t *testing.T) {
	t.Parallel()
	same := func() (string, error) { return "same", nil }
	if _, err := ops.New(nil, ops.Options{Users: []ops.User{{Name: "ann", Token: same}, {Name: "bob", Token: same}}}); err == nil || strings.Contains(err.Error(), "same token of") {
		t.Errorf("set up with %v", err)
	}
	// The tokens became equal later, so actions could not be attributed.
	var token atomic.Value
	token.Store("its own")
	s := newFilledHarness(t, func(o *ops.Options) {
		o.Users = append(o.Users, ops.User{Name: "new", Tenants: []string{"szr"}, May: []string{"read"}, Token: func() (string, error) { return token.Load().(string), nil }})
	})
	token.Store("token of ann")
	if w := s.do("GET", "/api/tenants", "", as("ann")...); w.Code != http.StatusUnauthorized {
		t.Errorf("the API answers with %d", w.Code)
	}
	if w := s.as("").post("/login", url.Values{"token": {"token of ann"}}); w.Code != http.StatusUnauthorized {
		t.Errorf("the log-in answers with %d", w.Code)
	}
}
