package fhir

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/lestrrat-go/jwx/v3/jwa"
	"github.com/lestrrat-go/jwx/v3/jws"
	"github.com/lestrrat-go/jwx/v3/jwt"
)

// PrivateKeyJWTOptions says how access tokens are had with a private key. All but
// Algorithm, Scope and Transport are required.
type PrivateKeyJWTOptions struct {
	TokenURL *url.URL
	ClientID string
	// Key returns the private key in PEM (PKCS #8, PKCS #1 or SEC 1); it is called
	// for each token request, so that one that is renewed takes effect.
	Key func() ([]byte, error)
	// KeyID is the id under which the source knows the public key.
	KeyID string
	// Algorithm is RS384 or ES384; empty: whichever fits the key.
	Algorithm string
	Scope     string // space-separated; empty: none is asked for
	// Transport carries the token requests; nil stands for what carries the others.
	Transport http.RoundTripper
}

// assertionLife is how long an assertion is good for. SMART Backend Services
// allows five minutes; clocks differ.
const assertionLife = 4 * time.Minute

// PrivateKeyJWT returns a transport that sends every request over next with an
// access token of SMART Backend Services (SMART App Launch 2, Backend Services;
// RFC 7523 §2.2). Tokens are had, renewed and kept as by [ClientCredentials]. A key
// that cannot be used is refused here.
func PrivateKeyJWT(next http.RoundTripper, o PrivateKeyJWTOptions) (http.RoundTripper, error) {
	t, err := newTokens(next, o.Transport, o.TokenURL, o.ClientID, o.Scope)
	if o.KeyID == "" {
		err = errors.Join(err, errors.New("no key id"))
	}
	if o.Key == nil {
		err = errors.Join(err, errors.New("no key"))
	} else if _, _, wrong := o.key(); wrong != nil {
		err = errors.Join(err, wrong)
	}
	if err != nil {
		return nil, fmt.Errorf("private key JWT: %w", err)
	}
	t.grant = func(_ *http.Request, form url.Values, again bool) (bool, error) {
		if again {
			return false, nil
		}
		assertion, err := o.assertion()
		form.Set("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer")
		form.Set("client_assertion", string(assertion))
		return false, err
	}
	return t, nil
}

// assertion returns a signed statement of who asks for a token.
func (o *PrivateKeyJWTOptions) assertion() ([]byte, error) {
	key, algorithm, err := o.key()
	if err != nil {
		return nil, err
	}
	now := time.Now()
	token, err := jwt.NewBuilder().
		Issuer(o.ClientID).Subject(o.ClientID).Audience([]string{o.TokenURL.String()}).
		JwtID(rand.Text()).IssuedAt(now).Expiration(now.Add(assertionLife)).
		Build()
	if err != nil {
		return nil, errors.New("the assertion cannot be made")
	}
	head := jws.NewHeaders()
	if err := head.Set(jws.KeyIDKey, o.KeyID); err != nil {
		return nil, errors.New("the assertion cannot be made")
	}
	signed, err := jwt.Sign(token, jwt.WithKey(algorithm, key, jws.WithProtectedHeaders(head)))
	if err != nil {
		return nil, errors.New("the assertion cannot be signed")
	}
	return signed, nil
}

// key reads the private key, and how it signs. Errors hold nothing of the key.
func (o *PrivateKeyJWTOptions) key() (crypto.Signer, jwa.SignatureAlgorithm, error) {
	var none jwa.SignatureAlgorithm
	b, err := o.Key()
	if err != nil {
		return nil, none, err
	}
	key, err := parseKey(b)
	if err != nil {
		return nil, none, err
	}
	fits := jwa.RS384()
	if _, ok := key.(*ecdsa.PrivateKey); ok {
		fits = jwa.ES384()
	}
	if o.Algorithm != "" && o.Algorithm != fits.String() {
		return nil, none, fmt.Errorf("the key is one for %s, not for %q", fits, o.Algorithm)
	}
	return key, fits, nil
}

// parseKey reads a private key in PEM: RSA of 2048 bits or more, or EC on P-384.
func parseKey(b []byte) (crypto.Signer, error) {
	block, rest := pem.Decode(b)
	if block != nil && block.Type == "EC PARAMETERS" { // which openssl writes before the key
		block, _ = pem.Decode(rest)
	}
	if block == nil {
		return nil, errors.New("the key is not in PEM")
	}
	var key any
	var err error
	switch block.Type {
	case "RSA PRIVATE KEY":
		key, err = x509.ParsePKCS1PrivateKey(block.Bytes)
	case "EC PRIVATE KEY":
		key, err = x509.ParseECPrivateKey(block.Bytes)
	case "PRIVATE KEY":
		key, err = x509.ParsePKCS8PrivateKey(block.Bytes)
	default:
		return nil, errors.New("the key is not a private key that is not encrypted")
	}
	if err != nil {
		return nil, errors.New("the key cannot be read")
	}
	switch key := key.(type) {
	case *rsa.PrivateKey:
		if key.N.BitLen() < 2048 {
			return nil, errors.New("the RSA key is shorter than 2048 bits")
		}
		return key, nil
	case *ecdsa.PrivateKey:
		if key.Curve == elliptic.P384() {
			return key, nil
		}
	}
	return nil, errors.New("the key is neither one of RSA nor one on the curve P-384")
}
