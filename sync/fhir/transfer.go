package fhir

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"io"
	"mime"
	"net/http"
	"strings"
	"sync/atomic"
	"time"
)

// byteOrderMark may be ignored before JSON (RFC 8259 §8.1).
var byteOrderMark = []byte("\ufeff")

// maxErrorBody is how much is read of an answer that is an error.
const maxErrorBody = 64 << 10

// do sends req and receives the answer, whole and within bounds.
func (c *client) do(ctx context.Context, req request) (response, error) {
	g := guard{times: c.times}
	ctx, end := g.begin(ctx)
	defer end()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, req.url.String(), nil)
	if err != nil {
		return response{}, err
	}
	r.Header.Set("Accept", "application/fhir+json")
	if req.file {
		r.Header.Set("Accept", "application/fhir+json, application/json;q=0.9, */*;q=0.1")
	}
	r.Header.Set("Accept-Encoding", "gzip")
	r.Header.Set("Cache-Control", "no-cache") // hapi-fhir #1929: answers may be a minute old otherwise
	r.Header.Set("User-Agent", "dossiersync")
	if req.strict {
		r.Header.Set("Prefer", "handling=strict")
	}
	resp, err := c.http.Do(r)
	if err != nil {
		return response{}, because(ctx, err)
	}
	defer resp.Body.Close()
	g.answered()
	ans := response{status: resp.StatusCode, header: resp.Header}
	limit := c.limits.Response
	switch {
	case ans.status/100 != 2:
		limit = maxErrorBody
	case req.file:
		limit = min(limit, 2*int64(c.limits.Entry)) // in a Binary it is a third larger
	}
	wire := &counted{from: resp.Body, guard: &g}
	ans.body, err = unpack(resp, wire, limit)
	if !req.file {
		ans.body = bytes.TrimPrefix(ans.body, byteOrderMark)
	}
	ans.wire = wire.n.Load()
	if ans.status/100 != 2 {
		return ans, nil // the status says enough
	}
	switch contentType := resp.Header.Get("Content-Type"); {
	case err != nil || req.file:
	case req.list:
		err = ans.readBundle(contentType, c.limits)
	default:
		err = checkJSON(contentType, ans.body)
	}
	if err != nil {
		ans.body = nil
		return ans, because(ctx, err)
	}
	return ans, nil
}

// because returns what ended ctx, where that is why err came.
func because(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}

// unpack reads the body of resp from wire, up to limit bytes unpacked.
func unpack(resp *http.Response, wire io.Reader, limit int64) ([]byte, error) {
	var buf bytes.Buffer
	switch strings.ToLower(resp.Header.Get("Content-Encoding")) {
	case "", "identity":
		if resp.ContentLength > limit {
			return nil, errTooLarge
		}
		buf.Grow(int(max(resp.ContentLength, 0)) + bytes.MinRead)
	case "gzip", "x-gzip":
		z, err := gzip.NewReader(wire)
		if err != nil {
			return nil, err
		}
		wire = z
	default:
		return nil, errPacking
	}
	if _, err := buf.ReadFrom(io.LimitReader(wire, limit+1)); err != nil {
		return nil, err
	}
	if int64(buf.Len()) > limit {
		return nil, errTooLarge
	}
	return buf.Bytes(), nil
}

// readBundle takes an answer apart that should be a Bundle. One that did not come
// whole, or is no JSON, is an error now: it may be worth another attempt.
func (a *response) readBundle(contentType string, limits Limits) error {
	if isWebPage(contentType, a.body) {
		return errWebPage
	}
	a.bundle, a.noBundle = readBundle(a.body, limits)
	if wrong, _ := errors.AsType[plain](a.noBundle); wrong == errBroken || wrong == errNotJSON {
		return wrong
	}
	return nil
}

// isWebPage reports whether an answer that should be JSON is surely something else,
// which is told apart for the operator; servers do not agree on a content type.
func isWebPage(contentType string, body []byte) bool {
	media, _, _ := mime.ParseMediaType(contentType)
	first := bytes.TrimLeft(body, " \t\r\n")
	return !strings.Contains(media, "json") && (strings.Contains(media, "html") || strings.Contains(media, "xml")) ||
		bytes.HasPrefix(first, []byte("<"))
}

// checkJSON returns what is wrong with an answer that should be a JSON object.
func checkJSON(contentType string, body []byte) error {
	if isWebPage(contentType, body) {
		return errWebPage
	}
	switch err := whole(body); {
	case err == nil:
		return nil
	case errors.Is(err, errCutOff):
		return errBroken
	}
	return errNotJSON
}

// A guard ends an attempt that stalls: before the answer, while it comes, or
// altogether.
type guard struct {
	times  times
	cancel context.CancelCauseFunc
	timer  *time.Timer
	begun  atomic.Bool
	got    atomic.Int64 // bytes received
	had    atomic.Int64 // of these, when check last looked
}

// begin returns a context for the attempt; end must be called after it.
func (g *guard) begin(ctx context.Context) (_ context.Context, end func()) {
	ctx, stop := context.WithTimeoutCause(ctx, g.times.body, errTooSlow)
	ctx, g.cancel = context.WithCancelCause(ctx)
	g.timer = time.AfterFunc(g.times.header, g.check)
	return ctx, func() {
		g.timer.Stop()
		g.cancel(nil)
		stop()
	}
}

// answered says that the answer has begun: from now on it must get on.
func (g *guard) answered() {
	g.begun.Store(true)
	g.timer.Reset(g.times.window)
}

func (g *guard) check() {
	if !g.begun.Load() {
		g.cancel(errNoHeader)
		return
	}
	got := g.got.Load()
	if got-g.had.Swap(got) < g.times.progress {
		g.cancel(errDrip)
		return
	}
	g.timer.Reset(g.times.window)
}

// counted counts what is received.
type counted struct {
	from  io.Reader
	guard *guard
	n     atomic.Int64
}

// Read implements [io.Reader].
func (c *counted) Read(p []byte) (int, error) {
	n, err := c.from.Read(p)
	c.n.Add(int64(n))
	c.guard.got.Add(int64(n))
	return n, err
}
