package sync

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/robfig/cron/v3"
	"go.uber.org/zap"

	"dossiersync/store"
	"dossiersync/sync/render"
	"dossiersync/sync/source"
)

// Tenant is one care organisation: where its dossiers come from, when they are
// fetched, and by which rules they are shown.
type Tenant struct {
	ID       string
	Name     string
	Location *time.Location
	Schedule cron.Schedule // in Location
	Source   source.Source
	// Lag is how far behind the source's own clock a run stops reading, because records may be
	// committed later than their lastUpdated says. Overlap is how far before the cursor a run
	// begins, for records that were committed later still.
	Lag, Overlap time.Duration
	// RequestsPerRun is about how many requests to the source one run may make; 0: any number.
	// The next run continues from there.
	RequestsPerRun int64
	// MaxRemoved is the fraction of a stream, from 0 to 1, that may be removed by inference within
	// 24 hours. More than that, and more than 20 items, is held for an operator.
	MaxRemoved float64
	// GrantsDormantAfter is how long a client may not be shown before the grants on it no longer
	// count when it is shown again (I5a); 0: as it was before, at first 90 days.
	GrantsDormantAfter time.Duration
	Rules              render.Rules
}

// Options are the settings of a [Syncer].
type Options struct {
	Log        *zap.Logger
	Registerer prometheus.Registerer
	// Worker names this process in the claims on runs. By the default, which has host name, process
	// id and more, a process on the same host finds out that this one is dead.
	Worker string
	// Slice is how long a worker works on a run before it gives way to others; default 30 s.
	Slice time.Duration
	// Slots is how many runs one worker works on at once; default 4.
	Slots int
	// Spread is the time after a slot over which the tenants' runs are spread; default 60 s,
	// negative: none.
	Spread time.Duration
	// WindowItems is about how many records a window holds; default 10,000.
	WindowItems int
}

// Syncer works on runs. It is safe for concurrent use.
type Syncer struct {
	store   *store.Store
	tenants map[string]*Tenant
	habits  map[string]*habits // by tenant
	here    process
	opts    Options
	log     *zap.Logger
	metrics *metrics
}

// New returns a Syncer for the tenants. It fails if a tenant is incomplete or occurs twice.
func New(st *store.Store, tenants []Tenant, o Options) (*Syncer, error) {
	if o.Log == nil {
		o.Log = zap.NewNop()
	}
	if o.Registerer == nil {
		o.Registerer = prometheus.NewRegistry()
	}
	here := thisProcess()
	if o.Worker == "" {
		o.Worker = here.String()
	}
	if o.Slice == 0 {
		o.Slice = 30 * time.Second
	}
	if o.Slots == 0 {
		o.Slots = 4
	}
	if o.Spread == 0 {
		o.Spread = time.Minute
	}
	if o.WindowItems == 0 {
		o.WindowItems = 10_000
	}
	s := &Syncer{store: st, here: here, opts: o, log: o.Log, tenants: make(map[string]*Tenant, len(tenants)),
		habits: make(map[string]*habits, len(tenants))}
	for _, t := range tenants {
		if t.ID == "" || t.Location == nil || t.Schedule == nil || t.Source == nil {
			return nil, errors.New("a tenant lacks its id, location, schedule or source")
		}
		if _, twice := s.tenants[t.ID]; twice {
			return nil, fmt.Errorf("tenant %s occurs twice", t.ID)
		}
		s.tenants[t.ID], s.habits[t.ID] = &t, newHabits()
	}
	var err error
	if s.metrics, err = newMetrics(o.Registerer, s.tenants); err != nil {
		return nil, err
	}
	return s, nil
}

// putTenant stores what the replica has to know of the tenant.
func (s *Syncer) putTenant(ctx context.Context, t *Tenant) error {
	if err := s.store.PutTenant(ctx, t.ID, t.Name, t.Location.String()); err != nil || t.GrantsDormantAfter == 0 {
		return err
	}
	return s.store.SetGrantsDormantAfter(ctx, t.ID, t.GrantsDormantAfter)
}
