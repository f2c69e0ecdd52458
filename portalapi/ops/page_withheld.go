package ops

import (
	"errors"
	"net/http"
	"net/url"

	"dossiersync/portalapi/ops/console"
	"dossiersync/portalapi/ops/operate"
	"dossiersync/portalapi/web"
	"dossiersync/store"
)

func (h *Handler) withheldPage(c *call) error {
	q := web.ReadQuery(c.r, "told")
	if err := q.Err(); err != nil {
		return err
	}
	return h.showWithheld(c, http.StatusOK, notices[q.Text("told")], console.WithheldPage{})
}

func (h *Handler) showWithheld(c *call, status int, notice string, body console.WithheldPage) error {
	ctx := c.r.Context()
	body.Tenants, body.MayWithhold, body.NoteLength = h.tenantsOf(c), c.user.may(approve), maxReason
	list, err := h.store.Withheld(ctx, "")
	if err != nil {
		return err
	}
	for _, w := range list {
		if t, err := h.tenant(c, w.Tenant); err == nil {
			body.Withheld = append(body.Withheld, console.WithheldRow{Withholding: w, Tenant: t})
		}
	}
	if body.Now, err = h.store.Now(ctx); err != nil {
		return err
	}
	return h.show(c, status, console.Page{Title: "Withheld", Here: "withheld", Notice: notice, Body: body})
}

// formTarget reads the form of a page that names what to withhold or to release. If a field is
// wrong, it returns the faults.
func (h *Handler) formTarget(c *call) (*Tenant, store.Withholding, url.Values, map[string]string, error) {
	form, err := c.form("tenant", "client", "item", "note")
	if err != nil {
		return nil, store.Withholding{}, nil, nil, err
	}
	t, err := h.tenant(c, form.Get("tenant"))
	if err != nil {
		return nil, store.Withholding{}, nil, nil, err
	}
	faults := make(map[string]string)
	w, err := operate.Target(t.ID, form.Get("client"), form.Get("item"))
	switch {
	case errors.Is(err, operate.ErrTargetItem):
		faults["item"] = fieldFaults["item"]
	case errors.Is(err, operate.ErrTargetClient):
		faults["client"] = fieldFaults["client"]
	case err != nil:
		faults["client"] = fieldFaults["target"]
	}
	var ok bool
	if w.Note, ok = operate.Note(form.Get("note")); !ok {
		faults["note"] = fieldFaults["reason"]
	}
	w.By = c.operator()
	return t, w, form, faults, nil
}

func (h *Handler) postWithhold(c *call) error {
	t, w, form, faults, err := h.formTarget(c)
	if err != nil {
		return err
	}
	again := console.WithheldPage{Chosen: t.ID, Client: form.Get("client"), Item: form.Get("item"), Note: form.Get("note"),
		Faults: faults}
	if len(faults) > 0 {
		return h.showWithheld(c, http.StatusUnprocessableEntity, "", again)
	}
	out, err := h.withholder.Withhold(c.r.Context(), t, w)
	if err != nil {
		return err
	}
	return h.showDone(c, "withheld", out)
}

func (h *Handler) postRelease(c *call) error {
	_, w, _, faults, err := h.formTarget(c)
	if err != nil {
		return err
	}
	if len(faults) > 0 {
		again := console.WithheldPage{ReleaseFault: fieldFaults["reason"]}
		return h.showWithheld(c, http.StatusUnprocessableEntity, "", again)
	}
	out, err := h.withholder.Release(c.r.Context(), w)
	if err != nil {
		return err
	}
	return h.showDone(c, "released", out)
}

// showDone redirects to the list, or shows what was left over.
func (h *Handler) showDone(c *call, told string, out operate.Withheld) error {
	if len(out.LeftOver) > 0 {
		return h.showWithheld(c, http.StatusOK, notices[told], console.WithheldPage{LeftOver: out.LeftOver})
	}
	return c.goTo("/withheld?told=" + told)
}
