package ops

import (
	_ "embed"
	"net/http"
)

//go:embed openapi.yaml
var contract []byte

// OpenAPI returns the contract of the operators' API, as served at /openapi.yaml.
func OpenAPI() []byte { return contract }

func (h *Handler) openAPI(c *call) error {
	c.write(http.StatusOK, "application/yaml", contract) // RFC 9512
	return nil
}
