package app

import (
	"context"
	"errors"

	"dossiersync/config"
	"dossiersync/portalapi/ops"
	"dossiersync/store/dossier"
	"dossiersync/sync/fhir"
)

var errNoSource = errors.New("this process cannot ask the source")

// explainItems returns what reads an item from its tenant's source, for the operators' pages. A process that
// lacks a source's secrets says so when it is asked.
func explainItems(cfg *config.Config) func(context.Context, string, dossier.Ref) (ops.ItemReading, error) {
	sources := make(map[string]*fhir.Source, len(cfg.Tenants))
	for i := range cfg.Tenants {
		t := &cfg.Tenants[i]
		src, err := NewSource(t, SyncerOptions{})
		if s, ok := src.(*fhir.Source); err == nil && ok {
			sources[t.ID] = s
		}
	}
	return func(ctx context.Context, tenant string, ref dossier.Ref) (ops.ItemReading, error) {
		src := sources[tenant]
		if src == nil {
			return ops.ItemReading{}, errNoSource
		}
		e, err := src.ReadMembers(ctx, ref)
		if err != nil {
			return ops.ItemReading{}, err
		}
		for i := range e.Members {
			e.Members[i].URL = "" // the source's words
		}
		return ops.ItemReading{Client: e.Item.Client, State: e.Item.State, Reason: e.Item.Reason, Detail: e.Item.Detail,
			Members: e.Members}, nil
	}
}
