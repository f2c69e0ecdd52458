package store

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"dossiersync/store/dossier"
)

// Position is a place in a list that is sorted by time: between two items, or
// at one of its ends. The zero Position is the newest end.
type Position struct {
	At  time.Time
	Key string
}

// The ends of every list. What is dated beyond them is in none.
var (
	newestEnd = time.Date(9999, 12, 31, 0, 0, 0, 0, time.UTC)
	oldestEnd = time.Date(1, 1, 1, 0, 0, 0, 0, time.UTC)
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
	Newer    bool // the page that ends at Start, instead of the one that begins there
	// Between says that Start is a place among the items that no page led to:
	// whether there are newer ones must be looked up.
	Between bool
	Limit   int
	// Bodies asks for what a single item shows as well, with its links; what
	// they come to in all is limited to some [MaxBodies] bytes.
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
	Plan []byte // with bodies: the card of the plan it belongs to, if the reader may see that
	Goal []byte // with bodies: the card of the goal it is about, likewise
}

// List is a page of a dossier's items.
type List struct {
	Standing Standing
	Items    []Listed
	// Older and Newer report that there are items beyond the page. Where the
	// query says that a page led to its start, there are taken to be.
	Older, Newer bool
}

// mayOpen is the condition by which a statement about @client reads nothing at
// all for who may not open that dossier: asked once, before any row, so that a
// client who is somebody else's costs what one costs who does not exist (I8).
const mayOpen = ` AND @client = ANY (nullif(current_setting('dossiersync.opened', true), '')::text[])`

// readable is the condition that every statement puts on items i beside the
// policies of row-level security, which it repeats in its own words: only what
// the user has a right to; and not while a change of rules may come to hide what
// was stored under the old ones.
var readable = mayOpen + `
		AND i.state = 'shown'
		AND @client || ' ' || i.part = ANY ((SELECT nullif(current_setting('dossiersync.readable', true), '')::text[])::text[])
		AND i.part <> ALL (ARRAY(
			SELECT f.part
			FROM cursors c
			JOIN ` + feeds() + ` f (stream, part) ON f.stream = c.stream
			WHERE c.tenant = @tenant AND c.client = '' AND c.rechecking))`

// feeds returns a row (stream, part) for each part that a stream feeds. Clients
// feed them all.
func feeds() string {
	var rows []string
	for _, part := range append(dossier.Parts(), dossier.PartContacts) {
		for _, stream := range append(part.Streams(), dossier.StreamClients) {
			rows = append(rows, fmt.Sprintf("('%s', '%s')", stream, part))
		}
	}
	return "(VALUES " + strings.Join(rows, ", ") + ")"
}

const (
	// today is the date in the tenant's zone.
	today = `(SELECT (now() AT TIME ZONE t.timezone)::date FROM tenants t WHERE t.id = @tenant)`

	openToday = `i.open AND coalesce(i.ends >= ` + today + `, true)`
)

// Pages are read along the index items_by_client, in either direction, one kind
// at a time: nothing is sorted but the page.
var (
	branch = `(
		SELECT i.key, i.at, i.card, i.body, ` + openToday + ` AS open, i.plan, i.goal
		FROM items i
		WHERE i.tenant = @tenant AND i.client = @client AND i.kind = @kind1` + readable + `
		  AND i.at >= @from AND i.at < @to
		  AND (@category = '' OR i.kind <> 'report' OR i.category = @category)
		  AND (@open::boolean IS NULL OR (` + openToday + `) = @open)
		  AND (i.at, i.key) < (@at, @key)
		ORDER BY i.at DESC, i.key DESC LIMIT @limit)`
	cards = `
		SELECT key, at, card, NULL::json, open, NULL::json, NULL::json, count(*) OVER () FROM page l
		ORDER BY l.at DESC, l.key DESC`
	bodies = `
		SELECT l.key, l.at, l.card, l.body, l.open, links.plan, links.goal, l.total
		FROM (SELECT *, count(*) OVER () AS total,
				sum(octet_length(body::text)) OVER (ORDER BY at DESC, key DESC) - octet_length(body::text) AS before
			FROM page) l` + withLinks + `
		WHERE coalesce(l.before, 0) < @max_bodies
		ORDER BY l.at DESC, l.key DESC`
	// A link to a part of a plan leads to the whole.
	withLinks = `
		LEFT JOIN LATERAL (
			SELECT coalesce((SELECT i.plan FROM items i
				WHERE i.tenant = @tenant AND i.key = l.plan AND i.client = @client AND i.kind = 'care-plan-part'` + readable + `),
				l.plan) AS plan) whole ON true
		LEFT JOIN LATERAL (
			SELECT (array_agg(i.card) FILTER (WHERE i.key = whole.plan AND i.kind = 'care-plan'))[1] AS plan,
			       (array_agg(i.card) FILTER (WHERE i.key = l.goal))[1] AS goal
			FROM items i
			WHERE i.tenant = @tenant AND i.key IN (whole.plan, l.goal) AND i.client = @client` + readable + `) links ON true`
)

