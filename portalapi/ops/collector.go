package ops

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"dossiersync/store"
)

// collector tells how each tenant fares, from the store, whenever metrics are
// asked for: it is true whichever process worked, and as long as none does.
type collector struct {
	store   *store.Store
	tenants []Tenant

	success, age, unreachable, quarantine, late, awaiting *prometheus.Desc
	up                                                    *prometheus.Desc
}

// scrapeTimeout bounds what a scrape waits for the database.
const scrapeTimeout = 5 * time.Second

func newCollector(st *store.Store, tenants []Tenant) *collector {
	desc := func(name, help string) *prometheus.Desc {
		return prometheus.NewDesc(name, help, []string{"tenant"}, nil)
	}
	return &collector{
		store: st, tenants: tenants,
		success:     desc("dossiersync_last_success_timestamp_seconds", "When the last run began that brought the whole tenant up to date."),
		age:         desc("dossiersync_last_success_age_seconds", "How long ago the last run began that brought the whole tenant up to date."),
		unreachable: desc("dossiersync_source_unreachable_seconds", "For how long the source could not be reached; 0: it can."),
		quarantine:  desc("dossiersync_quarantine_items", "Items that could not be applied."),
		late:        desc("dossiersync_tenant_late", "1 if the last success is further back than the schedule promises: 30 minutes past a due slot."),
		awaiting:    desc("dossiersync_awaiting_grants", "1 if nothing is shown until the portal has sent all grants again, after a restore of the database."),
		up:          prometheus.NewDesc("dossiersync_database_up", "1 if the database answered this scrape.", nil, nil),
	}
}

// Describe implements prometheus.Collector.
func (c *collector) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{c.success, c.age, c.unreachable, c.quarantine, c.late, c.awaiting, c.up} {
		ch <- d
	}
}

// Collect implements prometheus.Collector.
func (c *collector) Collect(ch chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), scrapeTimeout)
	defer cancel()
	up := 1.0
	if err := c.collect(ctx, ch); err != nil {
		up = 0
	}
	ch <- prometheus.MustNewConstMetric(c.up, prometheus.GaugeValue, up)
}

func (c *collector) collect(ctx context.Context, ch chan<- prometheus.Metric) error {
	now, err := c.store.Now(ctx)
	if err != nil {
		return err
	}
	known, err := c.store.Tenants(ctx)
	if err != nil {
		return err
	}
	quarantined, err := c.store.QuarantineSizes(ctx)
	if err != nil {
		return err
	}
	gauge := func(d *prometheus.Desc, v float64, tenant string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, tenant)
	}
	for _, t := range c.tenants {
		for _, k := range known {
			if k.ID != t.ID {
				continue
			}
			if k.Succeeded != nil {
				gauge(c.success, float64(k.Succeeded.UnixMilli())/1000, t.ID)
				gauge(c.age, now.Sub(*k.Succeeded).Seconds(), t.ID)
			}
			away := 0.0
			if k.Unreachable != nil {
				away = now.Sub(*k.Unreachable).Seconds()
			}
			gauge(c.unreachable, away, t.ID)
			gauge(c.quarantine, float64(quarantined[t.ID]), t.ID)
			late := 0.0
			if store.StateOf(t.Schedule, k.Succeeded, k.Since, now) != store.Fresh {
				late = 1
			}
			gauge(c.late, late, t.ID)
			awaiting := 0.0
			if k.AwaitingGrants != nil {
				awaiting = 1
			}
			gauge(c.awaiting, awaiting, t.ID)
		}
	}
	return nil
}
