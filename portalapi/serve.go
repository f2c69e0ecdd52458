package portalapi

import (
	"dossiersync/portalapi/web"

	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"time"

	"go.uber.org/zap"

	"dossiersync/store"
)

const (
	maxURL     = 4 << 10  // bytes of path and query
	maxHeaders = 32 << 10 // bytes of names and values
	// readTime bounds what a request asks of the database, but for a list of all
	// grants.
	readTime = 10 * time.Second
)

// call is one request being answered.
type call struct {
	w      http.ResponseWriter
	r      *http.Request
	id     string // the request's
	status int    // of the answer, once it has left

	*principal        // nil until the token was checked
	client     string // whose dossier; empty where the path names none, or one that cannot be
	event      store.AccessEvent
}

// serve makes a handler of f: it gives the request an id and limits, turns an
// error into a problem, and counts and logs what came of it, by the route's
// pattern only.
func (a *API) serve(pattern string, f func(c *call) error) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		began := time.Now()
		c := &call{w: w, r: r, id: requestID(r)}
		w.Header().Set("X-Request-Id", c.id)
		if err := guard(c, f); err != nil {
			switch {
			case errors.Is(err, errCrowded):
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

// guard calls f within the limits, and returns a panic as an error. What a panic
// says is left out: it may quote a dossier.
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

// refuse answers with the problem that err is.
func (c *call) refuse(log *zap.Logger, pattern string, err error) {
	p := asProblem(err)
	c.status = p.Status()
	// Of one who has hung up there is nothing to report, and of many who were turned
	// away the metrics tell.
	if c.status >= http.StatusInternalServerError && !errors.Is(err, errCrowded) && !errors.Is(c.r.Context().Err(), context.Canceled) {
		log.Error("a request could not be answered", zap.String("route", pattern), zap.String("request", c.id), zap.Error(p))
	}
	w := c.w
	if c.r.Method == http.MethodHead {
		w = bodiless{w}
	}
	web.WriteProblem(w, p)
}

// bodiless drops the body of an answer to HEAD.
type bodiless struct{ http.ResponseWriter }

func (bodiless) Write(p []byte) (int, error) { return len(p), nil }

// asProblem sorts the errors of package store.
func asProblem(err error) *web.Problem {
	switch {
	case errors.Is(err, errCrowded):
		return &web.Problem{Type: web.Unavailable, Cause: err, Retry: gateRetry, Detail: "Het is nu even te druk."}
	case errors.Is(err, store.ErrListBusy):
		return &web.Problem{Type: web.Unavailable, Cause: err, Retry: listRetry, Detail: "Er wordt al een lijst met rechten verwerkt."}
	case errors.Is(err, store.ErrAwaitingGrants):
		return &web.Problem{Type: web.Unavailable, Cause: err, Retry: listRetry, Detail: "Na een herstel is nog niet bekend wie wat mag zien."}
	case errors.Is(err, store.ErrAwaitingErasures):
		return &web.Problem{Type: web.Unavailable, Cause: err, Retry: listRetry, Detail: "Na een herstel is nog niet bekend wat er eerder is gewist."}
	case errors.Is(err, store.ErrLogUnavailable):
		return &web.Problem{Type: web.Unavailable, Cause: err,
			Detail: "Dat u dit wilt zien, kan nu niet worden vastgelegd. Daarom wordt er niets getoond."}
	case errors.Is(err, store.ErrUnavailable), errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return &web.Problem{Type: web.Unavailable, Cause: err, Detail: "De gegevens zijn nu even niet te bereiken."}
	case errors.Is(err, store.ErrNotFound):
		return web.Absent()
	}
	return web.ProblemFrom(err)
}

var plainID = regexp.MustCompile(`^[A-Za-z0-9._-]{1,64}$`)

// requestID returns the id that the portal gave the request, or a new one.
func requestID(r *http.Request) string {
	if id := r.Header.Get("X-Request-Id"); plainID.MatchString(id) {
		return id
	}
	return rand.Text()
}

// methodLabel returns a method that is a word of ours, not of whoever asks.
func methodLabel(method string) string {
	switch method {
	case http.MethodGet, http.MethodHead, http.MethodPut, http.MethodDelete, http.MethodPost, http.MethodPatch, http.MethodOptions:
		return method
	}
	return "other"
}
