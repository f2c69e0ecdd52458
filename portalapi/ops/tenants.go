package ops

import (
	"net/http"
	"time"

	"dossiersync/portalapi/request"
	"dossiersync/store"
)

type tenantJSON struct {
	ID               string               `json:"id"`
	Name             string               `json:"name"`
	Timezone         string               `json:"timezone"`
	Schedule         string               `json:"schedule"`
	NextSlot         time.Time            `json:"nextSlot"`
	LastSuccess      *time.Time           `json:"lastSuccess"` // when the run began; null: never
	AgeSeconds       *int64               `json:"ageSeconds"`  // since then
	State            store.FreshnessState `json:"state"`
	UnreachableSince *time.Time           `json:"unreachableSince"`
	// AwaitingGrantsSince is since when nothing is shown, until the portal has sent
	// all grants again after a restore; null: it has not to.
	AwaitingGrantsSince *time.Time `json:"awaitingGrantsSince"`
	Running             *store.Run `json:"running"`
}

func (h *Handler) listTenants(c *call) error {
	if err := request.ReadQuery(c.r).Err(); err != nil {
		return err
	}
	ctx := c.r.Context()
	now, err := h.store.Now(ctx)
	if err != nil {
		return err
	}
	stored, err := h.store.Tenants(ctx)
	if err != nil {
		return err
	}
	known := make(map[string]store.Tenant, len(stored))
	for _, t := range stored {
		known[t.ID] = t
	}
	// There is one running run per tenant at most.
	runs, err := h.store.Runs(ctx, store.RunFilter{State: store.RunRunning, Limit: len(stored) + 1})
	if err != nil {
		return err
	}
	running := make(map[string]*store.Run, len(runs))
	for i := range runs {
		running[runs[i].Tenant] = &runs[i]
	}
	list := []tenantJSON{}
	for i := range h.tenants {
		if t := &h.tenants[i]; c.user.sees(t.ID) {
			list = append(list, t.json(known[t.ID], running[t.ID], now))
		}
	}
	return c.json(http.StatusOK, listJSON[tenantJSON]{Items: list})
}

// listJSON is the shape of every list.
type listJSON[T any] struct {
	Items []T     `json:"items"`
	Next  *string `json:"next"` // the URL of the rest, or null
}

// json tells how the tenant fares. One that the replica does not know, because no
// run was ever begun, is not late yet.
func (t *Tenant) json(known store.Tenant, running *store.Run, now time.Time) tenantJSON {
	j := tenantJSON{
		ID: t.ID, Name: t.Name, Timezone: t.Location.String(), Schedule: t.Cron,
		NextSlot: t.Schedule.Next(now.In(t.Location)).In(t.Location), State: store.Fresh, Running: running,
	}
	if known.ID == "" {
		return j
	}
	j.State = store.StateOf(t.Schedule, known.Succeeded, known.Since, now)
	j.UnreachableSince, j.AwaitingGrantsSince = in(t.Location, known.Unreachable), in(t.Location, known.AwaitingGrants)
	if j.LastSuccess = in(t.Location, known.Succeeded); j.LastSuccess != nil {
		age := int64(now.Sub(*j.LastSuccess) / time.Second)
		j.AgeSeconds = &age
	}
	return j
}

func in(zone *time.Location, t *time.Time) *time.Time {
	if t == nil {
		return nil
	}
	local := t.In(zone).Truncate(time.Second)
	return &local
}
