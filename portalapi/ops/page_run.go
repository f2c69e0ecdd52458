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

func runURL(id int64) string { return "/runs/" + strconv.FormatInt(id, 10) }

// told is what a page says of what was done on the one before it.
var told = map[string]string{
	"asked": "The run is asked for.", "waits": "A run of the same scope waited already: this one.",
	"cancelled": "The run is asked to stop.", "ended": "The run had ended already.",
	"discarded": "The item is discarded.",
}

func (h *Handler) runPage(c *call) error {
	q := web.ReadQuery(c.r, "live", "told")
	live, notice := q.OneOf("live", "no") == "", told[q.Text("told")]
	if err := q.Err(); err != nil {
		return err
	}
	body, err := h.runBody(c, live)
	if err != nil {
		return err
	}
	return h.show(c, http.StatusOK, console.Page{Title: "Run " + strconv.FormatInt(body.Run.ID, 10) + " of " + body.Tenant.Name, Notice: notice, Body: body})
}

// runProgress is the part of a run's page that moves.
func (h *Handler) runProgress(c *call) error {
	if err := web.ReadQuery(c.r).Err(); err != nil {
		return err
	}
	body, err := h.runBody(c, true)
	if err != nil {
		return err
	}
	return h.moving(c, console.Page{Body: body})
}

func (h *Handler) runBody(c *call, live bool) (console.RunPage, error) {
	run, err := h.named(c)
	if err != nil {
		return console.RunPage{}, err
	}
	t, err := c.tenant(h, run.Tenant)
	if err != nil {
		return console.RunPage{}, err
	}
	ctx := c.r.Context()
	open := run.State != store.RunDone
	body := console.RunPage{Tenant: t, Run: run, Live: live && open, MayCancel: open && c.user.may(resync)}
	if body.Now, err = h.store.Now(ctx); err != nil {
		return body, err
	}
	if open {
		known, err := h.store.Tenant(ctx, t.ID)
		if err != nil {
			return body, err
		}
		if known.Trouble != nil {
			body.Trouble = *known.Trouble
		}
	}
	body.Progress, err = operate.ProgressOf(ctx, h.store, &body.Run, body.Now)
	return body, err
}

func (h *Handler) cancelRun(c *call) error {
	run, err := h.named(c)
	if err != nil {
		return err
	}
	if _, err := c.form(); err != nil {
		return err
	}
	told := "cancelled"
	if _, err := h.stop(c, run.ID); errors.Is(err, store.ErrRunDone) {
		told = "ended"
	} else if err != nil {
		return err
	}
	return c.goTo(runURL(run.ID) + "?told=" + told)
}
