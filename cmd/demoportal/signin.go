package main

import (
	"crypto/rand"
	"net/http"
	"slices"

	"dossiersync/portalapi/client"
)

// signInBody is the page on which people sign in.
type signInBody struct {
	Groups []signInGroup
}

type signInGroup struct {
	organisation
	Accounts []account
}

func (p *portal) signInPage(w http.ResponseWriter, r *http.Request) {
	if s := p.sessions.find(r, true); s != nil {
		http.Redirect(w, r, "/", http.StatusSeeOther)
		return
	}
	secret := rand.Text()
	if c, err := r.Cookie(signInCookie); err == nil && c.Value != "" {
		secret = c.Value
	} else {
		setCookie(w, r, signInCookie, secret)
	}
	var body signInBody
	for _, o := range p.people.organisations {
		body.Groups = append(body.Groups, signInGroup{o, p.people.of(o.Tenant)})
	}
	v := &view{Request: r, w: w, page: page{CSRF: secret}}
	if err := v.show("signin", "Inloggen", nil, body); err != nil {
		p.fail(v, err)
	}
}

// signIn signs in as one of the people of the sample. A real portal sends the reader to its OpenID
// provider.
func (p *portal) signIn(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, 1<<16)
	v := &view{Request: r, w: w}
	c, err := r.Cookie(signInCookie)
	if err != nil || !sameSecret(r.PostFormValue("csrf"), c.Value) {
		p.fail(v, errOldForm)
		return
	}
	a, found := p.people.find(r.PostFormValue("organisatie"), r.PostFormValue("persoon"))
	if !found {
		p.fail(v, errOldForm)
		return
	}
	p.sessions.begin(w, r, a)
	setCookie(w, r, signInCookie, "")
	http.Redirect(w, r, "/", http.StatusSeeOther)
}

func (p *portal) signOut(v *view) error {
	p.sessions.end(v.w, v.Request)
	return v.redirect("/inloggen")
}

// chooseBody is the page on which a reader chooses a dossier.
type chooseBody struct {
	Invitations []invitation
	Empty       why // why there are no dossiers
}

// invitation is a dossier that waits for the reader's yes.
type invitation struct {
	Client string
	Parts  []client.Part
}

// choose shows the dossiers that the reader may open, or opens the only one.
func (p *portal) choose(v *view) error {
	list, fresh, err := dossiers(v.Context(), v.api)
	if err != nil {
		return err
	}
	invited, err := p.invitations(v)
	if err != nil {
		return err
	}
	if len(list) == 1 && len(invited) == 0 {
		return v.redirect("/d/" + list[0].Client)
	}
	v.page.Dossiers = list
	return v.show("choose", "Kies een dossier", nil, chooseBody{invited, emptiness(fresh)})
}

// invitations returns the dossiers that wait for the reader's yes. A real portal knows its invitations
// itself; this one looks through the dossiers of the sample.
func (p *portal) invitations(v *view) ([]invitation, error) {
	s := v.page.Session
	if s.Contact == "" {
		return nil, nil
	}
	var list []invitation
	for _, id := range v.page.Org.Clients {
		grants, err := p.grants(v.Context(), s.Tenant, s.User, id)
		if err != nil {
			return nil, err
		}
		for _, g := range grants {
			if g.User == s.User && g.State == client.GrantStateInvited {
				list = append(list, invitation{id, g.Parts})
			}
		}
	}
	return list, nil
}

// acceptInvitation lets the reader say yes to an invitation.
func (p *portal) acceptInvitation(v *view) error {
	s, id := v.page.Session, v.PostFormValue("client")
	if !slices.Contains(v.page.Org.Clients, id) {
		return errNoDossier
	}
	grants, err := p.grants(v.Context(), s.Tenant, s.User, id)
	if err != nil {
		return err
	}
	for _, g := range grants {
		if g.User == s.User && g.State == client.GrantStateInvited {
			g.State = client.GrantStateAccepted
			if err := p.putGrant(v.Context(), s.Tenant, s.User, id, s.User, request(g)); err != nil {
				return err
			}
			return v.redirect("/d/" + id)
		}
	}
	return errNoDossier
}

// request returns a grant as it is sent.
func request(g client.Grant) client.GrantRequest {
	return client.GrantRequest{Role: g.Role, Manager: &g.Manager, Parts: g.Parts, State: g.State, From: g.From,
		Until: g.Until, Contact: g.Contact, Name: g.Name}
}
