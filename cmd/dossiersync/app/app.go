package app

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"os"
	"os/signal"
	"slices"
	"syscall"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"
	"golang.org/x/sync/errgroup"

	"dossiersync/config"
	"dossiersync/portalapi"
	"dossiersync/portalapi/ops"
	"dossiersync/portalapi/web"
	"dossiersync/store"
)

// The parts that can run alone.
const (
	Worker = "worker"
	Portal = "portal"
	Ops    = "ops"
)

// Options are the settings of an [App] that are not in the configuration file. The zero
// value runs every part and logs nothing.
type Options struct {
	Only          string // [Worker], [Portal] or [Ops]; empty: all three
	MetricsListen string // host:port of this process's own health and metrics; empty: none
	Log           *zap.Logger
	Level         zap.AtomicLevel // of Log; SIGUSR1 switches it to debug and back
}

// App is one process of the service. Make it with [New].
type App struct {
	cfg      *config.Config
	log      *zap.Logger
	registry *prometheus.Registry
	db       *Database
	services []func(context.Context) error
	// support is what the services use until they end; it ends after them.
	support []func(context.Context) error
	// ready are what has to succeed before the process can do its work.
	ready   []func(context.Context) error
	closers []func()
}

// New opens the database and binds every listener. The caller closes the App.
func New(ctx context.Context, cfg *config.Config, o Options) (*App, error) {
	if o.Log == nil {
		o.Log = zap.NewNop()
	}
	db, err := OpenDatabase(ctx, cfg)
	if err != nil {
		return nil, err
	}
	a := &App{cfg: cfg, log: o.Log, db: db}
	if err := a.build(ctx, o); err != nil {
		return nil, errors.Join(err, a.Close())
	}
	return a, nil
}

// Close releases listeners and connections, and leaves the private PostgreSQL if it is
// used.
func (a *App) Close() error {
	for _, f := range slices.Backward(a.closers) {
		f()
	}
	return a.db.Close()
}

// Run runs the service until ctx ends or a part fails. If ctx ends, the worker gives
// its runs back and requests in flight are answered; then Run returns nil.
func (a *App) Run(ctx context.Context) error {
	b := BuildInfo()
	a.log.Info("dossiersync starts", zap.String("version", b.Version), zap.String("revision", b.Revision),
		zap.Int("tenants", len(a.cfg.Tenants)))
	err := a.runServices(ctx)
	a.log.Info("dossiersync has stopped", zap.Error(err))
	return err
}

func (a *App) runServices(ctx context.Context) error {
	supportCtx, stopSupport := context.WithCancel(context.WithoutCancel(ctx))
	var support errgroup.Group
	for _, f := range a.support {
		support.Go(func() error { return f(supportCtx) })
	}
	services, ctx := errgroup.WithContext(ctx)
	for _, f := range a.services {
		services.Go(func() error { return f(ctx) })
	}
	err := services.Wait()
	stopSupport()
	return errors.Join(err, support.Wait())
}

// build adds the parts that o asks for.
func (a *App) build(ctx context.Context, o Options) error {
	var err error
	if a.registry, err = newRegistry(); err != nil {
		return err
	}
	if o.Level != (zap.AtomicLevel{}) {
		// From now on, because the first listener is announced before the services run.
		signals := make(chan os.Signal, 1)
		signal.Notify(signals, syscall.SIGUSR1)
		a.closers = append(a.closers, func() { signal.Stop(signals) })
		a.services = append(a.services, func(ctx context.Context) error { return switchLevel(ctx, o.Level, a.log, signals) })
	}
	if o.Only != Portal {
		if err := a.addStoreParts(ctx, o.Only); err != nil {
			return err
		}
	}
	if o.Only == "" || o.Only == Portal {
		if err := a.addPortal(ctx, o.Only); err != nil {
			return err
		}
	}
	if o.MetricsListen != "" {
		return a.addMetrics(o.MetricsListen)
	}
	return nil
}

