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

// sessionTime is how long a session lasts: a working day.
const sessionTime = 8 * time.Hour

// sessions creates and checks the cookies of logged-in users. A cookie has the user's name and the
// end of the session, authenticated with a key of this process and the user's token. So it becomes
// invalid when the process restarts or the token changes, and only logged-out sessions are stored.
type sessions struct {
	key [sha256.Size]byte
	now func() time.Time

	mu    sync.Mutex
	ended map[string]time.Time // logged-out cookies, until their sessions' ends
}

func newSessions(now func() time.Time) *sessions {
	s := &sessions{now: now, ended: make(map[string]time.Time)}
	_, _ = rand.Read(s.key[:]) // never fails
	return s
}

// begin returns the cookie value of a new session.
func (s *sessions) begin(name, token string) string {
	var nonce [12]byte
	_, _ = rand.Read(nonce[:]) // never fails
	claims := base64.RawURLEncoding.EncodeToString([]byte(name)) + "." +
		strconv.FormatInt(s.now().Add(sessionTime).Unix(), 36) + "." + base64.RawURLEncoding.EncodeToString(nonce[:])
	return claims + "." + s.seal(claims, token)
}

// seal returns the authentication code of the claims.
func (s *sessions) seal(claims, token string) string {
	mac := hmac.New(sha256.New, s.key[:])
	sum := sha256.Sum256([]byte(token))
	mac.Write(sum[:])
	mac.Write([]byte(claims))
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

// parse returns the user's name and the session's end in a cookie value. They must not be trusted
// before valid has returned true.
func (s *sessions) parse(value string) (name string, until time.Time, ok bool) {
	parts := strings.Split(value, ".")
	if len(parts) != 4 {
		return "", time.Time{}, false
	}
	decoded, err := base64.RawURLEncoding.DecodeString(parts[0])
	seconds, parseErr := strconv.ParseInt(parts[1], 36, 64)
	return string(decoded), time.Unix(seconds, 0), err == nil && parseErr == nil
}

// valid reports whether the cookie value belongs to a session of the token's user that has not
// ended.
func (s *sessions) valid(value, token string, until time.Time) bool {
	i := strings.LastIndexByte(value, '.')
	if token == "" || i < 0 || !hmac.Equal([]byte(value[i+1:]), []byte(s.seal(value[:i], token))) ||
		!s.now().Before(until) {
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	_, ended := s.ended[value]
	return !ended
}

// end ends a valid session.
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

// overTLS reports whether the browser uses TLS, here or according to a proxy. A client that forges
// the header only affects its own cookie.
func overTLS(r *http.Request) bool {
	return r.TLS != nil || r.Header.Get("X-Forwarded-Proto") == "https"
}

// sessionCookie returns the cookie with the value; an empty value deletes it. Over TLS its name has
// the prefix __Host-, so that other hosts and plain HTTP cannot set it.
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

// session returns the cookie value, user and end of the request's session; u is nil if it has no
// valid one.
func (h *Handler) session(r *http.Request) (value string, u *User, until time.Time) {
	cookies := r.CookiesNamed(sessionCookie(r, "").Name)
	if len(cookies) != 1 {
		return "", nil, time.Time{}
	}
	value = cookies[0].Value
	name, until, ok := h.sessions.parse(value)
	if !ok {
		return "", nil, time.Time{}
	}
	for i := range h.users {
		if h.users[i].Name != name {
			continue
		}
		token, err := h.users[i].Token()
		if err != nil || !h.sessions.valid(value, token, until) {
			break
		}
		return value, &h.users[i], until
	}
	return "", nil, time.Time{}
}

func (h *Handler) userBySession(r *http.Request) *User {
	_, u, _ := h.session(r)
	return u
}
