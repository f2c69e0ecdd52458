package dossiers

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"dossiersync/cmd/carerecordsim/dossiers/dutch"
)

const (
	clientsPerTeam     = 9
	membersPerTeam     = 8
	teamsPerSpecialist = 4
)

type role struct{ code, display string }

// careRoles are the roles in a team: one member has the first, the others have the rest by turns.
var careRoles = map[string][]role{
	dutch.Elderly: {
		{"evv", "EVV'er"}, {"verzorgende-ig", "verzorgende IG"}, {"verpleegkundige", "verpleegkundige"},
		{"verzorgende-ig", "verzorgende IG"}, {"helpende", "helpende plus"},
	},
	dutch.Disabled: {
		{"persoonlijk-begeleider", "persoonlijk begeleider"}, {"begeleider", "begeleider"},
		{"begeleider", "begeleider"}, {"verpleegkundige", "verpleegkundige"},
	},
}

var specialistRoles = []role{
	{"ergotherapeut", "ergotherapeut"}, {"specialist-ouderengeneeskunde", "specialist ouderengeneeskunde"},
	{"fysiotherapeut", "fysiotherapeut"}, {"psycholoog", "psycholoog"}, {"arts-vg", "arts VG"},
}

// member is a member of staff in one role.
type member struct {
	person
	id   string
	role role
}

func (m *member) roleID() string { return m.id + "-" + m.role.code }

// number identifies the member in other systems.
func (m *member) number() identifier {
	return identifier{System: base + "/personeelsnummer", Value: m.id}
}

// reference names the member as an author.
func (m *member) reference() reference {
	return to("PractitionerRole", m.roleID(), m.initialled()+", "+m.role.display)
}

type team struct {
	id, name, setting string
	members           []*member
	specialists       []*member
	clients           []*client // at the beginning of the history
}

func (t *team) reference() reference { return to("Organization", t.id, t.name) }

func (org *organisation) makeStaff() {
	r := random(org.Seed, "staff", 0)
	number := 0
	newMember := func(role role) *member {
		number++
		return &member{person: newPerson(r, org.book, ""), id: fmt.Sprintf("mw-%04d", number), role: role}
	}
	var specialists []*member
	for i := range (org.Clients + clientsPerTeam - 1) / clientsPerTeam {
		t := &team{setting: dutch.Elderly}
		if i%3 == 2 {
			t.setting = dutch.Disabled
		}
		if i%teamsPerSpecialist == 0 {
			specialists = nil
			for _, role := range specialistRoles {
				specialists = append(specialists, newMember(role))
			}
		}
		t.specialists = specialists
		names := org.book.Names("team." + t.setting)
		t.name = names[i%len(names)]
		if i >= len(names) {
			t.name = fmt.Sprintf("%s %d", t.name, i/len(names)+1)
		}
		t.id = fmt.Sprintf("team-%02d", i+1)
		roles := careRoles[t.setting]
		for j := range membersPerTeam {
			t.members = append(t.members, newMember(roles[(j+len(roles)-1)%len(roles)]))
		}
		t.members[0].role = roles[0]
		org.teams = append(org.teams, t)
	}
}

// writeStaff writes the organisation, teams and staff.
func (org *organisation) writeStaff(j *journal, at time.Time) {
	r := random(org.Seed, "staff", 1)
	organisation := org.organisation()
	j.put(at, "Organization", organisationID, organization{
		ResourceType: "Organization", ID: organisationID, Active: true, Name: org.Organisation,
		Type:    []concept{code(base+"/organisatiesoort", "zorginstelling", "Zorginstelling")},
		Telecom: []telecom{{System: "email", Value: "info@" + domain(org.Organisation), Use: "work"}},
	})
	seen := map[string]bool{}
	for _, t := range org.teams {
		j.put(at, "Organization", t.id, organization{
			ResourceType: "Organization", ID: t.id, Active: true, Name: t.name, PartOf: &organisation,
			Type:    []concept{code(base+"/organisatiesoort", "team", "Team")},
			Address: []address{org.address(r)},
		})
		team := t.reference()
		for _, m := range t.members {
			m.write(j, at, &team)
		}
		for _, m := range t.specialists {
			if !seen[m.id] {
				m.write(j, at, &organisation)
			}
			seen[m.id] = true
		}
	}
}

func (m *member) write(j *journal, at time.Time, organization *reference) {
	active := true
	j.put(at, "Practitioner", m.id, practitioner{
		ResourceType: "Practitioner", ID: m.id, Active: &active, Gender: m.gender(),
		Identifier: []identifier{m.number()}, Name: []humanName{m.official()},
	})
	j.put(at, "PractitionerRole", m.roleID(), practitionerRole{
		ResourceType: "PractitionerRole", ID: m.roleID(), Active: true,
		Practitioner: to("Practitioner", m.id, m.full()), Organization: organization,
		Code: []concept{code(base+"/functie", m.role.code, m.role.display)},
	})
}

const organisationID = "organisatie"

func (org *organisation) organisation() reference {
	return to("Organization", organisationID, org.Organisation)
}

func (org *organisation) address(r *rand.Rand) address {
	return address{
		Use:        "work",
		Line:       []string{fmt.Sprintf("%s %d", org.book.Pick(r, "straat"), 1+r.IntN(180))},
		City:       org.book.Pick(r, "plaats"),
		PostalCode: fmt.Sprintf("0%03d %c%c", r.IntN(1000), 'A'+r.IntN(26), 'A'+r.IntN(26)), // no postal code begins with 0
		Country:    "NL",
	}
}

// domain returns a host name that cannot exist (RFC 2606).
func domain(name string) string { return letters(name) + ".example" }

func letters(s string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' {
			return r
		}
		return -1
	}, strings.ToLower(s))
}
