package ops

import (
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
)

// Options are what a [Handler] can do without, or has to be told.
type Options struct {
	Log        *zap.Logger           // nil: none
	Registerer prometheus.Registerer // gets this handler's metrics, and the tenants'; nil: none
	Gatherer   prometheus.Gatherer   // what /metrics shows; nil: nothing
	Tenants    []Tenant
	// Users may do what they may; without any, everybody may do everything.
	Users []User
	// MetricsToken returns the token that opens /metrics and nothing else; it is
	// asked for every scrape. nil: there is none.
	MetricsToken func() (string, error)
	// Now is the clock by which sessions end; default time.Now.
	Now func() time.Time
}

// Tenant is one care organisation as operators see it.
type Tenant = operate.Tenant

// Handler answers the operators. It is safe for concurrent use.
type Handler struct {
	store    *store.Store
	log      *zap.Logger
	gatherer prometheus.Gatherer
	tenants  []Tenant
	users    []User
	scraper  func() (string, error) // the token of whoever scrapes; nil: none
	requests *prometheus.CounterVec
	origins  *http.CrossOriginProtection
	sessions *sessions
	attempts *attempts
	routes   *http.ServeMux
}

// New returns a handler for the replica in st.
func New(st *store.Store, o Options) (*Handler, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	h := &Handler{
		store: st, log: o.Log, gatherer: o.Gatherer, tenants: o.Tenants, users: o.Users, scraper: o.MetricsToken,
		origins:  http.NewCrossOriginProtection(),
		sessions: newSessions(o.Now), attempts: newAttempts(o.Now),
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "dossiersync_ops_http_requests_total",
			Help: "Requests to the operators' listener by route pattern and status code.",
		}, []string{"route", "status"}),
	}
	if h.log == nil {
		h.log = zap.NewNop()
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

// verb is what a user may do.
type verb string

const (
	nothing verb = ""        // whoever asks, under whatever name
	visit   verb = "visit"   // whoever asks, but not for another site
	read    verb = "read"    // see tenants, runs, and what is left out
	resync  verb = "resync"  // ask for runs, and for their end
	scrape  verb = "scrape"  // see the metrics, which are of all tenants: no user's own verb
	approve verb = "approve" // take upon them that something goes: held removals, items in quarantine
)

func (h *Handler) newRoutes() *http.ServeMux {
	mux := http.NewServeMux()
	handle := func(pattern string, list ...route) { mux.Handle(pattern, h.serve(pattern, list)) }
	handle("/healthz", get(nothing, h.healthz))
	handle("/readyz", get(nothing, h.readyz))
	handle("/metrics", get(scrape, h.metrics()))
	handle("/openapi.yaml", get(visit, h.openAPI))
	h.addAPI(handle)
	h.addPages(handle)
	mux.Handle("/", h.serve("unknown", []route{{"", nothing, h.unknown, false}}))
	return mux
}

// addAPI adds what programs ask.
func (h *Handler) addAPI(handle func(pattern string, list ...route)) {
	handle("/api/tenants", get(read, h.listTenants))
	handle("/api/tenants/{tenant}/resync", post(resync, h.resync))
	handle("/api/tenants/{tenant}/reconcile", post(resync, h.reconcile))
	handle("/api/tenants/{tenant}/retry", post(resync, h.retryAll))
	handle("/api/tenants/{tenant}/why", post(read, h.why))
	handle("/api/runs", get(read, h.listRuns))
	handle("/api/runs/{id}", get(read, h.run))
	handle("/api/runs/{id}/cancel", post(resync, h.cancel))
	handle("/api/quarantine", get(read, h.listQuarantine))
	handle("/api/quarantine/{id}", get(read, h.quarantined))
	handle("/api/quarantine/{id}/retry", post(resync, h.retry))
	handle("/api/quarantine/{id}/discard", post(approve, h.discard))
	handle("/api/held-removals", get(read, h.listHeld))
}

// ServeHTTP implements http.Handler.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) { h.routes.ServeHTTP(w, r) }

// healthz answers as long as the process does.
func (h *Handler) healthz(c *call) error { return c.json(http.StatusOK, status{"ok"}) }

// readyz answers while the database does.
func (h *Handler) readyz(c *call) error {
	if _, err := h.store.Now(c.r.Context()); err != nil {
		return &web.Problem{Type: web.Unavailable, Detail: "De database antwoordt niet.", Cause: err}
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

// unknown answers a program with a problem, and a person with a page.
func (h *Handler) unknown(c *call) error {
	c.page = asksForPage(c.r)
	return web.Absent()
}

// tenant returns the tenant that the path names, or [problem.NotFound] where the
// user does not see it.
func (c *call) tenant(h *Handler, id string) (*Tenant, error) {
	for i := range h.tenants {
		if h.tenants[i].ID == id && c.user.sees(id) {
			return &h.tenants[i], nil
		}
	}
	return nil, web.Absent()
}

// tenants returns the tenants that the user sees.
func (c *call) tenants(h *Handler) []*Tenant {
	var list []*Tenant
	for i := range h.tenants {
		if t := &h.tenants[i]; c.user.sees(t.ID) {
			list = append(list, t)
		}
	}
	return list
}

// asProblem sorts the errors of package store.
func asProblem(err error) *web.Problem {
	if errors.Is(err, store.ErrNotFound) {
		return web.Absent()
	}
	if errors.Is(err, store.ErrLogUnavailable) {
		return &web.Problem{Type: web.Unavailable, Cause: err,
			Detail: "Dat u dit wilt zien, kan nu niet worden vastgelegd. Daarom wordt er niets getoond."}
	}
	return web.ProblemFrom(err)
}
