package main

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"sync"

	"dossiersync/portalapi/client"
)

// organisation is a care organisation whose people may sign in.
type organisation struct {
	Tenant  string   `json:"tenant"`
	Name    string   `json:"name"`
	Colour  string   `json:"colour"`  // the theme: "zee" or "pruim"
	Clients []string `json:"clients"` // the dossiers of the sample
}

// account is a person who may sign in.
type account struct {
	Tenant  string `json:"tenant"`
	User    string `json:"user"` // the subject of the person's tokens
	Name    string `json:"name"`
	What    string `json:"what"`    // what there is to see for this person
	Contact string `json:"contact"` // the person's id among a dossier's contacts; may be empty
}

// people are the organisations and accounts. A real portal has them in its own database.
type people struct {
	organisations []organisation
	mu            sync.Mutex
	accounts      []account
}

// readPeople reads the file that names organisations and people.
func readPeople(file string) (*people, error) {
	b, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("read the people: %w", err)
	}
	var list struct {
		Organisations []organisation `json:"organisations"`
		People        []account      `json:"people"`
	}
	if err := json.Unmarshal(b, &list); err != nil {
		return nil, fmt.Errorf("read the people: %w", err)
	}
	return &people{organisations: list.Organisations, accounts: list.People}, nil
}

// find returns the account of a user.
func (p *people) find(tenant, user string) (account, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	i := slices.IndexFunc(p.accounts, func(a account) bool { return a.Tenant == tenant && a.User == user })
	if i < 0 {
		return account{}, false
	}
	return p.accounts[i], true
}

// ofContact returns the account of a contact; a new one if there is none yet.
func (p *people) ofContact(tenant string, c client.Contact) account {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, a := range p.accounts {
		if a.Tenant == tenant && a.Contact == c.Id {
			return a
		}
	}
	return account{Tenant: tenant, User: "contact-" + c.Id, Name: c.Name, What: "uitgenodigd in deze demo", Contact: c.Id}
}

// add adds an account, unless it is there.
func (p *people) add(a account) {
	if _, found := p.find(a.Tenant, a.User); found {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.accounts = append(p.accounts, a)
}

// of returns the accounts of an organisation.
func (p *people) of(tenant string) []account {
	p.mu.Lock()
	defer p.mu.Unlock()
	var list []account
	for _, a := range p.accounts {
		if a.Tenant == tenant {
			list = append(list, a)
		}
	}
	return list
}

// organisation returns the organisation of a tenant.
func (p *people) organisation(tenant string) organisation {
	for _, o := range p.organisations {
		if o.Tenant == tenant {
			return o
		}
	}
	return organisation{Tenant: tenant, Name: tenant}
}

// findInvited adds accounts for contacts who have grants from before this program started.
func (p *portal) findInvited(ctx context.Context) error {
	for _, o := range p.people.organisations {
		for _, id := range o.Clients {
			grants, err := p.grants(ctx, o.Tenant, portalUser, id)
			if err != nil {
				return err
			}
			for _, g := range grants {
				if g.Contact == nil || g.State == client.GrantStateRevoked {
					continue
				}
				p.people.add(account{Tenant: o.Tenant, User: g.User, Name: cmp.Or(text(g.Name), g.User),
					What: "uitgenodigd in deze demo", Contact: *g.Contact})
			}
		}
	}
	return nil
}
