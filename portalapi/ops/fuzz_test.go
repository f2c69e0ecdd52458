package ops

import (
	"net/url"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"dossiersync/store"
)

// The page after logging in is a page of the console, whatever the URL says.
func FuzzNextPageIsLocal(f *testing.F) {
	for _, seed := range []string{"", "/", "/runs/1", "//evil.example", `/\evil.example`, "https://evil.example", "/%2f/evil.example", "/%5cevil.example",
		"/\t/evil.example", "javascript:alert(1)", "/login?next=/", "/a b", "/é", "?x", "#x", "/.//evil.example", "/..//evil.example"} {
		f.Add(seed)
	}
	base, err := url.Parse("https://console.example/login")
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, next string) {
		to := nextPage(next)
		u, err := url.Parse(to)
		if err != nil || !strings.HasPrefix(to, "/") || strings.HasPrefix(to, "//") || strings.ContainsAny(to, "\\\r\n\t") {
			t.Fatalf("%q leads to %q, %v", next, to, err)
		}
		if got := base.ResolveReference(u); got.Host != base.Host || got.Scheme != base.Scheme {
			t.Errorf("%q leads to %s", next, got)
		}
	})
}

// A place in the quarantine's list is one that the API has returned, or is refused.
func FuzzQuarantinePlace(f *testing.F) {
	f.Add(formatPlace(&store.Quarantined{Key: "?3xE4w6UEAgpxV2HZxJrlAA", FirstSeen: time.Date(2026, 3, 2, 9, 0, 0, 123000, time.UTC)}))
	for _, seed := range []string{"", "x", "IA", "MCA", "LTEga2V5", "MCAA"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		p, ok := parsePlace(text)
		if !ok || text == "" {
			return
		}
		again, ok := parsePlace(formatPlace(&store.Quarantined{Key: p.Key, FirstSeen: p.FirstSeen}))
		if !ok || again.Key != p.Key || !again.FirstSeen.Equal(p.FirstSeen) {
			t.Errorf("%q is %v, and that %v, %t", text, p, again, ok)
		}
		if p.Key == "" || strings.ContainsRune(p.Key, 0) || !utf8.ValidString(p.Key) {
			t.Errorf("%q is the key %q", text, p.Key)
		}
	})
}

// A cookie without the right seal is no session.
func FuzzSession(f *testing.F) {
	s := newSessions(time.Now)
	for _, seed := range []string{"", "...", "YW5u.zzzzzz.x.y", newSessions(time.Now).begin("ann", "token"), s.begin("ann", "another token")} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, value string) {
		_, until, ok := s.parse(value)
		if ok && s.valid(value, "token", until) {
			t.Errorf("%q is taken for a session", value)
		}
	})
}
