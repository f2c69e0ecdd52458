package app

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
	"dossiersync/sync/fhir"
)

// The parts that can run alone.
const (
	Worker = "worker"
	Portal = "portal"
	Ops    = "ops"
)

// Options are how a service is run. The zero value runs everything and logs
// nothing.
type Options struct {
	Only          string // [Worker], [Portal] or [Ops]; empty: all three
	MetricsListen string // host:port of this process's own health and metrics; empty: none
	Log           *zap.Logger
	Level         zap.AtomicLevel // of Log; SIGUSR1 switches it to debug and back
}

// App is one process of the service: the worker, the portal API and the operators'
// listener, or one of them. Make one with [New].
type App struct {
	cfg      *config.Config
	log      *zap.Logger
	level    zap.AtomicLevel
	registry *prometheus.Registry
	db       *Database
	services []func(context.Context) error
	// after are stopped only once all parts have ended, because parts use them
	// until then.
	after   []func(context.Context) error
	closers []func()
}

// New opens the database and binds every listener, so that whatever is wrong is
// found before anything begins. The caller closes the App.
func New(ctx context.Context, cfg *config.Config, o Options) (*App, error) {
	if o.Log == nil {
		o.Log = zap.NewNop()
	}
	db, err := OpenDatabase(ctx, cfg)
	if err != nil {
		return nil, err
	}
	s := &App{cfg: cfg, log: o.Log, level: o.Level, db: db}
	if err := s.prepare(ctx, o); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// Close releases listeners and connections, and leaves the private PostgreSQL if
// there is one.
func (s *App) Close() error {
	for _, f := range slices.Backward(s.closers) {
		f()
	}
	return s.db.Close()
}

// Run runs the service until ctx ends or a part fails. When ctx ends, the worker
// gives its runs back and requests in flight are answered; then Run returns nil.
func (s *App) Run(ctx context.Context) error {
	b := BuildInfo()
	s.log.Info("dossiersync starts", zap.String("version", b.Version), zap.String("revision", b.Revision),
		zap.Int("tenants", len(s.cfg.Tenants)))
	err := s.run(ctx)
	s.log.Info("dossiersync has stopped", zap.Error(err))
	return err
}

func (s *App) prepare(ctx context.Context, o Options) error {
	var err error
	if s.registry, err = NewRegistry(); err != nil {
		return err
	}
	if o.Level != (zap.AtomicLevel{}) {
		s.services = append(s.services, func(ctx context.Context) error { return switchLevel(ctx, s.level, s.log) })
	}
	runs := func(part string) bool { return o.Only == "" || o.Only == part }
	if runs(Worker) || runs(Ops) {
		st, err := s.db.Open(ctx)
		if err != nil {
			return err
		}
		s.closers = append(s.closers, st.Close)
		if err := s.registry.Register(newPoolMetrics("owner", st.PoolStats)); err != nil {
			return fmt.Errorf("register metrics: %w", err)
		}
		if runs(Worker) {
			if err := s.addWorker(st); err != nil {
				return err
			}
		}
		if runs(Ops) {
			if err := s.addOps(st); err != nil {
				return err
			}
		}
	}
	if runs(Portal) {
		if err := s.addPortal(ctx); err != nil {
			return err
		}
	}
	if o.MetricsListen != "" {
		return s.addMetrics(o.MetricsListen)
	}
	return nil
}

// addMetrics serves the health and metrics of this process alone, by the TLS and to
// the token of the operators' side.
func (s *App) addMetrics(address string) error {
	if host, _, err := net.SplitHostPort(address); s.cfg.Database.IsZero() && (err != nil || !loopback(host)) {
		return Usagef("--metrics-listen must be on loopback while the private PostgreSQL is used")
	}
	return s.listen(MetricsListener, address, s.cfg.Ops.TLS, ops.MetricsOnly(s.registry, metricsToken(s.cfg)))
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

func (s *App) addWorker(st *store.Store) error {
	syncer, err := NewSyncer(s.cfg, st, SyncerOptions{Log: s.log, Registerer: s.registry})
	if err != nil {
		return err
	}
	s.services = append(s.services, syncer.Run, func(ctx context.Context) error {
		return maintain(ctx, st, s.cfg.AccessLog.KeepYears, s.log)
	})
	return nil
}

func (s *App) addPortal(ctx context.Context) error {
	reader, err := store.OpenPortal(ctx, s.db.Reader)
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
		Log: s.log, Registerer: s.registry, Auth: auth, Tenants: portalTenants(s.cfg), Build: BuildInfo().String(),
	})
	if err != nil {
		return err
	}
	return s.listen(PortalListener, p.Listen, p.TLS, api)
}

func (s *App) addOps(st *store.Store) error {
	var tenants []ops.Tenant
	for i := range s.cfg.Tenants {
		tenants = append(tenants, *OpsTenant(s.cfg, s.cfg.Tenants[i].ID))
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
	return s.listen(OpsListener, s.cfg.Ops.Listen, s.cfg.Ops.TLS, handler)
}

// OpsTenant returns a configured tenant as operators see it.
func OpsTenant(cfg *config.Config, id string) *operate.Tenant {
	i := slices.IndexFunc(cfg.Tenants, func(t config.Tenant) bool { return t.ID == id })
	t := &cfg.Tenants[i]
	return &operate.Tenant{ID: t.ID, Name: t.Name, Location: t.Location, Schedule: t.Schedule, Cron: t.Schedule.Text,
		Shared: shared(t), RequestBudget: t.Source.FHIR.RequestsPerRun,
		Pace: operate.Pace{RequestsPerSecond: t.Source.FHIR.RequestsPerSecond, Concurrency: t.Source.FHIR.Concurrency}}
}

// shared lists what the tenant shares with its clients: the parts that are pulled.
func shared(t *config.Tenant) []dossier.Part {
	parts := []dossier.Part{}
	pulled := fhir.Searches(searches(t), codes(t.Mapping.ReportCodes))
	for _, part := range dossier.Parts() {
		if slices.ContainsFunc(part.Streams(), func(s dossier.Stream) bool { return len(pulled[s]) > 0 }) {
			parts = append(parts, part)
		}
	}
	return parts
}

func portalTenants(cfg *config.Config) []portalapi.Tenant {
	var list []portalapi.Tenant
	for i := range cfg.Tenants {
		t := &cfg.Tenants[i]
		tenant := portalapi.Tenant{
			ID: t.ID, Name: t.Name, Location: t.Location, Schedule: t.Schedule,
			Labels: t.Mapping.Labels, Timeline: []dossier.Kind{}, Shared: shared(t),
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
func (s *App) run(ctx context.Context) error {
	leaned, stop := context.WithCancel(context.WithoutCancel(ctx))
	var under errgroup.Group
	for _, f := range s.after {
		under.Go(func() error { return f(leaned) })
	}
	g, ctx := errgroup.WithContext(ctx)
	for _, f := range s.services {
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
