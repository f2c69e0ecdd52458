package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"
	"golang.org/x/sync/errgroup"

	"dossiersync/config"
	"dossiersync/portalapi"
	"dossiersync/portalapi/ops"
	"dossiersync/portalapi/ops/operate"
	"dossiersync/store"
	"dossiersync/store/dossier"
)

type serveCmd struct {
	Only          string `help:"Run one part only: worker, portal or ops." enum:",worker,portal,ops" default:"" placeholder:"PART"`
	MetricsListen string `help:"Where a worker or portal that runs alone serves its health and metrics; default: nowhere." placeholder:"HOST:PORT"`
	LogLevel      string `help:"From which level on it logs: debug, info, warn or error." enum:"debug,info,warn,error" default:"info" placeholder:"LEVEL"`
}

// Help implements kong's HelpProvider.
func (*serveCmd) Help() string {
	return `Runs until it is asked to stop (SIGINT, SIGTERM): then the worker gives its runs
back at the next page, and requests in flight are answered. Logs are JSON, one
line each, on standard error.

SIGUSR1 turns debugging on, and off again.

On more than one machine, run each part where it belongs with --only; add as many
workers and portals as you like.

Examples:
  dossiersync serve
  dossiersync serve --only portal --metrics-listen 127.0.0.1:9090`
}

func (c *serveCmd) runs(part string) bool { return c.Only == "" || c.Only == part }

// Run implements the command.
func (c *serveCmd) Run(ctx context.Context, a *app) (err error) {
	cfg, err := a.load()
	if err != nil {
		return err
	}
	level, err := zap.ParseAtomicLevel(c.LogLevel)
	if err != nil {
		return usageError{err}
	}
	log := newLog(a.err, level)
	defer log.Sync() //nolint:errcheck // standard error may be a terminal, which cannot be synced
	db, err := openDatabase(ctx, cfg)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	reg, err := newRegistry()
	if err != nil {
		return err
	}
	s := &service{cfg: cfg, log: log, registry: reg}
	s.parts = append(s.parts, func(ctx context.Context) error { return switchLevel(ctx, level, log) })
	defer s.close()
	if err := s.prepare(ctx, c, db); err != nil {
		return err
	}
	b := buildInfo()
	log.Info("dossiersync starts", zap.String("version", b.Version), zap.String("revision", b.Revision), zap.Int("tenants", len(cfg.Tenants)))
	err = s.run(ctx)
	log.Info("dossiersync has stopped", zap.Error(err))
	return err
}

// service is what serve runs: some long-lived things, all or none.
type service struct {
	cfg      *config.Config
	log      *zap.Logger
	registry *prometheus.Registry
	parts    []func(context.Context) error
	// after runs until all parts have ended: what they lean on.
	after   []func(context.Context) error
	closers []func()
}

func (s *service) close() {
	for i := len(s.closers) - 1; i >= 0; i-- {
		s.closers[i]()
	}
}

// prepare opens and binds everything, so that whatever is wrong is found before
// anything begins.
func (s *service) prepare(ctx context.Context, c *serveCmd, db *database) error {
	if c.runs("worker") || c.runs("ops") {
		st, err := db.open(ctx)
		if err != nil {
			return err
		}
		s.closers = append(s.closers, st.Close)
		if err := s.registry.Register(newPoolMetrics("owner", st.PoolStats)); err != nil {
			return fmt.Errorf("register metrics: %w", err)
		}
		if c.runs("worker") {
			if err := s.addWorker(st); err != nil {
				return err
			}
		}
		if c.runs("ops") {
			if err := s.addOps(st); err != nil {
				return err
			}
		}
	}
	if c.runs("portal") {
		if err := s.addPortal(ctx, db); err != nil {
			return err
		}
	}
	if c.MetricsListen != "" {
		return s.addMetrics(c.MetricsListen)
	}
	return nil
}

// addMetrics serves the health and metrics of this process alone, by the TLS and to
// the token of the operators' side.
func (s *service) addMetrics(address string) error {
	if host, _, err := net.SplitHostPort(address); s.cfg.Database.IsZero() && (err != nil || !loopback(host)) {
		return usagef("--metrics-listen must be on loopback while the private PostgreSQL is used")
	}
	return s.listen(partMetrics, address, s.cfg.Ops.TLS, ops.MetricsOnly(s.registry, metricsToken(s.cfg)))
}

// metricsToken returns how the token for metrics is read; nil: there is none.
func metricsToken(cfg *config.Config) func() (string, error) {
	if cfg.Ops.MetricsToken.IsZero() {
		return nil
	}
	return secret(cfg.Ops.MetricsToken)
}

func loopback(host string) bool {
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.IsLoopback()
}

func (s *service) addWorker(st *store.Store) error {
	syncer, err := newSyncer(s.cfg, st, s.log, s.registry)
	if err != nil {
		return err
	}
	s.parts = append(s.parts, syncer.Run, func(ctx context.Context) error {
		return maintain(ctx, st, s.cfg.AccessLog.KeepYears, s.log)
	})
	return nil
}

