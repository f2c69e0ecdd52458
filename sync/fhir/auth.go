package fhir

import (
	"errors"
	"net/http"
	"os"
	"strings"
)

// Ways of authenticating are RoundTrippers around the transport. The client
// sends nothing to another origin than the base URL's, and follows no redirect
// there, so that a credential never leaves it.

// errCredential says that there is no credential to send. It is the error of
// [Bearer] when its token cannot be had, and makes a request fail as
// unauthorized.
type errCredential struct{ err error }

func (e errCredential) Error() string { return e.err.Error() }
func (e errCredential) Unwrap() error { return e.err }

// Basic returns a transport that sends every request over next with a user name
// and a password (RFC 7617).
func Basic(next http.RoundTripper, user, password string) http.RoundTripper {
	return roundTripper(func(req *http.Request) (*http.Response, error) {
		req = req.Clone(req.Context())
		req.SetBasicAuth(user, password)
		return next.RoundTrip(req)
	})
}

// Bearer returns a transport that sends every request over next with the token
// that token returns at that moment (RFC 6750). token is called concurrently.
func Bearer(next http.RoundTripper, token func() (string, error)) http.RoundTripper {
	return roundTripper(func(req *http.Request) (*http.Response, error) {
		t, err := token()
		if err != nil {
			return nil, errCredential{err}
		}
		req = req.Clone(req.Context())
		req.Header.Set("Authorization", "Bearer "+t)
		return next.RoundTrip(req)
	})
}

// FileToken returns a token for [Bearer] that is read from a file each time, so
// that one that is renewed there takes effect at once. Its errors name the file
// and never its contents.
func FileToken(path string) func() (string, error) {
	return func() (string, error) {
		b, err := os.ReadFile(path)
		if err != nil {
			return "", err
		}
		t := strings.TrimSpace(string(b))
		if !isToken(t) {
			return "", errors.New("token file " + path + " holds no token")
		}
		return t, nil
	}
}

type roundTripper func(*http.Request) (*http.Response, error)

// RoundTrip implements [http.RoundTripper].
func (f roundTripper) RoundTrip(req *http.Request) (*http.Response, error) { return f(req) }
