package app

import (
	"context"
	"fmt"
	"net/http"

	"dossiersync/config"
	"dossiersync/store/dossier"
	"dossiersync/sync/fhir"
	"dossiersync/sync/source"
)

func newSource(t *config.Tenant, metrics *sourceMetrics, o SyncerOptions) (source.Source, error) {
	transport, err := newTransport(t.Source.FHIR.Auth)
	if err != nil {
		return nil, err
	}
	if o.WrapTransport != nil {
		transport = o.WrapTransport(transport)
	}
	options := sourceOptions(t)
	options.Transport = transport
	options.Observe = func(r fhir.Request) { metrics.observe(t.ID, r) }
	options.OnBreaker = func(state string) { metrics.setBreaker(t.ID, state) }
	src, err := fhir.New(options)
	if err != nil || o.WrapSource == nil {
		return src, err
	}
	return o.WrapSource(src), nil
}

// sourceOptions returns the options of the tenant's source that the configuration gives.
func sourceOptions(t *config.Tenant) fhir.Options {
	f := &t.Source.FHIR
	return fhir.Options{
		Tenant: t.ID, BaseURL: f.BaseURL, Aliases: f.Aliases,
		PageSize: f.PageSize, Concurrency: f.Concurrency, RequestsPerSecond: f.RequestsPerSecond,
		Searches: searches(t), Mapping: mapping(&t.Mapping), Zone: t.Location, AttachmentPrefixes: f.AttachmentPrefixes,
	}
}

// searches returns the searches that are configured for the tenant.
func searches(t *config.Tenant) map[dossier.Stream][]string {
	given := make(map[dossier.Stream][]string, len(t.Source.FHIR.Search))
	for stream, list := range t.Source.FHIR.Search {
		given[dossier.Stream(stream)] = list
	}
	return given
}

// newTransport returns the transport that authenticates requests to a source.
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

// secret returns a function that reads the secret as it is at that moment.
func secret(c config.Credential) func() (string, error) {
	return func() (string, error) {
		s, err := c.Read()
		return string(s), err
	}
}

func mapping(m *config.Mapping) fhir.Mapping {
	var hide []fhir.Rule
	for _, h := range m.Hide {
		hide = append(hide, fhir.Rule{Match: match(h)})
	}
	return fhir.Mapping{
		ReportCodes: codes(m.ReportCodes), Category: rules(m.Category), Domain: rules(m.Domains), Hide: hide,
		ShowPreliminary: m.Show.Preliminary, ShowSuperseded: m.Show.Superseded,
		ShowInProgress: m.Show.InProgress, ShowStopped: m.Show.Stopped,
		DocumentTime: fhir.DocumentTime(m.DocumentTime),
	}
}

// codes returns nil for nil: an empty list has another meaning.
func codes(list []config.Code) []fhir.Code {
	if list == nil {
		return nil
	}
	out := make([]fhir.Code, 0, len(list))
	for _, c := range list {
		out = append(out, fhir.Code(c))
	}
	return out
}

func match(m config.Match) fhir.Match {
	return fhir.Match{
		Code: fhir.Code(m.Code), Category: fhir.Code(m.Category),
		Tag: fhir.Code(m.Tag), Security: fhir.Code(m.Security),
	}
}

func rules(list []config.Rule) []fhir.Rule {
	out := make([]fhir.Rule, 0, len(list))
	for _, r := range list {
		out = append(out, fhir.Rule{Match: match(r.Match), Set: r.Set})
	}
	return out
}

// What [Probe] finds.
type (
	// Probed is what was found of a source.
	Probed = fhir.Probed
	// ProbedType is what was found of one of its types.
	ProbedType = fhir.ProbedType
)

// Probe tries what the tenant's source can do; see [fhir.Source.Probe].
func Probe(ctx context.Context, t *config.Tenant) (*Probed, error) {
	src, err := NewSource(t, SyncerOptions{})
	if err != nil {
		return nil, err
	}
	s, ok := src.(*fhir.Source)
	if !ok {
		return nil, Usagef("the source of %s is not a FHIR server", t.ID)
	}
	return s.Probe(ctx)
}
