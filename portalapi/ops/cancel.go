package ops

import (
	"errors"
	"net/http"

	"dossiersync/portalapi/web"
	"dossiersync/store"
)

// cancel asks a run to stop: 202 with the run, which has ended if it still waited,
// and else ends at its next page; or 200 with one that had ended already.
func (h *Handler) cancel(c *call) error {
	if err := web.ReadQuery(c.r).Err(); err != nil {
		return err
	}
	run, err := h.named(c)
	if err != nil {
		return err
	}
	if err := web.ReadJSON(c.w, c.r, maxBody, &struct{}{}); err != nil {
		return err
	}
	run, err = h.stop(c, run.ID)
	if errors.Is(err, store.ErrRunDone) {
		return c.json(http.StatusOK, run)
	}
	if err != nil {
		return err
	}
	return c.json(http.StatusAccepted, run)
}
