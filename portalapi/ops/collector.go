package ops

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"dossiersync/store"
	"dossiersync/store/dossier"
)

// collector tells how each tenant fares, from the store, whenever metrics are
// asked for: it is true whichever process worked, and as long as none does.
type collector struct {
	store   *store.Store
	tenants []Tenant

	success, age, lag, next, late, stale *prometheus.Desc
	unreachable, failed, waiting, idle   *prometheus.Desc
	quarantine, held, jobs, worker, up   *prometheus.Desc
	awaiting, unerased                   *prometheus.Desc
}

// scrapeTimeout bounds what a scrape waits for the database.
const scrapeTimeout = 5 * time.Second

func newCollector(st *store.Store, tenants []Tenant) *collector {
	desc := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc("dossiersync_"+name, help, labels, nil)
	}
	return &collector{
		store: st, tenants: tenants,
		success:     desc("last_success_timestamp_seconds", "When the last run began that brought the whole tenant up to date.", "tenant"),
		age:         desc("last_success_age_seconds", "How long ago the last run began that brought the whole tenant up to date.", "tenant"),
		lag:         desc("schedule_lag_seconds", "For how long the first slot is due that no success has satisfied; 0: the schedule's promise is kept.", "tenant"),
		next:        desc("next_slot_timestamp_seconds", "When the next run is due.", "tenant"),
		late:        desc("tenant_late", "1 if the last success is further back than the schedule promises: 30 minutes past a due slot.", "tenant"),
		stale:       desc("tenant_stale", "1 if two due slots were missed.", "tenant"),
		unreachable: desc("source_unreachable_seconds", "For how long the source could not be reached; 0: it can.", "tenant"),
		failed:      desc("failed_runs_in_a_row", "How many of the latest runs of the whole tenant failed, one after the other, up to 50.", "tenant"),
		waiting:     desc("waiting_runs", "Runs that nobody has begun.", "tenant"),
		idle:        desc("idle_run_seconds", "For how long a run could have been worked on and was not; 0: none, or somebody works on it.", "tenant"),
		quarantine:  desc("quarantine_items", "Items that could not be applied.", "tenant"),
		held:        desc("held_removals", "Items that vanished from the source and are kept until an operator decides.", "tenant", "stream"),
		awaiting:    desc("awaiting_grants", "1 if nothing is shown until the portal has sent all grants again, after a restore of the database.", "tenant"),
		unerased:    desc("awaiting_erasures", "1 if nothing is shown until what was erased is erased again, after a restore of the database.", "tenant"),
		jobs:        desc("jobs", "Slices of runs by the state of their job.", "state"),
		worker:      desc("worker_up", "1 if a worker is alive, in whichever process."),
		up:          desc("database_up", "1 if the database answered this scrape."),
	}
}

// Describe implements prometheus.Collector.
func (c *collector) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{c.success, c.age, c.lag, c.next, c.late, c.stale, c.unreachable, c.failed, c.waiting,
		c.idle, c.quarantine, c.held, c.awaiting, c.unerased, c.jobs, c.worker, c.up} {
		ch <- d
	}
}

// Collect implements prometheus.Collector.
func (c *collector) Collect(ch chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), scrapeTimeout)
	defer cancel()
	s, err := c.standing(ctx)
	gauge(ch, c.up, bit(err == nil))
	if err != nil {
		return // what is not known is not there
	}
	for _, t := range c.tenants {
		if known, ok := s.known[t.ID]; ok {
			c.tenant(ch, t, known, s)
		}
	}
	for state, n := range s.queue.Jobs {
		gauge(ch, c.jobs, float64(n), string(state))
	}
	gauge(ch, c.worker, bit(s.queue.Worker))
}

// snapshot is all that one scrape asks of the store.
type snapshot struct {
	now         time.Time
	known       map[string]store.Tenant
	quarantined map[string]int64
	held        map[string]map[dossier.Stream]int64
	queue       store.Queue
}

func (c *collector) standing(ctx context.Context) (snapshot, error) {
	s := snapshot{known: make(map[string]store.Tenant), held: make(map[string]map[dossier.Stream]int64)}
	var err error
	if s.now, err = c.store.Now(ctx); err != nil {
		return s, err
	}
	tenants, err := c.store.Tenants(ctx)
	if err != nil {
		return s, err
	}
	for _, t := range tenants {
		s.known[t.ID], s.held[t.ID] = t, make(map[dossier.Stream]int64)
	}
	if s.quarantined, err = c.store.QuarantineSizes(ctx); err != nil {
		return s, err
	}
	held, err := c.store.HeldRemovals(ctx, "")
	if err != nil {
		return s, err
	}
	for _, h := range held {
		s.held[h.Tenant][h.Stream] = h.Items
	}
	s.queue, err = c.store.Queue(ctx)
	return s, err
}

func (c *collector) tenant(ch chan<- prometheus.Metric, t Tenant, known store.Tenant, s snapshot) {
	if known.Succeeded != nil {
		gauge(ch, c.success, unix(*known.Succeeded), t.ID)
		gauge(ch, c.age, s.now.Sub(*known.Succeeded).Seconds(), t.ID)
	}
	gauge(ch, c.lag, store.LagOf(t.Schedule, known.Succeeded, known.Since, s.now).Seconds(), t.ID)
	if next := t.Schedule.Next(s.now); !next.IsZero() {
		gauge(ch, c.next, unix(next), t.ID)
	}
	state := store.StateOf(t.Schedule, known.Succeeded, known.Since, s.now)
	gauge(ch, c.late, bit(state != store.Fresh), t.ID)
	gauge(ch, c.stale, bit(state == store.Stale), t.ID)
	away := 0.0
	if known.Unreachable != nil {
		away = s.now.Sub(*known.Unreachable).Seconds()
	}
	gauge(ch, c.unreachable, away, t.ID)
	queue := s.queue.Tenants[t.ID]
	gauge(ch, c.failed, float64(queue.Failed), t.ID)
	gauge(ch, c.waiting, float64(queue.Waiting), t.ID)
	gauge(ch, c.idle, queue.Idle.Seconds(), t.ID)
	gauge(ch, c.quarantine, float64(s.quarantined[t.ID]), t.ID)
	gauge(ch, c.awaiting, bit(known.AwaitingGrants != nil), t.ID)
	gauge(ch, c.unerased, bit(known.AwaitingErasures != nil), t.ID)
	for _, stream := range dossier.Streams() {
		gauge(ch, c.held, float64(s.held[t.ID][stream]), t.ID, string(stream))
	}
}

func gauge(ch chan<- prometheus.Metric, d *prometheus.Desc, v float64, labels ...string) {
	ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
}

func bit(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

func unix(t time.Time) float64 { return float64(t.UnixMilli()) / 1000 }
