package store

import (
	"context"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"

	"dossiersync/store/dossier"
)

// Rerender renders up to limit items again because something that they name
// has changed, and returns how many were waiting. It is done when that is 0.
func (s *Store) Rerender(ctx context.Context, c Claim, r Renderer, limit int) (int, error) {
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
	ref    dossier.Ref
	stream dossier.Stream
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
	contents := make([]dossier.Content, len(items))
	around := surroundings{tenant: r.tenant}
	var in pgx.Batch
	var out rerendered
	for i := range items {
		it := &items[i]
		if contents[i], err = r.render.Restore(it.shown); err != nil {
			contents[i] = nil
			out.failed = append(out.failed, it)
			continue
		}
		around.add(it.shown.Key, contents[i])
	}
	around.queue(&in)
	if err := r.tx.SendBatch(ctx, &in).Close(); err != nil {
		return nil, err
	}
	for i := range items {
		it, c := &items[i], contents[i]
		if c == nil {
			continue
		}
		rendered, err := r.render.Render(it.ref, c, around.lookup(it.shown.Client))
		if err != nil {
			out.failed = append(out.failed, it)
			continue
		}
		r.take(&out, it, c, rendered)
	}
	err = r.write(ctx, &out)
	return out.next, err
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
