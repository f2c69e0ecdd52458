package portalapi

import (
	"cmp"
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"dossiersync/portalapi/web"
	"dossiersync/store"
	"dossiersync/store/dossier"
)

// requireDossier fails unless there is a dossier that the user may open. It adds the user's name
// and role to the entry of the access log.
func (c *call) requireDossier(s *store.Standing) error {
	if s.Dossier == nil {
		return web.Absent()
	}
	c.event.UserRole = string(s.Dossier.Role)
	if s.Dossier.UserName != nil {
		c.event.UserName = *s.Dossier.UserName
	}
	return nil
}

// partsOf returns the parts that the user has a right to, in the portal's order.
func partsOf(d *store.Dossier) []dossier.Part {
	parts := []dossier.Part{}
	for _, p := range dossier.Parts() {
		if d.May(p) {
			parts = append(parts, p)
		}
	}
	return parts
}

func stringOrNull(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

// headJSON is what is served of a dossier as a whole. Labels are in the organisation's words.
type headJSON struct {
	Client    string     `json:"client"`
	Name      *string    `json:"name"`
	SortName  *string    `json:"sortName"`
	BirthDate *string    `json:"birthDate"`
	Team      *string    `json:"team"`
	Role      store.Role `json:"role"`
	RoleLabel string     `json:"roleLabel"`
	Manager   bool       `json:"manager"`
}

type dossierJSON struct {
	headJSON

	Parts      []dossier.Part    `json:"parts"`
	PartLabels map[string]string `json:"partLabels"`
}

var birthDate = regexp.MustCompile(`^[0-9]{4}(-[0-9]{2}(-[0-9]{2})?)?$`) // FHIR R4 §2.24.0.1: date

func (t *Tenant) head(d *store.Dossier) headJSON {
	h := headJSON{d.Client, stringOrNull(d.Name), d.Person.SortName, d.Person.BirthDate, d.Person.Team, d.Role,
		t.word("role", string(d.Role)), d.Manager}
	if h.BirthDate != nil && !birthDate.MatchString(*h.BirthDate) {
		h.BirthDate = nil
	}
	return h
}

// dossiers lists the dossiers that the user may open, by sort name within a page.
func (a *API) dossiers(ctx context.Context, c *call) (*result, error) {
	q := web.ReadQuery(c.r, "cursor")
	if err := q.Err(); err != nil {
		return nil, err
	}
	l, err := newListing(c, q)
	if err != nil {
		return nil, err
	}
	st, list, more, err := a.portal.Dossiers(ctx, c.identity(), l.startKey())
	if err != nil {
		return nil, err
	}
	var p page
	if more {
		p = l.pageAfter(list[len(list)-1].Client)
	}
	slices.SortStableFunc(list, func(a, b store.Dossier) int {
		return cmp.Or(cmp.Compare(sortName(&a), sortName(&b)), cmp.Compare(text(a.Person.BirthDate), text(b.Person.BirthDate)))
	})
	items := make([][]byte, 0, len(list))
	versions := ""
	for i := range list {
		d := &list[i]
		parts := partsOf(d)
		items = append(items, encode(dossierJSON{c.tenant.head(d), parts, c.tenant.partLabels(parts)}))
		versions += fmt.Sprintf("%s %d %d\n", d.Client, d.Change, d.GrantVersion)
	}
	s := newBasis(c.tenant, &st)
	f := s.freshness()
	if len(list) == 0 {
		f = s.emptyFreshness(l.from != nil)
		// The same whether the user has no grant or one that does not count, for whatever reason.
		if l.from == nil && s.asOf() != nil {
			f.because(c.tenant, noDossier)
		}
	}
	return &result{body: listBody(items, p, f), version: s.version(c, f, versions)}, nil
}

func sortName(d *store.Dossier) string {
	return strings.ToLower(cmp.Or(text(d.Person.SortName), d.Name))
}

func text(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

func (t *Tenant) partLabels(parts []dossier.Part) map[string]string {
	labels := make(map[string]string, len(parts))
	for _, p := range parts {
		labels[string(p)] = t.word("part", string(p))
	}
	return labels
}

type startJSON struct {
	headJSON

	Parts        []partJSON        `json:"parts"`
	Organisation string            `json:"organisation"`
	Timezone     string            `json:"timezone"`
	Labels       map[string]string `json:"labels"`
	Timeline     []dossier.Kind    `json:"timeline"`
}

type partJSON struct {
	Part   dossier.Part `json:"part"`
	Label  string       `json:"label"`
	Count  int64        `json:"count"`
	Newest *string      `json:"newest"`
}

var kindOf = map[dossier.Part]dossier.Kind{
	dossier.PartReports: dossier.KindReport, dossier.PartForms: dossier.KindForm,
	dossier.PartCarePlans: dossier.KindCarePlan,
}

var partOf = map[dossier.Kind]dossier.Part{
	dossier.KindReport: dossier.PartReports, dossier.KindForm: dossier.PartForms,
	dossier.KindCarePlan: dossier.PartCarePlans,
}

// dossier answers with the start panel of a dossier.
func (a *API) dossier(ctx context.Context, c *call) (*result, error) {
	if err := web.ReadQuery(c.r).Err(); err != nil {
		return nil, err
	}
	same, err := a.unchanged(ctx, c, func(st *store.Standing) *result {
		s := newBasis(c.tenant, st, partsOf(st.Dossier)...)
		return &result{version: s.version(c, s.freshness())}
	})
	if same != nil || err != nil {
		return same, err
	}
	st, counts, err := a.portal.Dossier(ctx, c.identity(), c.client)
	if err != nil {
		return nil, err
	}
	if err := c.requireDossier(&st); err != nil {
		return nil, err
	}
	byKind := make(map[dossier.Kind]store.PartCount, len(counts))
	for _, n := range counts {
		if c.tenant.shares(partOf[n.Kind]) {
			byKind[n.Kind] = n
		}
	}
	d, t := st.Dossier, c.tenant
	parts := partsOf(d)
	s := newBasis(t, &st, parts...)
	start := startJSON{
		headJSON:     t.head(d),
		Organisation: t.Name, Timezone: t.Location.String(), Labels: t.Labels, Timeline: t.Timeline,
		Parts: make([]partJSON, 0, len(parts)),
	}
	for _, p := range parts {
		n := byKind[kindOf[p]]
		start.Parts = append(start.Parts, partJSON{p, t.word("part", string(p)), n.Count, t.timeOrNull(n.Newest)})
	}
	f := s.freshness()
	return &result{body: itemBody(encode(start), f), version: s.version(c, f)}, nil
}

// contacts lists the contacts in the care record, who are candidates for a grant.
func (a *API) contacts(ctx context.Context, c *call) (*result, error) {
	q := web.ReadQuery(c.r, "cursor")
	if err := q.Err(); err != nil {
		return nil, err
	}
	l, err := newListing(c, q)
	if err != nil {
		return nil, err
	}
	st, list, more, err := a.portal.Contacts(ctx, c.identity(), c.client, l.startKey())
	if err != nil {
		return nil, err
	}
	if err := c.requireDossier(&st); err != nil {
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
		f = s.emptyFreshness(l.from != nil)
	}
	var p page
	if more {
		p = l.pageAfter(list[len(list)-1].Key)
	}
	return &result{body: listBody(items, p, f), version: s.version(c, f), denied: len(s.visible) == 0}, nil
}
