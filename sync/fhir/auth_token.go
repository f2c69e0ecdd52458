package fhir

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"dossiersync/sync/source"
)

const (
	// tokenPatience is how long a token URL may take to answer.
	tokenPatience = 20 * time.Second
	// unsaidLifetime is how long a token is taken to last that does not say.
	unsaidLifetime = 5 * time.Minute
	// freshToken is the age before which a token that the source refuses is not
	// exchanged for another: the next would be refused too.
	freshToken = 10 * time.Second
	maxToken   = 64 << 10
)

// tokenError is why there is no access token. Its text is for operators, and holds
// no secrets.
type tokenError struct {
	kind  source.FailureKind // Unauthorized, Unreachable or Throttled
	after time.Duration
	text  string
}

func (e *tokenError) Error() string { return e.text }

// A grant adds to a token request who asks for the token. When the answer refused
// that, it is called once more, with again, and reports whether there is another
// way to ask.
type grant func(req *http.Request, form url.Values, again bool) (another bool, err error)

// tokens is a transport that sends each request with an access token. It asks the
// token URL for one when it needs one, one request at a time, and keeps it until
// shortly before it expires.
type tokens struct {
	next  http.RoundTripper
	over  http.RoundTripper // carries the token requests
	url   *url.URL
	scope string
	grant grant

	turn  chan struct{} // held by whoever looks at, or asks for, the token
	token string
	since time.Time
	renew time.Time // when to ask for another
	until time.Time // when it expires
}

// RoundTrip implements [http.RoundTripper]. A request that is refused (401) is sent
// once more with a new token: a source may end a token before its time.
func (t *tokens) RoundTrip(req *http.Request) (*http.Response, error) {
	token, err := t.get(req.Context(), "")
	if err != nil {
		return nil, err
	}
	resp, err := t.send(req, token)
	if err != nil || resp.StatusCode != http.StatusUnauthorized || req.Body != nil {
		return resp, err
	}
	another, err := t.get(req.Context(), token)
	if err == nil && another == token {
		return resp, nil
	}
	_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, maxErrorBody))
	resp.Body.Close()
	if err != nil {
		return nil, err
	}
	return t.send(req, another)
}

func (t *tokens) send(req *http.Request, token string) (*http.Response, error) {
	req = req.Clone(req.Context())
	req.Header.Set("Authorization", "Bearer "+token)
	return t.next.RoundTrip(req)
}

// get returns a token to use, another than refused if that is what is known, unless
// it has only just been had. A token that cannot be renewed is used to its end.
func (t *tokens) get(ctx context.Context, refused string) (string, error) {
	select {
	case t.turn <- struct{}{}:
		defer func() { <-t.turn }()
	case <-ctx.Done():
		return "", context.Cause(ctx)
	}
	now := time.Now()
	alive := t.token != "" && now.Before(t.until)
	bad := t.token == refused && t.token != ""
	switch {
	case alive && bad && now.Sub(t.since) < freshToken:
		return t.token, nil
	case alive && !bad && now.Before(t.renew):
		return t.token, nil
	}
	err := t.ask(ctx)
	if err != nil && alive && !bad {
		t.renew = now.Add(freshToken)
		return t.token, nil
	}
	return t.token, err
}

// ask has a new token from the token URL.
func (t *tokens) ask(ctx context.Context) error {
	ctx, cancel := context.WithTimeoutCause(ctx, tokenPatience, errNoToken)
	defer cancel()
	var status int
	var header http.Header
	var answer []byte
	for _, again := range []bool{false, true} {
		req, err := t.request(ctx, again)
		if err != nil {
			return err
		}
		if req == nil {
			break
		}
		resp, err := t.over.RoundTrip(req)
		if err != nil {
			return unreachable(because(ctx, err))
		}
		answer, err = io.ReadAll(io.LimitReader(resp.Body, maxToken))
		resp.Body.Close()
		if err != nil {
			return unreachable(because(ctx, err))
		}
		if status, header = resp.StatusCode, resp.Header; status != http.StatusBadRequest && status != http.StatusUnauthorized {
			break
		}
	}
	return t.take(status, header, answer)
}

const errNoToken plain = "timed out waiting for a token"

// request returns a token request (RFC 6749 §4.4.2), nil if there is no other way
// to ask.
func (t *tokens) request(ctx context.Context, again bool) (*http.Request, error) {
	form := url.Values{"grant_type": {"client_credentials"}}
	if t.scope != "" {
		form.Set("scope", t.scope)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, t.url.String(), nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Accept", "application/json")
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("User-Agent", "dossiersync")
	another, err := t.grant(req, form, again)
	if err != nil {
		return nil, &tokenError{kind: source.Unauthorized, text: err.Error()}
	}
	if again && !another {
		return nil, nil
	}
	body := form.Encode()
	req.Body, req.ContentLength = io.NopCloser(strings.NewReader(body)), int64(len(body))
	return req, nil
}

func unreachable(err error) error {
	if errors.Is(err, context.Canceled) {
		return err
	}
	return &tokenError{kind: source.Unreachable, text: "the token URL cannot be reached: " + inWords(err).Error()}
}

// take reads the answer of the token URL (RFC 6749 §5).
func (t *tokens) take(status int, header http.Header, body []byte) error {
	var a struct {
		AccessToken string          `json:"access_token"`
		TokenType   string          `json:"token_type"`
		ExpiresIn   json.RawMessage `json:"expires_in"`
		Error       string          `json:"error"`
	}
	wrong := json.Unmarshal(body, &a) != nil
	wait, patient := patience(header)
	code := " (HTTP " + strconv.Itoa(status) + ")"
	switch {
	case status == http.StatusTooManyRequests, status == http.StatusServiceUnavailable && patient:
		return &tokenError{source.Throttled, wait, "the token URL asks for patience" + code}
	case status >= 500:
		return &tokenError{kind: source.Unreachable, text: "the token URL answers with an error" + code}
	case status/100 != 2:
		text := "the token URL refuses us" + code
		if isErrorCode(a.Error) {
			text += ": " + a.Error
		}
		return &tokenError{kind: source.Unauthorized, text: text}
	case wrong || !isToken(a.AccessToken):
		return &tokenError{kind: source.Unauthorized, text: "the token URL's answer holds no token"}
	case a.TokenType != "" && !strings.EqualFold(a.TokenType, "Bearer"):
		return &tokenError{kind: source.Unauthorized, text: "the token URL's answer holds another kind of token than Bearer"}
	}
	lasts := unsaidLifetime
	if n, err := strconv.ParseFloat(strings.Trim(string(a.ExpiresIn), `"`), 64); err == nil && n == n {
		lasts = time.Duration(min(max(n, 0), 24*3600) * float64(time.Second))
	}
	t.token, t.since = a.AccessToken, time.Now()
	t.until = t.since.Add(lasts)
	t.renew = t.until.Add(-min(lasts/5, time.Minute))
	return nil
}

// isToken reports whether s can be sent as a bearer token.
func isToken(s string) bool {
	return s != "" && !strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r > '~' })
}

// isErrorCode reports whether s could be an error code of OAuth 2.0, and so may be
// repeated.
func isErrorCode(s string) bool {
	return s != "" && len(s) <= 40 && strings.Trim(s, "abcdefghijklmnopqrstuvwxyz_") == ""
}
