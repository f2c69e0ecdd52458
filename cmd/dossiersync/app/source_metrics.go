package app

import (
	"fmt"

	"github.com/prometheus/client_golang/prometheus"

	"dossiersync/sync/fhir"
)

// sourceMetrics are the metrics of requests to the sources.
type sourceMetrics struct {
	requests *prometheus.CounterVec
	duration *prometheus.HistogramVec
	waited   *prometheus.HistogramVec
	bytes    *prometheus.CounterVec
	state    *prometheus.GaugeVec
}

// newSourceMetrics returns the metrics, registered with reg unless that is nil.
func newSourceMetrics(reg prometheus.Registerer) (*sourceMetrics, error) {
	m := &sourceMetrics{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "dossiersync_source_requests_total",
			Help: "Requests to the sources, by resource type and class of answer.",
		}, []string{"tenant", "type", "class"}),
		duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "dossiersync_source_request_duration_seconds",
			Help:    "Time from the first byte sent to a source to the last received.",
			Buckets: prometheus.ExponentialBuckets(0.005, 3, 9),
		}, []string{"tenant"}),
		waited: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "dossiersync_source_limiter_wait_duration_seconds",
			Help:    "How long requests to the sources waited because of requests_per_second.",
			Buckets: prometheus.ExponentialBuckets(0.001, 4, 8),
		}, []string{"tenant"}),
		bytes: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "dossiersync_source_received_bytes_total",
			Help: "Bytes received from the sources, before decompression.",
		}, []string{"tenant"}),
		state: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "dossiersync_breaker_state",
			Help: "The circuit breaker of a source: 0 closed, 1 half-open, 2 open.",
		}, []string{"tenant"}),
	}
	if reg == nil {
		return m, nil
	}
	for _, c := range []prometheus.Collector{m.requests, m.duration, m.waited, m.bytes, m.state} {
		if err := reg.Register(c); err != nil {
			return nil, fmt.Errorf("register metrics: %w", err)
		}
	}
	return m, nil
}

// observe counts one request.
func (m *sourceMetrics) observe(tenant string, r fhir.Request) {
	m.requests.WithLabelValues(tenant, r.Type, r.Class).Inc()
	m.waited.WithLabelValues(tenant).Observe(r.Waited.Seconds())
	if r.Class == "refused" {
		return // it was not sent
	}
	m.duration.WithLabelValues(tenant).Observe(r.Duration.Seconds())
	m.bytes.WithLabelValues(tenant).Add(float64(r.Bytes))
}

// setBreaker keeps the state of the circuit to a tenant's source.
func (m *sourceMetrics) setBreaker(tenant, state string) {
	value := map[string]float64{"closed": 0, "half-open": 1, "open": 2}[state]
	m.state.WithLabelValues(tenant).Set(value)
}
