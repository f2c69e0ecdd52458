package ops

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"go.uber.org/zap"

	"dossiersync/portalapi/web"
)

// isScraper reports whether the request has the token for metrics.
func (h *Handler) isScraper(r *http.Request) bool {
	if h.metricsToken == nil {
		return false
	}
	ok, err := sameToken(bearer(r), h.metricsToken)
	if err != nil {
		h.log.Warn("the token for metrics cannot be read", zap.Error(err))
	}
	return ok
}

// sameToken reports whether got is the token that want returns, in constant time. An empty token
// never matches.
func sameToken(got string, want func() (string, error)) (bool, error) {
	token, err := want()
	if err != nil {
		return false, err
	}
	a, b := sha256.Sum256([]byte(got)), sha256.Sum256([]byte(token))
	return subtle.ConstantTimeCompare(a[:], b[:]) == 1 && token != "", nil
}

// MetricsOnly serves /healthz, /readyz and /metrics, for a process without a [Handler]. If token is
// not nil, /metrics needs that token.
func MetricsOnly(g prometheus.Gatherer, token func() (string, error), ready func(context.Context) error) http.Handler {
	mux := web.Health(ready)
	metrics := promhttp.HandlerFor(g, promhttp.HandlerOpts{MaxRequestsInFlight: 4, Timeout: 10 * time.Second})
	mux.HandleFunc("GET /metrics", func(w http.ResponseWriter, r *http.Request) {
		if token != nil {
			if ok, _ := sameToken(bearer(r), token); !ok { // also if the token cannot be read
				web.WriteProblem(w, &web.Problem{Type: web.InvalidToken, Challenge: `Bearer realm="dossiersync metrics"`,
					Detail: "Stuur het token van ops.metrics mee."})
				return
			}
		}
		metrics.ServeHTTP(w, r)
	})
	return mux
}

// maySeeAll fails unless the user may read all tenants, because metrics cannot be shown for some
// only.
func (h *Handler) maySeeAll(u *User) error {
	all := u.may(read)
	for _, t := range h.tenants {
		all = all && u.sees(t.ID)
	}
	if !all {
		return &web.Problem{Type: web.NotAllowed, Detail: "Metrics gaan over alle organisaties: " +
			"gebruik het token van ops.metrics, of een gebruiker die ze alle mag zien."}
	}
	return nil
}
