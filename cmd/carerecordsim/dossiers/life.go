package dossiers

import (
	"math/rand/v2"
	"time"
)

// chooseStays draws the client's stays, and how they end.
func (org *organisation) chooseStays(r *rand.Rand, c *client) {
	from, past := org.epoch, org.Now.Sub(org.epoch)
	if past < days(20) {
		c.stays = []stay{{from: from}}
		return
	}
	if c.index > 0 && chance(r, 0.2) {
		from = org.officeHour(r, from.Add(within(r, 0, past*9/10)))
	}
	later := func() time.Time { return org.officeHour(r, from.Add(within(r, 0, org.Now.Sub(from))).Add(days(1))) }
	kind, fixed := fixedCareCourses[c.index]
	if !fixed {
		kind = draw(r, careCourses)
	}
	switch kind {
	case lifeStays:
		c.stays = []stay{{from: from}}
	case lifeLeaves:
		c.stays = []stay{{from, later()}}
	case lifeReturns:
		leaves := later()
		c.stays = []stay{{from, leaves}, {from: leaves.Add(days(40))}}
	case lifeDies:
		c.died = later()
		c.stays = []stay{{from, c.died}}
	case lifeMistakenForDead:
		c.mistaken = later()
		c.stays = []stay{{from: from}}
	case lifeMoves:
		c.moved = later()
		c.teams[1] = org.teams[(c.index/clientsPerTeam+3)%len(org.teams)]
		c.stays = []stay{{from: from}}
	}
}

type careCourse int

const (
	lifeStays careCourse = iota
	lifeLeaves
	lifeReturns
	lifeDies
	lifeMistakenForDead
	lifeMoves
)

// fixedCareCourses make every course occur in a small organisation, by client. The first client
// is always in care, because people look at it first.
var fixedCareCourses = map[int]careCourse{
	0: lifeStays, 3: lifeLeaves, 5: lifeDies, 6: lifeReturns, 9: lifeMistakenForDead, 12: lifeMoves,
}

var careCourses = []weighted[careCourse]{
	{74, lifeStays}, {7, lifeLeaves}, {3, lifeReturns}, {8, lifeDies}, {2, lifeMistakenForDead}, {6, lifeMoves},
}

// becomeDuplicateOf makes c a second dossier of another client, opened by mistake and noticed
// some days later.
func (c *client) becomeDuplicateOf(other *client, at time.Time) {
	c.person, c.birth, c.home, c.teams = other.person, other.birth, other.home, other.teams
	c.stays = []stay{{at, at.Add(days(4))}}
	c.moved, c.died, c.mistaken = time.Time{}, time.Time{}, time.Time{}
	c.survivor = other
}

// imported returns when clients in care before the history were written: in one night, 25 at each
// instant.
func (org *organisation) imported(c *client) time.Time {
	return org.epoch.Add(time.Duration(c.index/25) * time.Second)
}

// officeHour moves t into the working hours of its day.
func (org *organisation) officeHour(r *rand.Rand, t time.Time) time.Time {
	t = t.In(org.zone)
	return time.Date(t.Year(), t.Month(), t.Day(), 8, 0, 0, 0, org.zone).Add(within(r, 0, 9*time.Hour))
}
