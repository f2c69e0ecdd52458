package portalapi

import (
	"dossiersync/portalapi/web"

	_ "embed"
	"net/http"
)

//go:embed openapi.yaml
var contract []byte

// OpenAPI returns the contract of the portal API, as served at /openapi.yaml.
func OpenAPI() []byte { return contract }

// openAPI serves the contract, to whoever asks.
func (a *API) openAPI(c *call) error {
	if c.r.Method != http.MethodGet && c.r.Method != http.MethodHead {
		return &web.Problem{Type: web.MethodNotAllowed, Allow: "GET, HEAD", Detail: "Deze methode kent dit adres niet."}
	}
	h := c.w.Header()
	h.Set("Content-Type", "application/yaml") // RFC 9512
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Vary", "Accept-Encoding")
	h.Set("Cache-Control", "no-cache")
	c.write(contract)
	return nil
}
