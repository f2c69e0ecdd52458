package main

import (
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"time"

	"dossiersync/cmd/dossiersync/app"
	"dossiersync/config"
)

// localBase returns where a listener of this machine is asked, by its host:port.
func localBase(address string, conf config.TLS) string {
	host, port, err := net.SplitHostPort(address)
	if err == nil && (host == "" || host == "0.0.0.0" || host == "::") {
		address = net.JoinHostPort("127.0.0.1", port)
	}
	if conf.CertFile != "" {
		return "https://" + address
	}
	return "http://" + address
}

// localClient returns a client for a listener of this machine that has the
// certificate in conf. Whatever that is made out to, the other side must show the
// same; where it wants one from us too, it is shown its own.
func localClient(conf config.TLS) (*http.Client, error) {
	client := &http.Client{Timeout: 30 * time.Second}
	if conf.CertFile == "" {
		return client, nil
	}
	own, err := tls.LoadX509KeyPair(conf.CertFile, conf.KeyFile)
	if err != nil {
		return nil, app.UsageError{Err: err}
	}
	client.Transport = &http.Transport{TLSClientConfig: &tls.Config{
		MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{own},
		InsecureSkipVerify: true, //nolint:gosec // VerifyConnection wants the very certificate, which says more than any authority
		VerifyConnection: func(s tls.ConnectionState) error {
			if len(s.PeerCertificates) == 0 || !s.PeerCertificates[0].Equal(own.Leaf) {
				return errors.New("shows another certificate than the configured one")
			}
			return nil
		},
	}}
	return client, nil
}
