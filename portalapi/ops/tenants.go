package ops

import (
	"net/http"
	"time"

	"dossiersync/portalapi/ops/operate"
	"dossiersync/portalapi/web"
	"dossiersync/store"
)

type tenantJSON struct {
	operate.Status
	Timezone   string     `json:"timezone"`
	Schedule   string     `json:"schedule"`
	AgeSeconds *int64     `json:"ageSeconds"` // since the last success; null: there was none
	Running    *store.Run `json:"running"`
}

func (h *Handler) listTenants(c *call) error {
	if err := web.ReadQuery(c.r).Err(); err != nil {
		return err
	}
	tenants := c.tenants(h)
	statuses, err := operate.Statuses(c.r.Context(), h.store, tenants)
	if err != nil {
		return err
	}
	list := make([]tenantJSON, 0, len(tenants))
	for i, s := range statuses {
		list = append(list, newTenantJSON(tenants[i], s))
	}
	return c.json(http.StatusOK, listJSON[tenantJSON]{Items: list})
}

// listJSON is the shape of every list.
type listJSON[T any] struct {
	Items []T     `json:"items"`
	Next  *string `json:"next"` // the URL of the rest, or null
}

func newTenantJSON(t *Tenant, s operate.Status) tenantJSON {
	j := tenantJSON{Status: s, Timezone: t.Location.String(), Schedule: t.Cron, Running: s.Current}
	if s.LastSuccess != nil {
		age := int64(s.Now.Sub(*s.LastSuccess) / time.Second)
		j.AgeSeconds = &age
	}
	return j
}
