package store

import (
	"bytes"
	"context"
	"fmt"

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

// staleItem is one item to be rendered again.
type staleItem struct {
	ref    Ref
	stream Stream
	client string
	shown  Shown
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
	const load = `
		SELECT i.* FROM unnest(@keys::text[]) k CROSS JOIN LATERAL (
			SELECT type, id, stream, coalesce(client, ''), key, kind, card, body, model FROM items
			WHERE tenant = @tenant AND key = k AND state = 'shown' OFFSET 0) i`
	rows, err = tx.Query(ctx, load, pgx.StrictNamedArgs{"tenant": tenant, "keys": keys})
	if err != nil {
		return 0, err
	}
	items, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (staleItem, error) {
		var it staleItem
		err := row.Scan(&it.ref.Type, &it.ref.ID, &it.stream, &it.client,
			&it.shown.Key, &it.shown.Kind, &it.shown.Card, &it.shown.Body, &it.shown.Model)
		return it, err
	})
	if err != nil {
		return 0, err
	}
	return len(keys), renderAgain(ctx, tx, tenant, r, items)
}

func renderAgain(ctx context.Context, tx pgx.Tx, tenant string, r Renderer, items []staleItem) error {
	contents := make([]Content, len(items))
	var names []string
	var failed []staleItem
	for i, it := range items {
		var err error
		if contents[i], err = r.Restore(it.shown); err != nil {
			failed = append(failed, it)
			continue
		}
		for _, ref := range contents[i].Refs() {
			names = append(names, Key(tenant, ref))
		}
	}
	rows, err := tx.Query(ctx, shownSQL, pgx.StrictNamedArgs{"tenant": tenant, "names": names})
	if err != nil {
		return err
	}
	shown := make(map[string]*Shown)
	if err := collectShown(shown)(rows); err != nil {
		return err
	}
	var b pgx.Batch
	changed := make(map[string]struct{})
	for i, it := range items {
		if contents[i] == nil {
			continue
		}
		out, err := r.Render(it.ref, contents[i], lookup(tenant, it.client, shown))
		if err != nil {
			failed = append(failed, it)
			continue
		}
		if bytes.Equal(out.Card, it.shown.Card) && bytes.Equal(out.Body, it.shown.Body) {
			continue
		}
		if it.client != "" {
			changed[it.client] = struct{}{}
		}
		queueRendered(&b, tenant, it.shown.Key, out)
	}
	for _, it := range failed {
		queueUnrenderable(&b, tenant, it)
	}
	if err := tx.SendBatch(ctx, &b).Close(); err != nil {
		return err
	}
	return raiseChange(ctx, tx, tenant, sortedKeys(changed))
}

// queueRendered stores an item's new shape. What is rendered from it in turn, as
// a role is from its person, has changed with it.
func queueRendered(b *pgx.Batch, tenant, key string, r Rendered) {
	const update = `
		UPDATE items SET at = @at, category = @category, open = @open, ends = @ends, plan = @plan, goal = @goal,
			card = @card, body = @body, model = @model
		WHERE tenant = @tenant AND key = @key`
	const spread = `
		INSERT INTO stale (tenant, key) SELECT tenant, key FROM refs WHERE tenant = @tenant AND target = @key
		ON CONFLICT DO NOTHING`
	b.Queue(update, pgx.StrictNamedArgs{
		"tenant": tenant, "key": key, "at": timeOrNull(r.At), "category": orNull(r.Category),
		"open": r.Open, "ends": dateOrNull(r.Ends), "plan": orNull(r.Plan), "goal": orNull(r.Goal),
		"card": jsonOrNull(r.Card), "body": jsonOrNull(r.Body), "model": jsonOrNull(r.Model)})
	b.Queue(spread, pgx.StrictNamedArgs{"tenant": tenant, "key": key})
}

// queueUnrenderable puts an item that cannot be rendered again into quarantine,
// so that it is read anew; it stays as it was.
func queueUnrenderable(b *pgx.Batch, tenant string, it staleItem) {
	b.Queue(putQuarantine, pgx.StrictNamedArgs{"tenant": tenant, "key": it.shown.Key, "stream": it.stream,
		"type": it.ref.Type, "id": it.ref.ID, "client": it.client, "updated": nil,
		"reason": NotStorable, "detail": "the program cannot show it again"})
}
