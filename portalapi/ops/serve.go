package ops

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"go.uber.org/zap"

	"dossiersync/portalapi/problem"
)

// answerTime bounds what a request asks of the database.
const answerTime = 15 * time.Second

// call is one request being answered.
type call struct {
	w      http.ResponseWriter
	r      *http.Request
	user   *User // nil: nobody in particular, who may do everything
	status int   // of the answer, once it has left
}

// serve makes a handler of f, which answers method (and HEAD for GET) to who may do
// what needs names. It turns an error into a problem, and counts and logs what came
// of it, by the route's pattern only.
func (h *Handler) serve(pattern, method string, needs verb, f func(c *call) error) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		began := time.Now()
		ctx, cancel := context.WithTimeoutCause(r.Context(), answerTime, errors.New("the request takes too long"))
		defer cancel()
		c := &call{w: w, r: r.WithContext(ctx)}
		w.Header().Set("Cache-Control", "no-store")
		w.Header().Set("X-Content-Type-Options", "nosniff")
		if err := h.guard(c, method, needs, f); err != nil {
			p := asProblem(err)
			c.status = p.Status()
			if c.status >= http.StatusInternalServerError {
				h.log.Error("an operator could not be answered", zap.String("route", pattern), zap.Error(p))
			}
			problem.Write(w, p)
		}
		h.requests.WithLabelValues(pattern, strconv.Itoa(c.status)).Inc()
		// Probes and scrapes come by the minute: they are for debugging only.
		h.log.Debug("request", zap.String("route", pattern), zap.Int("status", c.status), zap.Duration("duration", time.Since(began)))
	})
}

func (h *Handler) guard(c *call, method string, needs verb, f func(c *call) error) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("a handler panicked with a %T", v)
		}
	}()
	allow := method
	if method == http.MethodGet {
		allow = "GET, HEAD"
	}
	if method != "" && c.r.Method != method && (method != http.MethodGet || c.r.Method != http.MethodHead) {
		return &problem.Problem{Type: problem.MethodNotAllowed, Allow: allow, Detail: "Deze methode kent dit adres niet."}
	}
	if c.user, err = h.admit(c.r, needs); err != nil {
		return err
	}
	return f(c)
}

// json answers with v.
func (c *call) json(status int, v any) error {
	var body bytes.Buffer
	e := json.NewEncoder(&body)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return fmt.Errorf("encode an answer: %w", err)
	}
	c.w.Header().Set("Content-Type", "application/json")
	c.w.Header().Set("Content-Length", strconv.Itoa(body.Len()))
	c.status = status
	c.w.WriteHeader(status)
	_, _ = c.w.Write(body.Bytes())
	return nil
}
