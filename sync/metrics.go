package sync

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"dossiersync/store"
	"dossiersync/store/dossier"
)

// metrics are the worker's. Their labels come from closed sets: the configured tenants, and the
// words of package store.
type metrics struct {
	runs     *prometheus.CounterVec
	duration *prometheus.HistogramVec
	windows  *prometheus.HistogramVec
	items    *prometheus.CounterVec
	removed  *prometheus.CounterVec
	leftOut  *prometheus.CounterVec
}

// newMetrics registers the metrics. Counters of the configured tenants begin at 0, so that a first
// failure shows as a rise.
func newMetrics(reg prometheus.Registerer, tenants map[string]*Tenant) (*metrics, error) {
	m := &metrics{
		runs: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "dossiersync_runs_total",
			Help: "Runs that ended, by what triggered them and how they ended.",
		}, []string{"tenant", "trigger", "outcome"}),
		duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "dossiersync_run_duration_seconds",
			Help:    "Time from a run's start to its end.",
			Buckets: []float64{1, 5, 15, 60, 300, 900, 3600, 4 * 3600},
		}, []string{"tenant"}),
		windows: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "dossiersync_window_duration_seconds",
			Help:    "Time to read and apply one window of source time.",
			Buckets: prometheus.ExponentialBuckets(0.01, 4, 8),
		}, []string{"tenant", "stream"}),
		items: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "dossiersync_items_total",
			Help: "Distinct items that runs have seen, by stream, effect and reason; " +
				"not-pulled, without a stream, counts those that no search asks for.",
		}, []string{"tenant", "stream", "effect", "reason"}),
	}
	m.removed = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "dossiersync_items_removed_total",
		Help: "Items removed because the source no longer has them, which a direct read confirmed.",
	}, []string{"tenant", "stream"})
	m.leftOut = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "dossiersync_left_out_total",
		Help: "Places of distinct items whose words reach no reader, by source type and kind: " +
			"unread, words or withheld; accepted says whether the loss was looked at and accepted.",
	}, []string{"tenant", "type", "kind", "accepted"})
	for _, c := range []prometheus.Collector{m.leftOut, m.removed, m.runs, m.duration, m.windows, m.items} {
		if err := reg.Register(c); err != nil {
			return nil, fmt.Errorf("register metrics: %w", err)
		}
	}
	for id := range tenants {
		for _, trigger := range store.Triggers() {
			for _, outcome := range store.Outcomes() {
				m.runs.WithLabelValues(id, string(trigger), string(outcome))
			}
		}
		for _, stream := range dossier.Streams() {
			m.removed.WithLabelValues(id, string(stream))
		}
	}
	return m, nil
}

func (m *metrics) applied(tenant string, stream dossier.Stream, applied store.Applied) {
	m.removed.WithLabelValues(tenant, string(stream)).Add(float64(applied.Removed))
	for _, l := range applied.LeftOut {
		_, accepted := dossier.LeftOutReason(l.Place)
		kind, _, _ := strings.Cut(l.Place, ".")
		m.leftOut.WithLabelValues(tenant, kind, string(l.Kind), strconv.FormatBool(accepted)).Add(float64(l.Items))
	}
	for e, n := range applied.Effects {
		// An item that looked unchanged and then changed moves from one effect to another. A
		// counter cannot fall, so the first effect stays counted.
		if n > 0 {
			m.items.WithLabelValues(tenant, string(stream), string(e.Word()), string(e.Reason())).Add(float64(n))
		}
	}
}

// notPulled counts the records that a run which read everything did not ask for.
func (m *metrics) notPulled(tenant string, counts map[string]int64) {
	var n int64
	for _, c := range counts {
		n += c
	}
	m.items.WithLabelValues(tenant, "", "not-pulled", "").Add(float64(n))
}

func (m *metrics) ended(run store.Run, outcome store.Outcome, took time.Duration) {
	m.runs.WithLabelValues(run.Tenant, string(run.Trigger), string(outcome)).Inc()
	m.duration.WithLabelValues(run.Tenant).Observe(took.Seconds())
}
