package ops

import (
	"context"
	"net/http"
	"time"

	"go.uber.org/zap"

	"dossiersync/portalapi/ops/console"
	"dossiersync/portalapi/web"
	"dossiersync/store/dossier"
)

// explainWait is how long a page waits for the source.
const explainWait = 10 * time.Second

// explainPage shows what becomes of an item, member by member, without its words: as the source has it
// now, if the source answers, and as it is stored.
func (h *Handler) explainPage(c *call) error {
	if err := web.ReadQuery(c.r).Err(); err != nil {
		return err
	}
	t, err := h.pathTenant(c)
	if err != nil {
		return err
	}
	key := c.r.PathValue("id")
	if !itemKey.MatchString(key) {
		return web.Absent()
	}
	body := console.ExplainPage{Tenant: t}
	if body.Item, err = h.store.ItemStanding(c.r.Context(), t.ID, key, c.operator()); err != nil {
		return err
	}
	if h.explain != nil && body.Item.ID != "" {
		ctx, cancel := context.WithTimeout(c.r.Context(), explainWait)
		defer cancel()
		now, err := h.explain(ctx, t.ID, dossier.Ref{Type: body.Item.Type, ID: body.Item.ID})
		switch {
		case err != nil:
			h.log.Warn("an item could not be read for its page", zap.String("tenant", t.ID),
				zap.String("type", body.Item.Type), zap.Error(err))
			body.Unread = true
		case now.Client != body.Item.Client:
			body.Elsewhere = true // whose it is now was not logged
		default:
			body.Now = &now
		}
	}
	return h.show(c, http.StatusOK, console.Page{Title: "What becomes of an item", Body: body})
}
