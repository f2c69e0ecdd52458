package store

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

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

const (
	// today is the date in the tenant's zone.
	today = `(SELECT (now() AT TIME ZONE t.timezone)::date FROM tenants t WHERE t.id = @tenant)`

	openToday = `i.open AND coalesce(i.ends >= ` + today + `, true)`
)

// A direction is how a page is read along index items_by_client (…, kind, at, key).
type direction struct {
	beyond string // the operator between a row and the page's start
	order  string // the sort order of at and of key
}

var (
	towardsOlder = direction{beyond: "<", order: "DESC"}
	towardsNewer = direction{beyond: ">", order: "ASC"}
)

func (q *ListQuery) direction() direction {
	if q.Newer {
		return towardsNewer
	}
	return towardsOlder
}

// orderBy returns the ORDER BY clause over columns at and key of a table, or of the only one where
// table is empty.
func (d direction) orderBy(table string) string {
	if table != "" {
		table += "."
	}
	return `ORDER BY ` + table + `at ` + d.order + `, ` + table + `key ` + d.order
}

// branch returns the statement that reads a page of one kind: kind is the name of its parameter. It
// is one scan along items_by_client in the direction, without a sort.
func (d direction) branch(kind string) string {
	return `(
		SELECT i.key, i.at, i.card, i.body, ` + openToday + ` AS open, i.plan, i.goal
		FROM items i
		WHERE i.tenant = @tenant
		  AND i.client = @client
		  AND i.kind = ` + kind + `
		  AND ` + readable + `
		  AND i.at >= @from
		  AND i.at < @to
		  AND (@category = '' OR i.kind <> 'report' OR i.category = @category)
		  AND (@open::boolean IS NULL OR (` + openToday + `) = @open)
		  AND (i.at, i.key) ` + d.beyond + ` (@at, @key)
		` + d.orderBy("i") + `
		LIMIT @limit)`
}

// cards returns the statement that shapes a page without bodies.
func (d direction) cards() string {
	return `
		SELECT key, at, card, NULL::json, open, NULL::json, NULL::json, count(*) OVER ()
		FROM page l
		` + d.orderBy("l")
}

// bodies returns the statement that shapes a page with bodies: items are left out once the bodies
// before them add up to @max_bodies, and total still counts them.
func (d direction) bodies() string {
	return `
		SELECT l.key, l.at, l.card, l.body, l.open, links.plan, links.goal, l.total
		FROM (
			SELECT *, count(*) OVER () AS total,
			       sum(octet_length(body::text)) OVER (` + d.orderBy("") + `)
			           - octet_length(body::text) AS before
			FROM page) l` + withLinks + `
		WHERE coalesce(l.before, 0) < @max_bodies
		` + d.orderBy("l")
}

// withLinks joins rows l with the cards of the plan and the goal that they name, where the user may
// read these. A link to a part of a plan is replaced by a link to the plan.
var withLinks = `
		LEFT JOIN LATERAL (
			SELECT coalesce((
				SELECT i.plan
				FROM items i
				WHERE i.tenant = @tenant
				  AND i.key = l.plan
				  AND i.client = @client
				  AND i.kind = 'care-plan-part'
				  AND ` + readable + `), l.plan) AS plan) whole ON true
		LEFT JOIN LATERAL (
			-- Both cards by one look at the index: the aggregates take them apart.
			SELECT (array_agg(i.card) FILTER (
			           WHERE i.key = whole.plan AND i.kind = 'care-plan'))[1] AS plan,
			       (array_agg(i.card) FILTER (WHERE i.key = l.goal))[1] AS goal
			FROM items i
			WHERE i.tenant = @tenant
			  AND i.key IN (whole.plan, l.goal)
			  AND i.client = @client
			  AND ` + readable + `) links ON true`

// sql returns the statement that reads the page. Two kinds are read apart, each along the index,
// and merged.
func (q *ListQuery) sql() string {
	d := q.direction()
	page := d.branch("@kind1")
	if len(q.Kinds) == 2 {
		page = `(` + page + `
			UNION ALL ` + d.branch("@kind2") + `
			` + d.orderBy("") + `
			LIMIT @limit)`
	}
	shape := d.cards()
	if q.Bodies {
		shape = d.bodies()
	}
	return `WITH page AS MATERIALIZED ` + page + shape
}

func (q *ListQuery) args(id Identity, client string) pgx.StrictNamedArgs {
	from, to := interval(q.From, q.To)
	at := q.Start.At
	if at.IsZero() {
		at = newestEnd
	}
	args := pgx.StrictNamedArgs{
		"tenant": id.Tenant, "client": client, "kind1": q.Kinds[0], "category": q.Category,
		"from": from, "to": to, "open": q.Open, "at": at, "key": q.Start.Key, "limit": q.Limit + 1,
	}
	if len(q.Kinds) == 2 {
		args["kind2"] = q.Kinds[1]
	}
	if q.Bodies {
		args["max_bodies"] = MaxBodies
	}
	return args
}

