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

// This file holds the actions of operators, for the API and the console. Each action is recorded
// under the operator's name, in the replica and in the log.

// operator returns the name of the user for the records, or unknown where there are no users.
func (c *call) operator() string { return cmp.Or(c.user.name(), "unknown") }

// requestRun requests a run of the tenant. If a run of the same scope is waiting, it returns that
// run and false.
func (h *Handler) requestRun(c *call, t *Tenant, scope store.Scope) (store.Run, bool, error) {
	ctx := c.r.Context()
	if err := h.store.PutTenant(ctx, t.ID, t.Name, t.Location.String()); err != nil {
		return store.Run{}, false, err
	}
	run, created, err := h.store.RequestRun(ctx, store.RunRequest{
		Tenant: t.ID, Trigger: store.TriggerManual, Scope: scope, By: c.user.name()})
	if err != nil {
		return store.Run{}, false, err
	}
	h.log.Info("an operator requests a run", zap.String("tenant", t.ID), zap.Int64("run", run.ID),
		zap.String("by", c.user.name()), zap.Bool("new", created), zap.String("step", string(scope.Only)),
		zap.Bool("approve", scope.Approve))
	return run, created, nil
}

// requestCancel cancels a run: a waiting run ends at once, a running one at its next page. If the
// run has ended, it returns the run and [store.ErrRunDone].
func (h *Handler) requestCancel(c *call, id int64) (store.Run, error) {
	run, err := h.store.CancelRun(c.r.Context(), id, c.user.name())
	if err != nil {
		return run, err
	}
	h.log.Info("an operator cancels a run", zap.String("tenant", run.Tenant), zap.Int64("run", run.ID),
		zap.String("by", c.user.name()), zap.String("state", string(run.State)))
	return run, nil
}

// discardItem removes an item from quarantine, for a reason from parseReason.
func (h *Handler) discardItem(c *call, q *store.Quarantined, reason string) error {
	by := c.operator()
	if err := h.store.Discard(c.r.Context(), q.Tenant, []string{q.Key}, by, reason); err != nil {
		return err
	}
	h.log.Info("an operator discards an item in quarantine", zap.String("tenant", q.Tenant),
		zap.String("item", q.Key), zap.String("by", by))
	return nil
}

const maxReason = 500 // characters of the reason of a discard

// parseReason returns the reason of a discard without surrounding spaces, and whether it is one
// non-empty line of at most maxReason characters.
func parseReason(text string) (string, bool) {
	text = strings.TrimSpace(text)
	ok := text != "" && utf8.RuneCountInString(text) <= maxReason && utf8.ValidString(text) &&
		!strings.ContainsFunc(text, unicode.IsControl)
	return text, ok
}

// quarantinedItem is an item in quarantine with its tenant.
type quarantinedItem struct {
	store.QuarantinedItem
	tenant *Tenant
}

// pathItem returns the item in quarantine that the path names, or [web.NotFound] if its tenant is
// not the user's.
func (h *Handler) pathItem(c *call) (quarantinedItem, error) {
	key := c.r.PathValue("id")
	if !itemKey.MatchString(key) {
		return quarantinedItem{}, web.Absent()
	}
	it, err := h.store.QuarantinedItem(c.r.Context(), key)
	if err != nil {
		return quarantinedItem{}, err
	}
	t, err := h.tenant(c, it.Tenant)
	return quarantinedItem{it, t}, err
}

// viewItem is pathItem for showing the item: it writes to the access log that the operator has seen
// it.
func (h *Handler) viewItem(c *call) (quarantinedItem, error) {
	it, err := h.pathItem(c)
	if err != nil {
		return it, err
	}
	it.QuarantinedItem, err = h.store.ViewQuarantined(c.r.Context(), it.Key, c.operator())
	return it, err
}
