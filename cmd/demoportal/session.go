package main

import (
	"crypto/rand"
	"crypto/subtle"
	"net/http"
	"sync"
	"time"
)

// sessionLife is how long a session lasts after the last page that its reader opened.
const sessionLife = time.Hour

// The names of cookies.
const (
	sessionCookie = "portaal"
	signInCookie  = "portaal-inloggen"
)

// session is the visit of a person who has signed in.
type session struct {
	account
	csrf string // what each form of this session has to send back

	mu    sync.Mutex
	used  time.Time
	heads map[string]head // by client: what does not change during a visit
}

// sessions are the sessions of this process, by the value of their cookie.
type sessions struct {
	mu   sync.Mutex
	list map[string]*session
}

// begin begins a session, and sets its cookie.
func (s *sessions) begin(w http.ResponseWriter, r *http.Request, a account) {
	id := rand.Text()
	s.mu.Lock()
	defer s.mu.Unlock()
	for old, of := range s.list {
		if of.ended() {
			delete(s.list, old)
		}
	}
	s.list[id] = &session{account: a, csrf: rand.Text(), used: time.Now(), heads: make(map[string]head)}
	setCookie(w, r, sessionCookie, id)
}

// find returns the session of a request; nil if nobody has signed in. If the reader opens a page, the
// session lasts longer.
func (s *sessions) find(r *http.Request, opens bool) *session {
	c, err := r.Cookie(sessionCookie)
	if err != nil {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	found := s.list[c.Value]
	if found == nil || found.ended() {
		delete(s.list, c.Value)
		return nil
	}
	if opens {
		found.mu.Lock()
		found.used = time.Now()
		found.mu.Unlock()
	}
	return found
}

// end ends the session of a request.
func (s *sessions) end(w http.ResponseWriter, r *http.Request) {
	if c, err := r.Cookie(sessionCookie); err == nil {
		s.mu.Lock()
		delete(s.list, c.Value)
		s.mu.Unlock()
	}
	setCookie(w, r, sessionCookie, "")
}

func (s *session) ended() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return time.Since(s.used) > sessionLife
}

// setCookie sets a cookie that scripts cannot read; an empty value removes it.
func setCookie(w http.ResponseWriter, r *http.Request, name, value string) {
	c := &http.Cookie{Name: name, Value: value, //nolint:gosec // Secure depends on how the reader came
		Path: "/", HttpOnly: true, SameSite: http.SameSiteLaxMode, Secure: r.TLS != nil || r.Header.Get("X-Forwarded-Proto") == "https"}
	if value == "" {
		c.MaxAge = -1
	}
	http.SetCookie(w, c)
}

// sameSecret compares two secrets in constant time. An empty one equals none.
func sameSecret(a, b string) bool {
	return a != "" && subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1
}