// newerProbe returns the query of the one item before the page that q starts.
func (q *ListQuery) newerProbe() *ListQuery {
	probe := *q
	probe.Bodies, probe.Newer, probe.Limit = false, true, 0
	return &probe
}

// List returns a page of the dossier's items of the kinds asked for, as far as the user may read
// them. Without kinds it returns the standing alone.
func (p *Portal) List(ctx context.Context, id Identity, client string, q ListQuery) (List, error) {
	var list List
	total := 0
	err := p.read(ctx, id, client, &list.Standing, func(b *pgx.Batch) {
		queueStanding(b, id, client, &list.Standing)
		if len(q.Kinds) == 0 {
			return
		}
		b.Queue(q.sql(), q.args(id, client)).Query(
			collect(&list.Items, func(row pgx.CollectableRow) (Listed, error) {
				var l Listed
				return l, row.Scan(&l.Key, &l.At, &l.Card, &l.Body, &l.Open, &l.Plan, &l.Goal, &total)
			}))
		if q.Between {
			probe := q.newerProbe()
			b.Queue(`SELECT EXISTS (`+probe.sql()+`)`, probe.args(id, client)).QueryRow(func(row pgx.Row) error {
				return row.Scan(&list.Newer)
			})
		}
	})
	if err != nil {
		return List{}, fmt.Errorf("read a list: %w", err)
	}
	list.Items, _ = cut(list.Items, q.Limit)
	more, started := total > len(list.Items), !q.Start.At.IsZero()
	if q.Newer {
		slices.Reverse(list.Items)
		list.Older, list.Newer = true, more
		return list, nil
	}
	list.Older, list.Newer = more, list.Newer || started && !q.Between
	return list, nil
}

// Item returns one item of the dossier with its body, or nil if the dossier has no such item of that
// kind that the user may read.
func (p *Portal) Item(
	ctx context.Context, id Identity, client, key string, kind dossier.Kind,
) (Standing, *Listed, error) {
	q := `
		SELECT l.key, l.card, l.body, l.open, links.plan, links.goal
		FROM (
			SELECT i.key, i.card, i.body, i.plan, i.goal, ` + openToday + ` AS open
			FROM items i
			WHERE i.tenant = @tenant
			  AND i.key = @key
			  AND i.client = @client
			  AND i.kind = @kind
			  AND ` + readable + `) l` + withLinks
	var s Standing
	var items []*Listed
	err := p.read(ctx, id, client, &s, func(b *pgx.Batch) {
		queueStanding(b, id, client, &s)
		args := pgx.StrictNamedArgs{"tenant": id.Tenant, "client": client, "key": key, "kind": kind}
		b.Queue(q, args).Query(collect(&items, func(row pgx.CollectableRow) (*Listed, error) {
			var l Listed
			return &l, row.Scan(&l.Key, &l.Card, &l.Body, &l.Open, &l.Plan, &l.Goal)
		}))
	})
	if err != nil {
		return Standing{}, nil, fmt.Errorf("read an item: %w", err)
	}
	if len(items) == 0 {
		return s, nil, nil
	}
	return s, items[0], nil
}

// Contacts returns the contacts in the client's care record, ordered by key and beginning after the
// given key; at most [listMax], and whether there are more. Only managers are shown any.
func (p *Portal) Contacts(
	ctx context.Context, id Identity, client, after string,
) (Standing, []Listed, bool, error) {
	q := `
		SELECT i.key, i.card, ` + openToday + `
		FROM items i
		WHERE i.tenant = @tenant
		  AND i.client = @client
		  AND i.kind = 'contact'
		  AND ` + readable + `
		  AND i.key > @after
		ORDER BY i.key
		LIMIT @limit`
	var s Standing
	var list []Listed
	err := p.read(ctx, id, client, &s, func(b *pgx.Batch) {
		queueStanding(b, id, client, &s)
		args := pgx.StrictNamedArgs{
			"tenant": id.Tenant, "client": client, "after": after, "limit": listMax + 1,
		}
		b.Queue(q, args).Query(collect(&list, func(row pgx.CollectableRow) (Listed, error) {
			var l Listed
			return l, row.Scan(&l.Key, &l.Card, &l.Open)
		}))
	})
	if err != nil {
		return Standing{}, nil, false, fmt.Errorf("read contacts: %w", err)
	}
	list, more := cut(list, listMax)
	return s, list, more, nil
}
