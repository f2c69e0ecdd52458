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

// localBase returns the URL at which a listener at host:port is reached from this machine.
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

// localClient returns a client for a listener of this machine with the certificate in
// conf. The listener must show that very certificate, whatever name is in it. The client
// shows the same one if the listener asks for a client certificate.
func localClient(conf config.TLS) (*http.Client, error) {
	client := &http.Client{Timeout: 30 * time.Second}
	if conf.CertFile == "" {
		return client, nil
	}
	own, err := tls.LoadX509KeyPair(conf.CertFile, conf.KeyFile)
	if err != nil {
		return nil, app.Usagef("read the certificate of the listener: %w", err)
	}
	client.Transport = &http.Transport{TLSClientConfig: &tls.Config{
		MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{own},
		InsecureSkipVerify: true, //nolint:gosec // VerifyConnection wants the very certificate, which is stricter
		VerifyConnection: func(s tls.ConnectionState) error {
			if len(s.PeerCertificates) == 0 || !s.PeerCertificates[0].Equal(own.Leaf) {
				return errors.New("the certificate is not the configured one")
			}
			return nil
		},
	}}
	return client, nil
}
