package app

import (
	"testing"

	"dossiersync/config"
)

func TestPortalDoesNotServeTitlesOfSingleItems(t *testing.T) {
	t.Parallel()
	labels := map[string]string{"reports": "Verslagen", "single_report": "Verslag", "single_form": "Formulier"}
	cfg := &config.Config{Tenants: []config.Tenant{{ID: "amaris", Mapping: config.Mapping{Labels: labels}}}}
	if got := portalTenants(cfg)[0].Labels; len(got) != 1 || got["reports"] != "Verslagen" || len(labels) != 3 {
		t.Errorf("labels %v, from %v", got, labels)
	}
}
