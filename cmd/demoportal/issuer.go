package main

import (
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/lestrrat-go/jwx/v3/jwa"
	"github.com/lestrrat-go/jwx/v3/jwk"
	"github.com/lestrrat-go/jwx/v3/jwt"
)

// The scopes of tokens.
const (
	scopeRead   = "dossier:read"
	scopeGrants = "dossier:grants"
)

// tokenLife is how long a token is valid. Each request has a new one.
const tokenLife = 5 * time.Minute

// issuer signs tokens. It stands in for the OpenID provider of a real portal.
type issuer struct {
	key            jwk.Key
	name, audience string
}

func newIssuer(file, name, audience string) (*issuer, error) {
	b, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("read the key: %w", err)
	}
	key, err := jwk.ParseKey(b, jwk.WithPEM(true))
	if err != nil {
		return nil, errors.New("the key is no private key (PEM)")
	}
	if err := jwk.AssignKeyID(key); err != nil {
		return nil, fmt.Errorf("name the key: %w", err)
	}
	return &issuer{key: key, name: name, audience: audience}, nil
}

// token returns a token of the user for the tenant.
func (i *issuer) token(tenant, user, scope string) (string, error) {
	now := time.Now()
	token, err := jwt.NewBuilder().Issuer(i.name).Audience([]string{i.audience}).Subject(user).IssuedAt(now).
		Expiration(now.Add(tokenLife)).Claim("tenant", tenant).Claim("scope", scope).Build()
	if err != nil {
		return "", fmt.Errorf("make a token: %w", err)
	}
	signed, err := jwt.Sign(token, jwt.WithKey(jwa.ES256(), i.key))
	if err != nil {
		return "", fmt.Errorf("sign a token: %w", err)
	}
	return string(signed), nil
}
