package dossiers

import (
	"fmt"
	"math/rand/v2"
	"time"

	"dossiersync/cmd/carerecordsim/dossiers/dutch"
)

// relation is a contact's relation to a client.
type relation struct {
	system, code, display string
	gender                gender
	old                   bool // of the older generation
}

type gender int

const (
	anyGender gender = iota
	woman
	man
)

const (
	roleCode      = "http://terminology.hl7.org/CodeSystem/v3-RoleCode"
	relationCodes = base + "/relatie"
)

var relationsOf = map[string][]weighted[relation]{
	dutch.Elderly: {
		{30, relation{roleCode, "DAUC", "dochter", woman, false}},
		{26, relation{roleCode, "SONC", "zoon", man, false}},
		{12, relation{roleCode, "SPS", "partner", anyGender, true}},
		{8, relation{roleCode, "NIECE", "nicht", woman, false}},
		{5, relation{roleCode, "BRO", "broer", man, true}},
		{5, relation{roleCode, "NBOR", "buurvrouw", woman, true}},
		{7, relation{relationCodes, "mentor", "mentor", anyGender, false}},
		{4, relation{relationCodes, "curator", "curator", anyGender, false}},
	},
	dutch.Disabled: {
		{26, relation{roleCode, "MTH", "moeder", woman, true}},
		{20, relation{roleCode, "FTH", "vader", man, true}},
		{14, relation{roleCode, "SIS", "zus", woman, false}},
		{12, relation{roleCode, "BRO", "broer", man, false}},
		{16, relation{relationCodes, "mentor", "mentor", anyGender, false}},
		{9, relation{relationCodes, "curator", "curator", anyGender, false}},
	},
}

type contact struct {
	person
	id       string
	relation relation
	inactive bool
	ended    time.Time // zero: never
	noText   bool      // the source has the name in parts only
}

func (org *organisation) newContacts(r *rand.Rand, c *client) []contact {
	if c.survivor != nil || chance(r, 0.04) {
		return nil
	}
	var contacts []contact
	for i := range 1 + r.IntN(4) {
		k := contact{
			person:   newPerson(r, org.book, ""),
			id:       fmt.Sprintf("%s-contact-%d", c.id, i+1),
			relation: draw(r, relationsOf[c.setting()]),
			inactive: chance(r, 0.05),
			noText:   chance(r, 0.1),
		}
		k.fit(r, org.book, c)
		if ended := org.Now.Add(-within(r, 0, days(300))); i > 0 && chance(r, 0.08) &&
			ended.After(c.stays[0].from.Add(days(2))) {
			k.ended = ended
		}
		contacts = append(contacts, k)
	}
	return contacts
}

// fit gives a contact the gender and generation of the relation, and children the family's name.
func (k *contact) fit(r *rand.Rand, book *dutch.Book, c *client) {
	if k.relation.gender != anyGender {
		k.female = k.relation.gender == woman
	}
	group := map[bool]string{true: "vrouw", false: "man"}[k.female]
	if k.relation.old {
		group += ".oud"
	}
	k.given = []string{book.Pick(r, group)}
	switch k.relation.display {
	case "dochter", "zoon":
		k.prefix, k.family = c.prefix, c.family
		if c.partner != "" {
			k.prefix, k.family = c.partnerPrefix, c.partner
		}
	case "vader", "zus", "broer":
		k.prefix, k.family = c.prefix, c.family
	}
}

func (org *organisation) writeContacts(j *journal, c *client) {
	at := c.stays[0].from.Add(10 * time.Minute)
	for i, k := range c.contacts {
		j.put(at, "RelatedPerson", k.id, k.resource(c, i == 0))
		if !k.ended.IsZero() {
			r := k.resource(c, i == 0)
			r.Period = &period{Start: c.stays[0].from.Format("2006"), End: k.ended.Format(time.DateOnly)}
			j.put(org.officeHour(random(org.Seed, k.id, 0), k.ended.Add(days(1))), "RelatedPerson", k.id, r)
		}
	}
}

func (k *contact) resource(c *client, first bool) relatedPerson {
	active := !k.inactive
	r := relatedPerson{
		ResourceType: "RelatedPerson", ID: k.id, Active: &active, Patient: c.reference(), Gender: k.gender(),
		Relationship: []concept{code(k.relation.system, k.relation.code, k.relation.display)},
		Name:         []humanName{k.official()},
		Telecom: []telecom{
			// No Dutch number begins with 00, and .example cannot exist (RFC 2606).
			{System: "phone", Value: fmt.Sprintf("+31600%s", c.id), Use: "mobile"},
			{System: "email", Value: k.email(), Use: "home"},
		},
	}
	if first {
		r.Relationship = append(r.Relationship,
			code("urn:oid:2.16.840.1.113883.2.4.3.11.22.472", "01", "Eerste relatie/contactpersoon"))
	}
	if k.noText {
		r.Name[0].Text = ""
	}
	return r
}

func (k *contact) email() string { return letters(k.given[0]) + "@" + domain(k.family) }
