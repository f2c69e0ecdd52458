package portalapi

import (
	"context"
	_ "embed" // openapi.yaml
	"encoding/json"
	"net/http"
	"path"
	"slices"
	"strings"
	"sync"
	"time"

	"go.yaml.in/yaml/v3"

	"dossiersync/portalapi/web"
	"dossiersync/store/dossier"
)

// endpoint serves one method of one route.
type endpoint struct {
	scope  string // the token must have it
	event  string // in the access log
	handle func(ctx context.Context, c *call) (*result, error)
	// logsItself means that handle writes to the access log, in the transaction of its change.
	// Refused requests are logged for it.
	logsItself bool
	timeout    time.Duration // 0: requestTime
	// body is the size of the largest body, which is read before the request needs a place of the
	// limiter. 0: handle reads the body, if there is any.
	body int64
	// ownGate means that handle limits its requests itself, and takes no place of the limiter.
	ownGate bool
}

// route is a path with its methods. GET serves HEAD as well.
type route struct {
	pattern string
	methods map[string]endpoint
}

// routeTable is every route that needs a token.
func (a *API) routeTable() []route {
	reads := func(pattern, event string, handle func(context.Context, *call) (*result, error)) route {
		return route{pattern, map[string]endpoint{http.MethodGet: {scope: scopeRead, event: event, handle: handle}}}
	}
	const base = "/v1/dossiers/{client}"
	return []route{
		reads("/v1/dossiers", "dossiers", a.dossiers),
		{"/v1/grants", map[string]endpoint{
			http.MethodPut: {scope: scopeGrants, event: "grants", handle: a.putGrants, logsItself: true,
				timeout: uploadTime, ownGate: true},
		}},
		reads(base, "dossier", a.dossier),
		reads(base+"/timeline", "timeline", a.timeline),
		reads(base+"/timeline/density", "timeline-density", a.density),
		reads(base+"/reports", "reports", a.reports),
		reads(base+"/reports/{id}", "report", a.item(dossier.KindReport)),
		reads(base+"/forms", "forms", a.forms),
		reads(base+"/forms/{id}", "form", a.item(dossier.KindForm)),
		reads(base+"/care-plans", "care-plans", a.carePlans),
		reads(base+"/care-plans/{id}", "care-plan", a.item(dossier.KindCarePlan)),
		reads(base+"/contacts", "contacts", a.contacts),
		reads(base+"/access-log", "access-log", a.accessLog),
		{base + "/events", map[string]endpoint{
			http.MethodPost: {scope: scopeRead, event: "events", handle: a.events, body: maxEvent},
		}},
		{base + "/grants", map[string]endpoint{
			http.MethodGet: {scope: scopeGrants, event: "grants", handle: a.grants},
		}},
		{base + "/grants/{user}", map[string]endpoint{
			http.MethodGet:    {scope: scopeGrants, event: "grant", handle: a.grant},
			http.MethodPut:    {scope: scopeGrants, event: "grant", handle: a.putGrant, logsItself: true, body: maxGrant},
			http.MethodDelete: {scope: scopeGrants, event: "grant", handle: a.deleteGrant, logsItself: true},
		}},
	}
}

func (a *API) newRoutes() *http.ServeMux {
	mux := http.NewServeMux()
	for _, r := range a.routeTable() {
		mux.Handle(r.pattern, a.serve(r.pattern, func(c *call) error {
			e, err := r.endpoint(c.r.Method)
			if err != nil {
				return err
			}
			return a.answer(c, e)
		}))
	}
	for path, handler := range map[string]func(*call) error{
		"/openapi.yaml": public("application/yaml", func() ([]byte, error) { return contract, nil }), // RFC 9512
		"/openapi.json": public("application/json", contractJSON),
		"/{$}":          public("application/json", a.about),
	} {
		mux.Handle(path, a.serve(strings.TrimSuffix(path, "{$}"), handler))
	}
	mux.Handle("/", a.serve("unknown", func(*call) error { return web.Absent() }))
	return mux
}

// ServeHTTP implements http.Handler.
func (a *API) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	// ServeMux would redirect a path that is not clean.
	if escaped := r.URL.EscapedPath(); escaped != path.Clean(escaped) {
		a.serve("unknown", func(*call) error { return web.Absent() }).ServeHTTP(w, r)
		return
	}
	a.routes.ServeHTTP(w, r)
}

// endpoint returns the endpoint for the method, or fails with [web.MethodNotAllowed].
func (r *route) endpoint(method string) (*endpoint, error) {
	if method == http.MethodHead {
		method = http.MethodGet
	}
	if e, ok := r.methods[method]; ok {
		return &e, nil
	}
	var allow []string
	for m := range r.methods {
		allow = append(allow, m)
	}
	if _, ok := r.methods[http.MethodGet]; ok {
		allow = append(allow, http.MethodHead)
	}
	slices.Sort(allow)
	return nil, web.NoSuchMethod(strings.Join(allow, ", "))
}

//go:embed openapi.yaml
var contract []byte

// OpenAPI returns the contract of the portal API, as served at /openapi.yaml.
func OpenAPI() []byte { return contract }

// contractJSON returns the contract as JSON.
var contractJSON = sync.OnceValues(func() ([]byte, error) {
	var document map[string]any
	if err := yaml.Unmarshal(contract, &document); err != nil {
		return nil, err
	}
	return json.Marshal(document)
})

// public serves a document that is the same for everybody, without a token.
func public(contentType string, document func() ([]byte, error)) func(c *call) error {
	return func(c *call) error {
		if c.r.Method != http.MethodGet && c.r.Method != http.MethodHead {
			return web.NoSuchMethod("GET, HEAD")
		}
		body, err := document()
		if err != nil {
			return err
		}
		h := c.w.Header()
		h.Set("Content-Type", contentType)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Vary", "Accept-Encoding")
		h.Set("Cache-Control", "no-cache")
		c.write(body)
		return nil
	}
}

// about returns what / answers.
func (a *API) about() ([]byte, error) {
	return json.Marshal(struct {
		Name     string `json:"name"`
		Version  string `json:"version"`
		Contract string `json:"contract"`
	}{"dossiersync portal API", a.build, "/openapi.yaml"})
}
