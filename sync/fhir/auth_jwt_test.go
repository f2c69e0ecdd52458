package fhir

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lestrrat-go/jwx/v3/jwa"
	"github.com/lestrrat-go/jwx/v3/jws"
	"github.com/lestrrat-go/jwx/v3/jwt"
)

func pemOf(t testing.TB, key crypto.Signer) []byte {
	t.Helper()
	b, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: b})
}

func TestPrivateKeyJWT(t *testing.T) {
	t.Parallel()
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	ecKey, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	sec1, _ := x509.MarshalECPrivateKey(ecKey)
	openssl := append(pem.EncodeToMemory(&pem.Block{Type: "EC PARAMETERS", Bytes: []byte{1}}), pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: sec1})...)
	for _, test := range []struct {
		name, algorithm string
		pem             []byte
		public          crypto.PublicKey
		verify          jwa.SignatureAlgorithm
	}{
		{"RSA", "", pemOf(t, rsaKey), rsaKey.Public(), jwa.RS384()},
		{"RSA by name", "RS384", pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(rsaKey)}), rsaKey.Public(), jwa.RS384()},
		{"EC", "", pemOf(t, ecKey), ecKey.Public(), jwa.ES384()},
		{"EC by name, as openssl writes it", "ES384", openssl, ecKey.Public(), jwa.ES384()},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			o := &office{}
			rt, err := PrivateKeyJWT(o, PrivateKeyJWTOptions{TokenURL: mustURL("https://login.example/token?x=1"), ClientID: "dossiersync",
				KeyID: "k-1", Key: func() ([]byte, error) { return test.pem, nil }, Algorithm: test.algorithm, Scope: "system/*.rs"})
			if err != nil {
				t.Fatal(err)
			}
			s, _ := testSource(t, rt)
			if err := read(t, s); err != nil {
				t.Fatal(err)
			}
			form := o.asked[0]
			if form.Get("grant_type") != "client_credentials" || form.Get("scope") != "system/*.rs" ||
				form.Get("client_assertion_type") != "urn:ietf:params:oauth:client-assertion-type:jwt-bearer" {
				t.Errorf("asked %v", form)
			}
			assertion := []byte(form.Get("client_assertion"))
			token, err := jwt.Parse(assertion, jwt.WithKey(test.verify, test.public), jwt.WithAudience("https://login.example/token?x=1"),
				jwt.WithIssuer("dossiersync"), jwt.WithSubject("dossiersync"), jwt.WithValidate(true))
			if err != nil {
				t.Fatal(err)
			}
			exp, _ := token.Expiration()
			if id, _ := token.JwtID(); id == "" || time.Until(exp) > 5*time.Minute || time.Until(exp) < 3*time.Minute {
				t.Errorf("id %q, until %v", id, exp)
			}
			signed, err := jws.Parse(assertion)
			if err != nil {
				t.Fatal(err)
			}
			head := signed.Signatures()[0].ProtectedHeaders()
			kid, _ := head.KeyID()
			typ, _ := head.Type()
			if kid != "k-1" || typ != "JWT" {
				t.Errorf("kid %q, typ %q", kid, typ)
			}
		})
	}
}

func TestPrivateKeyJWTRefusesKeys(t *testing.T) {
	t.Parallel()
	small, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	p256, _ := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	p384, _ := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	for _, test := range []struct {
		name string
		pem  []byte
		want string
	}{
		{"no PEM", []byte("geheim"), "the key is not in PEM"},
		{"encrypted", pem.EncodeToMemory(&pem.Block{Type: "ENCRYPTED PRIVATE KEY", Bytes: []byte("geheim")}), "the key is not a private key that is not encrypted"},
		{"damaged", pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: []byte("geheim")}), "the key cannot be read"},
		{"too short", pemOf(t, small), "the RSA key is shorter than 2048 bits"},
		{"another curve", pemOf(t, p256), "the key is neither one of RSA nor one on the curve P-384"},
		{"another algorithm", pemOf(t, p384), `the key is one for ES384, not for "RS384"`},
	} {
		o := PrivateKeyJWTOptions{TokenURL: mustURL("https://login.example/token"), ClientID: "a", KeyID: "k", Algorithm: "RS384",
			Key: func() ([]byte, error) { return test.pem, nil }}
		if test.name != "another algorithm" {
			o.Algorithm = ""
		}
		if _, err := PrivateKeyJWT(nil, o); errorText(err) != "private key JWT: "+test.want {
			t.Errorf("%s: got %v", test.name, err)
		}
	}
}

// A key that is renewed takes effect; one that cannot be read any more is no
// credential, and its error holds nothing of it.
func TestPrivateKeyIsReadAgain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		key, _ := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
		b := pemOf(t, key)
		rt, err := PrivateKeyJWT(&office{}, PrivateKeyJWTOptions{TokenURL: mustURL("https://login.example/token?x=1"), ClientID: "a", KeyID: "k",
			Key: func() ([]byte, error) { return b, nil }})
		if err != nil {
			t.Fatal(err)
		}
		b = []byte("geheim")
		s, _ := testSource(t, rt)
		if err := read(t, s); errorText(err) != "read Patient: there are no credentials for the source: the key is not in PEM" {
			t.Errorf("got %v", err)
		}
	})
}
