package portalapi

import (
	"fmt"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

type metrics struct {
	requests *prometheus.CounterVec
	duration *prometheus.HistogramVec
	shed     prometheus.Counter
	logged   prometheus.Histogram // commits of the access log
	unlogged prometheus.Counter   // requests refused because the access log could not be written
}

func newMetrics(reg prometheus.Registerer) (*metrics, error) {
	m := &metrics{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "dossiersync_http_requests_total",
			Help: "Requests to the portal API by route pattern and status code.",
		}, []string{"route", "status"}),
		duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "dossiersync_http_request_duration_seconds",
			Help:    "How long requests to the portal API took, by route pattern.",
			Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10},
		}, []string{"route"}),
		shed: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "dossiersync_http_shed_total",
			Help: "Requests to the portal API that were turned away with 503 because there were too many at once.",
		}),
		logged: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name:    "dossiersync_access_log_commit_duration_seconds",
			Help:    "How long commits of the access log took; one may be shared by many requests.",
			Buckets: []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1},
		}),
		unlogged: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "dossiersync_access_log_refused_total",
			Help: "Requests that were answered with 503 because they could not be written to the access log in time.",
		}),
	}
	if reg == nil {
		return m, nil
	}
	for _, c := range []prometheus.Collector{m.requests, m.duration, m.shed, m.logged, m.unlogged} {
		if err := reg.Register(c); err != nil {
			return nil, fmt.Errorf("register metrics: %w", err)
		}
	}
	return m, nil
}

func (m *metrics) observe(route string, status int, took time.Duration) {
	m.requests.WithLabelValues(route, strconv.Itoa(status)).Inc()
	m.duration.WithLabelValues(route).Observe(took.Seconds())
}
