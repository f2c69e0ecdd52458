package ops

import (
	"context"
	_ "embed" // openapi.yaml
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"go.uber.org/zap"

	"dossiersync/portalapi/ops/operate"
	"dossiersync/portalapi/web"
	"dossiersync/store"
	"dossiersync/store/dossier"
)

// Options configure a [Handler].
type Options struct {
	Log        *zap.Logger           // nil: none
	Registerer prometheus.Registerer // for the metrics of this handler and of the tenants; nil: none
	Gatherer   prometheus.Gatherer   // for /metrics; nil: no metrics
	Tenants    []Tenant
	// Users are the operators. If Users is empty, every caller has every permission.
	Users []User
	// MetricsToken returns the token for /metrics only. It is called for every scrape. nil: none.
	MetricsToken func() (string, error)
	// Withholder keeps clients and items from readers. nil: one that records nothing outside the
	// database.
	Withholder *operate.Withholder
	// Explain reads an item again from the tenant's source, and returns what becomes of its members.
	// nil: pages tell only what is stored.
	Explain func(ctx context.Context, tenant string, ref dossier.Ref) (ItemReading, error)
	// Now is the clock for sessions and wrong tokens. nil: time.Now.
	Now func() time.Time
}

// ItemReading is an item as the source has it now.
type ItemReading = operate.ItemReading

// Tenant is one care organisation as operators see it.
type Tenant = operate.Tenant

// Handler serves the operators. It is safe for concurrent use.
type Handler struct {
	store        *store.Store
	log          *zap.Logger
	gatherer     prometheus.Gatherer
	tenants      []Tenant
	users        []User
	withholder   *operate.Withholder
	metricsToken func() (string, error)                                                         // nil: none
	explain      func(ctx context.Context, tenant string, ref dossier.Ref) (ItemReading, error) // nil: none
	requests     *prometheus.CounterVec
	origins      *http.CrossOriginProtection
	sessions     *sessions
	wrongTokens  *wrongTokenLimits
	routes       *http.ServeMux
}

// New returns a handler for the replica in st.
func New(st *store.Store, o Options) (*Handler, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	h := &Handler{
		store: st, log: o.Log, gatherer: o.Gatherer, tenants: o.Tenants, users: o.Users, metricsToken: o.MetricsToken,
		withholder: o.Withholder,
		explain:    o.Explain,
		origins:    http.NewCrossOriginProtection(),
		sessions:   newSessions(o.Now), wrongTokens: newWrongTokenLimits(o.Now),
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "dossiersync_ops_http_requests_total",
			Help: "Requests to the operators' listener by route pattern and status code.",
		}, []string{"route", "status"}),
	}
	if h.log == nil {
		h.log = zap.NewNop()
	}
	if h.withholder == nil {
		h.withholder = &operate.Withholder{Store: st, Log: h.log}
	}
	if h.gatherer == nil {
		h.gatherer = prometheus.NewRegistry()
	}
	for i := range o.Tenants {
		if err := o.Tenants[i].Check(); err != nil {
			return nil, fmt.Errorf("set up the operators' side: %w", err)
		}
	}
	if err := checkUsers(o.Users); err != nil {
		return nil, fmt.Errorf("set up the operators' side: %w", err)
	}
	if o.Registerer != nil {
		for _, m := range []prometheus.Collector{h.requests, newCollector(st, o.Tenants)} {
			if err := o.Registerer.Register(m); err != nil {
				return nil, fmt.Errorf("set up the operators' side: %w", err)
			}
		}
	}
	h.routes = h.newRoutes()
	return h, nil
}

// verb is a permission of a user, or what a route needs instead of one.
type verb string

const (
	anyone   verb = ""        // no check at all
	sameSite verb = "visit"   // no user, but no request from another site
	read     verb = "read"    // see tenants, runs, quarantine and dossiers' states
	resync   verb = "resync"  // request and cancel runs
	scrape   verb = "scrape"  // see the metrics of all tenants; not a permission of users
	approve  verb = "approve" // decide on what is held, withhold, discard items, acknowledge causes
)

func (h *Handler) newRoutes() *http.ServeMux {
	mux := http.NewServeMux()
	handle := func(pattern string, list ...route) { mux.Handle(pattern, h.serve(pattern, list)) }
	handle("/healthz", get(anyone, h.healthz))
	handle("/readyz", get(anyone, h.readyz))
	handle("/metrics", get(scrape, h.metrics()))
	handle("/openapi.yaml", get(sameSite, h.openAPI))
	h.addAPI(handle)
	h.addPages(handle)
	mux.Handle("/", h.serve("unknown", []route{{"", anyone, h.unknownRoute, false}}))
	return mux
}

