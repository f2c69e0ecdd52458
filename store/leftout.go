package store

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"dossiersync/store/dossier"
)

// PlaceCount is a place whose words reach no reader, and the number of items that have it.
type PlaceCount struct {
	Place string              `json:"place"`
	Kind  dossier.LeftOutKind `json:"kind"`
	Items int64               `json:"items"`
	// Accepted is why the loss is right; empty: that is not known yet.
	Accepted string `json:"accepted,omitempty"`
}

func scanPlaceCount(row pgx.CollectableRow) (p PlaceCount, err error) {
	if err = row.Scan(&p.Place, &p.Kind, &p.Items); err != nil {
		return p, err
	}
	p.Accepted, _ = dossier.LeftOutReason(p.Place)
	return p, nil
}

// leftOutRows collects what the items of a batch leave out.
type leftOutRows struct {
	counts              map[placeKind]int64 // of items that the run had not counted
	keys, places, kinds []string            // rows of single items
	lengths             []int32
}

type placeKind struct {
	place string
	kind  dossier.LeftOutKind
}

// isSampled reports whether everything that the item with this key leaves out is looked at and stored:
// one item in a hundred, always the same ones.
func isSampled(it *dossier.Item) bool { return it.Words != nil }

// leaveOut notes what an item leaves out. isNew reports that the run counts the item now, and stored that
// the item's row is written.
func (a *application) leaveOut(key string, it *dossier.Item, r *Rendered, isNew, stored bool) {
	if it.State != dossier.StateShown {
		return
	}
	all := it.LeftOut
	if isSampled(it) && stored {
		all = append(slices.Clone(all), r.MissingWords(it.Words)...)
	}
	w := &a.out.leftOut
	for _, l := range all {
		if isNew {
			if w.counts == nil {
				w.counts = make(map[placeKind]int64)
			}
			w.counts[placeKind{l.Place, l.Kind}]++
		}
		if _, accepted := dossier.LeftOutReason(l.Place); accepted && !isSampled(it) {
			continue
		}
		w.keys, w.places, w.kinds = append(w.keys, key), append(w.places, l.Place), append(w.kinds, string(l.Kind))
		w.lengths = append(w.lengths, int32(min(l.Length, 1<<30)))
	}
}

// list returns the counts, in no order.
func (w *leftOutRows) list() []PlaceCount {
	all := make([]PlaceCount, 0, len(w.counts))
	for p, n := range w.counts {
		all = append(all, PlaceCount{Place: p.place, Kind: p.kind, Items: n})
	}
	return all
}

// queueLeftOut writes what the batch's items leave out: counts per run, and rows per item in place of
// those of the versions before.
func (a *application) queueLeftOut(b *pgx.Batch) {
	const forget = `
		DELETE FROM left_out
		WHERE tenant = @tenant AND key = ANY(@keys)`
	const rows = `
		INSERT INTO left_out (tenant, key, place, kind, length)
		SELECT @tenant, key, place, kind, max(length)
		FROM unnest(@keys::text[], @places::text[], @kinds::text[], @lengths::integer[]) l (key, place, kind, length)
		GROUP BY key, place, kind
		ON CONFLICT (tenant, key, place, kind) DO UPDATE SET length = excluded.length
		WHERE left_out.length <> excluded.length`
	w := &a.out.leftOut
	if len(a.out.replaced) > 0 {
		b.Queue(forget, pgx.StrictNamedArgs{"tenant": a.tenant, "keys": a.out.replaced})
	}
	if len(w.keys) > 0 {
		b.Queue(rows, pgx.StrictNamedArgs{"tenant": a.tenant, "keys": w.keys, "places": w.places,
			"kinds": w.kinds, "lengths": w.lengths})
	}
}

// queueLeftOutCounts adds to the run's counts of places.
func (a *application) queueLeftOutCounts(b *pgx.Batch) {
	const q = `
		INSERT INTO run_left_out (run, place, kind, items)
		SELECT @run, place, kind, items
		FROM unnest(@places::text[], @kinds::text[], @items::bigint[]) l (place, kind, items)
		ORDER BY place, kind -- two batches then lock in the same order
		ON CONFLICT (run, place, kind) DO UPDATE SET items = run_left_out.items + excluded.items`
	counts := a.out.leftOut.counts
	if len(counts) == 0 {
		return
	}
	var places, kinds []string
	var items []int64
	for p, n := range counts {
		places, kinds, items = append(places, p.place), append(kinds, string(p.kind)), append(items, n)
	}
	b.Queue(q, pgx.StrictNamedArgs{"run": a.batch.Claim.Run.ID, "places": places, "kinds": kinds, "items": items})
}

