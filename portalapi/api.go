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

// Options configure an [API].
type Options struct {
	Log        *zap.Logger           // nil: none
	Registerer prometheus.Registerer // nil: no metrics
	Auth       Auth
	Tenants    []Tenant
	// Build is the program's version. It is part of every ETag, so that answers of another build
	// are not taken for current ones.
	Build string
	// CheckActor makes the API refuse changes of single grants by people who may not manage the dossier.
	CheckActor bool
	// Now is the clock for tokens and keys; everything else uses the database's clock. nil:
	// time.Now.
	Now func() time.Time
}

// Tenant is one care organisation, as its portal shows it.
type Tenant struct {
	ID       string
	Name     string
	Location *time.Location
	Schedule store.Schedule // of the runs
	// Labels are the words for parts and categories: reports, forms, care-plans, general,
	// care-plan.
	Labels map[string]string
	// Words are the words for codes, by the section of mapping.labels and the code:
	// "goal_status.active". A code without a word stands for itself.
	Words map[string]string
	// Timeline lists the kinds with cards on the time line: report, form. nil: both.
	Timeline []dossier.Kind
	// Shared lists the parts that the organisation shares with its clients. nil: all.
	Shared []dossier.Part

	fingerprint [sha256.Size]byte // of the settings that show in answers
}

// API serves /v1 and /openapi.yaml. It is safe for concurrent use.
type API struct {
	portal  *store.Portal
	access  *store.AccessLog
	auth    *authenticator
	log     *zap.Logger
	metrics *metrics
	limiter *limiter
	uploads *uploads
	build   string
	// checkActor is of the options.
	checkActor bool
	routes     *http.ServeMux
}

// New returns an API that reads from portal and logs to access, whose Run must be running while
// requests are served. A key file is read at once, and an unreadable one is an error; a key URL is
// fetched with the first request.
func New(portal *store.Portal, access *store.AccessLog, o Options) (*API, error) {
	tenants, err := checkTenants(o.Tenants)
	if err != nil {
		return nil, fmt.Errorf("set up the portal API: %w", err)
	}
	a := &API{portal: portal, access: access, log: o.Log, build: o.Build, checkActor: o.CheckActor}
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
	access.OnCommit = func(took time.Duration, _ error) { a.metrics.logged.Observe(took.Seconds()) }
	a.limiter = newLimiter(requestsPerConnection*portal.Connections(), len(tenants))
	a.uploads = &uploads{limit: store.ListsAtOnce, readWait: paceTime, tenants: make(map[string]bool)}
	a.routes = a.newRoutes()
	return a, nil
}

// checkTenants completes the tenants, and returns them by id.
func checkTenants(list []Tenant) (map[string]*Tenant, error) {
	if len(list) == 0 {
		return nil, errors.New("there are no tenants")
	}
	tenants := make(map[string]*Tenant, len(list))
	for _, t := range list {
		switch {
		case t.ID == "" || tenants[t.ID] != nil:
			return nil, fmt.Errorf("tenant %q has no id, or the id of another tenant", t.ID)
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
				return nil, fmt.Errorf("tenant %s has %s on its time line; only report and form are possible", t.ID, k)
			}
		}
		settings, err := json.Marshal([]any{t.ID, t.Name, t.Location.String(), t.Labels, t.Words, t.Timeline, t.Shared})
		if err != nil {
			return nil, fmt.Errorf("tenant %s: %w", t.ID, err)
		}
		t.fingerprint = sha256.Sum256(settings)
		tenants[t.ID] = &t
	}
	return tenants, nil
}

func (t *Tenant) shares(p dossier.Part) bool {
	return p == dossier.PartContacts || slices.Contains(t.Shared, p)
}

// servedKind returns k, or a kind without items if the organisation does not share k: items that
// were stored before are not served.
func (t *Tenant) servedKind(k dossier.Kind) dossier.Kind {
	if !t.shares(partOf[k]) {
		return "not-shared"
	}
	return k
}

// served returns the kinds as [Tenant.servedKind] has them, and the part of each.
func (t *Tenant) served(kinds []dossier.Kind) ([]dossier.Kind, []dossier.Part) {
	served, parts := make([]dossier.Kind, len(kinds)), make([]dossier.Part, len(kinds))
	for i, k := range kinds {
		served[i], parts[i] = t.servedKind(k), partOf[k]
	}
	return served, parts
}

// time formats m with the tenant's offset, to the second.
func (t *Tenant) time(m time.Time) string { return m.In(t.Location).Format(time.RFC3339) }

func (t *Tenant) timeOrNull(m *time.Time) *string {
	if m == nil {
		return nil
	}
	s := t.time(*m)
	return &s
}
