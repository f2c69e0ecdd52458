package ops

import (
	"errors"
	"net/http"

	"go.uber.org/zap"

	"dossiersync/portalapi/request"
	"dossiersync/store"
)

// cancel asks a run to stop: 202 with the run, which has ended if it still waited,
// and else ends at its next page; or 200 with one that had ended already.
func (h *Handler) cancel(c *call) error {
	if err := request.ReadQuery(c.r).Err(); err != nil {
		return err
	}
	run, err := h.named(c)
	if err != nil {
		return err
	}
	if err := request.ReadJSON(c.w, c.r, maxScope, &struct{}{}); err != nil {
		return err
	}
	run, err = h.store.CancelRun(c.r.Context(), run.ID, c.user.name())
	if errors.Is(err, store.ErrRunDone) {
		return c.json(http.StatusOK, run)
	}
	if err != nil {
		return err
	}
	h.log.Info("an operator cancels a run", zap.String("tenant", run.Tenant), zap.Int64("run", run.ID),
		zap.String("by", c.user.name()), zap.String("state", string(run.State)))
	return c.json(http.StatusAccepted, run)
}
