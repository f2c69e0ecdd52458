package store

import (
	"context"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"

	"dossiersync/store/dossier"
)

// markForRerender marks the items that name one of @targets to be rendered again. Table stale
// holds the marks.
const markForRerender = `
	INSERT INTO stale (tenant, key)
	SELECT DISTINCT r.tenant, r.key
	FROM unnest(@targets::text[]) t
	CROSS JOIN LATERAL ( -- by key
		SELECT tenant, key
		FROM refs
		WHERE tenant = @tenant AND target = t
		OFFSET 0) r
	ON CONFLICT DO NOTHING`

// Rerender renders up to limit marked items again, because something that they name has
// changed, and returns how many there were; 0: none is left. It fails with [ErrFenced].
func (s *Store) Rerender(ctx context.Context, c Claim, r Renderer, limit int) (int, error) {
	var n int
	err := inTx(ctx, s.pool, func(tx pgx.Tx) error {
		if _, err := holdClaim(ctx, tx, c); err != nil {
			return err
		}
		var err error
		n, err = rerenderMarked(ctx, tx, c.Run.Tenant, r, limit)
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("render again: %w", err)
	}
	return n, nil
}

func rerenderMarked(ctx context.Context, tx pgx.Tx, tenant string, r Renderer, limit int) (int, error) {
	const take = `
		DELETE FROM stale
		WHERE tenant = @tenant AND key = ANY(ARRAY(
			SELECT key
			FROM stale
			WHERE tenant = @tenant
			ORDER BY key
			LIMIT @limit))
		RETURNING key`
	args := pgx.StrictNamedArgs{"tenant": tenant, "limit": limit}
	keys, err := queryList(ctx, tx, pgx.RowTo[string], take, args)
	if err != nil {
		return 0, err
	}
	within, err := takeWithin(ctx, tx, tenant, limit)
	if err != nil {
		return 0, err
	}
	again := rerenderer{tx: tx, tenant: tenant, render: r, within: make(map[string]bool), changed: make(map[string]struct{})}
	for _, key := range within.keys {
		again.within[key] = true
	}
	keys = append(keys, within.keys...)
	slices.Sort(keys)
	if keys = slices.Compact(keys); len(keys) == 0 {
		return 0, nil
	}
	if err := again.all(ctx, keys); err != nil {
		return 0, err
	}
	shown, err := within.put(ctx, tx, tenant)
	if err != nil {
		return 0, err
	}
	for _, client := range shown {
		again.changed[client] = struct{}{}
	}
	return len(keys), raiseChange(ctx, tx, tenant, sortedKeys(again.changed))
}

// rerenderer renders stored items again.
type rerenderer struct {
	tx      pgx.Tx
	tenant  string
	render  Renderer
	within  map[string]bool     // keys of items that may hold words of a withheld one
	changed map[string]struct{} // clients whose dossiers look different now
}

// rerenderItem is an item to be rendered again.
type rerenderItem struct {
	ref    dossier.Ref
	stream dossier.Stream
	shown  Shown
}

const (
	passItems = 500 // items that are rendered at once
	maxPasses = 100 // more than the deepest plans need, there and back
)

// all renders the items again, then the care plans that depend on a changed one, pass by
// pass. A plan embeds its parts and a part stores its ancestors, so a change may go both ways.
// A pass goes on from changed items only, so in the end every item was rendered from the
// present state of the others. Beyond maxPasses the rest is left to [Store.Rerender].
func (r *rerenderer) all(ctx context.Context, keys []string) error {
	const later = `
		INSERT INTO stale (tenant, key)
		SELECT @tenant, unnest(@keys::text[])
		ON CONFLICT DO NOTHING`
	for range maxPasses {
		var next []string
		for some := range slices.Chunk(keys, passItems) {
			more, err := r.pass(ctx, some)
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

// pass renders items again, and returns the keys of the plans to be rendered next.
func (r *rerenderer) pass(ctx context.Context, keys []string) (next []string, err error) {
	items, err := r.load(ctx, keys)
	if err != nil {
		return nil, err
	}
	contents := make([]dossier.Content, len(items)) // nil: cannot be restored
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
		r.compare(&out, it, c, rendered)
	}
	err = r.write(ctx, &out)
	return out.next, err
}

// load reads the shown ones of the items. Clients are left out, because nothing else goes
// into their shape.
func (r *rerenderer) load(ctx context.Context, keys []string) ([]rerenderItem, error) {
	const q = `
		SELECT i.*
		FROM unnest(@keys::text[]) k
		CROSS JOIN LATERAL ( -- by key
			SELECT type, id, stream, key, kind, coalesce(client, ''), card, body, model
			FROM items
			WHERE tenant = @tenant AND key = k AND state = 'shown' AND stream <> 'clients'
			OFFSET 0) i`
	scan := func(row pgx.CollectableRow) (it rerenderItem, err error) {
		s := &it.shown
		err = row.Scan(&it.ref.Type, &it.ref.ID, &it.stream, &s.Key, &s.Kind, &s.Client, &s.Card, &s.Body, &s.Model)
		return it, err
	}
	return queryList(ctx, r.tx, scan, q, pgx.StrictNamedArgs{"tenant": r.tenant, "keys": keys})
}