// RunLeftOut returns the places whose words reach no reader among the items that the run saw, the most
// frequent first.
func (s *Store) RunLeftOut(ctx context.Context, run int64) ([]PlaceCount, error) {
	const q = `
		SELECT place, kind, items
		FROM run_left_out
		WHERE run = @run
		ORDER BY items DESC, place, kind`
	places, err := queryList(ctx, s.pool, scanPlaceCount, q, pgx.StrictNamedArgs{"run": run})
	if err != nil {
		return nil, fmt.Errorf("read what run %d left out: %w", run, err)
	}
	return places, nil
}

// ItemStanding is what is stored of one item, without its words.
type ItemStanding struct {
	Key    string         `json:"key"`
	Stream dossier.Stream `json:"stream"`
	Type   string         `json:"type"`
	ID     string         `json:"id"`
	Client string         `json:"client"` // empty: belongs to no client
	State  dossier.State  `json:"state"`
	Reason dossier.Reason `json:"reason"` // why the item is not shown; else empty
	Detail string         `json:"detail"` // of an item in quarantine
	// LeftOut holds the places that are not accepted, and of one item in a hundred all of them.
	LeftOut []dossier.LeftOut `json:"leftOut"`
}

// ItemStanding returns what is stored of the item with the key; if it is in quarantine, that is its state.
// It first writes to the access log that the operator by has asked, if the item belongs to a client. It
// fails with [ErrNotFound], and with [ErrLogUnavailable] where the log cannot be written.
func (s *Store) ItemStanding(ctx context.Context, tenant, key, by string) (ItemStanding, error) {
	const q = `
		SELECT key, stream, type, coalesce(id, ''), coalesce(client, ''), 'quarantined', reason, coalesce(detail, '')
		FROM quarantine
		WHERE tenant = @tenant AND key = @key
		UNION ALL
		SELECT key, stream, type, id, coalesce(client, ''), state, coalesce(reason, ''), ''
		FROM items
		WHERE tenant = @tenant AND key = @key
		LIMIT 1`
	const leftOut = `
		SELECT place, kind, length
		FROM left_out
		WHERE tenant = @tenant AND key = @key
		ORDER BY place, kind`
	args := pgx.StrictNamedArgs{"tenant": tenant, "key": key}
	scan := func(row pgx.CollectableRow) (i ItemStanding, err error) {
		err = row.Scan(&i.Key, &i.Stream, &i.Type, &i.ID, &i.Client, &i.State, &i.Reason, &i.Detail)
		return i, err
	}
	item, err := queryOne(ctx, s.pool, scan, q, args)
	if errors.Is(err, pgx.ErrNoRows) {
		return item, fmt.Errorf("an item of %s: %w", tenant, ErrNotFound)
	}
	if err == nil {
		item.LeftOut, err = queryList(ctx, s.pool, pgx.RowToStructByPos[dossier.LeftOut], leftOut, args)
	}
	if err != nil {
		return ItemStanding{}, fmt.Errorf("explain an item of %s: %w", tenant, err)
	}
	if item.Client == "" {
		return item, nil
	}
	e := AccessEvent{Tenant: tenant, Action: "read", Event: "explain", Outcome: "success",
		User: by, Client: item.Client, Object: key}
	if err := s.logOperator(ctx, e); err != nil {
		return ItemStanding{}, fmt.Errorf("log that an item of %s is explained: %w", tenant, err)
	}
	return item, nil
}

// ItemsLeftOut is a place whose words reach no reader, and some of the items that have it.
type ItemsLeftOut struct {
	PlaceCount
	Newest []string `json:"newest"` // at most five, as type/id in the source
	Keys   []string `json:"-"`      // theirs
}

func scanItemsLeftOut(row pgx.CollectableRow) (l ItemsLeftOut, err error) {
	err = row.Scan(&l.Place, &l.Kind, &l.Items, &l.Newest, &l.Keys)
	l.Accepted, _ = dossier.LeftOutReason(l.Place)
	return l, err
}