// addStoreParts adds the worker, the operators' listener or both. They log in as the
// worker, except for the operators' listener alone if it has a log-in of its own.
func (a *App) addStoreParts(ctx context.Context, only string) error {
	open := a.db.Open
	if only == Ops && !a.cfg.Ops.Database.IsZero() {
		open = func(ctx context.Context) (*store.Store, error) { return a.db.OpenOps(ctx, a.cfg.Ops.Database) }
	}
	st, err := open(ctx)
	if err != nil {
		return err
	}
	a.closers = append(a.closers, st.Close)
	a.ready = append(a.ready, st.Ready)
	if err := a.registry.Register(newPoolMetrics("owner", st.PoolStats)); err != nil {
		return fmt.Errorf("register metrics: %w", err)
	}
	if err := a.addHeartbeat(kindsOf(only), st.NoteProcess, st.ForgetProcess); err != nil {
		return err
	}
	if only != Ops {
		if err := PrepareToSync(ctx, a.cfg, st); err != nil {
			return err
		}
		if err := a.addWorker(st); err != nil {
			return err
		}
	}
	if only != Worker {
		return a.addOps(st)
	}
	return nil
}

func (a *App) addWorker(st *store.Store) error {
	syncer, err := NewSyncer(a.cfg, st, SyncerOptions{Log: a.log, Registerer: a.registry})
	if err != nil {
		return err
	}
	a.services = append(a.services, syncer.Run, func(ctx context.Context) error {
		return maintain(ctx, st, a.cfg.AccessLog.KeepYears, a.log)
	})
	return nil
}

func (a *App) addOps(st *store.Store) error {
	var users []ops.User
	for _, u := range a.cfg.Ops.Users {
		users = append(users, ops.User{Name: u.Name, Tenants: u.Tenants, May: u.May, Token: secret(u.Token)})
	}
	handler, err := ops.New(st, ops.Options{
		Log: a.log, Registerer: a.registry, Gatherer: a.registry, Tenants: opsTenants(a.cfg), Users: users,
		MetricsToken: metricsToken(a.cfg), Withholder: NewWithholder(a.cfg, st, a.log), Explain: explainItems(a.cfg),
	})
	if err != nil {
		return err
	}
	return a.listen(OpsListener, a.cfg.Ops.Listen, a.cfg.Ops.TLS, handler)
}

func (a *App) addPortal(ctx context.Context, only string) error {
	if only == "" || a.cfg.PortalAPI.Database.IsZero() {
		// This process has the log-in of the worker or the owner too, and may add tenants as they do.
		if err := a.db.PutProofKeys(ctx, true); err != nil {
			return err
		}
	}
	keys, err := store.ReadProofKeys(a.db.keyFile)
	if err != nil {
		return Usagef("read portal_api.proof_key_file (run dossiersync migrate, which makes it, "+
			"or copy it from the machine where it was made): %w", err)
	}
	reader, err := store.OpenPortal(ctx, a.db.Reader, keys)
	if err != nil {
		return fmt.Errorf("log in as the portal API (run dossiersync migrate, or set portal_api.database): %w", err)
	}
	a.closers = append(a.closers, reader.Close)
	if err := a.checkProofs(ctx, reader); err != nil {
		return err
	}
	a.ready = append(a.ready, reader.Ready, func(ctx context.Context) error { return a.isProved(ctx, reader) })
	if err := a.addStandbys(reader); err != nil {
		return err
	}
	for _, m := range []prometheus.Collector{
		newPoolMetrics("reader", reader.PoolStats), newStandbyMetrics(reader.StandbyStats),
	} {
		if err := a.registry.Register(m); err != nil {
			return fmt.Errorf("register metrics: %w", err)
		}
	}
	if only == Portal {
		if err := a.addHeartbeat(kindsOf(only), reader.NoteProcess, nil); err != nil {
			return err
		}
	}
	access := store.NewAccessLog(reader)
	a.support = append(a.support, access.Run)
	p := a.cfg.PortalAPI
	auth := portalapi.Auth{
		Issuer: p.Auth.Issuer, Audience: p.Auth.Audience, JWKSFile: p.Auth.JWKSFile, TenantClaim: p.Auth.TenantClaim,
		Types: p.Auth.Types, MaxLifetime: p.Auth.MaxLifetime, ScopeArray: p.Auth.ScopeArray,
	}
	if p.Auth.JWKSURL != nil {
		auth.JWKSURL = p.Auth.JWKSURL.String()
	}
	api, err := portalapi.New(reader, access, portalapi.Options{
		Log: a.log, Registerer: a.registry, Auth: auth, Tenants: portalTenants(a.cfg), Build: BuildInfo().String(),
		CheckActor: p.CheckActor,
	})
	if err != nil {
		return err
	}
	health := web.Health(a.checkReady)
	return a.listen(PortalListener, p.Listen, p.TLS, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		// A mux around the API would redirect paths that it refuses.
		if r.URL.Path == "/healthz" || r.URL.Path == "/readyz" {
			health.ServeHTTP(w, r)
			return
		}
		api.ServeHTTP(w, r)
	}))
}