// addAPI adds the routes for programs.
func (h *Handler) addAPI(handle func(pattern string, list ...route)) {
	handle("/api/tenants", get(read, h.listTenants))
	handle("/api/tenants/{tenant}/attention/{code}", post(approve, h.acknowledge))
	handle("/api/tenants/{tenant}/resync", post(resync, h.resync))
	handle("/api/tenants/{tenant}/reconcile", post(resync, h.reconcile))
	handle("/api/tenants/{tenant}/retry", post(resync, h.retryAll))
	handle("/api/tenants/{tenant}/why", post(read, h.why))
	handle("/api/tenants/{tenant}/held", get(read, h.listHeld), post(approve, h.decideHeld))
	handle("/api/tenants/{tenant}/held/{set}", get(read, h.heldItems))
	handle("/api/tenants/{tenant}/withheld", get(read, h.listWithheld))
	handle("/api/tenants/{tenant}/withhold", post(approve, h.withhold))
	handle("/api/tenants/{tenant}/release", post(approve, h.release))
	handle("/api/runs", get(read, h.listRuns))
	handle("/api/runs/{id}", get(read, h.run))
	handle("/api/runs/{id}/cancel", post(resync, h.cancel))
	handle("/api/quarantine", get(read, h.listQuarantine))
	handle("/api/quarantine/{id}", get(read, h.quarantined))
	handle("/api/quarantine/{id}/retry", post(resync, h.retry))
	handle("/api/quarantine/{id}/discard", post(approve, h.discard))
	handle("/api/held-removals", get(read, h.listHeldRemovals))
}

// ServeHTTP implements http.Handler.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) { h.routes.ServeHTTP(w, r) }

// healthz reports that the process is alive.
func (h *Handler) healthz(c *call) error { return c.json(http.StatusOK, status{"ok"}) }

// readyz reports whether the database answers and its schema fits.
func (h *Handler) readyz(c *call) error {
	ctx, cancel := context.WithTimeout(c.r.Context(), web.ReadyTime)
	defer cancel()
	if err := h.store.Ready(ctx); err != nil {
		detail := "De database antwoordt niet."
		if !errors.Is(err, store.ErrUnavailable) {
			detail = "Het schema van de database past niet bij dit programma: voer dossiersync migrate uit."
		}
		return &web.Problem{Type: web.Unavailable, Detail: detail, Cause: err}
	}
	return c.json(http.StatusOK, status{"ready"})
}

type status struct {
	Status string `json:"status"`
}

func (h *Handler) metrics() func(c *call) error {
	handler := promhttp.HandlerFor(h.gatherer, promhttp.HandlerOpts{MaxRequestsInFlight: 4, Timeout: 10 * time.Second})
	return func(c *call) error {
		c.status = http.StatusOK
		handler.ServeHTTP(c.w, c.r)
		return nil
	}
}

// unknownRoute answers 404: a browser with a page, a program with a problem document.
func (h *Handler) unknownRoute(c *call) error {
	c.page = asksForPage(c.r)
	return web.Absent()
}

// tenant returns the tenant with the id, or [web.NotFound] if it is not the user's.
func (h *Handler) tenant(c *call, id string) (*Tenant, error) {
	for i := range h.tenants {
		if h.tenants[i].ID == id && c.user.sees(id) {
			return &h.tenants[i], nil
		}
	}
	return nil, web.Absent()
}

// tenantsOf returns the user's tenants.
func (h *Handler) tenantsOf(c *call) []*Tenant {
	var list []*Tenant
	for i := range h.tenants {
		if t := &h.tenants[i]; c.user.sees(t.ID) {
			list = append(list, t)
		}
	}
	return list
}

// asProblem returns the problem for an error of this package or of package store.
func asProblem(err error) *web.Problem {
	if errors.Is(err, store.ErrNotFound) {
		return web.Absent()
	}
	if errors.Is(err, store.ErrLogUnavailable) {
		return web.NotLogged(err)
	}
	return web.ProblemFrom(err)
}

//go:embed openapi.yaml
var contract []byte

// OpenAPI returns the contract of the operators' API, as served at /openapi.yaml.
func OpenAPI() []byte { return contract }

func (h *Handler) openAPI(c *call) error {
	c.write(http.StatusOK, "application/yaml", contract) // RFC 9512
	return nil
}
