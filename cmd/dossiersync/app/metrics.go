package app

import (
	"fmt"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"dossiersync/store"
)

// newRegistry returns a registry with the metrics of the process and its build.
func newRegistry() (*prometheus.Registry, error) {
	reg := prometheus.NewRegistry()
	info := prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Name: "dossiersync_build_info",
		Help: "Always 1; the labels say what runs.",
	}, []string{"version", "revision", "go_version"})
	b := BuildInfo()
	info.WithLabelValues(b.Version, b.Revision, b.GoVersion).Set(1)
	for _, c := range []prometheus.Collector{
		info, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
	} {
		if err := reg.Register(c); err != nil {
			return nil, fmt.Errorf("register metrics: %w", err)
		}
	}
	return reg, nil
}

// poolMetrics are the metrics of one role's connections to the database.
type poolMetrics struct {
	stats                           func() store.PoolStats
	connections, max, waits, waited *prometheus.Desc
}

// newPoolMetrics returns the metrics of a role, owner or reader.
func newPoolMetrics(role string, stats func() store.PoolStats) *poolMetrics {
	fixed := prometheus.Labels{"role": role}
	return &poolMetrics{
		stats: stats,
		connections: prometheus.NewDesc("dossiersync_database_connections",
			"Connections to the database: in use, idle, or being opened.", []string{"state"}, fixed),
		max: prometheus.NewDesc("dossiersync_database_max_connections",
			"How many connections to the database there may be.", nil, fixed),
		waits: prometheus.NewDesc("dossiersync_database_waits_total",
			"How often something waited for a connection because none was free.", nil, fixed),
		waited: prometheus.NewDesc("dossiersync_database_wait_seconds_total",
			"How long in all something waited for a connection because none was free.", nil, fixed),
	}
}

// Describe implements prometheus.Collector.
func (m *poolMetrics) Describe(ch chan<- *prometheus.Desc) { prometheus.DescribeByCollect(m, ch) }

// Collect implements prometheus.Collector.
func (m *poolMetrics) Collect(ch chan<- prometheus.Metric) {
	s := m.stats()
	for state, n := range map[string]int32{"used": s.Used, "idle": s.Idle, "opening": s.Opening} {
		ch <- prometheus.MustNewConstMetric(m.connections, prometheus.GaugeValue, float64(n), state)
	}
	ch <- prometheus.MustNewConstMetric(m.max, prometheus.GaugeValue, float64(s.Max))
	ch <- prometheus.MustNewConstMetric(m.waits, prometheus.CounterValue, float64(s.Waits))
	ch <- prometheus.MustNewConstMetric(m.waited, prometheus.CounterValue, s.Waited.Seconds())
}

// standbyMetrics are the metrics of the standbys that the portal API reads from.
type standbyMetrics struct {
	stats                      func() store.StandbyStats
	reads, fallbacks, standbys *prometheus.Desc
}

func newStandbyMetrics(stats func() store.StandbyStats) *standbyMetrics {
	return &standbyMetrics{
		stats: stats,
		reads: prometheus.NewDesc("dossiersync_content_reads_total",
			"Reads of content of dossiers, by the server that the answer came from: primary or standby.",
			[]string{"server"}, nil),
		fallbacks: prometheus.NewDesc("dossiersync_standby_fallbacks_total",
			"Reads of content for which a standby was asked in vain and then the primary: the standby failed or was too slow "+
				"(failed), or was not at the primary's state (behind).", []string{"reason"}, nil),
		standbys: prometheus.NewDesc("dossiersync_standbys",
			"Standbys of the configuration that this process uses now (used), or leaves out (left-out).",
			[]string{"state"}, nil),
	}
}

// Describe implements prometheus.Collector.
func (m *standbyMetrics) Describe(ch chan<- *prometheus.Desc) {
	prometheus.DescribeByCollect(m, ch)
}

// Collect implements prometheus.Collector.
func (m *standbyMetrics) Collect(ch chan<- prometheus.Metric) {
	s := m.stats()
	for server, n := range map[string]int64{"primary": s.FromPrimary, "standby": s.FromStandby} {
		ch <- prometheus.MustNewConstMetric(m.reads, prometheus.CounterValue, float64(n), server)
	}
	for reason, n := range map[string]int64{"failed": s.Failed, "behind": s.Behind} {
		ch <- prometheus.MustNewConstMetric(m.fallbacks, prometheus.CounterValue, float64(n), reason)
	}
	for state, n := range map[string]int{"used": s.Used, "left-out": s.LeftOut} {
		ch <- prometheus.MustNewConstMetric(m.standbys, prometheus.GaugeValue, float64(n), state)
	}
}
