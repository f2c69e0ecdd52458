package portalapi

import (
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

	"dossiersync/portalapi/web"
	"dossiersync/store"
)

// portalName is the name in the access log of a portal's server, which manages grants.
const portalName = "Cliëntportaal"

// result is what a handler has read. It is sent only after the access was logged.
type result struct {
	body []byte // JSON; nil: 204
	// version changes whenever body does, for the same user and request. Empty: no ETag.
	version   string
	unchanged bool // the caller's version is current, so the body was not read: 304
	denied    bool // nothing is shown because the user lacks the right; logged as denied
}

var (
	clientID = regexp.MustCompile(`^[A-Za-z0-9.-]{1,64}$`) // FHIR R4 §2.24.0.1: id
	itemID   = regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`)
)

// answer serves a request: it checks the token, waits for a place, reads and logs, and only then
// sends (I9).
func (a *API) answer(c *call, e *endpoint) error {
	timeout := requestTime
	if e.timeout > 0 {
		timeout = e.timeout
	}
	if err := c.identify(a.auth, e); err != nil {
		return err
	}
	// A body that comes slowly would keep a place of the limiter. The server limits its time.
	if e.body > 0 && c.requireScope(e.scope) == nil {
		web.Buffer(c.w, c.r, e.body)
	}
	ctx, cancel := context.WithTimeoutCause(c.r.Context(), timeout, errors.New("the request takes too long"))
	defer cancel()
	res, err := a.readAndLog(ctx, c, e)
	if err != nil {
		return err
	}
	c.send(res, a.build)
	return nil
}

// readAndLog is the part of a request that uses the database, so it needs a place of the limiter.
// The place is given back before the answer is sent, because a slow client would keep it.
func (a *API) readAndLog(ctx context.Context, c *call, e *endpoint) (*result, error) {
	missing := c.requireScope(e.scope)
	if !e.ownGate || missing != nil {
		release, err := a.limiter.acquire(ctx, c.tenant.ID)
		if err != nil {
			return nil, err
		}
		defer release()
	}
	if missing != nil {
		return nil, a.logRefusal(ctx, c, missing)
	}
	if e.scope == scopeGrants {
		c.event.UserName = portalName
	}
	res, err := e.handle(ctx, c)
	if err != nil {
		return nil, a.logRefusal(ctx, c, err)
	}
	if !e.logsItself {
		if res.denied {
			c.event.Outcome = "denied"
		}
		if err := a.access.Append(ctx, c.event); err != nil {
			return nil, err
		}
	}
	return res, nil
}

// identify checks the token and begins the entry of the access log. An impossible client id in the
// path becomes the empty id, which is then handled like any id that does not exist.
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

// item returns the item's id in the path, or empty if it is not a possible id.
func (c *call) item() string {
	if id := c.r.PathValue("id"); itemID.MatchString(id) {
		return id
	}
	return ""
}

// logRefusal logs a request that is refused because of missing rights, and returns err. If logging
// fails, it returns that error, because otherwise the failure would show which ids exist.
func (a *API) logRefusal(ctx context.Context, c *call, err error) error {
	switch p := asProblem(err); p.Type {
	case web.MissingScope, web.NotFound, web.NotManager:
	default:
		return err
	}
	c.event.Outcome = "denied"
	if logErr := a.access.Append(ctx, c.event); logErr != nil {
		return logErr
	}
	return err
}

// send answers with the result, or with 304 if the caller has it already.
func (c *call) send(res *result, build string) {
	h := c.w.Header()
	h.Set("Vary", "Authorization, Accept-Encoding")
	h.Set("Cache-Control", "private, no-cache")
	h.Set("X-Content-Type-Options", "nosniff")
	if res.body == nil && !res.unchanged {
		c.status = http.StatusNoContent
		c.w.WriteHeader(c.status)
		return
	}
	if res.version != "" {
		h.Set("ETag", c.etag(res.version, build))
		if res.unchanged || c.has(res, build) {
			c.status = http.StatusNotModified
			c.w.WriteHeader(c.status)
			return
		}
	}
	h.Set("Content-Type", "application/json")
	c.write(res.body)
}

// unchanged returns the result for a caller that has the current version, without reading anything but
// the standing, which of turns into a result; nil: the answer has to be read. An If-None-Match of *
// matches only what exists, which the standing does not tell.
func (a *API) unchanged(ctx context.Context, c *call, of func(*store.Standing) *result) (*result, error) {
	asked := c.r.Header.Values("If-None-Match")
	if len(asked) == 0 || strings.Contains(strings.Join(asked, ","), "*") {
		return nil, nil
	}
	known, err := a.portal.List(ctx, c.identity(), c.client, store.ListQuery{})
	if err != nil {
		return nil, err
	}
	if err := c.requireDossier(&known.Standing); err != nil {
		return nil, err
	}
	r := of(&known.Standing)
	if r.unchanged = c.has(r, a.build); !r.unchanged {
		return nil, nil
	}
	return r, nil
}

// has reports whether the caller has the current version.
func (c *call) has(res *result, build string) bool {
	return matches(c.r.Header.Values("If-None-Match"), c.etag(res.version, build))
}

// write sends a body with status 200, compressed if the caller accepts that and the body is larger
// than one packet.
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

// etag returns a weak entity tag (RFC 9110 §8.8.3) of the build, the tenant's settings, the user,
// the request and the version.
func (c *call) etag(version, build string) string {
	h := sha256.New()
	u := c.r.URL
	settings := string(c.tenant.fingerprint[:])
	for _, s := range []string{build, settings, c.user, u.EscapedPath(), u.Query().Encode(), version} {
		fmt.Fprintf(h, "%d:%s", len(s), s)
	}
	return `W/"` + base64.RawURLEncoding.EncodeToString(h.Sum(nil)[:15]) + `"`
}

// matches reports whether If-None-Match lists tag, by weak comparison (RFC 9110 §13.1.2). A proxy
// that compresses answers itself may add -gzip to their tags, as Apache does.
func matches(headers []string, tag string) bool {
	for _, header := range headers {
		for candidate := range strings.SplitSeq(header, ",") {
			candidate = strings.Replace(strings.TrimSpace(candidate), `-gzip"`, `"`, 1)
			if candidate == "*" || strings.TrimPrefix(candidate, "W/") == strings.TrimPrefix(tag, "W/") {
				return true
			}
		}
	}
	return false
}

// acceptsGzip reports whether Accept-Encoding allows gzip (RFC 9110 §12.5.3).
func acceptsGzip(headers []string) bool {
	others := false
	for coding := range strings.SplitSeq(strings.Join(headers, ","), ",") {
		name, params, _ := strings.Cut(strings.ReplaceAll(coding, " ", ""), ";")
		q, given := strings.CutPrefix(params, "q=")
		weight, err := strconv.ParseFloat(q, 64)
		allowed := !given || err == nil && weight > 0
		switch {
		case strings.EqualFold(name, "gzip"):
			return allowed
		case name == "*":
			others = allowed
		}
	}
	return others
}

var compressors = sync.Pool{New: func() any {
	w, err := gzip.NewWriterLevel(nil, gzip.BestSpeed)
	if err != nil {
		panic(err) // the level is valid
	}
	return w
}}

func compress(body []byte) []byte {
	var b bytes.Buffer
	w := compressors.Get().(*gzip.Writer)
	defer compressors.Put(w)
	w.Reset(&b)
	// Writing to a buffer does not fail.
	_, _ = w.Write(body)
	_ = w.Close()
	return b.Bytes()
}

// encode returns v as JSON, without escaping <, > and &.
func encode(v any) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		panic(err) // the types of this package can be encoded
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}

var _ http.Handler = (*API)(nil)