func (s *service) addPortal(ctx context.Context, db *database) error {
	reader, err := store.OpenReader(ctx, db.reader)
	if err != nil {
		return fmt.Errorf("log in as the portal API (run dossiersync migrate, or set portal_api.database): %w", err)
	}
	s.closers = append(s.closers, reader.Close)
	if err := s.registry.Register(newPoolMetrics("reader", reader.PoolStats)); err != nil {
		return fmt.Errorf("register metrics: %w", err)
	}
	access := store.NewAccessLog(reader, "portal-api")
	s.after = append(s.after, access.Run)
	p := s.cfg.PortalAPI
	auth := portalapi.Auth{Issuer: p.Auth.Issuer, Audience: p.Auth.Audience, JWKSFile: p.Auth.JWKSFile, TenantClaim: p.Auth.TenantClaim}
	if p.Auth.JWKSURL != nil {
		auth.JWKSURL = p.Auth.JWKSURL.String()
	}
	api, err := portalapi.New(reader, access, portalapi.Options{
		Log: s.log, Registerer: s.registry, Auth: auth, Tenants: portalTenants(s.cfg), Build: buildInfo().String(),
	})
	if err != nil {
		return err
	}
	return s.listen(partPortal, p.Listen, p.TLS, api)
}

func (s *service) addOps(st *store.Store) error {
	var tenants []ops.Tenant
	for i := range s.cfg.Tenants {
		tenants = append(tenants, *opsTenant(s.cfg, s.cfg.Tenants[i].ID))
	}
	var users []ops.User
	for _, u := range s.cfg.Ops.Users {
		users = append(users, ops.User{Name: u.Name, Tenants: u.Tenants, May: u.May, Token: secret(u.Token)})
	}
	handler, err := ops.New(st, ops.Options{
		Log: s.log, Registerer: s.registry, Gatherer: s.registry, Tenants: tenants, Users: users,
		MetricsToken: metricsToken(s.cfg),
	})
	if err != nil {
		return err
	}
	return s.listen(partOps, s.cfg.Ops.Listen, s.cfg.Ops.TLS, handler)
}

// opsTenant returns a configured tenant as operators see it.
func opsTenant(cfg *config.Config, id string) *operate.Tenant {
	i := slices.IndexFunc(cfg.Tenants, func(t config.Tenant) bool { return t.ID == id })
	t := &cfg.Tenants[i]
	return &operate.Tenant{ID: t.ID, Name: t.Name, Location: t.Location, Schedule: t.Schedule, Cron: t.Schedule.Text,
		Shared: shared(t), RequestBudget: t.Source.FHIR.RequestsPerRun,
		Pace: operate.Pace{RequestsPerSecond: t.Source.FHIR.RequestsPerSecond, Concurrency: t.Source.FHIR.Concurrency}}
}

// shared lists what the tenant shares with its clients: the parts that are pulled.
func shared(t *config.Tenant) []dossier.Part {
	parts := []dossier.Part{}
	pulled := searches(t)
	for _, part := range dossier.Parts() {
		if len(pulled[dossier.Stream(part)]) > 0 {
			parts = append(parts, part)
		}
	}
	return parts
}

func portalTenants(cfg *config.Config) []portalapi.Tenant {
	var list []portalapi.Tenant
	for i := range cfg.Tenants {
		t := &cfg.Tenants[i]
		l := t.Mapping.Labels
		tenant := portalapi.Tenant{
			ID: t.ID, Name: t.Name, Location: t.Location, Schedule: t.Schedule,
			Labels: map[string]string{
				"reports": l.Reports, "forms": l.Forms, "care-plans": l.CarePlans, "general": l.General, "care-plan": l.CarePlan,
			},
			Timeline: []dossier.Kind{}, Shared: shared(t),
		}
		for _, k := range t.Mapping.Timeline {
			tenant.Timeline = append(tenant.Timeline, dossier.Kind(k))
		}
		list = append(list, tenant)
	}
	return list
}

// run runs all parts until ctx ends or one of them fails, and then what they
// lean on until they have ended.
func (s *service) run(ctx context.Context) error {
	leaned, stop := context.WithCancel(context.WithoutCancel(ctx))
	var under errgroup.Group
	for _, f := range s.after {
		under.Go(func() error { return f(leaned) })
	}
	g, ctx := errgroup.WithContext(ctx)
	for _, f := range s.parts {
		g.Go(func() error { return f(ctx) })
	}
	err := g.Wait()
	stop()
	return errors.Join(err, under.Wait())
}

// limits are for how long a connection may take for what, and how large the
// headers of a request may be, in bytes.
type limits struct {
	readHeader, read, write, idle time.Duration
	header                        int
}

// usualLimits are those of every listener. Answers are small, and made before they
// are sent; what takes longer is a client that does not write or does not read.
func usualLimits() limits {
	return limits{readHeader: 5 * time.Second, read: 15 * time.Second, write: 30 * time.Second, idle: 2 * time.Minute, header: 16 << 10}
}

const drainTimeout = 20 * time.Second

func newServer(handler http.Handler, log *zap.Logger, l limits) *http.Server {
	return &http.Server{
		Handler: handler, ReadHeaderTimeout: l.readHeader, ReadTimeout: l.read, WriteTimeout: l.write,
		IdleTimeout: l.idle, MaxHeaderBytes: l.header, ErrorLog: quietLog(log),
	}
}
