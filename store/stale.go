package store

import (
	"bytes"
	"context"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"
)

// RenderStale renders up to limit items again because something that they name
// has changed, and returns how many were waiting. It is done when that is 0.
func (s *Store) RenderStale(ctx context.Context, c Claim, r Renderer, limit int) (int, error) {
	var n int
	err := inTx(ctx, s.pool, func(tx pgx.Tx) error {
		if _, err := holdClaim(ctx, tx, c); err != nil {
			return err
		}
		var err error
		n, err = renderStale(ctx, tx, c.Run.Tenant, r, limit)
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("render again: %w", err)
	}
	return n, nil
}

func renderStale(ctx context.Context, tx pgx.Tx, tenant string, r Renderer, limit int) (int, error) {
	const take = `
		DELETE FROM stale WHERE tenant = @tenant AND key = ANY(ARRAY(
			SELECT key FROM stale WHERE tenant = @tenant ORDER BY key LIMIT @limit))
		RETURNING key`
	rows, err := tx.Query(ctx, take, pgx.StrictNamedArgs{"tenant": tenant, "limit": limit})
	if err != nil {
		return 0, err
	}
	keys, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil || len(keys) == 0 {
		return 0, err
	}
	again := rerender{tx: tx, tenant: tenant, render: r, changed: make(map[string]struct{})}
	if err := again.all(ctx, keys); err != nil {
		return 0, err
	}
	return len(keys), raiseChange(ctx, tx, tenant, sortedKeys(again.changed))
}

// rerender renders stored items again.
type rerender struct {
	tx      pgx.Tx
	tenant  string
	render  Renderer
	changed map[string]struct{} // clients whose dossiers look different now
}

// staleItem is one item to be rendered again.
type staleItem struct {
	ref    Ref
	stream Stream
	shown  Shown
}

const (
	// A wave goes by so many items at once.
	waveItems = 500
	// More waves than the deepest plans need, there and back.
	maxWaves = 100
)

// all renders the items again, and then, wave by wave, the care plans that look
// different for it: a plan holds what its parts do, and a part knows of what it
// is one. A wave goes on only from what has changed. In the end all have been
// rendered from what the others now are, in whatever order they came.
func (r *rerender) all(ctx context.Context, keys []string) error {
	const later = `INSERT INTO stale (tenant, key) SELECT @tenant, unnest(@keys::text[]) ON CONFLICT DO NOTHING`
	for range maxWaves {
		var next []string
		for some := range slices.Chunk(keys, waveItems) {
			more, err := r.wave(ctx, some)
			if err != nil {
				return err
			}
			next = append(next, more...)
		}
		if len(next) == 0 {
			return nil
		}
		slices.Sort(next)
		keys = slices.Compact(next)
	}
	_, err := r.tx.Exec(ctx, later, pgx.StrictNamedArgs{"tenant": r.tenant, "keys": keys})
	return err
}

// wave renders items again, and returns the keys of plans that are to be rendered
// next.
func (r *rerender) wave(ctx context.Context, keys []string) (next []string, err error) {
	items, err := r.load(ctx, keys)
	if err != nil {
		return nil, err
	}
	contents := make([]Content, len(items))
	around := surroundings{tenant: r.tenant}
	var b, out pgx.Batch
	for i := range items {
		it := &items[i]
		if contents[i], err = r.render.Restore(it.shown); err != nil {
			r.withhold(&out, it, &next)
			contents[i] = nil
			continue
		}
		around.add(it.shown.Key, contents[i])
	}
	around.queue(&b)
	if err := r.tx.SendBatch(ctx, &b).Close(); err != nil {
		return nil, err
	}
	for i := range items {
		it, c := &items[i], contents[i]
		if c == nil {
			continue
		}
		rendered, err := r.render.Render(it.ref, c, around.lookup(it.shown.Client))
		if err != nil {
			r.withhold(&out, it, &next)
			continue
		}
		r.put(&out, it, c, rendered, &next)
	}
	err = r.tx.SendBatch(ctx, &out).Close()
	return next, err
}

// load reads what is shown of the items. Clients are rendered from nothing.
func (r *rerender) load(ctx context.Context, keys []string) ([]staleItem, error) {
	const load = `
		SELECT i.* FROM unnest(@keys::text[]) k CROSS JOIN LATERAL (
			SELECT type, id, stream, key, kind, coalesce(client, ''), card, body, model FROM items
			WHERE tenant = @tenant AND key = k AND state = 'shown' AND stream <> 'clients' OFFSET 0) i`
	rows, err := r.tx.Query(ctx, load, pgx.StrictNamedArgs{"tenant": r.tenant, "keys": keys})
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (staleItem, error) {
		var it staleItem
		err := row.Scan(&it.ref.Type, &it.ref.ID, &it.stream,
			&it.shown.Key, &it.shown.Kind, &it.shown.Client, &it.shown.Card, &it.shown.Body, &it.shown.Model)
		return it, err
	})
}

