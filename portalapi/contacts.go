package portalapi

import (
	"context"

	"dossiersync/portalapi/web"
	"dossiersync/store/dossier"
)

// contacts lists the contacts in the care record: candidates for a grant.
func (a *API) contacts(ctx context.Context, c *call) (*result, error) {
	q := web.ReadQuery(c.r, "cursor")
	if err := q.Err(); err != nil {
		return nil, err
	}
	l, err := newListing(c, q)
	if err != nil {
		return nil, err
	}
	st, list, more, err := a.reader.Contacts(ctx, c.identity(), c.client, l.after())
	if err != nil {
		return nil, err
	}
	if err := c.know(&st); err != nil {
		return nil, err
	}
	if st.Dossier.Deceased {
		list, more = nil, false
	}
	items := make([][]byte, 0, len(list))
	for i := range list {
		items = append(items, merge(list[i].Card, encode(struct {
			Active bool `json:"active"`
		}{list[i].Open != nil && *list[i].Open})))
	}
	s := newBasis(c.tenant, &st, dossier.PartContacts)
	f := s.freshness()
	if len(items) == 0 {
		f = s.ofEmpty(l.from != nil)
	}
	var p page
	if more {
		p.Next = l.following(list[len(list)-1].Key)
	}
	return &result{body: listBody(items, p, f), version: s.version(c, f), denied: len(s.visible) == 0}, nil
}
