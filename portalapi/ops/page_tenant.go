package ops

import (
	"cmp"
	"errors"
	"net/http"
	"slices"

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
	statuses, err := operate.Statuses(c.r.Context(), h.store, c.tenants(h))
	if err != nil {
		return err
	}
	body := console.Overview{Tenants: statuses, Live: live}
	for i := range statuses {
		body.Now = statuses[i].Now
	}
	if body.Now.IsZero() {
		if body.Now, err = h.store.Now(c.r.Context()); err != nil {
			return err
		}
	}
	slices.SortStableFunc(statuses, func(a, b operate.Status) int { return cmp.Compare(urgency(&b), urgency(&a)) })
	page := console.Page{Title: "Overview", Here: "overview", Body: body}
	if byScript(c) {
		return h.moving(c, page)
	}
	return h.show(c, http.StatusOK, page)
}

// urgency is how much a tenant needs somebody.
func urgency(s *operate.Status) int {
	switch {
	case s.ShowsNothing():
		return 5
	case s.State == store.Stale:
		return 4
	case s.State == store.Late:
		return 3
	case s.Unreachable != nil || s.Trouble != nil || len(s.Held) > 0:
		return 2
	case s.Quarantined > 0:
		return 1
	}
	return 0
}

func (h *Handler) tenantPage(c *call) error {
	if err := web.ReadQuery(c.r).Err(); err != nil {
		return err
	}
	return h.showTenant(c, http.StatusOK, console.ResyncForm{})
}

// shortList is how many runs a tenant's page shows, and longList a page of runs.
const (
	shortList = 6
	longList  = 50
)

func (h *Handler) showTenant(c *call, status int, form console.ResyncForm) error {
	t, err := c.tenant(h, c.r.PathValue("tenant"))
	if err != nil {
		return err
	}
	ctx := c.r.Context()
	s, err := operate.StatusOf(ctx, h.store, t)
	if err != nil {
		return err
	}
	body := console.TenantPage{Tenant: t, Status: s, MayResync: c.user.may(resync), MayApprove: c.user.may(approve), Form: form}
	if body.Days, err = operate.Strip(ctx, h.store, t, &s); err != nil {
		return err
	}
	if body.Runs, body.Older, err = h.someRuns(c, t, 0, shortList); err != nil {
		return err
	}
	return h.show(c, status, console.Page{Title: t.Name, Body: body})
}

// someRuns returns runs of the tenant, and before which there are more; 0: none.
func (h *Handler) someRuns(c *call, t *Tenant, before int64, limit int) ([]store.Run, int64, error) {
	runs, err := h.store.Runs(c.r.Context(), store.RunFilter{Tenant: t.ID, Before: before, Limit: limit + 1})
	if err != nil || len(runs) <= limit {
		return runs, 0, err
	}
	return runs[:limit], runs[limit-1].ID, nil
}

func (h *Handler) runsPage(c *call) error {
	q := web.ReadQuery(c.r, "before")
	from, ok := before(q.Text("before"))
	if err := q.Err(); err != nil {
		return err
	}
	t, err := c.tenant(h, c.r.PathValue("tenant"))
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
	if body.Runs, body.Older, err = h.someRuns(c, t, from, longList); err != nil {
		return err
	}
	return h.show(c, http.StatusOK, console.Page{Title: "Runs of " + t.Name, Body: body})
}

// scopeFaults say what is wrong with a field of the form.
var scopeFaults = map[string]string{
	"client": "This cannot be a client's id: letters, digits, dots and dashes only.",
	"stream": "There is no such stream.",
	"from":   "Give a date such as 2026-03-01, or ask for everything from the beginning, not both.",
	"to":     "Give a date such as 2026-03-01 that is not before the first.",
}

func (h *Handler) askForRun(c *call) error {
	t, err := c.tenant(h, c.r.PathValue("tenant"))
	if err != nil {
		return err
	}
	form, err := c.form("client", "stream", "from", "to", "full", "dryRun")
	if err != nil {
		return err
	}
	in := scopeJSON{Client: form.Get("client"), Stream: form.Get("stream"), From: form.Get("from"), To: form.Get("to"),
		Full: form.Get("full") != "", DryRun: form.Get("dryRun") != ""}
	scope, err := in.scope(t.Location)
	if p, ok := errors.AsType[*web.Problem](err); ok && scopeFaults[p.Parameter] != "" {
		return h.showTenant(c, http.StatusUnprocessableEntity, console.ResyncForm{Client: in.Client, Stream: in.Stream, From: in.From, To: in.To,
			Full: in.Full, DryRun: in.DryRun, Faults: map[string]string{p.Parameter: scopeFaults[p.Parameter]}})
	}
	if err != nil {
		return err
	}
	return h.askAndGo(c, t, scope)
}

// askAndGo asks for a run, and goes to its page.
func (h *Handler) askAndGo(c *call, t *Tenant, scope store.Scope) error {
	run, created, err := h.ask(c, t, scope)
	if err != nil {
		return err
	}
	told := "asked"
	if !created {
		told = "waits"
	}
	return c.goTo(runURL(run.ID) + "?told=" + told)
}

func (h *Handler) askForReconcile(c *call) error {
	t, err := c.tenant(h, c.r.PathValue("tenant"))
	if err != nil {
		return err
	}
	if _, err := c.form(); err != nil {
		return err
	}
	return h.askAndGo(c, t, store.Scope{Only: store.StepReconcile})
}
