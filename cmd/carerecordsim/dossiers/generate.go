package dossiers

import (
	"cmp"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"time"
	_ "time/tzdata" // zones for machines without a zone database

	"golang.org/x/sync/errgroup"

	"dossiersync/cmd/carerecordsim/dossiers/dutch"
)

// Options describe the organisation. A client in care has one to two reports a day.
type Options struct {
	Clients      int
	Years        float64   // of history
	Seed         uint64    // another seed makes other people
	Now          time.Time // the end of the history
	Organisation string    // its name; default: Amaris
}

// Dossiers are the dossiers of a care organisation, with their history.
type Dossiers struct {
	Writes []Write // by time; may be set to nil after Fill

	organisation *organisation
	recent       []string // ids of the newest Observations
	forms        []string // ids of the newest QuestionnaireResponses
}

// organisation is the staff and clients. It does not change while the history is written.
type organisation struct {
	Options
	book    *dutch.Book
	zone    *time.Location
	epoch   time.Time // the beginning of the history
	teams   []*team
	clients []*client
}

// Generate makes an organisation and its history.
func Generate(o Options) (*Dossiers, error) {
	org, err := newOrganisation(o)
	if err != nil {
		return nil, fmt.Errorf("generate dossiers: %w", err)
	}
	org.makeStaff()
	org.makeClients()
	journals := make([]*journal, len(org.clients)+1)
	staff := &journal{now: org.Now}
	org.writeStaff(staff, org.epoch.AddDate(0, 0, -1))
	org.writeForms(staff)
	journals[len(org.clients)] = staff
	var g errgroup.Group
	g.SetLimit(runtime.GOMAXPROCS(0))
	for i, c := range org.clients {
		g.Go(func() error {
			journals[i] = org.writeHistory(c)
			return journals[i].err
		})
	}
	if err := cmp.Or(g.Wait(), staff.err); err != nil {
		return nil, fmt.Errorf("generate dossiers: %w", err)
	}
	d := &Dossiers{organisation: org}
	for _, j := range journals {
		d.Writes = append(d.Writes, j.writes...)
	}
	slices.SortStableFunc(d.Writes, func(a, b Write) int { return a.At.Compare(b.At) })
	for _, write := range slices.Backward(d.Writes) {
		switch {
		case write.Type == "Observation" && len(d.recent) < recentItems:
			d.recent = append(d.recent, write.ID)
		case write.Type == "QuestionnaireResponse" && len(d.forms) < recentItems:
			d.forms = append(d.forms, write.ID)
		}
	}
	return d, nil
}

// Zone returns the organisation's time zone.
func (d *Dossiers) Zone() *time.Location { return d.organisation.zone }

func newOrganisation(o Options) (*organisation, error) {
	if o.Clients < 0 || o.Years < 0 || o.Years > 30 {
		return nil, errors.New("clients must be 0 or more, years between 0 and 30")
	}
	o.Organisation = cmp.Or(strings.TrimSpace(o.Organisation), "Amaris")
	zone, err := time.LoadLocation("Europe/Amsterdam")
	if err != nil {
		return nil, err
	}
	book, err := dutch.Open()
	if err != nil {
		return nil, err
	}
	o.Now = o.Now.In(zone).Truncate(time.Second)
	past := time.Duration(o.Years * 365.25 * 24 * float64(time.Hour))
	return &organisation{Options: o, book: book, zone: zone, epoch: o.Now.Add(-past).Truncate(time.Second)}, nil
}

// writeHistory returns all writes about one client.
func (org *organisation) writeHistory(c *client) *journal {
	j := &journal{now: org.Now}
	org.writeClient(j, c)
	org.writeContacts(j, c)
	for _, p := range c.plans {
		org.writePlan(j, c, p)
	}
	w := &writer{organisation: org, journal: j, r: random(org.Seed, "reports", c.index), client: c}
	w.writeDays()
	w = &writer{organisation: org, journal: j, r: random(org.Seed, "forms", c.index), client: c}
	w.fillForms()
	w = &writer{organisation: org, journal: j, r: random(org.Seed, "notes", c.index), client: c}
	w.writeNotes()
	return j
}
