package ops

import (
	"cmp"
	"strings"
	"unicode"
	"unicode/utf8"

	"go.uber.org/zap"

	"dossiersync/portalapi/web"
	"dossiersync/store"
)

// What operators do, by API or console: each deed is recorded under the name of
// who did it, in the replica and in the log.

// ask asks for a run of the tenant. Where one of the same scope waits already, it
// returns that one and false.
func (h *Handler) ask(c *call, t *Tenant, scope store.Scope) (store.Run, bool, error) {
	ctx := c.r.Context()
	if err := h.store.PutTenant(ctx, t.ID, t.Name, t.Location.String()); err != nil {
		return store.Run{}, false, err
	}
	run, created, err := h.store.RequestRun(ctx, store.RunRequest{
		Tenant: t.ID, Trigger: store.TriggerManual, Scope: scope, By: c.user.name()})
	if err != nil {
		return store.Run{}, false, err
	}
	h.log.Info("an operator asks for a run", zap.String("tenant", t.ID), zap.Int64("run", run.ID),
		zap.String("by", c.user.name()), zap.Bool("new", created), zap.String("step", string(scope.Only)), zap.Bool("approve", scope.Approve))
	return run, created, nil
}

// stop asks a run to stop: one that waits has ended then, and else it ends at its
// next page. It fails with [store.ErrRunDone], and returns the run all the same,
// where it has ended already.
func (h *Handler) stop(c *call, id int64) (store.Run, error) {
	run, err := h.store.CancelRun(c.r.Context(), id, c.user.name())
	if err != nil {
		return run, err
	}
	h.log.Info("an operator cancels a run", zap.String("tenant", run.Tenant), zap.Int64("run", run.ID),
		zap.String("by", c.user.name()), zap.String("state", string(run.State)))
	return run, nil
}

// forget discards an item in quarantine for a reason that [reasonFits].
func (h *Handler) forget(c *call, q *store.Quarantined, reason string) error {
	by := c.operator()
	if err := h.store.Discard(c.r.Context(), q.Tenant, []string{q.Key}, by, reason); err != nil {
		return err
	}
	h.log.Info("an operator discards an item in quarantine", zap.String("tenant", q.Tenant), zap.String("item", q.Key),
		zap.String("by", by))
	return nil
}

// maxReason is how many characters the reason of a discard may have.
const maxReason = 500

// reasonFits returns the reason for a discard without the spaces around it, and
// whether it is one line that says something.
func reasonFits(text string) (string, bool) {
	text = strings.TrimSpace(text)
	return text, text != "" && utf8.RuneCountInString(text) <= maxReason && utf8.ValidString(text) && !strings.ContainsFunc(text, unicode.IsControl)
}

// operator returns who is asking, also where nobody in particular does.
func (c *call) operator() string { return cmp.Or(c.user.name(), "unknown") }

// view returns the item in quarantine that the path names, to be shown: with that it
// is in the access log.
func (h *Handler) view(c *call) (store.QuarantinedItem, *Tenant, error) {
	it, t, err := h.item(c)
	if err != nil {
		return it, t, err
	}
	it, err = h.store.ViewQuarantined(c.r.Context(), it.Key, c.operator())
	return it, t, err
}

// item returns the item in quarantine that the path names, or [problem.NotFound]
// where the user does not see its tenant.
func (h *Handler) item(c *call) (store.QuarantinedItem, *Tenant, error) {
	key := c.r.PathValue("id")
	if !itemKey.MatchString(key) {
		return store.QuarantinedItem{}, nil, web.Absent()
	}
	it, err := h.store.QuarantinedItem(c.r.Context(), key)
	if err != nil {
		return it, nil, err
	}
	t, err := c.tenant(h, it.Tenant)
	if err != nil {
		return it, nil, web.Absent()
	}
	return it, t, nil
}
