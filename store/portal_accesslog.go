package store

import (
	"context"
	"fmt"
	"strings"
	"time"

	"dossiersync/store/dossier"
)

// Access is a visit of one user to one dossier, or other equal events within half an hour of each
// other, or a single event. It does not go past midnight.
type Access struct {
	Day        time.Time // a date in the tenant's zone
	First      time.Time
	Last       time.Time
	Count      int64
	Pages      int64 // events without an object
	Opened     int64 // distinct objects
	Action     string
	Events     []string // distinct, by name
	Outcome    string
	User       string
	UserName   *string // the last that was known
	UserRole   *string // the last that was known
	OnBehalfOf *string
	BehalfName *string
	Objects    []AccessObject // the last first, at most 50
	Key        string         // orders accesses with the same First
}

// AccessObject is what an event is about.
type AccessObject struct {
	Event string  // the event
	User  *string // whose grant it is about; else nil
	Name  *string // that user's, as it was known then
	// An item that the asking user may read now. Of any other, all are nil.
	Key   *string
	Kind  *dossier.Kind
	Title *string
	At    *time.Time
}

// AccessQuery selects a page of the access log, the last begun first.
type AccessQuery struct {
	From, To time.Time // a half-open interval [From, To); zero: unbounded
	Folded   bool      // events to visits
	// Start is the First and the Key of the access after which the page begins; StartDay is the end of
	// its day.
	Start    Position
	StartDay time.Time
	Limit    int
}

// Accesses returns the accesses to the dossier, the newest first, and whether there are more. Only
// managers are shown any.
func (p *Portal) Accesses(
	ctx context.Context, id Identity, client string, q AccessQuery,
) (Standing, []Access, bool, error) {
	from, before := interval(q.From, q.To)
	at := q.Start.At
	if at.IsZero() {
		at = newestEnd
	} else if q.StartDay.Before(before) {
		before = q.StartDay
	}
	// One more access to see whether there are more, and one more day because the accesses of the day
	// on which the page begins may all have been shown.
	args := p.callArgs(purposeRead, id, client, from, before, at, q.Start.Key, q.Limit+2, q.Folded)
	const columns = `,
		f.days, f.firsts, f.lasts, f.counts, f.pages, f.opened, f.actions, f.events, f.outcomes,
		f.users, f.user_names, f.user_roles, f.on_behalf_of, f.behalf_names, f.objects, f.keys`
	var s Standing
	var days, firsts, lasts []time.Time
	var counts, pages, opened []int64
	var actions, events, outcomes, users, keys []string
	var names, roles, behalves, behalfNames []*string
	var objects [][]AccessObject
	err := p.ask(ctx, &s, `portal_accesses`+parameters(len(args)), columns, args,
		&days, &firsts, &lasts, &counts, &pages, &opened, &actions, &events, &outcomes,
		&users, &names, &roles, &behalves, &behalfNames, &objects, &keys)
	if err != nil {
		return Standing{}, nil, false, fmt.Errorf("read the access log: %w", err)
	}
	list := make([]Access, len(keys))
	for i := range list {
		list[i] = Access{
			Day: days[i], First: firsts[i], Last: lasts[i], Count: counts[i], Pages: pages[i], Opened: opened[i],
			Action: actions[i], Events: strings.Split(events[i], "|"), Outcome: outcomes[i],
			User: users[i], UserName: names[i], UserRole: roles[i],
			OnBehalfOf: behalves[i], BehalfName: behalfNames[i], Objects: objects[i], Key: keys[i],
		}
	}
	list, more := cut(list, q.Limit)
	return s, list, more, nil
}
