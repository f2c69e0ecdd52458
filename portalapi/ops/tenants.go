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
	AgeSeconds *int64     `json:"ageSeconds"` // since the last success; null: never
	Running    *store.Run `json:"running"`
}

// listTenants lists the user's tenants and how up to date each is.
func (h *Handler) listTenants(c *call) error {
	if err := web.ReadQuery(c.r).Err(); err != nil {
		return err
	}
	tenants := h.tenantsOf(c)
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

// why explains what one dossier shows, to whom, and why nothing else. The client's id is in the
// body, so that it is in no URL.
func (h *Handler) why(c *call) error {
	var in struct {
		Client string `json:"client"`
		User   string `json:"user"`
	}
	t, err := readPost(c, h.pathTenant, &in)
	if err != nil {
		return err
	}
	switch {
	case !clientID.MatchString(in.Client):
		return errClient
	case !validUser(in.User):
		return web.Invalid("user", "Dit kan geen gebruiker zijn.")
	}
	why, err := operate.WhyOf(c.r.Context(), h.store, t, in.Client, in.User, c.operator())
	if err != nil {
		return err
	}
	return c.json(http.StatusOK, why)
}
