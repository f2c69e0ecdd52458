package ops

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"dossiersync/portalapi/ops/operate"
	"dossiersync/store"
	"dossiersync/store/dossier"
)

// collector collects the tenants' metrics from the store at every scrape. So they are right
// whichever process does the work, and also when no process does.
type collector struct {
	store   *store.Store
	tenants []Tenant

	success, age, lag, next, late, stale *prometheus.Desc
	unreachable, failed, waiting, idle   *prometheus.Desc
	quarantine, held, jobs, worker, up   *prometheus.Desc
	awaiting, unerased, withheld         *prometheus.Desc
	source, replica, state, attention    *prometheus.Desc
}

// scrapeTimeout limits the statements of a scrape.
const scrapeTimeout = 5 * time.Second

func newCollector(st *store.Store, tenants []Tenant) *collector {
	desc := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc("dossiersync_"+name, help, labels, nil)
	}
	return &collector{
		store: st, tenants: tenants,
		success: desc("last_success_timestamp_seconds",
			"When the last run began that brought the whole tenant up to date.", "tenant"),
		age: desc("last_success_age_seconds",
			"How long ago the last run began that brought the whole tenant up to date.", "tenant"),
		lag: desc("schedule_lag_seconds",
			"How long the first slot without a successful run has been due; 0: every due slot had one.", "tenant"),
		next:  desc("next_slot_timestamp_seconds", "When the next run is due.", "tenant"),
		late:  desc("tenant_late", "1 if a due slot had no successful run within 30 minutes.", "tenant"),
		stale: desc("tenant_stale", "1 if two due slots were missed.", "tenant"),
		unreachable: desc("source_unreachable_seconds",
			"How long the source could not be read, because it is unreachable or refuses us; 0: it can be read.", "tenant"),
		failed: desc("failed_runs_in_a_row",
			"How many of the latest runs of the whole tenant failed, one after the other, up to 50.", "tenant"),
		waiting: desc("waiting_runs", "Runs that wait to begin.", "tenant"),
		idle: desc("idle_run_seconds",
			"How long a run could have been worked on and was not; 0: no such run.", "tenant"),
		quarantine: desc("quarantine_items", "Items that could not be applied.", "tenant"),
		held: desc("held_removals",
			"Items that vanished from the source and are kept until an operator decides.", "tenant", "stream"),
		withheld: desc("withheld", "Clients and items that operators withhold from readers.", "tenant"),
		awaiting: desc("awaiting_grants",
			"1 if nothing is shown until the portal has sent all grants again, after a restore of the database.", "tenant"),
		unerased: desc("awaiting_erasures",
			"1 if nothing is shown until earlier erasures are repeated, after a restore of the database.", "tenant"),
		source: desc("source_records",
			"Records that the source counts, less those that it always counts beyond its lists.", "tenant", "stream", "type"),
		replica: desc("replica_records",
			"Records that the source should have according to the replica, at the same time.", "tenant", "stream", "type"),
		state: desc("tenant_state", "1 for the state that the tenant has, for operators.", "tenant", "state"),
		attention: desc("tenant_attention",
			"1 if the cause needs a person's attention and is not acknowledged.", "tenant", "code"),
		jobs:   desc("jobs", "Slices of runs by the state of their job.", "state"),
		worker: desc("worker_up", "1 if a worker is alive in any process."),
		up:     desc("database_up", "1 if the database answered this scrape."),
	}
}

// Describe implements prometheus.Collector.
func (c *collector) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{c.success, c.age, c.lag, c.next, c.late, c.stale, c.unreachable, c.failed,
		c.waiting, c.idle, c.quarantine, c.held, c.withheld, c.awaiting, c.unerased, c.source, c.replica,
		c.state, c.attention, c.jobs, c.worker, c.up} {
		ch <- d
	}
}

