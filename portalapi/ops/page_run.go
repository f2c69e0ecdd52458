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

func (h *Handler) runPage(c *call) error {
	q := web.ReadQuery(c.r, "live", "told")
	live, notice := q.OneOf("live", "no") == "", notices[q.Text("told")]
	if err := q.Err(); err != nil {
		return err
	}
	body, err := h.runBody(c, live)
	if err != nil {
		return err
	}
	title := "Run " + strconv.FormatInt(body.Run.ID, 10) + " of " + body.Tenant.Name
	return h.show(c, http.StatusOK, console.Page{Title: title, Notice: notice, Body: body})
}

// runProgress answers with the part of a run's page that keeps itself up to date.
func (h *Handler) runProgress(c *call) error {
	if err := web.ReadQuery(c.r).Err(); err != nil {
		return err
	}
	body, err := h.runBody(c, true)
	if err != nil {
		return err
	}
	return h.showMoving(c, console.Page{Body: body})
}

func (h *Handler) runBody(c *call, live bool) (console.RunPage, error) {
	run, err := h.pathRun(c)
	if err != nil {
		return console.RunPage{}, err
	}
	t, err := h.tenant(c, run.Tenant)
	if err != nil {
		return console.RunPage{}, err
	}
	ctx := c.r.Context()
	open := run.State != store.RunDone
	body := console.RunPage{Tenant: t, Run: run, Live: live && open, MayCancel: open && c.user.may(resync)}
	if body.Now, err = h.store.Now(ctx); err != nil {
		return body, err
	}
	if body.Trouble, err = operate.WaitWords(ctx, h.store, t, &run); err != nil {
		return body, err
	}
	body.Progress, err = operate.ProgressOf(ctx, h.store, &body.Run, body.Now)
	return body, err
}

func (h *Handler) postCancel(c *call) error {
	run, _, err := readForm(c, h.pathRun)
	if err != nil {
		return err
	}
	told := "cancelled"
	if _, err := h.requestCancel(c, run.ID); errors.Is(err, store.ErrRunDone) {
		told = "ended"
	} else if err != nil {
		return err
	}
	return c.goTo(runURL(run.ID) + "?told=" + told)
}
