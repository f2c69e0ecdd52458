package app

import (
	"maps"
	"slices"

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
	// Titles of single items are stored with the items.
	labels := maps.Clone(t.Mapping.Labels)
	delete(labels, "single_report")
	delete(labels, "single_form")
	kinds := make([]dossier.Kind, 0, len(t.Mapping.Timeline))
	for _, k := range t.Mapping.Timeline {
		kinds = append(kinds, dossier.Kind(k))
	}
	return portalapi.Tenant{
		ID: t.ID, Name: t.Name, Location: t.Location, Schedule: t.Schedule,
		Labels: labels, Timeline: kinds, Shared: sharedParts(t),
	}
}

// sharedParts returns the parts that the tenant shares with its clients: those for which
// at least one stream is pulled. It is never nil.
func sharedParts(t *config.Tenant) []dossier.Part {
	pulled := fhir.Searches(searches(t), codes(t.Mapping.ReportCodes))
	return slices.DeleteFunc(slices.Clone(dossier.Parts()), func(part dossier.Part) bool {
		return !slices.ContainsFunc(part.Streams(), func(s dossier.Stream) bool { return len(pulled[s]) > 0 })
	})
}