// Collect implements prometheus.Collector.
func (c *collector) Collect(ch chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), scrapeTimeout)
	defer cancel()
	s, err := c.takeSnapshot(ctx)
	gauge(ch, c.up, boolValue(err == nil))
	if err != nil {
		return // no value is better than an old one
	}
	for i := range s.statuses {
		c.attend(ch, &s.statuses[i])
	}
	for _, t := range c.tenants {
		if known, ok := s.known[t.ID]; ok {
			c.tenant(ch, t, known, s)
		}
	}
	for state, n := range s.queue.Jobs {
		gauge(ch, c.jobs, float64(n), string(state))
	}
	gauge(ch, c.worker, boolValue(s.queue.Worker))
}

// snapshot is the state of all tenants for one scrape.
type snapshot struct {
	now         time.Time
	known       map[string]store.Tenant
	quarantined map[string]int64
	held        map[string]map[dossier.Stream]int64
	withheld    map[string]int64
	counts      []store.RecordCount
	queue       store.Queue
	statuses    []operate.Status
}

func (c *collector) takeSnapshot(ctx context.Context) (snapshot, error) {
	s := snapshot{known: make(map[string]store.Tenant), held: make(map[string]map[dossier.Stream]int64),
		withheld: make(map[string]int64)}
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
	withheld, err := c.store.Withheld(ctx, "")
	if err != nil {
		return s, err
	}
	for _, w := range withheld {
		s.withheld[w.Tenant]++
	}
	if s.counts, err = c.store.RecordCounts(ctx); err != nil {
		return s, err
	}
	if s.queue, err = c.store.Queue(ctx); err != nil {
		return s, err
	}
	list := make([]*Tenant, 0, len(c.tenants))
	for i := range c.tenants {
		list = append(list, &c.tenants[i])
	}
	s.statuses, err = operate.Statuses(ctx, c.store, list)
	return s, err
}

// attend collects the state and the causes of attention of a tenant.
func (c *collector) attend(ch chan<- prometheus.Metric, s *operate.Status) {
	for _, state := range operate.States() {
		gauge(ch, c.state, boolValue(s.State == state), s.ID, string(state))
	}
	open := make(map[operate.Code]bool)
	for _, cause := range s.OpenCauses() {
		open[cause.Code] = true
	}
	for _, code := range operate.Codes() {
		gauge(ch, c.attention, boolValue(open[code]), s.ID, string(code))
	}
}

func (c *collector) tenant(ch chan<- prometheus.Metric, t Tenant, known store.Tenant, s snapshot) {
	if known.Succeeded != nil {
		gauge(ch, c.success, unixSeconds(*known.Succeeded), t.ID)
		gauge(ch, c.age, s.now.Sub(*known.Succeeded).Seconds(), t.ID)
	}
	gauge(ch, c.lag, store.LagOf(t.Schedule, known.Succeeded, known.Since, s.now).Seconds(), t.ID)
	if next := t.Schedule.Next(s.now); !next.IsZero() {
		gauge(ch, c.next, unixSeconds(next), t.ID)
	}
	state := store.StateOf(t.Schedule, known.Succeeded, known.Since, s.now)
	gauge(ch, c.late, boolValue(state != store.Fresh), t.ID)
	gauge(ch, c.stale, boolValue(state == store.Stale), t.ID)
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
	gauge(ch, c.withheld, float64(s.withheld[t.ID]), t.ID)
	gauge(ch, c.awaiting, boolValue(known.AwaitingGrants != nil), t.ID)
	gauge(ch, c.unerased, boolValue(known.AwaitingErasures != nil), t.ID)
	for _, n := range s.counts {
		if n.Tenant == t.ID {
			gauge(ch, c.source, float64(n.Source), t.ID, string(n.Stream), n.Type)
			gauge(ch, c.replica, float64(n.Replica), t.ID, string(n.Stream), n.Type)
		}
	}
	for _, stream := range dossier.Streams() {
		gauge(ch, c.held, float64(s.held[t.ID][stream]), t.ID, string(stream))
	}
}

func gauge(ch chan<- prometheus.Metric, d *prometheus.Desc, v float64, labels ...string) {
	ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
}

func boolValue(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

func unixSeconds(t time.Time) float64 { return float64(t.UnixMilli()) / 1000 }
