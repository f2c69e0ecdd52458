package ops

import (
	"net/http"
	"slices"
	"strconv"

	"dossiersync/portalapi/ops/console"
	"dossiersync/portalapi/web"
	"dossiersync/store"
)

func (h *Handler) heldPage(c *call) error {
	if err := web.ReadQuery(c.r).Err(); err != nil {
		return err
	}
	var body console.HeldPage
	var err error
	if body.Held, err = h.heldRows(c, ""); err != nil {
		return err
	}
	if body.Now, err = h.store.Now(c.r.Context()); err != nil {
		return err
	}
	return h.show(c, http.StatusOK, console.Page{Title: "Held removals", Here: "held", Body: body})
}

// heldRows returns the held removals of the named tenant, or else of all of the user's.
func (h *Handler) heldRows(c *call, tenant string) ([]console.HeldRow, error) {
	list, err := h.heldRemovals(c, tenant)
	if err != nil {
		return nil, err
	}
	var rows []console.HeldRow
	for _, r := range list {
		t, err := h.tenant(c, r.Tenant)
		if err != nil {
			return nil, err
		}
		rows = append(rows, console.HeldRow{HeldRemovals: r, Tenant: t, MayApprove: c.user.may(approve)})
	}
	return rows, nil
}

// pathHeld returns the held removals of the tenant and stream that the path names, or
// [web.NotFound].
func (h *Handler) pathHeld(c *call) (console.HeldRow, error) {
	rows, err := h.heldRows(c, c.r.PathValue("tenant"))
	if err != nil {
		return console.HeldRow{}, err
	}
	stream := c.r.PathValue("stream")
	i := slices.IndexFunc(rows, func(r console.HeldRow) bool { return string(r.Stream) == stream })
	if i < 0 {
		return console.HeldRow{}, web.Absent()
	}
	return rows[i], nil
}

func (h *Handler) approvePage(c *call) error {
	held, err := readGet(c, h.pathHeld)
	if err != nil {
		return err
	}
	return h.showApprove(c, http.StatusOK, held, false)
}

func (h *Handler) showApprove(c *call, status int, held console.HeldRow, more bool) error {
	now, err := h.store.Now(c.r.Context())
	if err != nil {
		return err
	}
	body := console.ApprovePage{Tenant: held.Tenant, Now: now, Held: held.HeldRemovals, More: more}
	return h.show(c, status, console.Page{Title: "Approve removals", Here: "held", Body: body})
}

// postApprove approves held removals, or asks again if there are more now than the page showed.
func (h *Handler) postApprove(c *call) error {
	held, form, err := readForm(c, h.pathHeld, "atMost")
	if err != nil {
		return err
	}
	seen, err := strconv.ParseInt(form.Get("atMost"), 10, 64)
	if err != nil || held.Items > seen {
		return h.showApprove(c, http.StatusConflict, held, true)
	}
	scope := store.Scope{Only: store.StepReconcile, Stream: held.Stream, Approve: true}
	return h.requestRunAndShow(c, held.Tenant, scope)
}
