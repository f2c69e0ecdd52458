package app

import (
	"net/url"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"dossiersync/config"
)

func TestAttachmentPrefixesReachTheSource(t *testing.T) {
	t.Parallel()
	base, err := url.Parse("https://ecd.example/fhir")
	if err != nil {
		t.Fatal(err)
	}
	for prefix, want := range map[string]string{
		"https://ecd.example/files/":   "",
		"https://files.example/files/": "attachment prefix 1: is on another origin",
	} {
		fhir := config.FHIR{BaseURL: base, AttachmentPrefixes: []string{prefix}}
		tenant := &config.Tenant{ID: "amaris", Source: config.Source{FHIR: fhir}}
		_, err := NewSource(tenant, SyncerOptions{Registerer: prometheus.NewRegistry()})
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %q", prefix, err, want)
		}
	}
}
