package store

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"dossiersync/store/dossier"
)

// Role is what a user is to a client.
type Role string

// The roles.
const (
	RoleClient         Role = "client"
	RoleContact        Role = "contact"
	RoleRepresentative Role = "representative"
)

// Dossier is a dossier that the user may open: the user has a grant on its client that counts today.
type Dossier struct {
	Client       string
	Name         string
	Role         Role
	Manager      bool // the user may see the access log and the contacts
	Parts        []dossier.Part
	GrantVersion int64
	Deceased     bool    // the client has died, which ends reading
	Change       int64   // rises whenever readers would see something else
	UserName     *string // the user's own name, as the portal gave it with the grant
	Person       Person  // of [Portal.Dossiers] and [Portal.Dossier] only
}

// Person is what the care record says of a client, for lists; nil: it says nothing.
type Person struct {
	SortName  *string // the name with the family name first
	BirthDate *string // a FHIR date, which may be a year or a month
	Team      *string
}

// May reports whether the user has a right to the part.
func (d *Dossier) May(p dossier.Part) bool {
	return slices.Contains(d.Parts, p)
}

// listMax is the length of a page of every list except those of items.
const listMax = 1000

// Dossiers returns the dossiers that the user may open, ordered by client and beginning after the
// given client; at most [listMax], and whether there are more. The standing is that of the tenant's
// clients.
func (p *Portal) Dossiers(
	ctx context.Context, id Identity, after string,
) (Standing, []Dossier, bool, error) {
	const columns = `,
		f.clients, f.names, f.roles, f.managers, f.parts, f.versions, f.dead, f.changes, f.sort_names,
		f.birth_dates, f.teams`
	var s Standing
	var clients, parts []string
	var names, sortNames, births, teams []*string
	var roles []Role
	var managers, dead []bool
	var versions, changes []int64
	args := p.tenantArgs(purposeRead, id, after, listMax+1)
	err := p.ask(ctx, &s, `portal_dossiers`+parameters(len(args)), columns, args,
		&clients, &names, &roles, &managers, &parts, &versions, &dead, &changes, &sortNames,
		&births, &teams)
	if err != nil {
		return Standing{}, nil, false, fmt.Errorf("read dossiers: %w", err)
	}
	list := make([]Dossier, len(clients))
	for i := range list {
		list[i] = Dossier{
			Client: clients[i], Role: roles[i], Manager: managers[i], Parts: splitParts(parts[i]),
			GrantVersion: versions[i], Deceased: dead[i], Change: changes[i],
			Person: Person{sortNames[i], births[i], teams[i]},
		}
		if names[i] != nil {
			list[i].Name = *names[i]
		}
	}
	list, more := cut(list, listMax)
	return s, list, more, nil
}

// splitParts returns the parts that a function of the database has joined by spaces.
func splitParts(joined string) []dossier.Part {
	parts := []dossier.Part{}
	for p := range strings.FieldsSeq(joined) {
		parts = append(parts, dossier.Part(p))
	}
	return parts
}

// PartCount is the number of items of one kind in a dossier that the user may read.
type PartCount struct {
	Kind   dossier.Kind
	Count  int64
	Newest *time.Time
}

// countColumns are the columns of counts, which a [partCounts] holds.
const countColumns = `, f.kinds, f.counts, f.newest`

// partCounts are counts as the database returns them.
type partCounts struct {
	kinds  []dossier.Kind
	counts []int64
	newest []*time.Time
}

func (c *partCounts) targets() []any { return []any{&c.kinds, &c.counts, &c.newest} }

func (c *partCounts) list() []PartCount {
	list := make([]PartCount, len(c.kinds))
	for i := range list {
		list[i] = PartCount{c.kinds[i], c.counts[i], c.newest[i]}
	}
	return list
}

// Dossier returns the standing of one dossier and the number of its items by kind.
func (p *Portal) Dossier(
	ctx context.Context, id Identity, client string,
) (Standing, []PartCount, error) {
	var s Standing
	var counts partCounts
	var of Person
	args := p.callArgs(purposeRead, id, client)
	err := p.askContent(ctx, &s, `portal_dossier`+parameters(len(args)), countColumns+`, f.sort_name, f.birth_date, f.team`,
		args, append(counts.targets(), &of.SortName, &of.BirthDate, &of.Team)...)
	if err != nil {
		return Standing{}, nil, fmt.Errorf("read a dossier: %w", err)
	}
	if s.Dossier != nil {
		s.Dossier.Person = of
	}
	return s, counts.list(), nil
}
