package ops

import (
	"net/http"
	"strings"

	"dossiersync/portalapi/ops/console"
	"dossiersync/portalapi/ops/operate"
	"dossiersync/portalapi/web"
)

func (h *Handler) whyPage(c *call) error {
	if err := web.ReadQuery(c.r).Err(); err != nil {
		return err
	}
	t, err := c.tenant(h, c.r.PathValue("tenant"))
	if err != nil {
		return err
	}
	return h.showWhy(c, http.StatusOK, console.WhyPage{Tenant: t})
}

func (h *Handler) showWhy(c *call, status int, body console.WhyPage) error {
	var err error
	if body.Now, err = h.store.Now(c.r.Context()); err != nil {
		return err
	}
	return h.show(c, status, console.Page{Title: "Why is it empty? " + body.Tenant.Name, Body: body})
}

// answerWhy answers the form itself: the client's id is to be in no address.
func (h *Handler) answerWhy(c *call) error {
	t, err := c.tenant(h, c.r.PathValue("tenant"))
	if err != nil {
		return err
	}
	form, err := c.form("client", "user")
	if err != nil {
		return err
	}
	body := console.WhyPage{Tenant: t, Client: strings.TrimSpace(form.Get("client")), User: strings.TrimSpace(form.Get("user")), Faults: map[string]string{}}
	if !clientID.MatchString(body.Client) {
		body.Faults["client"] = scopeFaults["client"]
	}
	if !userFits(body.User) {
		body.Faults["user"] = "This cannot be a user."
	}
	if len(body.Faults) > 0 {
		return h.showWhy(c, http.StatusUnprocessableEntity, body)
	}
	body.Answer, err = operate.WhyOf(c.r.Context(), h.store, t, body.Client, body.User, c.operator())
	if err != nil {
		return err
	}
	return h.showWhy(c, http.StatusOK, body)
}
