package fhir

import (
	"context"
	"errors"
	"fmt"
	"net/url"

	"dossiersync/store/dossier"
	"dossiersync/sync/source"
)

// Source is one tenant's FHIR server. It implements [source.Source].
type Source struct {
	base     *url.URL // with a slash at its end
	client   *client
	mapper   *mapper
	types    []source.Type
	pageSize int
	limits   Limits
	learned  learned
}

var _ source.Source = (*Source)(nil)

// New returns the source that o describes, or every fault in o. It asks nothing
// yet.
func New(o Options) (*Source, error) { return newSource(o, usual) }

func newSource(o Options, t times) (*Source, error) {
	o, err := o.withDefaults()
	m := &mapper{base: o.BaseURL, aliases: o.Aliases, zone: o.Zone, limits: o.Limits, rules: o.Mapping}
	types, wrong := o.types(m)
	if err := errors.Join(err, wrong); err != nil {
		return nil, fmt.Errorf("source of %s: %w", o.Tenant, err)
	}
	m.reach = newReach(o)
	base := o.BaseURL.JoinPath("/")
	return &Source{
		base: base, client: newClient(o, t), mapper: m, types: types,
		pageSize: o.PageSize, limits: o.Limits,
	}, nil
}

// Read implements [source.Source].
func (s *Source) Read(ctx context.Context, stream dossier.Stream, ref dossier.Ref) (dossier.Item, error) {
	act := "read " + ref.Type
	t, ok := s.typeOf(stream, ref.Type)
	if !ok || !isID(ref.ID) {
		return dossier.Item{}, &source.Failure{Kind: source.Unsupported, Act: act}
	}
	ans, err := s.client.get(ctx, request{act: act, kind: ref.Type, url: s.base.JoinPath(ref.Type, ref.ID)})
	if err != nil {
		return dossier.Item{}, err
	}
	r := &resource{limits: s.limits}
	it := s.mapper.item(r, t, ans.body, false)
	if u, ok := wants(r, &it, ans.body); ok {
		if err := s.finish(ctx, t, []unfinished{u}); err != nil {
			return dossier.Item{}, err
		}
	}
	if it.Type == "OperationOutcome" {
		return it, invalid(act, ans, plain("an OperationOutcome instead of the record: "+issueCode(ans.body)))
	}
	if it.ID != "" && it.ID != ref.ID {
		return dossier.Item{}, invalid(act, ans, plain("another record than was asked for"))
	}
	it.Ref = ref
	return it, nil
}

// typeOf returns the type of the stream that is called name, whatever it is
// searched by.
func (s *Source) typeOf(stream dossier.Stream, name string) (source.Type, bool) {
	for _, t := range s.types {
		if t.Stream == stream && t.Name == name {
			return t, true
		}
	}
	return source.Type{}, false
}

func invalid(act string, ans response, err error) error {
	return &source.Failure{Kind: source.Invalid, Act: act, Status: ans.status, Err: err}
}
