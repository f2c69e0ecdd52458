package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"os"
	"time"

	"github.com/lestrrat-go/jwx/v3/jwa"
	"github.com/lestrrat-go/jwx/v3/jwk"
	"github.com/lestrrat-go/jwx/v3/jwt"

	"dossiersync/cmd/dossiersync/app"
)

type tokenCmd struct {
	Key  tokenKeyCmd  `cmd:"" help:"Print a new private key (PEM)."`
	JWKS tokenJWKSCmd `cmd:"" name:"jwks" help:"Print the public half of a key as a JWKS, for portal_api.auth.jwks_file."`
	Sign tokenSignCmd `cmd:"" help:"Print a token signed with a key."`
}

// Help implements kong's HelpProvider.
func (*tokenCmd) Help() string {
	return `In production, tokens come from the portal's identity provider. To try things out:
  (umask 077; dossiersync token key > key.pem)
  dossiersync token jwks --key key.pem > jwks.json
  dossiersync token sign --key key.pem --issuer I --audience A --tenant amaris \
      --user daughter --scope dossier:read`
}

type tokenKeyCmd struct{}

// Help implements kong's HelpProvider.
func (*tokenKeyCmd) Help() string {
	return `Examples:
  (umask 077; dossiersync token key > key.pem)`
}

// Run implements the command.
func (*tokenKeyCmd) Run(a *session) error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return fmt.Errorf("make a key: %w", err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return fmt.Errorf("encode a key: %w", err)
	}
	return pem.Encode(a.out, &pem.Block{Type: "PRIVATE KEY", Bytes: der})
}

type tokenJWKSCmd struct {
	Key string `help:"The private key (PEM)." required:"" placeholder:"FILE"`
}

// Help implements kong's HelpProvider.
func (*tokenJWKSCmd) Help() string {
	return `Examples:
  dossiersync token jwks --key key.pem > jwks.json`
}

// Run implements the command.
func (c *tokenJWKSCmd) Run(a *session) error {
	key, err := readKey(c.Key)
	if err != nil {
		return err
	}
	public, err := key.PublicKey()
	if err != nil {
		return fmt.Errorf("take the public half of %s: %w", c.Key, err)
	}
	set := jwk.NewSet()
	if err := set.AddKey(public); err != nil {
		return fmt.Errorf("make a JWKS: %w", err)
	}
	e := json.NewEncoder(a.out)
	e.SetIndent("", "  ")
	return e.Encode(set)
}

type tokenSignCmd struct {
	Key         string        `help:"The private key (PEM)." required:"" placeholder:"FILE"`
	Issuer      string        `help:"The issuer, as in portal_api.auth." required:"" placeholder:"ISSUER"`
	Audience    string        `help:"The audience, as in portal_api.auth." required:"" placeholder:"AUDIENCE"`
	Tenant      string        `help:"The tenant's id." required:"" placeholder:"TENANT"`
	User        string        `help:"The user's id (sub)." required:"" placeholder:"USER"`
	Scope       string        `help:"The scopes, separated by spaces: dossier:read, dossier:grants." required:"" placeholder:"SCOPE"`
	TenantClaim string        `help:"The claim for the tenant, as in portal_api.auth; default: ${default}." default:"tenant" placeholder:"CLAIM"`
	Valid       time.Duration `help:"How long the token is valid; default: ${default}." default:"1h" placeholder:"DURATION"`
}

// Help implements kong's HelpProvider.
func (*tokenSignCmd) Help() string {
	return `Examples:
  dossiersync token sign --key key.pem --issuer https://login.example \
      --audience dossiersync --tenant amaris --user daughter --scope dossier:read`
}

// Run implements the command.
func (c *tokenSignCmd) Run(a *session) error {
	key, err := readKey(c.Key)
	if err != nil {
		return err
	}
	now := time.Now()
	token, err := jwt.NewBuilder().Issuer(c.Issuer).Audience([]string{c.Audience}).Subject(c.User).
		IssuedAt(now).Expiration(now.Add(c.Valid)).Claim(c.TenantClaim, c.Tenant).Claim("scope", c.Scope).Build()
	if err != nil {
		return fmt.Errorf("make a token: %w", err)
	}
	alg, ok := key.Algorithm()
	if !ok {
		return fmt.Errorf("sign a token: %s has no algorithm", c.Key)
	}
	signed, err := jwt.Sign(token, jwt.WithKey(alg, key))
	if err != nil {
		return fmt.Errorf("sign a token: %w", err)
	}
	_, err = fmt.Fprintln(a.out, string(signed))
	return err
}

// readKey reads a private key and sets its id, algorithm and use.
func readKey(file string) (jwk.Key, error) {
	b, err := os.ReadFile(file)
	if err != nil {
		return nil, app.Usagef("read the private key: %w", err)
	}
	key, err := jwk.ParseKey(b, jwk.WithPEM(true))
	if err != nil {
		return nil, app.Usagef("%s holds no private key (PEM); make one: dossiersync token key > key.pem", file)
	}
	if err := jwk.AssignKeyID(key); err != nil {
		return nil, fmt.Errorf("name the key in %s: %w", file, err)
	}
	alg, ok := algorithm(key)
	if !ok {
		return nil, app.Usagef("%s holds a key that cannot sign tokens", file)
	}
	if err := key.Set(jwk.AlgorithmKey, alg); err != nil {
		return nil, fmt.Errorf("read %s: %w", file, err)
	}
	return key, key.Set(jwk.KeyUsageKey, "sig")
}

// algorithm returns the signature algorithm for a key (RFC 7518 §3.1).
func algorithm(key jwk.Key) (jwa.SignatureAlgorithm, bool) {
	switch key.KeyType() {
	case jwa.RSA():
		return jwa.RS256(), true
	case jwa.OKP():
		return jwa.EdDSA(), true
	case jwa.EC():
		ec, ok := key.(jwk.ECDSAPrivateKey)
		if !ok {
			break
		}
		curve, _ := ec.Crv()
		alg, ok := map[jwa.EllipticCurveAlgorithm]jwa.SignatureAlgorithm{
			jwa.P256(): jwa.ES256(), jwa.P384(): jwa.ES384(), jwa.P521(): jwa.ES512()}[curve]
		return alg, ok
	}
	return jwa.SignatureAlgorithm{}, false
}
