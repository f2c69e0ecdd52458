package portalapi

import (
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/lestrrat-go/jwx/v3/jwa"
	"github.com/lestrrat-go/jwx/v3/jwk"
	"github.com/lestrrat-go/jwx/v3/jws"
)

// key is the public half of one of the issuer's keys.
type key struct {
	id     string                   // kid; empty: the set gives none
	algs   []jwa.SignatureAlgorithm // the algorithms that the key may be used with
	public any
}

// keySet is the issuer's keys as of one moment. It is immutable.
type keySet struct{ keys []key }

var (
	rsaAlgs = []jwa.SignatureAlgorithm{jwa.RS256(), jwa.RS384(), jwa.RS512(), jwa.PS256(), jwa.PS384(), jwa.PS512()}
	// curveAlgs has the one algorithm of each curve (RFC 7518 §3.4).
	curveAlgs = map[string]jwa.SignatureAlgorithm{"P-256": jwa.ES256(), "P-384": jwa.ES384(), "P-521": jwa.ES512()}
)

// parseKeys reads a JWK Set (RFC 7517 §5). It skips keys that cannot be used: symmetric keys, keys
// for encryption, unknown types, RSA below 2048 bits. An empty set is valid: with it, an issuer
// withdraws all keys. jwk.Parse is not used because it takes a lone key for a set, and rejects the
// whole set for one key of an unknown type.
func parseKeys(text []byte) (*keySet, error) {
	var set struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if err := json.Unmarshal(text, &set); err != nil {
		return nil, fmt.Errorf("parse the JWK Set: %w", err)
	}
	s := new(keySet)
	for _, raw := range set.Keys {
		if k, ok := parseKey(raw); ok {
			s.keys = append(s.keys, k)
		}
	}
	if len(s.keys) == 0 && (set.Keys == nil || len(set.Keys) > 0) {
		return nil, errors.New("the JWK Set has no usable key")
	}
	return s, nil
}

func parseKey(raw []byte) (key, bool) {
	parsed, err := jwk.ParseKey(raw)
	if err != nil {
		return key{}, false
	}
	if use, ok := parsed.KeyUsage(); ok && use != "sig" {
		return key{}, false
	}
	public, err := parsed.PublicKey()
	if err != nil {
		return key{}, false
	}
	var k key
	if err := jwk.Export(public, &k.public); err != nil {
		return key{}, false
	}
	k.id, _ = parsed.KeyID()
	switch p := k.public.(type) {
	case *rsa.PublicKey:
		if p.N.BitLen() >= 2048 {
			k.algs = slices.Clone(rsaAlgs)
		}
	case *ecdsa.PublicKey:
		if alg, ok := curveAlgs[p.Curve.Params().Name]; ok {
			k.algs = []jwa.SignatureAlgorithm{alg}
		}
	case ed25519.PublicKey:
		k.algs = []jwa.SignatureAlgorithm{jwa.EdDSA()}
	}
	if only, ok := parsed.Algorithm(); ok {
		k.algs = slices.DeleteFunc(k.algs, func(a jwa.SignatureAlgorithm) bool { return a.String() != only.String() })
	}
	return k, len(k.algs) > 0
}

// errNoKey means that a newer key set may have the key that signed the token.
var errNoKey = errors.New("no key of the issuer fits")

// verify returns the payload and the type of a compact JWS (RFC 7515 §7.1) whose signature fits one
// of the keys. The type is in lower case, without application/ (§4.1.9); jwt if there is none.
//
// The keys decide which algorithm may be used, never the token. jws.WithKeySet is not used because
// it is looser: without a required kid it ignores the kid of a token that has one, and it allows an
// EC key for the algorithms of other curves.
func (s *keySet) verify(token string) (payload []byte, typ string, err error) {
	if err := checkExtensions(token); err != nil {
		return nil, "", err
	}
	typ = "jwt"
	fault := errors.New("the token cannot be read")
	candidates := func(_ context.Context, sink jws.KeySink, sig *jws.Signature, _ *jws.Message) error {
		header := sig.ProtectedHeaders()
		alg, _ := header.Algorithm()
		kid, _ := header.KeyID()
		if named, ok := header.Type(); ok {
			typ = strings.TrimPrefix(strings.ToLower(named), "application/")
		}
		fault = errNoKey
		for _, k := range s.keys {
			if (kid == "" || k.id == "" || k.id == kid) && slices.Contains(k.algs, alg) {
				sink.Key(alg, k.public)
				if kid != "" {
					fault = errors.New("the signature is wrong")
				}
			}
		}
		return nil
	}
	payload, err = jws.Verify([]byte(token), jws.WithCompact(), jws.WithKeyProvider(jws.KeyProviderFunc(candidates)))
	if err != nil {
		return nil, "", fault
	}
	return payload, typ, nil
}

// checkExtensions rejects a token whose header has crit or b64, whatever their value: no extension
// of JWS is supported (RFC 7515 §4.1.11, RFC 7797). jws.Verify does not look at crit unless asked
// to, and then still accepts null.
func checkExtensions(token string) error {
	encoded, _, _ := strings.Cut(token, ".")
	text, err := base64.RawURLEncoding.DecodeString(encoded)
	if err != nil {
		return errors.New("the header cannot be read")
	}
	var header struct {
		Crit json.RawMessage `json:"crit"`
		B64  json.RawMessage `json:"b64"`
	}
	if err := json.Unmarshal(text, &header); err != nil || header.Crit != nil || header.B64 != nil {
		return errors.New("the header cannot be read, or needs an extension of JWS")
	}
	return nil
}
