package fhir

import (
	"crypto/tls"
	"net"
	"net/http"
	"time"
)

// NewTransport returns the transport to a care record system: no proxy, modest
// time-outs for connecting, and connections kept for the next page. conf may
// hold a client certificate and the authorities to trust; nil trusts those of
// the machine.
func NewTransport(conf *tls.Config) *http.Transport {
	dialer := &net.Dialer{Timeout: 10 * time.Second, KeepAlive: 30 * time.Second}
	return &http.Transport{
		DialContext:            dialer.DialContext,
		TLSClientConfig:        conf,
		TLSHandshakeTimeout:    10 * time.Second,
		ForceAttemptHTTP2:      true,
		MaxIdleConns:           64,
		MaxIdleConnsPerHost:    16,
		IdleConnTimeout:        90 * time.Second,
		MaxResponseHeaderBytes: 64 << 10,
		DisableCompression:     true, // the client unpacks, within bounds
	}
}
