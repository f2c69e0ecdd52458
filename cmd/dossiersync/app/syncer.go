package app

import (
	"fmt"
	"net/http"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"dossiersync/config"
	"dossiersync/store"
	dossiersync "dossiersync/sync"
	"dossiersync/sync/render"
	"dossiersync/sync/source"
)

// SyncerOptions are the settings of a syncer that are not in the configuration file.
// The zero value is ready to use.
type SyncerOptions struct {
	Log        *zap.Logger           // nil: nothing is logged
	Registerer prometheus.Registerer // nil: no metrics
	// WrapTransport and WrapSource replace the transport to a tenant's source and the
	// source itself, for measurements; nil: they stay as they are.
	WrapTransport func(http.RoundTripper) http.RoundTripper
	WrapSource    func(source.Source) source.Source
}

// NewSyncer returns what brings the configured tenants up to date.
func NewSyncer(cfg *config.Config, st *store.Store, o SyncerOptions) (*dossiersync.Syncer, error) {
	metrics, err := newSourceMetrics(o.Registerer)
	if err != nil {
		return nil, err
	}
	tenants := make([]dossiersync.Tenant, 0, len(cfg.Tenants))
	for i := range cfg.Tenants {
		t := &cfg.Tenants[i]
		metrics.setBreaker(t.ID, "closed") // until it changes
		src, err := newSource(t, metrics, o)
		if err != nil {
			return nil, fmt.Errorf("tenant %s: %w", t.ID, err)
		}
		f := &t.Source.FHIR
		tenants = append(tenants, dossiersync.Tenant{
			ID: t.ID, Name: t.Name, Location: t.Location, Schedule: t.Schedule, MaxRemoved: t.MaxRemoved,
			GrantsDormantAfter: t.GrantsDormantAfter,
			Source:             src, Lag: f.Lag, Overlap: f.Overlap, RequestsPerRun: int64(f.RequestsPerRun),
			Rules: renderRules(t),
		})
	}
	return dossiersync.New(st, tenants, dossiersync.Options{Log: o.Log, Registerer: o.Registerer})
}

func renderRules(t *config.Tenant) render.Rules {
	labels := t.Mapping.Labels
	return render.Rules{
		Author:      render.AuthorRule(t.Mapping.Author),
		ReportTitle: labels["single_report"],
		FormTitle:   labels["single_form"],
		PlanTitle:   labels["care-plans"],
		Words:       words(t),
	}
}

// NewSource returns the tenant's source.
func NewSource(t *config.Tenant, o SyncerOptions) (source.Source, error) {
	metrics, err := newSourceMetrics(o.Registerer)
	if err != nil {
		return nil, err
	}
	return newSource(t, metrics, o)
}
