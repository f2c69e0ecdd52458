package dossiers

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"time"

	"dossiersync/cmd/carerecordsim/dossiers/dutch"
)

// client is a person in care.
type client struct {
	person
	index    int
	id       string
	birth    string // may be a year only
	home     address
	teams    [2]*team  // before and after a move; equal without one
	moved    time.Time // zero: never
	stays    []stay
	died     time.Time // zero: alive
	mistaken time.Time // once recorded as deceased by mistake; zero: never
	pace     float64   // reports a day
	weight   int       // kilograms
	contacts []contact
	plans    []*plan
	survivor *client // nil, or the dossier of which this is a duplicate
}

// stay is a period in care, until not included; a zero until is open.
type stay struct{ from, until time.Time }

func (s stay) covers(t time.Time) bool {
	return !t.Before(s.from) && (s.until.IsZero() || t.Before(s.until))
}

func (c *client) inCare(t time.Time) bool {
	for _, s := range c.stays {
		if s.covers(t) {
			return true
		}
	}
	return false
}

func (c *client) team(t time.Time) *team {
	if c.moved.IsZero() || t.Before(c.moved) {
		return c.teams[0]
	}
	return c.teams[1]
}

func (c *client) setting() string { return c.teams[0].setting }

func (c *client) reference() reference { return reference{Reference: "Patient/" + c.id} }

func (org *organisation) makeClients() {
	for i := range org.Clients {
		r := random(org.Seed, "client", i)
		c := org.newClient(r, i)
		org.chooseStays(r, c)
		org.clients = append(org.clients, c)
		c.teams[0].clients = append(c.teams[0].clients, c)
	}
	if n := len(org.clients); n >= clientsPerTeam {
		org.clients[n-1].becomeDuplicateOf(org.clients[0], org.epoch.Add(org.Now.Sub(org.epoch)/2))
	}
	for _, c := range org.clients {
		r := random(org.Seed, "circle", c.index)
		c.contacts = org.newContacts(r, c)
		for _, s := range c.stays {
			if c.survivor == nil {
				org.makePlans(r, c, s)
			}
		}
	}
}

func (org *organisation) newClient(r *rand.Rand, i int) *client {
	t := org.teams[i/clientsPerTeam]
	c := &client{index: i, id: strconv.Itoa(100001 + i), teams: [2]*team{t, t}}
	age, generation := 72+r.IntN(27), ".oud"
	if t.setting == dutch.Disabled {
		age, generation = 19+r.IntN(50), ""
	}
	c.person = newPerson(r, org.book, generation)
	birth := org.Now.AddDate(-age, 0, -r.IntN(365))
	c.birth = birth.Format(time.DateOnly)
	if chance(r, 0.05) {
		c.birth = birth.Format("2006")
	}
	c.home = org.address(r)
	c.home.Use = "home"
	c.pace = 1.0 + r.Float64()*1.1
	c.weight = 48 + r.IntN(45)
	return c
}

// cast returns the client's names as an author at that moment would use them.
func (org *organisation) cast(r *rand.Rand, c *client, colleague *member) *dutch.Cast {
	cast := &dutch.Cast{
		Name: c.given[0], Short: c.given[0], Female: c.female,
		Family: "een vrijwilliger", Colleague: colleague.given[0],
		Weight: fmt.Sprintf("%d,%d", c.weight+r.IntN(5)-2, r.IntN(10)),
		Day:    pick(r, []string{"maandag", "dinsdag", "woensdag", "donderdag", "vrijdag"}),
		From:   13 * 60, Until: 17 * 60,
	}
	if c.setting() == dutch.Elderly {
		cast.Name, cast.Short = c.formal(c.title()), c.title()
		if chance(r, 0.4) {
			cast.Name = c.formal(map[bool]string{true: "mw.", false: "dhr."}[c.female])
		}
	}
	if len(c.contacts) > 0 {
		contact := pick(r, c.contacts)
		cast.Family = contact.relation.display + " " + contact.given[0]
	}
	return cast
}
