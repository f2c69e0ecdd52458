package main

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"dossiersync/portalapi/client"
)

// errUnreachable is the error of a call that got no answer. Its cause has no URL, because URLs have ids.
type errUnreachable struct{ cause error }

func (e errUnreachable) Error() string { return "the portal API gives no answer: " + e.cause.Error() }

// answered returns the answer of a call, or why it is none: a [*client.Problem] if the API said so.
func answered[A client.Answer](answer A, err error) (A, error) {
	if u, ok := errors.AsType[*url.Error](err); ok {
		err = u.Err
	}
	if err != nil {
		return answer, errUnreachable{err}
	}
	return answer, client.Failure(answer)
}

// isStatus reports whether the API answered with a problem of this status.
func isStatus(err error, status int) bool {
	problem, ok := errors.AsType[*client.Problem](err)
	return ok && problem.Status == status
}

// isNotFound reports whether the API says that something does not exist, or not for this reader.
func isNotFound(err error) bool { return isStatus(err, http.StatusNotFound) }

// text returns what s points to; empty for nil.
func text(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

// some returns a pointer to v; nil for the zero value, which stands for a parameter that is left out.
func some[T comparable](v T) *T {
	var zero T
	if v == zero {
		return nil
	}
	return &v
}

// portalUser is the subject of the portal's own tokens, with which it reads and changes grants.
const portalUser = "portaal"

// reader returns a client of the API for what a user may read.
func (p *portal) reader(tenant, user string) (*client.ClientWithResponses, error) {
	return p.client(tenant, user, scopeRead)
}

func (p *portal) client(tenant, user, scope string) (*client.ClientWithResponses, error) {
	token, err := p.tokens.token(tenant, user, scope)
	if err != nil {
		return nil, err
	}
	return client.NewReader(p.api, token, p.http)
}

// dossiers returns the dossiers that the user may open now, by family name. The access log of a dossier
// has no entry for this call, so it may be made for every page.
func dossiers(ctx context.Context, api *client.ClientWithResponses) ([]client.Dossier, client.Freshness, error) {
	var list []client.Dossier
	params := &client.ListDossiersParams{}
	for {
		page, err := answered(api.ListDossiersWithResponse(ctx, params))
		if err != nil {
			return nil, client.Freshness{}, err
		}
		list = append(list, page.JSON200.Items...)
		params.Cursor = page.JSON200.Page.NextCursor
		if params.Cursor == nil {
			slices.SortStableFunc(list, func(a, b client.Dossier) int {
				return strings.Compare(text(a.SortName), text(b.SortName))
			})
			return list, page.JSON200.Freshness, nil
		}
	}
}

// grants returns the grants on a client. The portal reads them for the actor.
func (p *portal) grants(ctx context.Context, tenant, actor, id string) ([]client.Grant, error) {
	api, err := p.client(tenant, portalUser, scopeGrants)
	if err != nil {
		return nil, err
	}
	var list []client.Grant
	params := &client.ListGrantsParams{DossierActor: actor}
	for {
		page, err := answered(api.ListGrantsWithResponse(ctx, id, params))
		if err != nil {
			return nil, err
		}
		list = append(list, page.JSON200.Items...)
		params.Cursor = page.JSON200.Page.NextCursor
		if params.Cursor == nil {
			return list, nil
		}
	}
}

// putGrant stores a grant for the actor.
func (p *portal) putGrant(ctx context.Context, tenant, actor, id, user string, g client.GrantRequest) error {
	api, err := p.client(tenant, portalUser, scopeGrants)
	if err != nil {
		return err
	}
	_, err = answered(api.PutGrantWithResponse(ctx, id, user, &client.PutGrantParams{DossierActor: actor}, g))
	return err
}

// revokeGrant takes all rights of the user on a client, for the actor.
func (p *portal) revokeGrant(ctx context.Context, tenant, actor, id, user string) error {
	api, err := p.client(tenant, portalUser, scopeGrants)
	if err != nil {
		return err
	}
	_, err = answered(api.RevokeGrantWithResponse(ctx, id, user, &client.RevokeGrantParams{DossierActor: actor}))
	return err
}
