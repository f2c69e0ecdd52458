package fhir

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"os"
	"sync"
	"time"
)

// MutualTLS returns a transport that shows the certificate in certFile, with the
// key in keyFile, and trusts the authorities in caFile, all in PEM. certFile and
// keyFile may be empty: then it shows none; so may caFile: then it trusts those of
// the machine. The files are read again when they change. As long as what is there
// cannot be read, for instance because only half of it is written yet, the ones
// before stay in use; at the beginning that is an error.
func MutualTLS(certFile, keyFile, caFile string) (http.RoundTripper, error) {
	m := &mutualTLS{certFile: certFile, keyFile: keyFile, caFile: caFile}
	stamps := m.stamp()
	conf, err := m.load()
	if err != nil {
		return nil, fmt.Errorf("mutual TLS: %w", err)
	}
	m.stamps, m.transport = stamps, NewTransport(conf)
	return m, nil
}

// mutualTLS has a transport of its own for each version of its files: connections
// that are under way keep theirs.
type mutualTLS struct {
	certFile, keyFile, caFile string

	mu        sync.Mutex
	stamps    [3]stamp
	transport *http.Transport
}

// A stamp changes when a file does.
type stamp struct {
	modified time.Time
	size     int64
}

// RoundTrip implements [http.RoundTripper].
func (m *mutualTLS) RoundTrip(req *http.Request) (*http.Response, error) {
	return m.current().RoundTrip(req)
}

// CloseIdleConnections is for [http.Client].
func (m *mutualTLS) CloseIdleConnections() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.transport.CloseIdleConnections()
}

func (m *mutualTLS) current() *http.Transport {
	stamps := m.stamp()
	m.mu.Lock()
	defer m.mu.Unlock()
	if stamps == m.stamps {
		return m.transport
	}
	conf, err := m.load()
	if err != nil {
		return m.transport
	}
	m.transport.CloseIdleConnections()
	m.stamps, m.transport = stamps, NewTransport(conf)
	return m.transport
}

// stamp looks at the files before they are read: what changes in between is read
// again the next time.
func (m *mutualTLS) stamp() [3]stamp {
	var all [3]stamp
	for i, name := range [3]string{m.certFile, m.keyFile, m.caFile} {
		if info, err := os.Stat(name); name != "" && err == nil {
			all[i] = stamp{info.ModTime(), info.Size()}
		}
	}
	return all
}

func (m *mutualTLS) load() (*tls.Config, error) {
	conf := &tls.Config{MinVersion: tls.VersionTLS12}
	if m.certFile != "" || m.keyFile != "" {
		pair, err := tls.LoadX509KeyPair(m.certFile, m.keyFile)
		if err != nil {
			return nil, fmt.Errorf("certificate and key: %w", err)
		}
		conf.Certificates = []tls.Certificate{pair}
	}
	if m.caFile != "" {
		pem, err := os.ReadFile(m.caFile)
		if err != nil {
			return nil, fmt.Errorf("authorities: %w", err)
		}
		conf.RootCAs = x509.NewCertPool()
		if !conf.RootCAs.AppendCertsFromPEM(pem) {
			return nil, errors.New("authorities: " + m.caFile + " holds no certificate")
		}
	}
	return conf, nil
}
