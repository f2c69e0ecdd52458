package ops

import (
	"cmp"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"dossiersync/portalapi/ops/console"
	"dossiersync/portalapi/ops/operate"
	"dossiersync/portalapi/web"
	"dossiersync/store"
)

func (h *Handler) overviewPage(c *call) error {
	q := web.ReadQuery(c.r, "live")
	live := q.OneOf("live", "no") == ""
	if err := q.Err(); err != nil {
		return err
	}
	service, err := operate.ServiceOf(c.r.Context(), h.store, h.tenantsOf(c))
	if err != nil {
		return err
	}
	slices.SortStableFunc(service.Tenants, func(a, b operate.Status) int { return cmp.Compare(urgency(&b), urgency(&a)) })
	if len(service.Tenants) > 0 {
		service.Now = service.Tenants[0].Now
	}
	page := console.Page{Title: "Overview", Here: "overview", Body: console.Overview{Service: &service, Live: live}}
	if fromHTMX(c) {
		return h.showMoving(c, page)
	}
	return h.show(c, http.StatusOK, page)
}

// urgency ranks the tenants on the overview: the higher, the more a tenant needs attention.
func urgency(s *operate.Status) int {
	switch {
	case s.ShowsNothing():
		return 6
	case s.State == operate.Stale, s.State == operate.Never:
		return 5
	case s.State == operate.Late:
		return 4
	case len(s.OpenCauses()) > 0:
		return 3
	case len(s.Attention) > 0:
		return 2
	case s.Quarantined > 0:
		return 1
	}
	return 0
}

func (h *Handler) tenantPage(c *call) error {
	q := web.ReadQuery(c.r, "told")
	notice := notices[q.Text("told")]
	if err := q.Err(); err != nil {
		return err
	}
	t, err := h.pathTenant(c)
	if err != nil {
		return err
	}
	return h.showTenant(c, t, http.StatusOK, notice, console.ResyncForm{})
}

const (
	tenantPageRuns = 6  // runs on a tenant's page
	runsPageRuns   = 50 // runs on a page of runs
)

func tenantURL(t *Tenant) string { return "/tenants/" + url.PathEscape(t.ID) }

func (h *Handler) showTenant(c *call, t *Tenant, status int, notice string, form console.ResyncForm) error {
	ctx := c.r.Context()
	s, err := operate.StatusOf(ctx, h.store, t)
	if err != nil {
		return err
	}
	body := console.TenantPage{Tenant: t, Status: &s, Form: form,
		MayResync: c.user.may(resync), MayApprove: c.user.may(approve)}
	if body.Days, err = operate.Strip(ctx, h.store, t, &s); err != nil {
		return err
	}
	if body.Runs, body.Older, err = h.runsBefore(c, t, 0, tenantPageRuns); err != nil {
		return err
	}
	return h.show(c, status, console.Page{Title: t.Name, Notice: notice, Body: body})
}

// runsBefore returns up to limit runs of the tenant before a run's id, 0 being the newest, and the
// id before which there are more; 0: no more.
func (h *Handler) runsBefore(c *call, t *Tenant, before int64, limit int) ([]store.Run, int64, error) {
	runs, err := h.store.Runs(c.r.Context(), store.RunFilter{Tenant: t.ID, Before: before, Limit: limit + 1})
	if err != nil || len(runs) <= limit {
		return runs, 0, err
	}
	return runs[:limit], runs[limit-1].ID, nil
}

func (h *Handler) runsPage(c *call) error {
	q := web.ReadQuery(c.r, "before")
	before, ok := parseBefore(q.Text("before"))
	if err := q.Err(); err != nil {
		return err
	}
	t, err := h.pathTenant(c)
	if err != nil {
		return err
	}
	if !ok {
		return web.Invalid("before", "Geef een getal.")
	}
	body := console.RunsPage{Tenant: t}
	if body.Now, err = h.store.Now(c.r.Context()); err != nil {
		return err
	}
	if body.Runs, body.Older, err = h.runsBefore(c, t, before, runsPageRuns); err != nil {
		return err
	}
	return h.show(c, http.StatusOK, console.Page{Title: "Runs of " + t.Name, Body: body})
}

func (h *Handler) postResync(c *call) error {
	t, form, err := readForm(c, h.pathTenant, "client", "stream", "from", "to", "full", "dryRun")
	if err != nil {
		return err
	}
	in := scopeJSON{Client: form.Get("client"), Stream: form.Get("stream"), From: form.Get("from"),
		To: form.Get("to"), Full: form.Get("full") != "", DryRun: form.Get("dryRun") != ""}
	scope, err := in.scope(t.Location)
	if p, ok := errors.AsType[*web.Problem](err); ok && fieldFaults[p.Parameter] != "" {
		shown := console.ResyncForm{Client: in.Client, Stream: in.Stream, From: in.From, To: in.To, Full: in.Full,
			DryRun: in.DryRun, Faults: map[string]string{p.Parameter: fieldFaults[p.Parameter]}}
		return h.showTenant(c, t, http.StatusUnprocessableEntity, "", shown)
	}
	if err != nil {
		return err
	}
	return h.requestRunAndShow(c, t, scope)
}

func (h *Handler) postReconcile(c *call) error {
	t, _, err := readForm(c, h.pathTenant)
	if err != nil {
		return err
	}
	return h.requestRunAndShow(c, t, store.Scope{Only: store.StepReconcile})
}

// requestRunAndShow requests a run, and redirects to its page.
func (h *Handler) requestRunAndShow(c *call, t *Tenant, scope store.Scope) error {
	run, created, err := h.requestRun(c, t, scope)
	if err != nil {
		return err
	}
	told := "asked"
	if !created {
		told = "waits"
	}
	return c.goTo(runURL(run.ID) + "?told=" + told)
}

func (h *Handler) whyPage(c *call) error {
	t, err := readGet(c, h.pathTenant)
	if err != nil {
		return err
	}
	return h.showWhy(c, http.StatusOK, console.WhyPage{Tenant: t})
}

func (h *Handler) showWhy(c *call, status int, body console.WhyPage) error {
	var err error
	if body.Now, err = h.store.Now(c.r.Context()); err != nil {
		return err
	}
	return h.show(c, status, console.Page{Title: "Why is it empty? " + body.Tenant.Name, Body: body})
}

// postWhy answers the form itself, without a redirect, because no URL may have the client's id.
func (h *Handler) postWhy(c *call) error {
	t, form, err := readForm(c, h.pathTenant, "client", "user")
	if err != nil {
		return err
	}
	body := console.WhyPage{Tenant: t, Client: strings.TrimSpace(form.Get("client")),
		User: strings.TrimSpace(form.Get("user")), Faults: map[string]string{}}
	if !clientID.MatchString(body.Client) {
		body.Faults["client"] = fieldFaults["client"]
	}
	if !validUser(body.User) {
		body.Faults["user"] = fieldFaults["user"]
	}
	if len(body.Faults) > 0 {
		return h.showWhy(c, http.StatusUnprocessableEntity, body)
	}
	body.Answer, err = operate.WhyOf(c.r.Context(), h.store, t, body.Client, body.User, c.operator())
	if err != nil {
		return err
	}
	return h.showWhy(c, http.StatusOK, body)
}
