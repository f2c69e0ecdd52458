package app

import (
	"github.com/prometheus/client_golang/prometheus"

	"dossiersync/store"
)

// poolMetrics tell how busy the connections of one role are.
type poolMetrics struct {
	stats                           func() store.PoolStats
	connections, max, waits, waited *prometheus.Desc
}

// newPoolMetrics returns the metrics of the connections of role: owner or reader.
func newPoolMetrics(role string, stats func() store.PoolStats) *poolMetrics {
	fixed := prometheus.Labels{"role": role}
	return &poolMetrics{
		stats: stats,
		connections: prometheus.NewDesc("dossiersync_database_connections",
			"Connections to the database: in use, idle, or being opened.", []string{"state"}, fixed),
		max: prometheus.NewDesc("dossiersync_database_max_connections",
			"How many connections to the database there may be.", nil, fixed),
		waits: prometheus.NewDesc("dossiersync_database_waits_total",
			"How often somebody waited for a connection because none was free.", nil, fixed),
		waited: prometheus.NewDesc("dossiersync_database_wait_seconds_total",
			"For how long in all somebody waited for a connection because none was free.", nil, fixed),
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
