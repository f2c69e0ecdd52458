package ops

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.uber.org/zap"

	"dossiersync/portalapi/web"
)

// answerTime bounds what a request asks of the database.
const answerTime = 15 * time.Second

// call is one request being answered.
type call struct {
	w       http.ResponseWriter
	r       *http.Request
	pattern string
	page    bool  // a person asks, in a browser
	user    *User // nil: nobody in particular, who may do everything
	status  int   // of the answer, once it has left
}

// route is one way to ask a pattern.
type route struct {
	method string // empty: any
	needs  verb
	answer func(c *call) error
	page   bool // answered with HTML, to who has a session
}

func get(needs verb, f func(c *call) error) route  { return route{http.MethodGet, needs, f, false} }
func post(needs verb, f func(c *call) error) route { return route{http.MethodPost, needs, f, false} }

// contentSecurity lets a page load what comes from here, and run nothing that
// stands in it.
const contentSecurity = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; " +
	"form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

// serve makes a handler of the routes of a pattern. It turns an error into a
// problem or a page, and counts and logs what came of it, by the pattern only.
func (h *Handler) serve(pattern string, routes []route) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		began := time.Now()
		ctx, cancel := context.WithTimeoutCause(r.Context(), answerTime, errors.New("the request takes too long"))
		defer cancel()
		c := &call{w: w, r: r.WithContext(ctx), pattern: pattern, page: routes[0].page}
		for name, value := range map[string]string{
			"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer",
			"Content-Security-Policy": contentSecurity, "X-Frame-Options": "DENY", "Cross-Origin-Opener-Policy": "same-origin",
		} {
			w.Header().Set(name, value)
		}
		if err := h.guard(c, routes); err != nil {
			h.fail(c, asProblem(err))
		}
		h.requests.WithLabelValues(pattern, strconv.Itoa(c.status)).Inc()
		// Probes and scrapes come by the minute: they are for debugging only.
		h.log.Debug("request", zap.String("route", pattern), zap.Int("status", c.status), zap.Duration("duration", time.Since(began)))
	})
}

// fail answers with what went wrong.
func (h *Handler) fail(c *call, p *web.Problem) {
	c.status = p.Status()
	if c.status >= http.StatusInternalServerError {
		h.log.Error("an operator could not be answered", zap.String("route", c.pattern), zap.Error(p))
	}
	if c.page {
		h.failPage(c, p)
		return
	}
	web.WriteProblem(c.w, p)
}

func (h *Handler) guard(c *call, routes []route) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("a handler panicked with a %T", v)
		}
	}()
	method := c.r.Method
	if method == http.MethodHead {
		method = http.MethodGet
	}
	i := slices.IndexFunc(routes, func(r route) bool { return r.method == "" || r.method == method })
	if i < 0 {
		var allow []string
		for _, r := range routes {
			allow = append(allow, strings.Replace(r.method, http.MethodGet, "GET, HEAD", 1))
		}
		return &web.Problem{Type: web.MethodNotAllowed, Allow: strings.Join(allow, ", "), Detail: "Deze methode kent dit adres niet."}
	}
	if c.user, err = h.admit(c, routes[i].needs); err != nil {
		return err
	}
	return routes[i].answer(c)
}

// json answers with v.
func (c *call) json(status int, v any) error {
	var body bytes.Buffer
	e := json.NewEncoder(&body)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return fmt.Errorf("encode an answer: %w", err)
	}
	c.write(status, "application/json", body.Bytes())
	return nil
}

func (c *call) write(status int, media string, body []byte) {
	c.w.Header().Set("Content-Type", media)
	c.w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	c.status = status
	c.w.WriteHeader(status)
	if c.r.Method != http.MethodHead {
		_, _ = c.w.Write(body)
	}
}
