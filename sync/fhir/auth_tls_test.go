package fhir

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"dossiersync/sync/source"
)

// authority issues certificates.
type authority struct {
	t    testing.TB
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	pem  []byte
}

func newAuthority(t testing.TB) *authority {
	t.Helper()
	a := &authority{t: t}
	a.pem, _ = a.issue("eigen CA", true)
	return a
}

// issue returns a certificate and its key, in PEM.
func (a *authority) issue(name string, isCA bool) (cert, key []byte) {
	a.t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		a.t.Fatal(err)
	}
	serial, _ := rand.Int(rand.Reader, big.NewInt(1<<62))
	c := &x509.Certificate{SerialNumber: serial, Subject: pkix.Name{CommonName: name}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, BasicConstraintsValid: true, IsCA: isCA,
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageServerAuth}}
	if isCA {
		c.KeyUsage |= x509.KeyUsageCertSign
		a.cert, a.key = c, k
	}
	der, err := x509.CreateCertificate(rand.Reader, c, a.cert, k.Public(), a.key)
	if err != nil {
		a.t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), pemOf(a.t, k)
}

// present makes srv show a certificate of a.
func (a *authority) present(srv *httptest.Server, as *atomic.Pointer[tls.Certificate]) {
	a.t.Helper()
	cert, key := a.issue("ecd", false)
	pair, err := tls.X509KeyPair(cert, key)
	if err != nil {
		a.t.Fatal(err)
	}
	as.Store(&pair)
	srv.CloseClientConnections()
}

func TestMutualTLS(t *testing.T) { // case 75
	t.Parallel()
	dir := t.TempDir()
	certFile, keyFile, caFile := filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem"), filepath.Join(dir, "ca.pem")
	clock := time.Now()
	write := func(name string, b []byte) {
		t.Helper()
		clock = clock.Add(time.Second) // whatever the file system rounds to
		if err := os.WriteFile(name, b, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(name, clock, clock); err != nil {
			t.Fatal(err)
		}
	}
	ours, theirs := newAuthority(t), newAuthority(t)
	cert, key := ours.issue("eerste", false)
	write(certFile, cert)
	write(keyFile, key)
	write(caFile, theirs.pem)

	var seen atomic.Value
	var shows atomic.Pointer[tls.Certificate]
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		seen.Store(r.TLS.PeerCertificates[0].Subject.CommonName)
		_, _ = io.WriteString(w, emptyBundle)
	}))
	srv.Config.ErrorLog = log.New(io.Discard, "", 0)
	srv.TLS = &tls.Config{GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) {
		return &tls.Config{ClientAuth: tls.RequireAnyClientCert, Certificates: []tls.Certificate{*shows.Load()}}, nil
	}}
	srv.StartTLS()
	t.Cleanup(srv.Close)
	theirs.present(srv, &shows)

	transport, err := MutualTLS(certFile, keyFile, caFile)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(transport.(*mutualTLS).CloseIdleConnections)
	s, q := sourceAt(t, srv.URL, func(o *Options) { o.Transport = transport })
	expect := func(step, name string, kind source.FailureKind) {
		t.Helper()
		_, err := s.Search(t.Context(), q)
		if source.KindOf(err) != kind || kind == "" && seen.Load() != name {
			t.Errorf("%s: showed %v: %v", step, seen.Load(), err)
		}
	}
	expect("at first", "eerste", "")

	second, secondKey := ours.issue("tweede", false)
	write(certFile, second)
	expect("half of a new pair", "eerste", "")
	write(keyFile, secondKey)
	expect("a new pair", "tweede", "")

	other := newAuthority(t)
	other.present(srv, &shows)
	expect("an authority that is not trusted", "", source.Unreachable)
	write(caFile, []byte("half"))
	expect("no authority", "", source.Unreachable)
	write(caFile, append(theirs.pem, other.pem...))
	expect("an authority that is", "tweede", "")

	if err := os.Remove(certFile); err != nil {
		t.Fatal(err)
	}
	expect("no certificate any more", "tweede", "")
}

func TestMutualTLSRefusesFiles(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	bad := filepath.Join(dir, "bad.pem")
	if err := os.WriteFile(bad, []byte("geheim"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct{ name, cert, key, ca, want string }{
		{"no files", "", "", "", ""},
		{"no certificate", bad, bad, "", "mutual TLS: certificate and key: tls: failed to find any PEM data in certificate input"},
		{"no key", bad, "", "", "mutual TLS: certificate and key: open : no such file or directory"},
		{"no authority", "", "", bad, "mutual TLS: authorities: " + bad + " holds no certificate"},
		{"no file", "", "", filepath.Join(dir, "x"), "mutual TLS: authorities: open " + filepath.Join(dir, "x") + ": no such file or directory"},
	} {
		_, err := MutualTLS(test.cert, test.key, test.ca)
		if errorText(err) != test.want || strings.Contains(errorText(err), "geheim") {
			t.Errorf("%s: got %v, want %s", test.name, err, test.want)
		}
	}
}
