package portalapi

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"time"

	"go.uber.org/zap"

	"dossiersync/portalapi/web"
	"dossiersync/store"
)

const (
	maxURL     = 4 << 10  // bytes of path and query
	maxHeaders = 32 << 10 // bytes of names and values
	// requestTime limits the reading and logging of a request, except an upload of all grants.
	requestTime = 10 * time.Second
)

// call is one request.
type call struct {
	w      http.ResponseWriter
	r      *http.Request
	id     string // of the request
	status int    // of the answer, once sent

	*principal        // nil until the token was checked
	client     string // the client's id in the path; empty: none, or an impossible one
	event      store.AccessEvent
}

// serve returns a handler that calls f. It gives the request an id and limits, answers an error
// with a problem document, and counts and logs the request under the route's pattern, never its
// path.
func (a *API) serve(pattern string, f func(c *call) error) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		began := time.Now()
		c := &call{w: w, r: r, id: requestID(r)}
		w.Header().Set("X-Request-Id", c.id)
		if err := guard(c, f); err != nil {
			switch {
			case errors.Is(err, errOverloaded):
				a.metrics.shed.Inc()
			case errors.Is(err, store.ErrLogUnavailable):
				a.metrics.unlogged.Inc()
			}
			c.refuse(a.log, pattern, err)
		}
		took := time.Since(began)
		a.metrics.observe(pattern, c.status, took)
		fields := []zap.Field{zap.String("route", pattern), zap.String("method", methodLabel(r.Method)),
			zap.Int("status", c.status), zap.Duration("duration", took), zap.String("request", c.id)}
		if c.principal != nil {
			fields = append(fields, zap.String("tenant", c.tenant.ID))
		}
		a.log.Info("request", fields...)
	})
}

// guard checks the size of the request, calls f, and returns a panic as an error. The panic's value
// is left out unless it is a runtime error, because it may hold text of a dossier.
func guard(c *call, f func(c *call) error) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("a handler panicked with a %T", v)
			if runtimeError, ok := v.(interface{ RuntimeError() }); ok {
				err = fmt.Errorf("a handler panicked: %v", runtimeError)
			}
		}
	}()
	if len(c.r.URL.Path)+len(c.r.URL.RawQuery) > maxURL {
		return &web.Problem{Type: web.TooLarge, Detail: "Het adres is te lang."}
	}
	size := 0
	for name, values := range c.r.Header {
		for _, v := range values {
			size += len(name) + len(v)
		}
	}
	if size > maxHeaders {
		return &web.Problem{Type: web.TooLarge, Detail: "De kopregels zijn te groot."}
	}
	return f(c)
}

// refuse answers with the problem document for err.
func (c *call) refuse(log *zap.Logger, pattern string, err error) {
	p := asProblem(err)
	c.status = p.Status()
	// Client disconnects are not logged, nor are shed requests, which the metrics count.
	hungUp := errors.Is(c.r.Context().Err(), context.Canceled)
	if c.status >= http.StatusInternalServerError && !errors.Is(err, errOverloaded) && !hungUp {
		log.Error("a request could not be answered", zap.String("route", pattern), zap.String("request", c.id), zap.Error(p))
	}
	w := c.w
	if c.r.Method == http.MethodHead {
		w = bodiless{w}
	}
	web.WriteProblem(w, p)
}

// bodiless discards the body of an answer to HEAD.
type bodiless struct{ http.ResponseWriter }

func (bodiless) Write(p []byte) (int, error) { return len(p), nil }

// asProblem returns the problem for an error of this package or of package store.
func asProblem(err error) *web.Problem {
	unavailable := func(retry time.Duration, detail string) *web.Problem {
		return &web.Problem{Type: web.Unavailable, Cause: err, Retry: retry, Detail: detail}
	}
	switch {
	case errors.Is(err, errOverloaded):
		return unavailable(overloadRetry, "Het is nu even te druk.")
	case errors.Is(err, store.ErrListBusy):
		return unavailable(uploadRetry, "Er wordt al een lijst met rechten verwerkt.")
	case errors.Is(err, store.ErrAwaitingGrants):
		return unavailable(uploadRetry, "Na een herstel is nog niet bekend wie wat mag zien.")
	case errors.Is(err, store.ErrAwaitingErasures):
		return unavailable(uploadRetry, "Na een herstel is nog niet bekend wat er eerder is gewist.")
	case errors.Is(err, store.ErrLogUnavailable):
		return web.NotLogged(err)
	case errors.Is(err, store.ErrUnavailable), errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return unavailable(0, "De gegevens zijn nu even niet te bereiken.")
	case errors.Is(err, store.ErrNotManager):
		return &web.Problem{Type: web.NotManager, Cause: err,
			Detail: "Namens deze persoon kunt u de rechten op dit dossier niet veranderen."}
	case errors.Is(err, store.ErrNotFound):
		return web.Absent()
	}
	return web.ProblemFrom(err)
}

var plainID = regexp.MustCompile(`^[A-Za-z0-9._-]{1,64}$`)

// requestID returns the X-Request-Id of the portal if it is usable, or a new id.
func requestID(r *http.Request) string {
	if id := r.Header.Get("X-Request-Id"); plainID.MatchString(id) {
		return id
	}
	return rand.Text()
}

// methodLabel returns the method for the log: a known one, or other.
func methodLabel(method string) string {
	switch method {
	case http.MethodGet, http.MethodHead, http.MethodPut, http.MethodDelete,
		http.MethodPost, http.MethodPatch, http.MethodOptions:
		return method
	}
	return "other"
}
