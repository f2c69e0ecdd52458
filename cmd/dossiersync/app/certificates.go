package app

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"dossiersync/config"
)

// openCertificates reads the files of a listener. They are read again for the next
// connection after they changed, so that a certificate can be renewed, and an authority
// withdrawn, while the program runs. While they cannot be read, for instance because
// only one of the two is new, the old ones stay in use.
func openCertificates(files config.TLS, log *zap.Logger) (*certificates, error) {
	c := &certificates{files: files, log: log}
	if _, err := c.current(); err != nil {
		return nil, fmt.Errorf("tls: %w", err)
	}
	return c, nil
}

// server returns the TLS configuration of the listener.
func (c *certificates) server() *tls.Config {
	return &tls.Config{
		MinVersion:         tls.VersionTLS12,
		GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) { return c.current() },
	}
}

// metric returns the metric of when the certificate in use expires.
func (c *certificates) metric(listener string) prometheus.Collector {
	return prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name:        "dossiersync_certificate_expiry_timestamp_seconds",
		Help:        "When the certificate of a listener expires.",
		ConstLabels: prometheus.Labels{"listener": listener},
	}, func() float64 {
		conf, err := c.current()
		if err != nil || conf.Certificates[0].Leaf == nil {
			return 0
		}
		return float64(conf.Certificates[0].Leaf.NotAfter.Unix())
	})
}

// certificates are the files of a listener and their contents when they were last read.
type certificates struct {
	files config.TLS
	log   *zap.Logger

	mu   sync.Mutex
	seen []fileVersion
	conf *tls.Config
}

// fileVersion differs if a file has changed.
type fileVersion struct {
	at   time.Time
	size int64
}

// current returns the configuration for the next connection. It fails only if the files
// could never be read.
func (c *certificates) current() (*tls.Config, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now, err := c.versions()
	if err == nil && slices.Equal(now, c.seen) {
		return c.conf, nil
	}
	var conf *tls.Config
	if err == nil {
		conf, err = readTLS(c.files)
	}
	switch {
	case err == nil:
		if c.conf != nil {
			c.log.Info("certificates reloaded")
		}
		c.conf = conf
	case c.conf == nil:
		return nil, err
	case !slices.Equal(now, c.seen): // once for each change
		c.log.Error("certificates cannot be read, the old ones stay in use", zap.Error(err))
	}
	c.seen = now
	return c.conf, nil
}

func (c *certificates) versions() ([]fileVersion, error) {
	var list []fileVersion
	for _, name := range []string{c.files.CertFile, c.files.KeyFile, c.files.ClientCAFile} {
		if name == "" {
			continue
		}
		info, err := os.Stat(name)
		if err != nil {
			return nil, err
		}
		list = append(list, fileVersion{info.ModTime(), info.Size()})
	}
	return list, nil
}

func readTLS(conf config.TLS) (*tls.Config, error) {
	cert, err := tls.LoadX509KeyPair(conf.CertFile, conf.KeyFile)
	if err != nil {
		return nil, err
	}
	out := &tls.Config{
		MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{cert}, NextProtos: []string{"h2", "http/1.1"},
	}
	if conf.ClientCAFile == "" {
		return out, nil
	}
	pem, err := os.ReadFile(conf.ClientCAFile)
	if err != nil {
		return nil, err
	}
	out.ClientCAs = x509.NewCertPool()
	if !out.ClientCAs.AppendCertsFromPEM(pem) {
		return nil, errors.New("client_ca_file holds no certificate")
	}
	out.ClientAuth = tls.RequireAndVerifyClientCert
	// A resumed session would be checked against the authorities of its beginning.
	out.SessionTicketsDisabled = true
	return out, nil
}