// addStandbys has the portal API read content from the configured standbys. One that does not answer
// now is used later.
func (a *App) addStandbys(reader *store.Portal) error {
	addresses, err := readStandbys(a.cfg)
	if err != nil {
		return err
	}
	for i, address := range addresses {
		if err := reader.AddStandby(address); err != nil {
			return Usagef("portal_api.replicas[%d]: %w", i, err)
		}
	}
	reader.OnStandby(func(number int, why error) {
		which := zap.String("standby", fmt.Sprintf("portal_api.replicas[%d]", number))
		if why != nil {
			a.log.Warn("a standby is left out", which, zap.Error(why))
			return
		}
		a.log.Info("a standby is in use", which)
	})
	a.support = append(a.support, reader.WatchStandbys)
	return nil
}

// checkProofs fails if the database accepts the proofs of this process for none of the tenants, and
// warns of each for which it does not.
func (a *App) checkProofs(ctx context.Context, reader *store.Portal) error {
	var refused []string
	var last error
	for _, tenant := range a.db.tenants {
		err := reader.CheckProof(ctx, tenant)
		switch {
		case err == nil:
			continue
		case !errors.Is(err, store.ErrProof):
			return fmt.Errorf("try the portal API's key: %w", err)
		}
		refused, last = append(refused, tenant), err
	}
	if len(refused) > 0 && len(refused) == len(a.db.tenants) {
		return UsageError{last}
	}
	for _, tenant := range refused {
		a.log.Warn("the portal API answers 503", zap.String("tenant", tenant), zap.Error(last))
	}
	return nil
}

// isProved returns nil if the database accepts the proofs of this process for one of the tenants.
func (a *App) isProved(ctx context.Context, reader *store.Portal) (err error) {
	for _, tenant := range a.db.tenants {
		if err = reader.CheckProof(ctx, tenant); !errors.Is(err, store.ErrProof) {
			return err
		}
	}
	return err
}

// addMetrics serves the health and metrics of this process alone, with the TLS and the
// metrics token of the operators' side.
func (a *App) addMetrics(address string) error {
	host, _, err := net.SplitHostPort(address)
	if a.cfg.Database.IsZero() && (err != nil || !isLoopback(host)) {
		return Usagef("--metrics-listen must be on loopback while the private PostgreSQL is used")
	}
	return a.listen(MetricsListener, address, a.cfg.Ops.TLS, ops.MetricsOnly(a.registry, metricsToken(a.cfg), a.checkReady))
}

// checkReady returns why this process cannot do its work now, for a load balancer: without
// addresses and names.
func (a *App) checkReady(ctx context.Context) error {
	for _, check := range a.ready {
		err := check(ctx)
		switch {
		case errors.Is(err, store.ErrProof):
			return errors.New("the database does not accept the key in portal_api.proof_key_file: run dossiersync migrate")
		case errors.Is(err, store.ErrUnavailable):
			return errors.New("the database does not answer")
		case err != nil:
			a.log.Warn("this process is not ready", zap.Error(err))
			return errors.New("the database's schema does not fit this program: run dossiersync migrate")
		}
	}
	return nil
}

// metricsToken returns how the token for metrics is read, or nil if there is none.
func metricsToken(cfg *config.Config) func() (string, error) {
	if cfg.Ops.MetricsToken.IsZero() {
		return nil
	}
	return secret(cfg.Ops.MetricsToken)
}

func isLoopback(host string) bool {
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.IsLoopback()
}
