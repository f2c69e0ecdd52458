package main

import (
	"cmp"
	"net/http"
	"slices"
	"strings"
	"time"

	"dossiersync/portalapi/client"
)

// accessBody is the page on which a manager gives and takes rights.
type accessBody struct {
	People   []personAccess
	Contacts []client.Contact // known in the care record, without rights here
	Today    string
}

// personAccess is a person with a grant.
type personAccess struct {
	client.Grant
	Name, Relation, State string
	You, Fixed            bool // nobody changes their own rights, or those of the client
	Waits                 bool // it does not open the dossier now
}

// Sees reports whether the grant has a part.
func (a personAccess) Sees(part string) bool { return slices.Contains(a.Parts, client.Part(part)) }

func (p *portal) access(v *view) error {
	if !v.page.Dossier.Manager {
		return errNotManager
	}
	s, id := v.page.Session, v.page.Dossier.Client
	contacts, fresh, err := v.contacts()
	if err != nil {
		return err
	}
	grants, err := p.grants(v.Context(), s.Tenant, s.User, id)
	if err != nil {
		return err
	}
	body := accessBody{Today: time.Now().In(v.page.Head.Zone).Format(time.DateOnly)}
	for _, g := range grants {
		if g.State != client.GrantStateRevoked {
			body.People = append(body.People, p.personAccess(v, g, contacts))
		}
	}
	slices.SortStableFunc(body.People, func(a, b personAccess) int { return strings.Compare(a.order(), b.order()) })
	for _, c := range contacts {
		granted := slices.ContainsFunc(body.People, func(a personAccess) bool { return text(a.Contact) == c.Id })
		if c.Active && !granted {
			body.Contacts = append(body.Contacts, c)
		}
	}
	v.page.Notice = notices[v.URL.Query().Get("klaar")]
	return v.show("access", "Gebruikersbeheer", &fresh, body)
}

// notices say what the previous action did.
var notices = map[string]string{
	"gegeven":   "De uitnodiging is gegeven. De persoon ziet het dossier zodra hij of zij de uitnodiging aanneemt.",
	"veranderd": "De toegang is veranderd. Dat geldt meteen.",
	"genomen":   "De toegang is ingetrokken. Dat geldt meteen.",
}

// order puts the client first, then the reader, then the others by name.
func (a personAccess) order() string {
	switch {
	case a.Role == client.RoleClient:
		return "0"
	case a.You:
		return "1"
	}
	return "2" + a.Name
}

func (p *portal) personAccess(v *view, g client.Grant, contacts []client.Contact) personAccess {
	a := personAccess{Grant: g, Name: text(g.Name), Relation: text(g.RoleLabel), State: text(g.StateLabel),
		You: g.User == v.page.Session.User, Fixed: g.Role == client.RoleClient}
	if g.Role == client.RoleClient {
		a.Name = v.page.Client()
	}
	if known, found := p.people.find(v.page.Session.Tenant, g.User); found {
		a.Name = cmp.Or(a.Name, known.Name)
	}
	a.Name = cmp.Or(a.Name, g.User)
	for _, c := range contacts {
		if c.Id == text(g.Contact) && c.Relationship != nil {
			a.Relation = *c.Relationship
		}
	}
	if g.Counts != nil && !*g.Counts {
		a.Waits, a.State = true, cmp.Or(text(g.WhySentence), a.State)
	}
	return a
}

// contacts returns the contacts of the open dossier in the care record.
func (v *view) contacts() ([]client.Contact, client.Freshness, error) {
	var list []client.Contact
	params := &client.ListContactsParams{}
	for {
		page, err := answered(v.api.ListContactsWithResponse(v.Context(), v.page.Dossier.Client, params))
		if err != nil {
			return nil, client.Freshness{}, err
		}
		list = append(list, page.JSON200.Items...)
		params.Cursor = page.JSON200.Page.NextCursor
		if params.Cursor == nil {
			return list, page.JSON200.Freshness, nil
		}
	}
}

// changeAccess gives, changes or takes rights. The API leaves it to the portal to check that the reader
// is a manager.
func (p *portal) changeAccess(v *view) error {
	if !v.page.Dossier.Manager {
		return errNotManager
	}
	back := v.page.At("/toegang")
	switch v.PostFormValue("doe") {
	case "geven":
		if err := p.invite(v); err != nil {
			return err
		}
		return v.redirect(back + "?klaar=gegeven")
	case "veranderen":
		if err := p.changeParts(v); err != nil {
			return err
		}
		return v.redirect(back + "?klaar=veranderd")
	case "intrekken":
		g, err := p.changeable(v)
		if err != nil {
			return err
		}
		s := v.page.Session
		if err := p.revokeGrant(v.Context(), s.Tenant, s.User, v.page.Dossier.Client, g.User); err != nil {
			return err
		}
		return v.redirect(back + "?klaar=genomen")
	}
	return errOldForm
}

// errNoParts is the answer to a form without a tick.
var errNoParts = failure{http.StatusBadRequest, "Kies ten minste een onderdeel",
	"U hebt niets aangevinkt. Ga terug en kies wat deze persoon mag zien. " +
		"Mag de persoon niets meer zien? Kies dan Toegang intrekken."}

// formParts returns the parts that are ticked in a form.
func (v *view) formParts() ([]client.Part, error) {
	var parts []client.Part
	for _, part := range []client.Part{client.PartReports, client.PartForms, client.PartCarePlans} {
		if slices.Contains(v.PostForm["deel"], string(part)) {
			parts = append(parts, part)
		}
	}
	if len(parts) == 0 {
		return nil, errNoParts
	}
	return parts, nil
}

// invite gives a contact the ticked parts, once the contact says yes.
func (p *portal) invite(v *view) error {
	parts, err := v.formParts()
	if err != nil {
		return err
	}
	contacts, _, err := v.contacts()
	if err != nil {
		return err
	}
	i := slices.IndexFunc(contacts, func(c client.Contact) bool { return c.Active && c.Id == v.PostFormValue("contact") })
	if i < 0 {
		return errOldForm
	}
	s := v.page.Session
	a := p.people.ofContact(s.Tenant, contacts[i])
	err = p.putGrant(v.Context(), s.Tenant, s.User, v.page.Dossier.Client, a.User, client.GrantRequest{
		Role: client.RoleContact, Parts: parts, State: client.GrantStateInvited, Contact: &contacts[i].Id,
		Name: &contacts[i].Name, Until: apiDate(v.PostFormValue("tot"))})
	if err != nil {
		return err
	}
	p.people.add(a)
	return nil
}

// changeParts lets a person see the ticked parts and no others.
func (p *portal) changeParts(v *view) error {
	parts, err := v.formParts()
	if err != nil {
		return err
	}
	g, err := p.changeable(v)
	if err != nil {
		return err
	}
	g.Parts = parts
	return p.putGrant(v.Context(), v.page.Session.Tenant, v.page.Session.User, v.page.Dossier.Client, g.User, request(g))
}

// changeable returns the grant of the person whom a form names.
func (p *portal) changeable(v *view) (client.Grant, error) {
	s := v.page.Session
	grants, err := p.grants(v.Context(), s.Tenant, s.User, v.page.Dossier.Client)
	if err != nil {
		return client.Grant{}, err
	}
	for _, g := range grants {
		if g.User == v.PostFormValue("persoon") && g.User != s.User && g.Role != client.RoleClient &&
			g.State != client.GrantStateRevoked {
			return g, nil
		}
	}
	return client.Grant{}, errOldForm
}