// sql returns the statement that reads the page.
func (q *ListQuery) sql() string {
	page := branch
	if len(q.Kinds) == 2 {
		page = `(` + branch + ` UNION ALL ` + strings.Replace(branch, `@kind1`, `@kind2`, 1) +
			` ORDER BY at DESC, key DESC LIMIT @limit)`
	}
	shape := cards
	if q.Bodies {
		shape = bodies
	}
	s := `WITH page AS MATERIALIZED ` + page + shape
	if q.Newer {
		s = upwards.Replace(s)
	}
	return s
}

// upwards turns a statement that reads towards the past into one that reads
// towards the present.
var upwards = strings.NewReplacer(`< (@at, @key)`, `> (@at, @key)`, `at DESC`, `at`, `key DESC`, `key`)

// newerExists tells whether anything lies before the page.
func (q *ListQuery) newerExists() string {
	probe := *q
	probe.Bodies, probe.Newer = false, true
	return `SELECT EXISTS (` + strings.ReplaceAll(probe.sql(), `@limit`, `1`) + `)`
}

func (q *ListQuery) args(id Identity, client string) pgx.StrictNamedArgs {
	from, to, at := q.From, q.To, q.Start.At
	if from.IsZero() {
		from = oldestEnd
	}
	if to.IsZero() {
		to = newestEnd
	}
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

// List returns a page of the dossier's items of the kinds asked for, as far as
// the user may see them. Without kinds it returns the standing alone.
func (r *Portal) List(ctx context.Context, id Identity, client string, q ListQuery) (List, error) {
	var list List
	total := 0
	err := r.read(ctx, id, client, &list.Standing, func(b *pgx.Batch) {
		queueStanding(b, id, client, &list.Standing)
		if len(q.Kinds) == 0 {
			return
		}
		b.Queue(q.sql(), q.args(id, client)).Query(func(rows pgx.Rows) (err error) {
			list.Items, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (Listed, error) {
				var l Listed
				return l, row.Scan(&l.Key, &l.At, &l.Card, &l.Body, &l.Open, &l.Plan, &l.Goal, &total)
			})
			return err
		})
		if q.Between {
			args := q.args(id, client)
			delete(args, "limit")
			delete(args, "max_bodies")
			b.Queue(q.newerExists(), args).QueryRow(func(row pgx.Row) error { return row.Scan(&list.Newer) })
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

// Item returns one item of the dossier with its body, or none if there is no
// such item of that kind that the user may see.
func (r *Portal) Item(ctx context.Context, id Identity, client, key string, kind dossier.Kind) (Standing, *Listed, error) {
	q := `
		SELECT l.key, l.card, l.body, l.open, links.plan, links.goal
		FROM (SELECT i.key, i.card, i.body, i.plan, i.goal, ` + openToday + ` AS open
			FROM items i
			WHERE i.tenant = @tenant AND i.key = @key AND i.client = @client AND i.kind = @kind` + readable + `) l` +
		withLinks
	var s Standing
	var items []*Listed
	err := r.read(ctx, id, client, &s, func(b *pgx.Batch) {
		queueStanding(b, id, client, &s)
		b.Queue(q, pgx.StrictNamedArgs{"tenant": id.Tenant, "client": client, "key": key, "kind": kind}).Query(
			collect(&items, func(row pgx.CollectableRow) (*Listed, error) {
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
