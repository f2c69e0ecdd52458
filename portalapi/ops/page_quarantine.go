package ops

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"

	"dossiersync/portalapi/ops/console"
	"dossiersync/portalapi/web"
	"dossiersync/store"
)

func (h *Handler) quarantinePage(c *call) error {
	// The form sends the tenant even where none is chosen.
	values := c.r.URL.Query()
	if values.Has("tenant") && values.Get("tenant") == "" {
		return c.goTo("/quarantine")
	}
	q := web.ReadQuery(c.r, "tenant", "after", "told")
	after, ok := parsePlace(q.Text("after"))
	if err := q.Err(); err != nil {
		return err
	}
	if !ok {
		return web.Invalid("after", "Gebruik hier wat in next staat.")
	}
	body := console.QuarantinePage{Tenants: c.tenants(h), Tenant: q.Text("tenant"), MayRetry: c.user.may(resync)}
	list, next, err := h.quarantine(c, body.Tenant, after, defaultItems)
	if err != nil {
		return err
	}
	body.Next = next
	if body.Now, err = h.store.Now(c.r.Context()); err != nil {
		return err
	}
	for _, it := range list {
		i := slices.IndexFunc(body.Tenants, func(t *Tenant) bool { return t.ID == it.Tenant })
		body.Items = append(body.Items, console.QuarantineRow{Quarantined: it, Tenant: body.Tenants[i]})
	}
	return h.show(c, http.StatusOK, console.Page{Title: "Quarantine", Here: "quarantine", Notice: told[q.Text("told")], Body: body})
}

func (h *Handler) itemPage(c *call) error { return h.showItem(c, http.StatusOK, false, "", "") }

func (h *Handler) discardPage(c *call) error { return h.showItem(c, http.StatusOK, true, "", "") }

func (h *Handler) showItem(c *call, status int, discarding bool, reason, fault string) error {
	if err := web.ReadQuery(c.r).Err(); err != nil {
		return err
	}
	it, t, err := h.view(c)
	if err != nil {
		return err
	}
	body := console.ItemPage{Tenant: t, Item: it, MayRetry: c.user.may(resync), MayDiscard: c.user.may(approve),
		Discarding: discarding, Reason: reason, ReasonFault: fault, ReasonLength: maxReason}
	if body.Now, err = h.store.Now(c.r.Context()); err != nil {
		return err
	}
	title := "Item in quarantine"
	if discarding {
		title = "Discard an item in quarantine"
	}
	return h.show(c, status, console.Page{Title: title, Here: "quarantine", Body: body})
}

func (h *Handler) retryItem(c *call) error {
	it, t, err := h.item(c)
	if err != nil {
		return err
	}
	if _, err := c.form(); err != nil {
		return err
	}
	return h.askAndGo(c, t, retryOf(it.Key))
}

func (h *Handler) retryTenant(c *call) error {
	t, err := c.tenant(h, c.r.PathValue("tenant"))
	if err != nil {
		return err
	}
	if _, err := c.form(); err != nil {
		return err
	}
	return h.askAndGo(c, t, retryOf())
}

func (h *Handler) discardItem(c *call) error {
	it, t, err := h.item(c)
	if err != nil {
		return err
	}
	form, err := c.form("reason")
	if err != nil {
		return err
	}
	reason, ok := reasonFits(form.Get("reason"))
	if !ok {
		return h.showItem(c, http.StatusUnprocessableEntity, true, form.Get("reason"), "Say why in one line of 500 characters at most.")
	}
	if err := h.forget(c, &it.Quarantined, reason); err != nil {
		return err
	}
	return c.goTo("/quarantine?" + url.Values{"tenant": {t.ID}, "told": {"discarded"}}.Encode())
}

func (h *Handler) heldPage(c *call) error {
	if err := web.ReadQuery(c.r).Err(); err != nil {
		return err
	}
	list, err := h.held(c, "")
	if err != nil {
		return err
	}
	var body console.HeldPage
	if body.Now, err = h.store.Now(c.r.Context()); err != nil {
		return err
	}
	for _, r := range list {
		t, err := c.tenant(h, r.Tenant)
		if err != nil {
			return err
		}
		body.Held = append(body.Held, console.HeldRow{HeldRemovals: r, Tenant: t, MayApprove: c.user.may(approve)})
	}
	return h.show(c, http.StatusOK, console.Page{Title: "Held removals", Here: "held", Body: body})
}

// heldOf returns what is held of the tenant and stream that the path names, or
// [problem.NotFound].
func (h *Handler) heldOf(c *call) (*Tenant, store.HeldRemovals, error) {
	t, err := c.tenant(h, c.r.PathValue("tenant"))
	if err != nil {
		return nil, store.HeldRemovals{}, err
	}
	list, err := h.held(c, t.ID)
	if err != nil {
		return nil, store.HeldRemovals{}, err
	}
	i := slices.IndexFunc(list, func(r store.HeldRemovals) bool { return string(r.Stream) == c.r.PathValue("stream") })
	if i < 0 {
		return nil, store.HeldRemovals{}, web.Absent()
	}
	return t, list[i], nil
}

func (h *Handler) approvePage(c *call) error {
	if err := web.ReadQuery(c.r).Err(); err != nil {
		return err
	}
	t, held, err := h.heldOf(c)
	if err != nil {
		return err
	}
	return h.showApprove(c, http.StatusOK, console.ApprovePage{Tenant: t, Held: held})
}

func (h *Handler) showApprove(c *call, status int, body console.ApprovePage) error {
	var err error
	if body.Now, err = h.store.Now(c.r.Context()); err != nil {
		return err
	}
	return h.show(c, status, console.Page{Title: "Approve removals", Here: "held", Body: body})
}

// approveHeld lets go what somebody has seen the number of, and asks again where
// there are more by now.
func (h *Handler) approveHeld(c *call) error {
	t, held, err := h.heldOf(c)
	if err != nil {
		return err
	}
	form, err := c.form("atMost")
	if err != nil {
		return err
	}
	seen, err := strconv.ParseInt(form.Get("atMost"), 10, 64)
	if err != nil || held.Items > seen {
		return h.showApprove(c, http.StatusConflict, console.ApprovePage{Tenant: t, Held: held, More: true})
	}
	return h.askAndGo(c, t, store.Scope{Only: store.StepReconcile, Stream: held.Stream, Approve: true})
}
