package main

import (
	"crypto/tls"
	"crypto/x509"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"

	"dossiersync/config"
	"dossiersync/portalapi/portaltest"
)

func TestLocalBase(t *testing.T) {
	t.Parallel()
	secure := config.TLS{CertFile: "cert.pem", KeyFile: "key.pem"}
	for _, tt := range []struct {
		address, want string
		conf          config.TLS
	}{
		{"127.0.0.1:8081", "http://127.0.0.1:8081", config.TLS{}}, {":8081", "http://127.0.0.1:8081", config.TLS{}},
		{"0.0.0.0:8081", "http://127.0.0.1:8081", config.TLS{}}, {"[::]:8081", "https://127.0.0.1:8081", secure},
		{"ops.example:8081", "https://ops.example:8081", secure}, {"[::1]:8081", "https://[::1]:8081", secure},
	} {
		if got := localBase(tt.address, tt.conf); got != tt.want {
			t.Errorf("%s is asked at %s, want %s", tt.address, got, tt.want)
		}
	}
}

// Another program that listens on this machine must not receive a token.
func TestLocalClientWantsTheConfiguredCertificate(t *testing.T) {
	t.Parallel()
	a := portaltest.NewAuthority(t, "servers")
	files := func(serial int64) config.TLS {
		cert, key := a.Issue(serial, x509.ExtKeyUsageServerAuth)
		conf := config.TLS{CertFile: filepath.Join(t.TempDir(), "cert.pem"), KeyFile: filepath.Join(t.TempDir(), "key.pem")}
		for name, text := range map[string]string{conf.CertFile: cert, conf.KeyFile: key} {
			if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		return conf
	}
	own, other := files(1), files(2)
	pair, err := tls.LoadX509KeyPair(own.CertFile, own.KeyFile)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewUnstartedServer(http.NotFoundHandler())
	server.TLS = &tls.Config{Certificates: []tls.Certificate{pair}}
	server.StartTLS()
	t.Cleanup(server.Close)
	for conf, want := range map[config.TLS]bool{own: true, other: false} {
		client, err := localClient(conf)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := client.Get(server.URL)
		if (err == nil) != want {
			t.Errorf("the right certificate: %v, and the answer is an error: %v", want, err)
		}
		if err == nil {
			resp.Body.Close()
		}
		client.CloseIdleConnections()
	}
}
