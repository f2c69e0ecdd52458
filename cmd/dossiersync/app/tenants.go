package app

import (
	"maps"
	"slices"
	"strings"

	"dossiersync/config"
	"dossiersync/portalapi"
	"dossiersync/portalapi/ops/operate"
	"dossiersync/store/dossier"
	"dossiersync/sync/fhir"
)

// OpsTenant returns the configured tenant with that id as operators see it, or nil if
// it is not configured.
func OpsTenant(cfg *config.Config, id string) *operate.Tenant {
	for i := range cfg.Tenants {
		if cfg.Tenants[i].ID == id {
			t := opsTenant(&cfg.Tenants[i])
			return &t
		}
	}
	return nil
}

func opsTenants(cfg *config.Config) []operate.Tenant {
	list := make([]operate.Tenant, 0, len(cfg.Tenants))
	for i := range cfg.Tenants {
		list = append(list, opsTenant(&cfg.Tenants[i]))
	}
	return list
}

func opsTenant(t *config.Tenant) operate.Tenant {
	f := &t.Source.FHIR
	return operate.Tenant{
		ID: t.ID, Name: t.Name, Location: t.Location, Schedule: t.Schedule, Cron: t.Schedule.Text,
		Shared: sharedParts(t), RequestBudget: f.RequestsPerRun,
		Pace: operate.Pace{RequestsPerSecond: f.RequestsPerSecond, Concurrency: f.Concurrency},
	}
}

func portalTenants(cfg *config.Config) []portalapi.Tenant {
	list := make([]portalapi.Tenant, 0, len(cfg.Tenants))
	for i := range cfg.Tenants {
		list = append(list, portalTenant(&cfg.Tenants[i]))
	}
	return list
}

func portalTenant(t *config.Tenant) portalapi.Tenant {
	labels := maps.Clone(t.Mapping.Labels)
	maps.DeleteFunc(labels, func(key, _ string) bool {
		// Titles of single items are stored with the items.
		return strings.Contains(key, ".") || key == "single_report" || key == "single_form"
	})
	kinds := make([]dossier.Kind, 0, len(t.Mapping.Timeline))
	for _, k := range t.Mapping.Timeline {
		kinds = append(kinds, dossier.Kind(k))
	}
	return portalapi.Tenant{
		ID: t.ID, Name: t.Name, Location: t.Location, Schedule: t.Schedule,
		Labels: labels, Words: words(t), Timeline: kinds, Shared: sharedParts(t),
	}
}

// words returns the tenant's words for codes.
func words(t *config.Tenant) map[string]string {
	words := maps.Clone(t.Mapping.Labels)
	maps.DeleteFunc(words, func(key, _ string) bool { return !strings.Contains(key, ".") })
	return words
}

// sharedParts returns the parts that the tenant shares with its clients: those for which
// at least one stream is pulled. It is never nil.
func sharedParts(t *config.Tenant) []dossier.Part {
	pulled := fhir.Searches(searches(t), codes(t.Mapping.ReportCodes))
	return slices.DeleteFunc(slices.Clone(dossier.Parts()), func(part dossier.Part) bool {
		return !slices.ContainsFunc(part.Streams(), func(s dossier.Stream) bool { return len(pulled[s]) > 0 })
	})
}
