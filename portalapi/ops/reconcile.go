package ops

import (
	"net/http"
	"slices"

	"dossiersync/portalapi/web"
	"dossiersync/store"
	"dossiersync/store/dossier"
)

// reconcile asks for a run that compares everything with the source. With approve,
// for which the right of that name is needed, it also removes what is confirmed
// absent beyond the brake; with atMost, where no more are held than that.
func (h *Handler) reconcile(c *call) error {
	if err := web.ReadQuery(c.r).Err(); err != nil {
		return err
	}
	t, err := c.tenant(h, c.r.PathValue("tenant"))
	if err != nil {
		return err
	}
	var in struct {
		Stream  string `json:"stream"`
		Approve bool   `json:"approve"`
		AtMost  *int64 `json:"atMost"` // how many were held when somebody looked
	}
	if err := web.ReadJSON(c.w, c.r, maxBody, &in); err != nil {
		return err
	}
	if in.Stream != "" && !slices.Contains(dossier.Streams(), dossier.Stream(in.Stream)) {
		return web.Invalid("stream", streamChoices)
	}
	if in.Approve {
		if err := c.user.must(approve); err != nil {
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
	return h.answerAsked(c, t, store.Scope{Only: store.StepReconcile, Stream: dossier.Stream(in.Stream), Approve: in.Approve})
}

// heldAtMost fails where more is held of the tenant's stream, or of all if stream is
// empty, than somebody has seen.
func (h *Handler) heldAtMost(c *call, t *Tenant, stream dossier.Stream, seen int64) error {
	list, err := h.held(c, t.ID)
	if err != nil {
		return err
	}
	for _, r := range list {
		if stream == "" || r.Stream == stream {
			seen -= r.Items
		}
	}
	if seen < 0 {
		return &web.Problem{Type: web.Changed, Parameter: "atMost", Detail: "Er wordt nu meer vastgehouden dan dat. Kijk opnieuw, en keur dan goed."}
	}
	return nil
}

// listHeld lists the removals that wait for an operator.
func (h *Handler) listHeld(c *call) error {
	q := web.ReadQuery(c.r, "tenant")
	if err := q.Err(); err != nil {
		return err
	}
	list, err := h.held(c, q.Text("tenant"))
	if err != nil {
		return err
	}
	return c.json(http.StatusOK, listJSON[store.HeldRemovals]{Items: list})
}

// held returns what is held of the tenant named, or of all that the user sees.
func (h *Handler) held(c *call, tenant string) ([]store.HeldRemovals, error) {
	if tenant != "" {
		if _, err := c.tenant(h, tenant); err != nil {
			return nil, err
		}
	}
	list, err := h.store.HeldRemovals(c.r.Context(), tenant)
	if err != nil {
		return nil, err
	}
	mine := []store.HeldRemovals{}
	for _, r := range list {
		if _, err := c.tenant(h, r.Tenant); err == nil {
			mine = append(mine, r)
		}
	}
	return mine, nil
}
