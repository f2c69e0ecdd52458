package store

import (
	"context"
	"fmt"
	"slices"
	"time"

	"dossiersync/store/dossier"
)

// Position is a place in a list that is sorted by time: between two items, or at one of its ends.
// The zero Position is the newest end.
type Position struct {
	At  time.Time
	Key string
}

// The ends of every list. Items dated beyond them are in no list.
var (
	newestEnd = time.Date(9999, 12, 31, 0, 0, 0, 0, time.UTC)
	oldestEnd = time.Date(1, 1, 1, 0, 0, 1, 0, time.UTC) // a second later than the zero time.Time
)

// OldestEnd is the place behind the oldest item.
func OldestEnd() Position { return Position{At: oldestEnd} }

// ListQuery selects a page of a dossier's items, the newest first.
type ListQuery struct {
	Kinds    []dossier.Kind // one, or two: report and form
	Category string         // narrows reports; empty: all
	Plan     string         // the key of a plan that the items belong to; empty: all
	Goal     string         // the key of a goal that they are about; empty: all
	Author   string         // the id of their author, as on cards; empty: all
	From, To time.Time      // a half-open interval [From, To); zero: unbounded
	Open     *bool          // narrows plans: true: current today; false: expired; nil: all
	Start    Position
	Newer    bool // the page that ends at Start, instead of the page that begins there
	// Between reports that Start is not the end of another page, so that the database must be asked
	// whether there are newer items.
	Between bool
	Limit   int
	// Bodies asks for the bodies and links too, as [Portal.Item] returns them. A page then ends with
	// the first item that takes its bodies past [MaxBodies].
	Bodies bool
}

// MaxBodies is how many bytes of bodies make a page full, whatever its limit.
const MaxBodies = 2 << 20

// Listed is one item of a page.
type Listed struct {
	Key  string
	At   time.Time
	Card []byte
	Body []byte // nil unless asked for
	Open *bool  // a plan: current today; a contact: counts today
	Plan []byte // with bodies: the card of the plan that the item belongs to, if the user may read it
	Goal []byte // with bodies: the card of the goal that the item is about, likewise
}

// interval returns a half-open interval with the ends of every list in place of zero times.
func interval(from, to time.Time) (time.Time, time.Time) {
	if from.IsZero() {
		from = oldestEnd
	}
	if to.IsZero() {
		to = newestEnd
	}
	return from, to
}

// List is a page of a dossier's items.
type List struct {
	Standing Standing
	Items    []Listed
	// Older and Newer report whether there are items beyond the page. On the side of a Start that is
	// the end of another page they are true without a look.
	Older, Newer bool
}

// List returns a page of the dossier's items of the kinds asked for, as far as the user may read
// them. Without kinds it returns the standing alone.
func (p *Portal) List(ctx context.Context, id Identity, client string, q ListQuery) (List, error) {
	var list List
	if len(q.Kinds) == 0 {
		err := p.ask(ctx, &list.Standing, standingFunction, ``, p.callArgs(purposeRead, id, client))
		if err != nil {
			return List{}, fmt.Errorf("read a standing: %w", err)
		}
		return list, nil
	}
	const columns = `,
		f.keys, f.ats, f.cards, f.opens, f.bodies, f.plans, f.goals, coalesce(f.has_newer, false)`
	var rows listRows
	args := p.callArgs(purposeRead, id, client, q.args()...)
	err := p.askContent(ctx, &list.Standing, `portal_list`+listParameters, columns, args, &rows.keys, &rows.ats,
		&rows.cards, &rows.opens, &rows.bodies, &rows.plans, &rows.goals, &list.Newer)
	if err != nil {
		return List{}, fmt.Errorf("read a list: %w", err)
	}
	list.Items = rows.items(q.Limit, q.Bodies)
	more, started := len(rows.keys) > len(list.Items), !q.Start.At.IsZero()
	if q.Newer {
		slices.Reverse(list.Items)
		list.Older, list.Newer = true, more
		return list, nil
	}
	list.Older, list.Newer = more, list.Newer || started && !q.Between
	return list, nil
}

// args returns the arguments of function portal_list after those of [Portal.callArgs].
func (q *ListQuery) args() []any {
	from, to := interval(q.From, q.To)
	at := q.Start.At
	if at.IsZero() {
		at = newestEnd
	}
	var second *dossier.Kind
	if len(q.Kinds) == 2 {
		second = &q.Kinds[1]
	}
	return []any{
		q.Kinds[0], second, q.Category, q.Plan, q.Goal, q.Author, from, to, q.Open, at, q.Start.Key, q.Newer, q.Between,
		q.Limit, q.Bodies, int64(MaxBodies),
	}
}

var listParameters = parameters(21)

// listRows is a page as the database returns it: one item more than its limit shows that there are
// more, and bodies end with the item that makes the page full.
type listRows struct {
	keys                        []string
	ats                         []time.Time
	opens                       []*bool
	cards, bodies, plans, goals [][]byte
}

// items returns the items of the page.
func (r *listRows) items(limit int, bodies bool) []Listed {
	n := min(limit, len(r.keys))
	if bodies {
		n = len(r.bodies)
	}
	items := make([]Listed, n)
	for i := range items {
		items[i] = Listed{Key: r.keys[i], At: r.ats[i], Card: r.cards[i], Open: r.opens[i]}
		if bodies {
			items[i].Body, items[i].Plan, items[i].Goal = r.bodies[i], r.plans[i], r.goals[i]
		}
	}
	return items
}

// Opened is an item with the cards of its neighbours in the list of its kind; nil: it is the last.
type Opened struct {
	Listed

	Older, Newer []byte
}

// Item returns one item of the dossier with its body, or nil if the dossier has no such item of that
// kind that the user may read. The neighbours are of the category, if one is given.
func (p *Portal) Item(
	ctx context.Context, id Identity, client, key string, kind dossier.Kind, category string,
) (Standing, *Opened, error) {
	const columns = `, f.key, f.card, f.body, f.is_open, f.plan, f.goal, f.older, f.newer`
	var s Standing
	var found *string
	var l Opened
	args := p.callArgs(purposeRead, id, client, key, kind, category)
	err := p.askContent(ctx, &s, `portal_item`+parameters(len(args)), columns, args,
		&found, &l.Card, &l.Body, &l.Open, &l.Plan, &l.Goal, &l.Older, &l.Newer)
	if err != nil {
		return Standing{}, nil, fmt.Errorf("read an item: %w", err)
	}
	if found == nil {
		return s, nil, nil
	}
	l.Key = *found
	return s, &l, nil
}

// Contacts returns the contacts in the client's care record, ordered by key and beginning after the
// given key; at most [listMax], and whether there are more. Only managers are shown any.
func (p *Portal) Contacts(
	ctx context.Context, id Identity, client, after string,
) (Standing, []Listed, bool, error) {
	const columns = `, f.keys, f.cards, f.opens`
	var s Standing
	var rows listRows
	args := p.callArgs(purposeRead, id, client, after, listMax+1)
	err := p.ask(ctx, &s, `portal_contacts`+parameters(len(args)), columns, args,
		&rows.keys, &rows.cards, &rows.opens)
	if err != nil {
		return Standing{}, nil, false, fmt.Errorf("read contacts: %w", err)
	}
	list := make([]Listed, len(rows.keys))
	for i := range list {
		list[i] = Listed{Key: rows.keys[i], Card: rows.cards[i], Open: rows.opens[i]}
	}
	list, more := cut(list, listMax)
	return s, list, more, nil
}
