package acceptance

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"testing"
	"time"

	"github.com/lestrrat-go/jwx/v3/jwa"
	"github.com/lestrrat-go/jwx/v3/jwk"
	"github.com/lestrrat-go/jwx/v3/jwt"
)

// signer signs tokens as the portal's identity provider does.
type signer struct{ key jwk.Key }

func newSigner(t testing.TB) signer {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	key, err := jwk.Import(private)
	if err != nil {
		t.Fatal(err)
	}
	for name, value := range map[string]any{jwk.AlgorithmKey: jwa.ES256(), jwk.KeyIDKey: "test",
		jwk.KeyUsageKey: "sig"} {
		if err := key.Set(name, value); err != nil {
			t.Fatal(err)
		}
	}
	return signer{key}
}

// jwks returns the public key set.
func (s signer) jwks(t testing.TB) string {
	t.Helper()
	public, err := s.key.PublicKey()
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(map[string]any{"keys": []jwk.Key{public}})
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func (s signer) sign(t testing.TB, tenant, user, scope string) string {
	t.Helper()
	now := time.Now()
	token, err := jwt.NewBuilder().Issuer("https://login.example").Audience([]string{"dossiersync"}).Subject(user).
		IssuedAt(now).Expiration(now.Add(time.Hour)).Claim("tenant", tenant).Claim("scope", scope).Build()
	if err != nil {
		t.Fatal(err)
	}
	signed, err := jwt.Sign(token, jwt.WithKey(jwa.ES256(), s.key))
	if err != nil {
		t.Fatal(err)
	}
	return string(signed)
}
