package ops

import (
	"errors"
	"net/http"
	"strconv"

	"dossiersync/portalapi/ops/console"
	"dossiersync/portalapi/ops/operate"
	"dossiersync/portalapi/web"
	"dossiersync/store"
)

func (h *Handler) heldPage(c *call) error {
	q := web.ReadQuery(c.r, "told")
	if err := q.Err(); err != nil {
		return err
	}
	ctx := c.r.Context()
	var body console.HeldPage
	list, err := operate.HeldSets(ctx, h.store, "")
	if err != nil {
		return err
	}
	for _, s := range list {
		if t, err := h.tenant(c, s.Tenant); err == nil {
			body.Sets = append(body.Sets, console.HeldRow{HeldSet: s, Tenant: t})
		}
	}
	if body.Now, err = h.store.Now(ctx); err != nil {
		return err
	}
	page := console.Page{Title: "Held removals", Here: "held", Notice: notices[q.Text("told")], Body: body}
	return h.show(c, http.StatusOK, page)
}

// heldClients is how many clients a page of a set shows.
const heldClients = 100

func (h *Handler) heldSetPage(c *call) error {
	q := web.ReadQuery(c.r, "from")
	from := q.Int("from", 0, 0, 1_000_000_000)
	if err := q.Err(); err != nil {
		return err
	}
	set, err := h.pathSet(c)
	if err != nil {
		return err
	}
	return h.showSet(c, http.StatusOK, set, console.HeldSetPage{From: from})
}

func (h *Handler) showSet(c *call, status int, set heldSet, body console.HeldSetPage) error {
	ctx := c.r.Context()
	body.Tenant, body.Set, body.MayApprove = set.tenant, set.HeldSet, c.user.may(approve)
	body.NoteLength, body.Days = maxReason, operate.KeepDays
	var err error
	if body.Now, err = h.store.Now(ctx); err != nil {
		return err
	}
	body.Clients, err = h.store.HeldClients(ctx, set.tenant.ID, set.ID, body.From, heldClients+1)
	if err != nil {
		return err
	}
	if len(body.Clients) > heldClients {
		body.Clients, body.Next = body.Clients[:heldClients], body.From+heldClients
	}
	title := "Held set " + strconv.FormatInt(set.ID, 10)
	return h.show(c, status, console.Page{Title: title, Here: "held", Body: body})
}

// postDecide decides on a set or on one client's items in it, or asks again if there are more now
// than the page showed.
func (h *Handler) postDecide(c *call) error {
	set, form, err := readForm(c, h.pathSet, "of", "decision", "note", "days")
	if err != nil {
		return err
	}
	d := store.HoldDecision{Tenant: set.tenant.ID, Hold: set.ID, By: c.operator()}
	var ok bool
	if d.Seen, d.Client, ok = targetOf(form.Get("of")); !ok {
		return web.Invalid("of", "Kies een cliënt uit de lijst.")
	}
	again := console.HeldSetPage{Note: form.Get("note"), Chosen: d.Client}
	if d.Note, ok = operate.Note(form.Get("note")); !ok {
		again.NoteFault = fieldFaults["reason"]
		return h.showSet(c, http.StatusUnprocessableEntity, set, again)
	}
	days := 0
	if form.Get("decision") == "keep" {
		if days, err = strconv.Atoi(form.Get("days")); err != nil || days < 1 {
			days = -1
		}
	}
	if !operate.SetDecision(&d, form.Get("decision"), days) {
		again.DaysFault = fieldFaults["days"]
		return h.showSet(c, http.StatusUnprocessableEntity, set, again)
	}
	switch _, err := h.decide(c, d); {
	case errors.Is(err, store.ErrHoldGrew):
		again.Grown = true
		return h.showSet(c, http.StatusConflict, set, again)
	case err != nil:
		return err
	}
	return c.goTo("/held-removals?told=" + form.Get("decision"))
}