// put stores the item's new shape, if it is one. What is rendered from it in
// turn, as a role is from its person, has changed with it.
func (r *rerender) put(b *pgx.Batch, it *staleItem, c Content, out Rendered, next *[]string) {
	const update = `
		UPDATE items SET kind = @kind, at = @at, category = @category, open = @open, ends = @ends, plan = @plan,
			goal = @goal, card = @card, body = @body, model = @model
		WHERE tenant = @tenant AND key = @key`
	const spread = `
		INSERT INTO stale (tenant, key) SELECT tenant, key FROM refs WHERE tenant = @tenant AND target = @key
		ON CONFLICT DO NOTHING`
	if it.shown.Kind == KindAgreement {
		// Nobody reads it by itself, but what it names has changed, and with that
		// the plans.
		r.spreadUp(c, next)
		return
	}
	if l, ok := c.(lossy); ok && l.isLossy() {
		r.readAgain(b, it)
	}
	// What a plan's parts know of it is in its model.
	moved := out.kind(c) != it.shown.Kind || !bytes.Equal(out.Model, it.shown.Model)
	if !moved && bytes.Equal(out.Card, it.shown.Card) && bytes.Equal(out.Body, it.shown.Body) {
		return
	}
	if it.shown.Client != "" {
		r.changed[it.shown.Client] = struct{}{}
	}
	b.Queue(update, pgx.StrictNamedArgs{
		"tenant": r.tenant, "key": it.shown.Key, "kind": out.kind(c), "at": timeOrNull(out.At),
		"category": orNull(out.Category), "open": out.Open, "ends": dateOrNull(out.Ends),
		"plan": orNull(out.Plan), "goal": orNull(out.Goal),
		"card": jsonOrNull(out.Card), "body": jsonOrNull(out.Body), "model": jsonOrNull(out.Model)})
	if it.stream != StreamCarePlans {
		b.Queue(spread, pgx.StrictNamedArgs{"tenant": r.tenant, "key": it.shown.Key})
		return
	}
	r.spreadUp(c, next)
	if moved {
		r.spreadDown(b, it.shown.Key, next)
	}
}

// readAgain has an item read again, and stored however much it is the same, since
// it was stored without something that its new shape may show.
func (r *rerender) readAgain(b *pgx.Batch, it *staleItem) {
	const forget = `UPDATE items SET hash = '' WHERE tenant = @tenant AND key = @key`
	const again = `
		INSERT INTO rereads (tenant, key, stream, type, id) VALUES (@tenant, @key, @stream, @type, @id)
		ON CONFLICT DO NOTHING`
	b.Queue(forget, pgx.StrictNamedArgs{"tenant": r.tenant, "key": it.shown.Key})
	b.Queue(again, pgx.StrictNamedArgs{
		"tenant": r.tenant, "key": it.shown.Key, "stream": it.stream, "type": it.ref.Type, "id": it.ref.ID})
}

// spreadUp adds the plans that are rendered from c.
func (r *rerender) spreadUp(c Content, next *[]string) {
	for _, ref := range plansOf(c) {
		*next = append(*next, Key(r.tenant, ref))
	}
}

// spreadDown adds the plans that name the plan with this key.
func (r *rerender) spreadDown(b *pgx.Batch, key string, next *[]string) {
	b.Queue(plansNaming, pgx.StrictNamedArgs{"tenant": r.tenant, "targets": []string{key}}).Query(appendKeys(next))
}

// withhold deals with an item that cannot be rendered again: it is put into
// quarantine, so that it is read anew, and stays as it was. But a care plan holds
// what others say, which may no longer be shown: it is taken from readers' eyes.
func (r *rerender) withhold(b *pgx.Batch, it *staleItem, next *[]string) {
	const hide = `UPDATE items SET reason = @reason, ` + emptied + ` WHERE tenant = @tenant AND key = @key`
	const named = `SELECT target FROM refs WHERE tenant = @tenant AND key = @key`
	key := it.shown.Key
	b.Queue(putQuarantine, pgx.StrictNamedArgs{"tenant": r.tenant, "key": key, "stream": it.stream,
		"type": it.ref.Type, "id": it.ref.ID, "client": it.shown.Client, "updated": nil,
		"reason": NotStorable, "detail": "the program cannot show it again", "raw": nil})
	if it.stream != StreamCarePlans {
		return
	}
	if it.shown.Client != "" {
		r.changed[it.shown.Client] = struct{}{}
	}
	b.Queue(hide, pgx.StrictNamedArgs{"tenant": r.tenant, "key": key, "reason": HiddenQuarantined})
	b.Queue(named, pgx.StrictNamedArgs{"tenant": r.tenant, "key": key}).Query(appendKeys(next))
	r.spreadDown(b, key, next)
}

func appendKeys(to *[]string) func(pgx.Rows) error {
	return func(rows pgx.Rows) error {
		keys, err := pgx.CollectRows(rows, pgx.RowTo[string])
		*to = append(*to, keys...)
		return err
	}
}
