package portalapi

import (
	"dossiersync/portalapi/web"

	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"sync"

	"dossiersync/store"
)

// result is what a handler has read, before that is logged and leaves.
type result struct {
	body []byte // JSON; nil: nothing, 204
	// version changes whenever body does, for the same user and request; empty:
	// the answer has no ETag.
	version   string
	unchanged bool // what the caller has is what there is: the body was not read
	denied    bool // the log is to say that nothing was shown, for want of a right
}

var (
	clientID = regexp.MustCompile(`^[A-Za-z0-9.-]{1,64}$`) // FHIR R4 §2.24.0.1: id
	itemID   = regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`)
)

// answer admits the caller, lets e read, logs, and only then answers (I9). What
// was refused for want of a right is logged as well.
func (a *API) answer(c *call, e *endpoint) error {
	patience := readTime
	if e.patience > 0 {
		patience = e.patience
	}
	ctx, cancel := context.WithTimeoutCause(c.r.Context(), patience, errors.New("the request takes too long"))
	defer cancel()
	if err := c.identify(a.auth, e); err != nil {
		return err
	}
	read, err := a.read(ctx, c, e)
	if err != nil {
		return err
	}
	c.send(read, a.build)
	return nil
}

// read is what takes the database's time: nobody without a token gets to it, and
// none stays in it because they read the answer slowly.
func (a *API) read(ctx context.Context, c *call, e *endpoint) (*result, error) {
	leave, err := a.gate.enter(ctx, c.tenant.ID)
	if err != nil {
		return nil, err
	}
	defer leave()
	if err := c.allow(e.scope); err != nil {
		return nil, a.logRefusal(ctx, c, err)
	}
	read, err := e.handle(ctx, c)
	if err != nil {
		return nil, a.logRefusal(ctx, c, err)
	}
	if !e.logs {
		if read.denied {
			c.event.Outcome = "denied"
		}
		if err := a.access.Append(ctx, c.event); err != nil {
			return nil, err
		}
	}
	return read, nil
}

// identify checks the token and begins the entry in the access log. An id in the
// path that none can have goes on as the empty one, the same way as any other that
// does not exist.
func (c *call) identify(auth *authenticator, e *endpoint) error {
	p, err := auth.authenticate(c.r)
	if err != nil {
		return err
	}
	c.principal = p
	if client := c.r.PathValue("client"); clientID.MatchString(client) {
		c.client = client
	}
	c.event = store.AccessEvent{
		Tenant: p.tenant.ID, Action: "read", Event: e.event, Outcome: "success", User: p.user,
		AccessPoint: c.id, Client: c.client, Object: c.item(),
	}
	return nil
}

// item returns the id of the item that the path names, or empty.
func (c *call) item() string {
	if id := c.r.PathValue("id"); itemID.MatchString(id) {
		return id
	}
	return ""
}

// logRefusal returns err, once what it refuses is in the access log.
func (a *API) logRefusal(ctx context.Context, c *call, err error) error {
	switch p := asProblem(err); p.Type {
	case web.MissingScope, web.NotFound:
	default:
		return err
	}
	c.event.Outcome = "denied"
	// Nothing of the refusal depends on the log, but neither may it tell by its
	// absence which ids exist.
	if logErr := a.access.Append(ctx, c.event); logErr != nil {
		return logErr
	}
	return err
}

// send answers with what was read, or that it has not changed.
func (c *call) send(read *result, build string) {
	h := c.w.Header()
	h.Set("Vary", "Authorization, Accept-Encoding")
	h.Set("Cache-Control", "private, no-cache")
	h.Set("X-Content-Type-Options", "nosniff")
	if read.body == nil && !read.unchanged {
		c.status = http.StatusNoContent
		c.w.WriteHeader(c.status)
		return
	}
	if read.version != "" {
		h.Set("ETag", c.etag(read.version, build))
		if read.unchanged || c.has(read, build) {
			c.status = http.StatusNotModified
			c.w.WriteHeader(c.status)
			return
		}
	}
	h.Set("Content-Type", "application/json")
	c.write(read.body)
}

// conditional reports whether the caller asks only for what it does not have.
func (c *call) conditional() bool { return len(c.r.Header.Values("If-None-Match")) > 0 }

// has reports whether what was read is what the caller has.
func (c *call) has(read *result, build string) bool {
	return matches(c.r.Header.Values("If-None-Match"), c.etag(read.version, build))
}

// write sends a body with status 200, compressed where that is welcome and pays.
func (c *call) write(body []byte) {
	if len(body) >= 1400 && acceptsGzip(c.r.Header.Values("Accept-Encoding")) {
		c.w.Header().Set("Content-Encoding", "gzip")
		body = compress(body)
	}
	c.w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	c.status = http.StatusOK
	c.w.WriteHeader(c.status)
	if c.r.Method != http.MethodHead {
		_, _ = c.w.Write(body)
	}
}

// etag returns a weak entity tag (RFC 9110 §8.8.3) that is the same only for the
// same user, request, build, tenant's settings and version.
func (c *call) etag(version, build string) string {
	h := sha256.New()
	for _, s := range []string{build, string(c.tenant.fingerprint[:]), c.user, c.r.URL.EscapedPath(), c.r.URL.Query().Encode(), version} {
		fmt.Fprintf(h, "%d:%s", len(s), s)
	}
	return `W/"` + base64.RawURLEncoding.EncodeToString(h.Sum(nil)[:15]) + `"`
}

// matches reports whether an If-None-Match header names tag, by weak comparison
// (RFC 9110 §13.1.2).
func matches(headers []string, tag string) bool {
	for _, header := range headers {
		for candidate := range strings.SplitSeq(header, ",") {
			candidate = strings.TrimSpace(candidate)
			if candidate == "*" || strings.TrimPrefix(candidate, "W/") == strings.TrimPrefix(tag, "W/") {
				return true
			}
		}
	}
	return false
}

// acceptsGzip reports whether an Accept-Encoding header admits gzip (RFC 9110
// §12.5.3).
func acceptsGzip(headers []string) bool {
	others := false
	for coding := range strings.SplitSeq(strings.Join(headers, ","), ",") {
		name, params, _ := strings.Cut(strings.ReplaceAll(coding, " ", ""), ";")
		q, given := strings.CutPrefix(params, "q=")
		weight, err := strconv.ParseFloat(q, 64)
		welcome := !given || err == nil && weight > 0
		switch {
		case strings.EqualFold(name, "gzip"):
			return welcome
		case name == "*":
			others = welcome
		}
	}
	return others
}

var compressors = sync.Pool{New: func() any {
	w, err := gzip.NewWriterLevel(nil, gzip.BestSpeed)
	if err != nil {
		panic(err) // a level that there is
	}
	return w
}}

func compress(body []byte) []byte {
	var b bytes.Buffer
	w := compressors.Get().(*gzip.Writer)
	defer compressors.Put(w)
	w.Reset(&b)
	// A buffer takes all that it is given.
	_, _ = w.Write(body)
	_ = w.Close()
	return b.Bytes()
}

// encode returns v as JSON, with text as people wrote it.
func encode(v any) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		panic(err) // the shapes of this package can be encoded
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}

var _ http.Handler = (*API)(nil)
