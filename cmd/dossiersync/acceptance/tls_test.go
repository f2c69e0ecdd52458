package acceptance

import (
	"crypto/tls"
	"crypto/x509"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"dossiersync/cmd/carerecordsim/simulator"
	"dossiersync/cmd/dossiersync/app"
	"dossiersync/portalapi/portaltest"
)

// tlsCaller calls a portal API that may ask for a client certificate.
type tlsCaller struct {
	t      *testing.T
	server string
	trusts *portaltest.Authority
}

// call returns the status of an answer, and the serial number of the server's certificate.
// Without cert the caller shows no certificate.
func (c *tlsCaller) call(cert, key string) (status int, serial int64, err error) {
	c.t.Helper()
	conf := &tls.Config{RootCAs: x509.NewCertPool()}
	conf.RootCAs.AddCert(c.trusts.Cert)
	if cert != "" {
		pair, err := tls.X509KeyPair([]byte(cert), []byte(key))
		if err != nil {
			c.t.Fatal(err)
		}
		conf.Certificates = []tls.Certificate{pair}
	}
	transport := &http.Transport{TLSClientConfig: conf, ForceAttemptHTTP2: true}
	defer transport.CloseIdleConnections()
	resp, err := (&http.Client{Transport: transport,
		Timeout: 10 * time.Second}).Get("https://" + c.server + "/v1/dossiers")
	if err != nil {
		return 0, 0, err
	}
	defer resp.Body.Close()
	return resp.StatusCode, resp.TLS.PeerCertificates[0].SerialNumber.Int64(), nil
}

// replaceFile replaces a file by renaming, with a later modification time.
func (h *harness) replaceFile(name, content string) {
	h.t.Helper()
	path := h.writeFile(name+".new", content)
	later := time.Now().Add(time.Second)
	if err := os.Chtimes(path, later, later); err != nil {
		h.t.Fatal(err)
	}
	if err := os.Rename(path, strings.TrimSuffix(path, ".new")); err != nil {
		h.t.Fatal(err)
	}
}

// The portal API asks for client certificates (NEN 7512), and takes over renewed
// certificates without a restart.
func TestPortalAPIWithClientCertificates(t *testing.T) {
	t.Parallel()
	h := newAmarisHarness(t, simulator.New(simulator.Options{}))
	servers, portals, others := portaltest.NewAuthority(t, "servers"), portaltest.NewAuthority(t, "portals"),
		portaltest.NewAuthority(t, "others")
	cert, key := servers.Issue(1, x509.ExtKeyUsageServerAuth)
	h.writeFile("server.pem", cert)
	h.writeFile("server-key.pem", key)
	h.writeFile("portal-ca.pem", portals.PEM())
	h.changeConfig("portal_api:\n",
		"portal_api:\n  tls: {cert_file: server.pem, key_file: server-key.pem, client_ca_file: portal-ca.pem}\n")
	h.serve(app.Portal)
	server, isTLS := strings.CutPrefix(h.portalAddress, "https://")
	if !isTLS {
		t.Fatalf("the portal API listens at %s", h.portalAddress)
	}
	c := &tlsCaller{t, server, servers}

	portalCert, portalKey := portals.Issue(10, x509.ExtKeyUsageClientAuth)
	otherCert, otherKey := others.Issue(11, x509.ExtKeyUsageClientAuth)
	wrongUse, wrongUseKey := portals.Issue(12, x509.ExtKeyUsageServerAuth)
	wantAccepted := func(caller, cert, key string, serial int64) {
		t.Helper()
		// The token is checked after the certificate, and there is none.
		if status, got, err := c.call(cert, key); err != nil || status != http.StatusUnauthorized || got != serial {
			t.Errorf("%s is answered with %d by certificate %d, %v; want %d", caller, status, got, err, serial)
		}
	}
	wantRefused := func(caller, cert, key string) {
		t.Helper()
		if status, _, err := c.call(cert, key); err == nil {
			t.Errorf("%s is answered with %d", caller, status)
		}
	}
	wantAccepted("the portal", portalCert, portalKey, 1)
	wantRefused("a caller without a certificate", "", "")
	wantRefused("a certificate of another authority", otherCert, otherKey)
	wantRefused("a server certificate", wrongUse, wrongUseKey)

	// A new certificate is used once its key is there too.
	cert, key = servers.Issue(2, x509.ExtKeyUsageServerAuth)
	h.replaceFile("server.pem", cert)
	wantAccepted("the portal, before the key is there", portalCert, portalKey, 1)
	h.replaceFile("server-key.pem", key)
	wantAccepted("the portal, after the renewal", portalCert, portalKey, 2)
	if !strings.Contains(h.log.String(), "the old ones stay in use") {
		t.Error("the log does not say that the certificates could not be read")
	}

	h.replaceFile("portal-ca.pem", others.PEM())
	wantAccepted("a certificate of the new authority", otherCert, otherKey, 2)
	wantRefused("a certificate of the old authority", portalCert, portalKey)
}
