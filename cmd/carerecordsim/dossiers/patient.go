package dossiers

import "time"

// writeClient writes the versions of the Patient, from admission to death.
func (org *organisation) writeClient(j *journal, c *client) {
	for i, s := range c.stays {
		at := s.from
		if at.Equal(org.epoch) {
			at = org.imported(c)
		}
		p := c.resource(s.from)
		j.put(at, "Patient", c.id, p)
		if i == 0 && !c.moved.IsZero() {
			j.put(c.moved, "Patient", c.id, c.resource(c.moved))
		}
		if i == 0 && !c.mistaken.IsZero() {
			j.put(c.mistaken, "Patient", c.id, c.deceased(c.mistaken))
			j.put(c.mistaken.Add(20*time.Hour), "Patient", c.id, c.alive(c.mistaken))
		}
		if !s.until.IsZero() {
			j.put(s.until, "Patient", c.id, c.ended(s.until))
		}
	}
}

func (c *client) resource(at time.Time) patient {
	team := c.team(at).reference()
	p := patient{
		ResourceType: "Patient", ID: c.id, Active: true, Gender: c.gender(), BirthDate: c.birth,
		Identifier: []identifier{{System: base + "/clientnummer", Value: c.id}},
		Name:       []humanName{c.official()}, Address: []address{c.home}, ManagingOrganization: &team,
	}
	if len(c.given) > 1 {
		p.Name = append(p.Name, humanName{Use: "usual", Given: c.given[:1]})
	}
	return p
}

func (c *client) deceased(at time.Time) patient {
	p := c.resource(at)
	p.Active, p.DeceasedDateTime = false, at.Add(-3*time.Hour).Format(time.RFC3339)
	return p
}

func (c *client) alive(at time.Time) patient {
	p, deceased := c.resource(at), false
	p.DeceasedBoolean = &deceased
	return p
}

func (c *client) ended(at time.Time) patient {
	if !c.died.IsZero() {
		return c.deceased(at)
	}
	p := c.resource(at)
	p.Active = false
	if c.survivor != nil {
		p.Link = []patientLink{{Other: c.survivor.reference(), Type: "replaced-by"}}
	}
	return p
}
