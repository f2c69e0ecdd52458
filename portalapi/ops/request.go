package ops

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.uber.org/zap"

	"dossiersync/portalapi/web"
)

// requestTime limits a request.
const requestTime = 15 * time.Second

// call is one request.
type call struct {
	w       http.ResponseWriter
	r       *http.Request
	pattern string
	page    bool  // for a page of the console, not for the API
	user    *User // nil: no users are configured, or the route needs none
	status  int   // of the answer, once sent
}

// route is one method of a pattern.
type route struct {
	method string // empty: any
	needs  verb
	answer func(c *call) error
	page   bool // a page of the console: HTML, with a session instead of a token
}

func get(needs verb, f func(c *call) error) route  { return route{http.MethodGet, needs, f, false} }
func post(needs verb, f func(c *call) error) route { return route{http.MethodPost, needs, f, false} }

// contentSecurity allows scripts and styles from this listener's own files only, none inside a
// page.
const contentSecurity = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; " +
	"connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

// serve returns a handler of the routes of a pattern. It answers an error with a problem document
// or a page, and counts and logs the request under the pattern, never its path.
func (h *Handler) serve(pattern string, routes []route) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		began := time.Now()
		ctx, cancel := context.WithTimeoutCause(r.Context(), requestTime, errors.New("the request takes too long"))
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
		// At debug level, because probes and scrapes come every few seconds.
		h.log.Debug("request", zap.String("route", pattern), zap.Int("status", c.status),
			zap.Duration("duration", time.Since(began)))
	})
}

// fail answers with the problem.
func (h *Handler) fail(c *call, p *web.Problem) {
	c.status = p.Status()
	if c.status >= http.StatusInternalServerError {
		h.log.Error("an operator's request could not be answered", zap.String("route", c.pattern), zap.Error(p))
	}
	if c.page {
		h.failPage(c, p)
		return
	}
	web.WriteProblem(c.w, p)
}

// guard checks the method and the user, calls the handler, and returns a panic as an error. The
// panic's value is left out, because it may hold text of a dossier.
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
		return web.NoSuchMethod(strings.Join(allow, ", "))
	}
	if c.user, err = h.authorize(c, routes[i].needs); err != nil {
		return err
	}
	return routes[i].answer(c)
}

// readGet reads a GET without parameters. It returns the thing that the path names, from find.
func readGet[T any](c *call, find func(*call) (T, error)) (T, error) {
	if err := web.ReadQuery(c.r).Err(); err != nil {
		var none T
		return none, err
	}
	return find(c)
}

// readPost reads a POST to the API, which has no parameters: it returns the thing that the path
// names, from find, and decodes the JSON body into body.
func readPost[T any](c *call, find func(*call) (T, error), body any) (T, error) {
	found, err := readGet(c, find)
	if err != nil {
		return found, err
	}
	return found, web.ReadJSON(c.w, c.r, maxBody, body)
}

// readForm reads a POST of a page: it returns the thing that the path names, from find, and the
// form's fields, each at most once. An unknown field is an error.
func readForm[T any](c *call, find func(*call) (T, error), fields ...string) (T, url.Values, error) {
	found, err := find(c)
	if err != nil {
		return found, nil, err
	}
	form, err := c.form(fields...)
	return found, form, err
}

// empty is the body of a POST without fields.
type empty struct{}

// pathTenant returns the tenant that the path names, or [web.NotFound] if it is not the user's.
func (h *Handler) pathTenant(c *call) (*Tenant, error) { return h.tenant(c, c.r.PathValue("tenant")) }

// form reads the fields of a form of the console.
func (c *call) form(fields ...string) (url.Values, error) {
	media, _, _ := strings.Cut(c.r.Header.Get("Content-Type"), ";")
	if media != "application/x-www-form-urlencoded" && c.r.ContentLength != 0 {
		return nil, &web.Problem{Type: web.UnsupportedMedia}
	}
	c.r.Body = http.MaxBytesReader(c.w, c.r.Body, maxBody)
	if err := c.r.ParseForm(); err != nil {
		return nil, web.Invalid("", "Het formulier kon niet worden gelezen.")
	}
	for name, values := range c.r.PostForm {
		if !slices.Contains(fields, name) || len(values) > 1 {
			return nil, web.Invalid("", "Het formulier kon niet worden gelezen.")
		}
	}
	return c.r.PostForm, nil
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
