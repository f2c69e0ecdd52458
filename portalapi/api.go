package portalapi

import (
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"dossiersync/store"
	"dossiersync/store/dossier"
)

// Options are what an [API] can do without, or has to be told.
type Options struct {
	Log        *zap.Logger           // nil: none
	Registerer prometheus.Registerer // nil: no metrics
	Auth       Auth
	Tenants    []Tenant
	// Build names the program's version: answers that another build gave are
	// not taken for current ones.
	Build string
	// Now is by what tokens expire. Everything else goes by the database's
	// clock. nil: time.Now.
	Now func() time.Time
}

// Tenant is one care organisation as its portal shows it.
type Tenant struct {
	ID       string
	Name     string
	Location *time.Location
	Schedule store.Schedule // when its replica is due to be brought up to date
	// Labels are the words for parts and categories: reports, forms,
	// care-plans, general, care-plan.
	Labels map[string]string
	// Timeline has the kinds that make cards, of report and form. nil: both.
	Timeline []dossier.Kind
	// Shared has the parts that the organisation shares at all. nil: all.
	Shared []dossier.Part

	fingerprint [sha256.Size]byte // of all that answers are made of
}

// API answers /v1 and /openapi.yaml. It is safe for concurrent use.
type API struct {
	reader  *store.Portal
	access  *store.AccessLog
	auth    *authenticator
	log     *zap.Logger
	metrics *metrics
	gate    *gate
	lists   *lists
	build   string
	routes  *http.ServeMux
}

// New returns an API that reads through reader and logs to log, which must be
// running while requests are served. The keys of tokens are read once here: a
// file that cannot be read is an error, a URL that does not answer is not.
func New(reader *store.Portal, log *store.AccessLog, o Options) (*API, error) {
	tenants, err := checkTenants(o.Tenants)
	if err != nil {
		return nil, fmt.Errorf("set up the portal API: %w", err)
	}
	a := &API{reader: reader, access: log, log: o.Log, build: o.Build}
	if a.log == nil {
		a.log = zap.NewNop()
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if a.auth, err = newAuthenticator(o.Auth, tenants, o.Now, a.log); err != nil {
		return nil, fmt.Errorf("set up the portal API: %w", err)
	}
	if a.metrics, err = newMetrics(o.Registerer); err != nil {
		return nil, fmt.Errorf("set up the portal API: %w", err)
	}
	log.OnCommit = func(took time.Duration, _ error) { a.metrics.logged.Observe(took.Seconds()) }
	a.gate = newGate(perConnection*reader.Connections(), len(tenants))
	// Single grants and reads need a connection too.
	a.lists = &lists{most: min(mostLists, max(1, reader.Connections()-1)), wait: leastTime, of: make(map[string]bool)}
	a.routes = a.newRoutes()
	return a, nil
}

func checkTenants(list []Tenant) (map[string]*Tenant, error) {
	if len(list) == 0 {
		return nil, errors.New("there are no tenants")
	}
	tenants := make(map[string]*Tenant, len(list))
	for _, t := range list {
		switch {
		case t.ID == "" || tenants[t.ID] != nil:
			return nil, fmt.Errorf("tenant %q has no id of its own", t.ID)
		case t.Location == nil:
			return nil, fmt.Errorf("tenant %s has no location", t.ID)
		case t.Schedule == nil:
			return nil, fmt.Errorf("tenant %s has no schedule", t.ID)
		}
		if t.Timeline == nil {
			t.Timeline = []dossier.Kind{dossier.KindReport, dossier.KindForm}
		}
		if t.Shared == nil {
			t.Shared = dossier.Parts()
		}
		if t.Labels == nil {
			t.Labels = map[string]string{}
		}
		for _, k := range t.Timeline {
			if k != dossier.KindReport && k != dossier.KindForm {
				return nil, fmt.Errorf("tenant %s has a time line of %s; there are report and form", t.ID, k)
			}
		}
		seen, err := json.Marshal([]any{t.ID, t.Name, t.Location.String(), t.Labels, t.Timeline, t.Shared})
		if err != nil {
			return nil, fmt.Errorf("tenant %s: %w", t.ID, err)
		}
		t.fingerprint = sha256.Sum256(seen)
		tenants[t.ID] = &t
	}
	return tenants, nil
}

func (t *Tenant) shares(p dossier.Part) bool {
	return p == dossier.PartContacts || slices.Contains(t.Shared, p)
}

// asked returns k, or a kind of which there is nothing where the organisation does
// not share it: what was stored before is not served.
func (t *Tenant) asked(k dossier.Kind) dossier.Kind {
	if !t.shares(partOf[k]) {
		return "not-shared"
	}
	return k
}

// time formats a moment with the tenant's offset, to the second.
func (t *Tenant) time(m time.Time) string { return m.In(t.Location).Format(time.RFC3339) }

func (t *Tenant) timeOrNil(m *time.Time) *string {
	if m == nil {
		return nil
	}
	s := t.time(*m)
	return &s
}
