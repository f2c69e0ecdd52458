package fhir

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
)

// ClientCredentialsOptions says how access tokens are had with a secret. All but
// Scope and Transport are required.
type ClientCredentialsOptions struct {
	TokenURL *url.URL
	ClientID string
	// Secret returns the secret; it is called for each token request, so that one
	// that is renewed takes effect.
	Secret func() (string, error)
	Scope  string // space-separated; empty: none is asked for
	// Transport carries the token requests; nil stands for what carries the others.
	Transport http.RoundTripper
}

// ClientCredentials returns a transport that sends every request over next with an
// access token of the OAuth 2.0 client credentials grant (RFC 6749 §4.4). Tokens
// are had when they are needed, renewed before they expire, and once after the
// source has refused one. The secret is sent to the token URL only, which is asked
// without following redirects.
func ClientCredentials(next http.RoundTripper, o ClientCredentialsOptions) (http.RoundTripper, error) {
	t, err := newTokens(next, o.Transport, o.TokenURL, o.ClientID, o.Scope)
	if o.Secret == nil {
		err = errors.Join(err, errors.New("no client secret"))
	}
	if err != nil {
		return nil, fmt.Errorf("client credentials: %w", err)
	}
	inBody := false // what the server has taken, RFC 6749 §2.3.1; guarded by t.turn
	t.grant = func(req *http.Request, form url.Values, again bool) (bool, error) {
		secret, err := o.Secret()
		if err != nil {
			return false, err
		}
		if again {
			inBody = !inBody
		}
		if inBody {
			form.Set("client_id", o.ClientID)
			form.Set("client_secret", secret)
		} else {
			req.SetBasicAuth(url.QueryEscape(o.ClientID), url.QueryEscape(secret))
		}
		return true, nil
	}
	return t, nil
}

func newTokens(next, over http.RoundTripper, where *url.URL, id, scope string) (*tokens, error) {
	var errs []error
	if where == nil || where.Scheme != "https" && where.Scheme != "http" || where.Host == "" || where.User != nil || where.Fragment != "" {
		errs = append(errs, errors.New("token URL: not an http or https URL"))
	}
	if id == "" {
		errs = append(errs, errors.New("no client id"))
	}
	if over == nil {
		over = next
	}
	return &tokens{next: next, over: over, url: where, scope: scope, turn: make(chan struct{}, 1)}, errors.Join(errs...)
}
