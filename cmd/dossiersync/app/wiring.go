package app

import (
	"fmt"
	"net/http"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"dossiersync/config"
	"dossiersync/store"
	"dossiersync/store/dossier"
	dossiersync "dossiersync/sync"
	"dossiersync/sync/fhir"
	"dossiersync/sync/render"
	"dossiersync/sync/source"
)

// SyncerOptions are what a syncer is built with beside the configuration. The zero
// value will do.
type SyncerOptions struct {
	Log        *zap.Logger           // nil: nothing is logged
	Registerer prometheus.Registerer // nil: no metrics
	// WrapTransport and WrapSource stand between the program and a tenant's
	// source; nil: nothing does.
	WrapTransport func(http.RoundTripper) http.RoundTripper
	WrapSource    func(source.Source) source.Source
}

// NewSyncer builds what brings the configured tenants up to date.
func NewSyncer(cfg *config.Config, st *store.Store, o SyncerOptions) (*dossiersync.Syncer, error) {
	observed, err := newSourceMetrics(o.Registerer)
	if err != nil {
		return nil, err
	}
	tenants := make([]dossiersync.Tenant, 0, len(cfg.Tenants))
	for i := range cfg.Tenants {
		t := &cfg.Tenants[i]
		observed.breaker(t.ID, "closed") // until it says otherwise
		src, err := newSource(t, observed, o)
		if err != nil {
			return nil, fmt.Errorf("tenant %s: %w", t.ID, err)
		}
		tenants = append(tenants, dossiersync.Tenant{
			ID: t.ID, Name: t.Name, Location: t.Location, Schedule: t.Schedule,
			Source: src, Lag: t.Source.FHIR.Lag, Overlap: t.Source.FHIR.Overlap,
			RequestsPerRun: int64(t.Source.FHIR.RequestsPerRun), MaxRemoved: t.MaxRemoved,
			Rules: render.Rules{
				Author:      render.AuthorRule(t.Mapping.Author),
				ReportTitle: t.Mapping.Labels.Reports,
				FormTitle:   t.Mapping.Labels.Forms,
				PlanTitle:   t.Mapping.Labels.CarePlans,
			},
		})
	}
	return dossiersync.New(st, tenants, dossiersync.Options{Log: o.Log, Registerer: o.Registerer})
}

// NewSource opens the tenant's source.
func NewSource(t *config.Tenant, o SyncerOptions) (source.Source, error) {
	observed, err := newSourceMetrics(o.Registerer)
	if err != nil {
		return nil, err
	}
	return newSource(t, observed, o)
}

func newSource(t *config.Tenant, observed *sourceMetrics, o SyncerOptions) (source.Source, error) {
	f := t.Source.FHIR
	transport, err := newTransport(f.Auth)
	if err != nil {
		return nil, err
	}
	if o.WrapTransport != nil {
		transport = o.WrapTransport(transport)
	}
	m := t.Mapping
	mapping := fhir.Mapping{
		ReportCodes: codes(m.ReportCodes), Category: rules(m.Category), Domain: rules(m.Domains),
		ShowPreliminary: m.Show.Preliminary, ShowSuperseded: m.Show.Superseded,
		ShowInProgress: m.Show.InProgress, ShowStopped: m.Show.Stopped,
	}
	for _, hide := range m.Hide {
		mapping.Hide = append(mapping.Hide, fhir.Rule{Match: match(hide)})
	}
	src, err := fhir.New(fhir.Options{
		Tenant: t.ID, BaseURL: f.BaseURL, Transport: transport,
		PageSize: f.PageSize, Concurrency: f.Concurrency, RequestsPerSecond: f.RequestsPerSecond,
		Searches: searches(t), Mapping: mapping, Zone: t.Location, AttachmentPrefixes: f.AttachmentPrefixes,
		Observe:   func(r fhir.Request) { observed.request(t.ID, r) },
		OnBreaker: func(state string) { observed.breaker(t.ID, state) },
	})
	if err != nil || o.WrapSource == nil {
		return src, err
	}
	return o.WrapSource(src), nil
}

// searches returns the searches that the tenant's configuration gives.
func searches(t *config.Tenant) map[dossier.Stream][]string {
	given := make(map[dossier.Stream][]string, len(t.Source.FHIR.Search))
	for stream, list := range t.Source.FHIR.Search {
		given[dossier.Stream(stream)] = list
	}
	return given
}

// newTransport returns how requests to a source are carried and authenticated.
// Secrets and certificates are read when they are needed, so that they can be
// renewed while the program runs.
func newTransport(auth config.Auth) (http.RoundTripper, error) {
	var transport http.RoundTripper = fhir.NewTransport(nil)
	if m := auth.MTLS; m != nil {
		var err error
		if transport, err = fhir.MutualTLS(m.CertFile, m.KeyFile, m.CAFile); err != nil {
			return nil, fmt.Errorf("source.fhir.auth.mtls: %w", err)
		}
	}
	switch {
	case auth.Basic != nil:
		password, err := auth.Basic.Password.Read()
		if err != nil {
			return nil, fmt.Errorf("source.fhir.auth.basic: %w", err)
		}
		return fhir.Basic(transport, auth.Basic.Username, string(password)), nil
	case auth.Bearer != nil:
		return fhir.Bearer(transport, secret(auth.Bearer.Token)), nil
	case auth.ClientCredentials != nil:
		c := auth.ClientCredentials
		return fhir.ClientCredentials(transport, fhir.ClientCredentialsOptions{
			TokenURL: c.TokenURL, ClientID: c.ClientID, Secret: secret(c.ClientSecret), Scope: c.Scope})
	case auth.PrivateKeyJWT != nil:
		c := auth.PrivateKeyJWT
		key := secret(c.Key)
		return fhir.PrivateKeyJWT(transport, fhir.PrivateKeyJWTOptions{
			TokenURL: c.TokenURL, ClientID: c.ClientID, KeyID: c.KID, Algorithm: c.Algorithm, Scope: c.Scope,
			Key: func() ([]byte, error) {
				pem, err := key()
				return []byte(pem), err
			}})
	}
	return transport, nil
}

// secret returns how a secret is read at the moment when it is needed.
func secret(c config.Credential) func() (string, error) {
	return func() (string, error) {
		s, err := c.Read()
		return string(s), err
	}
}

func code(c config.Code) fhir.Code { return fhir.Code{System: c.System, Code: c.Code} }

// codes keeps the difference between no list (nil) and an empty one.
func codes(list []config.Code) []fhir.Code {
	if list == nil {
		return nil
	}
	out := make([]fhir.Code, 0, len(list))
	for _, c := range list {
		out = append(out, code(c))
	}
	return out
}

func match(m config.Match) fhir.Match {
	return fhir.Match{Code: code(m.Code), Category: code(m.Category), Tag: code(m.Tag), Security: code(m.Security)}
}

func rules(list []config.Rule) []fhir.Rule {
	out := make([]fhir.Rule, 0, len(list))
	for _, r := range list {
		out = append(out, fhir.Rule{Match: match(r.Match), Set: r.Set})
	}
	return out
}
