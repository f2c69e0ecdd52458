package app

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	stdlog "log"
	"net"
	"net/http"

	"go.uber.org/zap"

	"dossiersync/config"
)

// The listeners, as logs name them.
const (
	PortalListener  = "portal API"
	OpsListener     = "operators' listener"
	MetricsListener = "metrics"
)

// listenerLabels are the listeners' names in metrics.
var listenerLabels = map[string]string{PortalListener: "portal", OpsListener: "ops", MetricsListener: "metrics"}

// listen binds the address now, and adds the server to the parts.
func (s *App) listen(what, address string, conf config.TLS, handler http.Handler) error {
	ln, err := net.Listen("tcp", address)
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	s.closers = append(s.closers, func() { ln.Close() })
	scheme := "http"
	if conf.CertFile != "" {
		certs, err := openCertificates(conf, s.log)
		if err != nil {
			return fmt.Errorf("%s: %w", what, err)
		}
		if err := s.registry.Register(certs.metric(listenerLabels[what])); err != nil {
			return fmt.Errorf("register metrics: %w", err)
		}
		ln, scheme = tls.NewListener(ln, certs.server()), "https"
	}
	s.log.Info("listening", zap.String("part", what), zap.String("address", scheme+"://"+ln.Addr().String()))
	s.services = append(s.services, func(ctx context.Context) error { return serve(ctx, ln, newServer(handler, s.log, usualLimits())) })
	return nil
}

// serve serves until ctx ends, and returns when the requests in flight have been
// answered: Serve itself returns as soon as draining begins.
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
		err = server.Close() // whoever still reads has had their time
	}
	<-served //nolint:errcheck // http.ErrServerClosed, by now
	return err
}

// quietLog takes what net/http has to say of connections that broke, which may
// name addresses, and leaves only that it happened.
func quietLog(log *zap.Logger) *stdlog.Logger {
	return stdlog.New(writerFunc(func(p []byte) (int, error) {
		log.Debug("a connection failed")
		return len(p), nil
	}), "", 0)
}

type writerFunc func(p []byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }
