package ops

import (
	"net/http"
	"net/url"
	"slices"

	"dossiersync/portalapi/ops/console"
	"dossiersync/portalapi/web"
)

func (h *Handler) quarantinePage(c *call) error {
	// The form sends an empty tenant if none is chosen.
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
	body := console.QuarantinePage{Tenants: h.tenantsOf(c), Tenant: q.Text("tenant"), MayRetry: c.user.may(resync)}
	list, next, err := h.quarantineAfter(c, body.Tenant, after, defaultItems)
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
	page := console.Page{Title: "Quarantine", Here: "quarantine", Notice: notices[q.Text("told")], Body: body}
	return h.show(c, http.StatusOK, page)
}

func (h *Handler) itemPage(c *call) error { return h.showItem(c, http.StatusOK, false, "", "") }

func (h *Handler) discardPage(c *call) error { return h.showItem(c, http.StatusOK, true, "", "") }

func (h *Handler) showItem(c *call, status int, discarding bool, reason, fault string) error {
	it, err := readGet(c, h.viewItem)
	if err != nil {
		return err
	}
	body := console.ItemPage{Tenant: it.tenant, Item: it.QuarantinedItem, MayRetry: c.user.may(resync),
		MayDiscard: c.user.may(approve), Discarding: discarding,
		Reason: reason, ReasonFault: fault, ReasonLength: maxReason}
	if body.Now, err = h.store.Now(c.r.Context()); err != nil {
		return err
	}
	title := "Item in quarantine"
	if discarding {
		title = "Discard an item in quarantine"
	}
	return h.show(c, status, console.Page{Title: title, Here: "quarantine", Body: body})
}

func (h *Handler) postRetry(c *call) error {
	it, _, err := readForm(c, h.pathItem)
	if err != nil {
		return err
	}
	return h.requestRunAndShow(c, it.tenant, retryScope(it.Key))
}

func (h *Handler) postRetryAll(c *call) error {
	t, _, err := readForm(c, h.pathTenant)
	if err != nil {
		return err
	}
	return h.requestRunAndShow(c, t, retryScope())
}

func (h *Handler) postDiscard(c *call) error {
	it, form, err := readForm(c, h.pathItem, "reason")
	if err != nil {
		return err
	}
	reason, ok := parseReason(form.Get("reason"))
	if !ok {
		return h.showItem(c, http.StatusUnprocessableEntity, true, form.Get("reason"), fieldFaults["reason"])
	}
	if err := h.discardItem(c, &it.Quarantined, reason); err != nil {
		return err
	}
	return c.goTo("/quarantine?" + url.Values{"tenant": {it.tenant.ID}, "told": {"discarded"}}.Encode())
}
