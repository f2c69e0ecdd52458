package ops

import (
	"net/http"
	"slices"

	"dossiersync/portalapi/web"
	"dossiersync/store"
	"dossiersync/store/dossier"
)

// reconcile requests a run that compares all items with the source. With approve, which needs the
// right of that name, the run also removes the items that are confirmed absent beyond the brake;
// with atMost, only if no more removals are held than that.
func (h *Handler) reconcile(c *call) error {
	var in struct {
		Stream  string `json:"stream"`
		Approve bool   `json:"approve"`
		AtMost  *int64 `json:"atMost"` // how many removals the operator has seen
	}
	t, err := readPost(c, h.pathTenant, &in)
	if err != nil {
		return err
	}
	if in.Stream != "" && !slices.Contains(dossier.Streams(), dossier.Stream(in.Stream)) {
		return web.Invalid("stream", streamChoices)
	}
	if in.Approve {
		if err := c.user.require(approve); err != nil {
			return err
		}
	}
	if in.AtMost != nil {
		if !in.Approve || *in.AtMost < 0 {
			return web.Invalid("atMost", "Geef bij approve het aantal dat u zag; zonder approve niets.")
		}
		if err := h.heldAtMost(c, t, dossier.Stream(in.Stream), *in.AtMost); err != nil {
			return err
		}
	}
	scope := store.Scope{Only: store.StepReconcile, Stream: dossier.Stream(in.Stream), Approve: in.Approve}
	return h.answerRequestRun(c, t, scope)
}

// heldAtMost fails if more than seen removals are held of the tenant's stream, or of all its
// streams if stream is empty.
func (h *Handler) heldAtMost(c *call, t *Tenant, stream dossier.Stream, seen int64) error {
	list, err := h.heldRemovals(c, t.ID)
	if err != nil {
		return err
	}
	for _, r := range list {
		if stream == "" || r.Stream == stream {
			seen -= r.Items
		}
	}
	if seen < 0 {
		return &web.Problem{Type: web.Changed, Parameter: "atMost",
			Detail: "Er wordt nu meer vastgehouden dan dat. Kijk opnieuw, en keur dan goed."}
	}
	return nil
}

// listHeldRemovals lists the removals that wait for an operator's approval.
func (h *Handler) listHeldRemovals(c *call) error {
	q := web.ReadQuery(c.r, "tenant")
	if err := q.Err(); err != nil {
		return err
	}
	list, err := h.heldRemovals(c, q.Text("tenant"))
	if err != nil {
		return err
	}
	return c.json(http.StatusOK, listJSON[store.HeldRemovals]{Items: list})
}

// heldRemovals returns the held removals of the named tenant, or else of all of the user's.
func (h *Handler) heldRemovals(c *call, tenant string) ([]store.HeldRemovals, error) {
	if tenant != "" {
		if _, err := h.tenant(c, tenant); err != nil {
			return nil, err
		}
	}
	list, err := h.store.HeldRemovals(c.r.Context(), tenant)
	if err != nil {
		return nil, err
	}
	mine := []store.HeldRemovals{}
	for _, r := range list {
		if _, err := h.tenant(c, r.Tenant); err == nil {
			mine = append(mine, r)
		}
	}
	return mine, nil
}
