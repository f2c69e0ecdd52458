package app

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	stdlog "log"
	"net"
	"net/http"
	"time"

	"go.uber.org/zap"

	"dossiersync/config"
)

// The listeners' names in logs.
const (
	PortalListener  = "portal API"
	OpsListener     = "operators' listener"
	MetricsListener = "metrics"
)

// listenerLabels are the listeners' names in metrics.
var listenerLabels = map[string]string{PortalListener: "portal", OpsListener: "ops", MetricsListener: "metrics"}

// listen binds the address, and adds a server for it to the services.
func (a *App) listen(name, address string, conf config.TLS, handler http.Handler) error {
	ln, err := net.Listen("tcp", address)
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	a.closers = append(a.closers, func() { ln.Close() })
	scheme := "http"
	if conf.CertFile != "" {
		certs, err := openCertificates(conf, a.log)
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		if err := a.registry.Register(certs.metric(listenerLabels[name])); err != nil {
			return fmt.Errorf("register metrics: %w", err)
		}
		ln, scheme = tls.NewListener(ln, certs.server()), "https"
	}
	a.log.Info("listening", zap.String("part", name), zap.String("address", scheme+"://"+ln.Addr().String()))
	server := newServer(handler, a.log, defaultLimits())
	a.services = append(a.services, func(ctx context.Context) error { return serve(ctx, ln, server) })
	return nil
}

// limits bound each connection in time, and each request's header in bytes.
type limits struct {
	readHeader, read, write, idle time.Duration
	header                        int
}

// defaultLimits are those of every listener. Responses are small and complete before
// they are sent, so a connection that takes longer is one whose client is slow.
func defaultLimits() limits {
	return limits{
		readHeader: 5 * time.Second, read: 15 * time.Second, write: 30 * time.Second, idle: 2 * time.Minute,
		header: 16 << 10,
	}
}

func newServer(handler http.Handler, log *zap.Logger, l limits) *http.Server {
	return &http.Server{
		Handler: handler, ReadHeaderTimeout: l.readHeader, ReadTimeout: l.read, WriteTimeout: l.write,
		IdleTimeout: l.idle, MaxHeaderBytes: l.header, ErrorLog: quietLog(log),
	}
}

// drainTimeout is how long a server waits for requests in flight.
const drainTimeout = 20 * time.Second

// serve serves until ctx ends, and returns once the requests in flight have been
// answered. It waits for Shutdown, because Serve returns when draining begins.
func serve(ctx context.Context, ln net.Listener, server *http.Server) error {
	served := make(chan error, 1)
	go func() { served <- server.Serve(ln) }()
	select {
	case err := <-served:
		return err
	case <-ctx.Done():
	}
	drain, cancel := context.WithTimeout(context.WithoutCancel(ctx), drainTimeout)
	defer cancel()
	err := server.Shutdown(drain)
	if errors.Is(err, context.DeadlineExceeded) {
		err = server.Close() // the clients that still read had time enough
	}
	<-served //nolint:errcheck // http.ErrServerClosed, by now
	return err
}

// quietLog returns a log for net/http that leaves out its messages on failed
// connections, because they may hold addresses.
func quietLog(log *zap.Logger) *stdlog.Logger {
	return stdlog.New(writerFunc(func(p []byte) (int, error) {
		log.Debug("a connection failed")
		return len(p), nil
	}), "", 0)
}

type writerFunc func(p []byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }
