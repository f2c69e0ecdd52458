package portalapi

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"time"
)

// maxJWKS is how many bytes of a JWK Set are read.
const maxJWKS = 1 << 20

// keysOfFile returns what reads the set in a file when that has changed.
func keysOfFile(path string) func(context.Context) ([]byte, error) {
	var seen os.FileInfo
	return func(context.Context) ([]byte, error) {
		info, err := os.Stat(path)
		if err != nil {
			return nil, fmt.Errorf("look for the JWK Set: %w", err)
		}
		if seen != nil && os.SameFile(seen, info) && seen.ModTime().Equal(info.ModTime()) && seen.Size() == info.Size() {
			return nil, nil
		}
		f, err := os.Open(path)
		if err != nil {
			return nil, fmt.Errorf("open the JWK Set: %w", err)
		}
		defer f.Close()
		text, err := readKeys(f)
		if err == nil {
			seen = info
		}
		return text, err
	}
}

// keysOfURL returns what fetches the set that is published at url.
func keysOfURL(url string) func(context.Context) ([]byte, error) {
	client := &http.Client{Timeout: fetchTime, CheckRedirect: func(next *http.Request, via []*http.Request) error {
		if first := via[0].URL; next.URL.Scheme != first.Scheme || next.URL.Host != first.Host || len(via) > 5 {
			return errors.New("the issuer sends us elsewhere")
		}
		return nil
	}}
	return func(ctx context.Context) ([]byte, error) {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
		if err != nil {
			return nil, fmt.Errorf("fetch the JWK Set: %w", err)
		}
		req.Header.Set("Accept", "application/jwk-set+json, application/json")
		res, err := client.Do(req)
		if err != nil {
			return nil, fmt.Errorf("fetch the JWK Set: %w", err)
		}
		defer res.Body.Close()
		if res.StatusCode != http.StatusOK {
			return nil, fmt.Errorf("fetch the JWK Set: %s", res.Status)
		}
		return readKeys(res.Body)
	}
}

func readKeys(r io.Reader) ([]byte, error) {
	text, err := io.ReadAll(io.LimitReader(r, maxJWKS+1))
	if err != nil {
		return nil, fmt.Errorf("read the JWK Set: %w", err)
	}
	if len(text) > maxJWKS {
		return nil, errors.New("the JWK Set is larger than 1 MB")
	}
	return text, nil
}

// newKeyring returns the keys that are published in a file or at a URL.
func newKeyring(o Auth, now func() time.Time) (*keyring, error) {
	switch {
	case (o.JWKSFile == "") == (o.JWKSURL == ""):
		return nil, errors.New("the keys of tokens are in a file or at a URL: give one of the two")
	case o.JWKSFile != "":
		return &keyring{fetch: keysOfFile(o.JWKSFile), every: time.Second, now: now}, nil
	}
	return &keyring{fetch: keysOfURL(o.JWKSURL), every: 15 * time.Minute, pause: 10 * time.Second, now: now}, nil
}
