package ops

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"
)

// sessionTime is a working day.
const sessionTime = 8 * time.Hour

// sessions tells from a cookie who has logged in, and until when. A cookie is
// sealed with a key of this process's own and with the user's token: it ends with
// either, and nothing is stored of it but that its user has logged out.
type sessions struct {
	key [sha256.Size]byte
	now func() time.Time

	mu    sync.Mutex
	ended map[string]time.Time // what logged out, until it would have ended anyway
}

func newSessions(now func() time.Time) *sessions {
	s := &sessions{now: now, ended: make(map[string]time.Time)}
	_, _ = rand.Read(s.key[:]) // never fails
	return s
}

// begin returns the cookie's value for a user.
func (s *sessions) begin(name, token string) string {
	var nonce [12]byte
	_, _ = rand.Read(nonce[:]) // never fails
	said := base64.RawURLEncoding.EncodeToString([]byte(name)) + "." +
		strconv.FormatInt(s.now().Add(sessionTime).Unix(), 36) + "." + base64.RawURLEncoding.EncodeToString(nonce[:])
	return said + "." + s.seal(said, token)
}

func (s *sessions) seal(said, token string) string {
	mac := hmac.New(sha256.New, s.key[:])
	sum := sha256.Sum256([]byte(token))
	mac.Write(sum[:])
	mac.Write([]byte(said))
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

// claims returns whose session the value says it is, and until when. Nothing of
// that is true before holds says so.
func (s *sessions) claims(value string) (name string, until time.Time, ok bool) {
	parts := strings.Split(value, ".")
	if len(parts) != 4 {
		return "", time.Time{}, false
	}
	decoded, err := base64.RawURLEncoding.DecodeString(parts[0])
	seconds, err2 := strconv.ParseInt(parts[1], 36, 64)
	return string(decoded), time.Unix(seconds, 0), err == nil && err2 == nil
}

// holds reports whether the value is that of a session of whose token it is, that
// has not ended.
func (s *sessions) holds(value, token string, until time.Time) bool {
	i := strings.LastIndexByte(value, '.')
	if token == "" || i < 0 || !hmac.Equal([]byte(value[i+1:]), []byte(s.seal(value[:i], token))) || !s.now().Before(until) {
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	_, ended := s.ended[value]
	return !ended
}

// end ends a session that holds.
func (s *sessions) end(value string, until time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now()
	for v, t := range s.ended {
		if t.Before(now) {
			delete(s.ended, v)
		}
	}
	s.ended[value] = until
}

// overTLS reports whether the browser's side of the request is encrypted, here or
// by a proxy that says so. A lie harms only who tells it.
func overTLS(r *http.Request) bool {
	return r.TLS != nil || r.Header.Get("X-Forwarded-Proto") == "https"
}

// sessionCookie returns the cookie with the value. Over TLS its name keeps other
// hosts and other schemes from setting it.
func sessionCookie(r *http.Request, value string) *http.Cookie {
	//nolint:gosec // over plain HTTP, which is loopback or behind a proxy, a Secure cookie would never come back
	c := &http.Cookie{Name: "dossiersync-operator", Value: value, Path: "/", MaxAge: int(sessionTime / time.Second),
		HttpOnly: true, SameSite: http.SameSiteStrictMode, Secure: overTLS(r)}
	if c.Secure {
		c.Name = "__Host-" + c.Name
	}
	if value == "" {
		c.MaxAge = -1
	}
	return c
}

// session returns the value of the session that the request brings, its user and
// its end; nil where it brings none that holds.
func (h *Handler) session(r *http.Request) (value string, u *User, until time.Time) {
	cookies := r.CookiesNamed(sessionCookie(r, "").Name)
	if len(cookies) != 1 {
		return "", nil, time.Time{}
	}
	value = cookies[0].Value
	name, until, ok := h.sessions.claims(value)
	if !ok {
		return "", nil, time.Time{}
	}
	for i := range h.users {
		if h.users[i].Name != name {
			continue
		}
		token, err := h.users[i].Token()
		if err != nil || !h.sessions.holds(value, token, until) {
			break
		}
		return value, &h.users[i], until
	}
	return "", nil, time.Time{}
}

func (h *Handler) bySession(r *http.Request) *User {
	_, u, _ := h.session(r)
	return u
}
