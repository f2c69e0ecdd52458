package store

import (
	"context"
	"fmt"
	"time"
)

// Access is a day's events of one kind, by one user, on one dossier, folded into one.
type Access struct {
	Day        time.Time // a date in the tenant's zone
	First      time.Time
	Last       time.Time
	Count      int64
	Action     string
	Event      string
	Outcome    string
	User       string
	UserName   *string // as of the last event
	UserRole   *string // as of the last event
	OnBehalfOf *string
	Key        string // orders accesses with the same Last
}

// AccessQuery selects a page of the access log, the newest first.
type AccessQuery struct {
	From, To time.Time // a half-open interval [From, To); zero: unbounded
	// Start is the Last and the Key of the access after which the page begins; StartDay is the end of
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
	args := p.callArgs(purposeRead, id, client, from, before, at, q.Start.Key, q.Limit+2)
	const columns = `,
		f.days, f.firsts, f.lasts, f.counts, f.actions, f.events, f.outcomes, f.users,
		f.user_names, f.user_roles, f.on_behalf_of, f.keys`
	var s Standing
	var days, firsts, lasts []time.Time
	var counts []int64
	var actions, events, outcomes, users, keys []string
	var names, roles, behalves []*string
	err := p.ask(ctx, &s, `portal_accesses`+parameters(len(args)), columns, args,
		&days, &firsts, &lasts, &counts, &actions, &events, &outcomes, &users,
		&names, &roles, &behalves, &keys)
	if err != nil {
		return Standing{}, nil, false, fmt.Errorf("read the access log: %w", err)
	}
	list := make([]Access, len(keys))
	for i := range list {
		list[i] = Access{
			Day: days[i], First: firsts[i], Last: lasts[i], Count: counts[i], Action: actions[i],
			Event: events[i], Outcome: outcomes[i], User: users[i], UserName: names[i], UserRole: roles[i],
			OnBehalfOf: behalves[i], Key: keys[i],
		}
	}
	list, more := cut(list, q.Limit)
	return s, list, more, nil
}
