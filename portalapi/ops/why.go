package ops

import (
	"net/http"

	"dossiersync/portalapi/ops/operate"
	"dossiersync/portalapi/web"
)

// why tells what one dossier shows, to whom, and why nothing else. Whose it is
// comes in the body, so that it is in no address.
func (h *Handler) why(c *call) error {
	if err := web.ReadQuery(c.r).Err(); err != nil {
		return err
	}
	t, err := c.tenant(h, c.r.PathValue("tenant"))
	if err != nil {
		return err
	}
	var in struct {
		Client string `json:"client"`
		User   string `json:"user"`
	}
	if err := web.ReadJSON(c.w, c.r, maxBody, &in); err != nil {
		return err
	}
	switch {
	case !clientID.MatchString(in.Client):
		return web.Invalid("client", "Dit kan geen id van een cliënt zijn.")
	case !userFits(in.User):
		return web.Invalid("user", "Dit kan geen gebruiker zijn.")
	}
	why, err := operate.WhyOf(c.r.Context(), h.store, t, in.Client, in.User, c.operator())
	if err != nil {
		return err
	}
	return c.json(http.StatusOK, why)
}