const leftOutOfClient = `
	SELECT l.place, l.kind, count(*),
		(array_agg(i.type || '/' || i.id ORDER BY i.at DESC NULLS LAST, i.key))[1:5],
		(array_agg(i.key ORDER BY i.at DESC NULLS LAST, i.key))[1:5]
	FROM items i
	JOIN left_out l ON l.tenant = i.tenant AND l.key = i.key
	WHERE i.tenant = @tenant
	  AND i.client = @client
	  AND i.state = 'shown'
	GROUP BY l.place, l.kind
	ORDER BY count(*) DESC, l.place, l.kind`

// LeftOutNews is a place that asks for an operator's attention.
type LeftOutNews struct {
	Tenant string `json:"tenant"`
	PlaceCount
	// Doubled reports that the place is accepted, and that its share of the records was less than half as
	// large in the run before. Else the place is one that nobody has looked at yet.
	Doubled bool      `json:"doubled"`
	Run     int64     `json:"run"` // the last one that met it
	Since   time.Time `json:"since"`
}

// doubledFrom is the least number of items at which a place that doubled is worth a look.
const doubledFrom = 20

// LeftOutNew returns the places that ask for attention, of the tenant or of all tenants if tenant is
// empty: of the last seven days those that are not accepted, and of the last run those whose share of
// the type's shown records has doubled since the run before that saw at least [doubledFrom] of them.
func (s *Store) LeftOutNew(ctx context.Context, tenant string) ([]LeftOutNews, error) {
	const q = `
		WITH ended AS (
			SELECT id, tenant, finished_at
			FROM runs
			WHERE (@tenant = '' OR tenant = @tenant)
			  AND state = 'done'
			  AND finished_at > now() - interval '7 days'),
		met AS (
			SELECT e.tenant, l.place, l.kind, l.run, l.items, e.finished_at
			FROM run_left_out l
			JOIN ended e ON e.id = l.run
			WHERE l.kind <> 'withheld'),
		last AS (
			SELECT tenant, place, kind, max(run) AS run, min(finished_at) AS since
			FROM met
			GROUP BY tenant, place, kind),
		shown AS ( -- records of each type that a run read and that are shown
			SELECT t.run, e.tenant, t.type,
				sum(coalesce((t.effects->>'created')::bigint, 0)
					+ coalesce((t.effects->>'updated')::bigint, 0)
					+ coalesce((t.effects->>'unchanged')::bigint, 0)) AS items
			FROM run_types t
			JOIN ended e ON e.id = t.run
			GROUP BY t.run, e.tenant, t.type),
		ranked AS ( -- each with the newest run before it that read enough of the type
			SELECT run, type, items,
				max(run) FILTER (WHERE items >= @from) OVER (
					PARTITION BY tenant, type
					ORDER BY run
					ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS before
			FROM shown)
		SELECT l.tenant, l.place, l.kind, n.items, l.run, l.since, coalesce(s.items, 0),
			coalesce(o.items, 0), coalesce(p.items, 0)
		FROM last l
		JOIN met n ON n.run = l.run AND n.place = l.place AND n.kind = l.kind
		LEFT JOIN ranked s ON s.run = l.run AND s.type = split_part(l.place, '.', 1)
		LEFT JOIN shown p ON p.run = s.before AND p.type = s.type
		LEFT JOIN met o ON o.run = p.run AND o.place = l.place AND o.kind = l.kind
		ORDER BY l.tenant, l.place, l.kind`
	var list []LeftOutNews
	_, err := queryList(ctx, s.pool, func(row pgx.CollectableRow) (struct{}, error) {
		var n LeftOutNews
		var of, before, beforeOf int64
		err := row.Scan(&n.Tenant, &n.Place, &n.Kind, &n.Items, &n.Run, &n.Since, &of, &before, &beforeOf)
		if reason, accepted := dossier.LeftOutReason(n.Place); accepted {
			n.Accepted = reason
			// Words are looked for when a version is stored, so that their number follows the changes.
			n.Doubled = n.Kind == dossier.LeftOutUnread && beforeOf > 0 && n.Items >= doubledFrom &&
				n.Items >= 2*before && n.Items*beforeOf >= 2*before*max(of, 1)
		}
		if n.Accepted == "" || n.Doubled {
			list = append(list, n)
		}
		return struct{}{}, err
	}, q, pgx.StrictNamedArgs{"tenant": tenant, "from": doubledFrom})
	if err != nil {
		return nil, fmt.Errorf("read what is newly left out of %s: %w", tenant, err)
	}
	slices.SortStableFunc(list, func(a, b LeftOutNews) int { return cmp.Compare(b.Items, a.Items) })
	return list, nil
}
