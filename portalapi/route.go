package portalapi

import (
	"context"
	"net/http"
	"path"
	"slices"
	"strings"
	"time"

	"dossiersync/portalapi/web"
	"dossiersync/store/dossier"
)

// endpoint is what one method of one route does.
type endpoint struct {
	scope  string // what the token must allow
	event  string // what it is called in the access log
	handle func(ctx context.Context, c *call) (*result, error)
	// logs says that handle itself logs what it has done, with what it has
	// done; what it has refused is logged for it.
	logs bool
	// patience is how long it may take; 0: readTime.
	patience time.Duration
}

// route is a path with what its methods do. GET answers HEAD as well.
type route struct {
	pattern string
	methods map[string]endpoint
}

func (a *API) table() []route {
	reads := func(pattern, event string, handle func(context.Context, *call) (*result, error)) route {
		return route{pattern, map[string]endpoint{http.MethodGet: {scope: scopeRead, event: event, handle: handle}}}
	}
	const base = "/v1/dossiers/{client}"
	return []route{
		reads("/v1/dossiers", "dossiers", a.dossiers),
		{"/v1/grants", map[string]endpoint{
			http.MethodPut: {scope: scopeGrants, event: "grants", handle: a.putGrants, logs: true, patience: listTime},
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
		{base + "/grants", map[string]endpoint{
			http.MethodGet: {scope: scopeGrants, event: "grants", handle: a.grants},
		}},
		{base + "/grants/{user}", map[string]endpoint{
			http.MethodGet:    {scope: scopeGrants, event: "grant", handle: a.grant},
			http.MethodPut:    {scope: scopeGrants, event: "grant", handle: a.putGrant, logs: true},
			http.MethodDelete: {scope: scopeGrants, event: "grant", handle: a.deleteGrant, logs: true},
		}},
	}
}

func (a *API) newRoutes() *http.ServeMux {
	mux := http.NewServeMux()
	for _, r := range a.table() {
		mux.Handle(r.pattern, a.serve(r.pattern, func(c *call) error {
			e, err := r.endpoint(c.r.Method)
			if err != nil {
				return err
			}
			return a.answer(c, e)
		}))
	}
	mux.Handle("/openapi.yaml", a.serve("/openapi.yaml", a.openAPI))
	mux.Handle("/", a.serve("unknown", func(*call) error { return web.Absent() }))
	return mux
}

// ServeHTTP implements http.Handler.
func (a *API) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	// ServeMux would answer a path that is not clean with a redirect.
	if escaped := r.URL.EscapedPath(); escaped != path.Clean(escaped) {
		a.serve("unknown", func(*call) error { return web.Absent() }).ServeHTTP(w, r)
		return
	}
	a.routes.ServeHTTP(w, r)
}

// endpoint returns what answers method, or [problem.MethodNotAllowed].
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
	return nil, &web.Problem{Type: web.MethodNotAllowed, Allow: strings.Join(allow, ", "),
		Detail: "Deze methode kent dit adres niet."}
}
