package store

import (
	"bytes"
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"dossiersync/store/dossier"
)

// rerendered is the result of a pass.
type rerendered struct {
	rows    rerenderedRows
	pruned  []*rerenderItem // forms stored without answers that the new shape may show
	failed  []*rerenderItem
	targets []string // keys of changed items that are not care plans
	moved   []string // keys of plans whose kind or model changed, so that their parts may have moved
	next    []string // keys of plans to be rendered in the next pass
}

// rerenderedRows are the changed shapes, by column of items.
type rerenderedRows struct {
	keys, kinds                []string
	at                         []*time.Time
	open                       []*bool
	category, ends, plan, goal []*string
	card, body, model          []*string
}

func (w *rerenderedRows) add(key string, kind dossier.Kind, r Rendered) {
	w.keys, w.kinds = append(w.keys, key), append(w.kinds, string(kind))
	w.at, w.open = append(w.at, timeOrNull(r.At)), append(w.open, r.Open)
	w.category, w.ends = append(w.category, textOrNull(r.Category)), append(w.ends, textOrNull(r.Ends))
	w.plan, w.goal = append(w.plan, textOrNull(r.Plan)), append(w.goal, textOrNull(r.Goal))
	w.card, w.body = append(w.card, textOrNull(string(r.Card))), append(w.body, textOrNull(string(r.Body)))
	w.model = append(w.model, textOrNull(string(r.Model)))
}

// compare compares an item's new shape with its stored one, and collects what follows from a
// difference.
func (r *rerenderer) compare(out *rerendered, it *rerenderItem, c dossier.Content, shape Rendered) {
	if it.shown.Kind == dossier.KindAgreement {
		// An agreement is read as part of its plans only.
		out.next = append(out.next, planKeys(r.tenant, c)...)
		return
	}
	if f, ok := c.(*dossier.Form); ok && f.Pruned {
		out.pruned = append(out.pruned, it)
	}
	// The parts of a plan are rendered from its model.
	moved := shape.kind(c) != it.shown.Kind || !bytes.Equal(shape.Model, it.shown.Model)
	if !moved && bytes.Equal(shape.Card, it.shown.Card) && bytes.Equal(shape.Body, it.shown.Body) {
		return
	}
	r.noteChange(it)
	out.rows.add(it.shown.Key, shape.kind(c), shape)
	if it.stream != dossier.StreamCarePlans {
		out.targets = append(out.targets, it.shown.Key)
		return
	}
	if moved {
		out.moved = append(out.moved, it.shown.Key)
	}
	out.next = append(out.next, planKeys(r.tenant, c)...)
}

func (r *rerenderer) noteChange(it *rerenderItem) {
	if it.shown.Client != "" {
		r.changed[it.shown.Client] = struct{}{}
	}
}

// write stores the result of a pass, and adds the plans that name a moved one to out.next.
func (r *rerenderer) write(ctx context.Context, out *rerendered) error {
	const update = `
		UPDATE items SET
			kind = u.kind, at = u.at, category = u.category, open = u.open, ends = u.ends::date,
			plan = u.plan, goal = u.goal,
			card = u.card::json, body = u.body::json, model = u.model::json
		FROM unnest(@keys::text[], @kinds::text[], @at::timestamptz[], @category::text[],
				@open::boolean[], @ends::text[], @plan::text[], @goal::text[],
				@card::text[], @body::text[], @model::text[])
			u (key, kind, at, category, open, ends, plan, goal, card, body, model)
		CROSS JOIN LATERAL ( -- by key
			SELECT ctid AS place
			FROM items
			WHERE tenant = @tenant AND key = u.key
			OFFSET 0) i
		WHERE items.ctid = i.place -- by place
		  AND items.tenant = @tenant AND items.key = u.key`
	var b pgx.Batch
	if u := &out.rows; len(u.keys) > 0 {
		b.Queue(update, pgx.StrictNamedArgs{"tenant": r.tenant, "keys": u.keys, "kinds": u.kinds, "at": u.at,
			"category": u.category, "open": u.open, "ends": u.ends, "plan": u.plan, "goal": u.goal,
			"card": u.card, "body": u.body, "model": u.model})
	}
	for _, it := range out.pruned {
		r.readAgain(&b, it)
	}
	for _, it := range out.failed {
		r.quarantine(&b, out, it)
	}
	if len(out.targets) > 0 {
		b.Queue(markForRerender, pgx.StrictNamedArgs{"tenant": r.tenant, "targets": out.targets})
	}
	if len(out.moved) > 0 {
		args := pgx.StrictNamedArgs{"tenant": r.tenant, "targets": out.moved}
		b.Queue(plansNaming, args).Query(collectKeys(&out.next))
	}
	return r.tx.SendBatch(ctx, &b).Close()
}

// readAgain has an item read again that was stored without answers which its new shape may
// show. Without its hash, the item is stored even if the source has not changed it.
func (r *rerenderer) readAgain(b *pgx.Batch, it *rerenderItem) {
	const forget = `
		UPDATE items SET hash = ''
		WHERE tenant = @tenant AND key = @key`
	b.Queue(forget, pgx.StrictNamedArgs{"tenant": r.tenant, "key": it.shown.Key})
	b.Queue(putReread, pgx.StrictNamedArgs{
		"tenant": r.tenant, "key": it.shown.Key, "stream": it.stream, "type": it.ref.Type, "id": it.ref.ID})
}

// quarantine puts an item that cannot be rendered again into quarantine, so that it is read
// again, and leaves its stored shape. A care plan is hidden, however, because it embeds other
// items, which may no longer be shown, and so is an item that may hold words of a withheld one.
func (r *rerenderer) quarantine(b *pgx.Batch, out *rerendered, it *rerenderItem) {
	const hide = `
		UPDATE items SET reason = @reason, ` + emptied + `
		WHERE tenant = @tenant AND key = @key`
	const named = `
		SELECT target
		FROM refs
		WHERE tenant = @tenant AND key = @key`
	key := it.shown.Key
	b.Queue(putQuarantine, pgx.StrictNamedArgs{"tenant": r.tenant, "key": key, "stream": it.stream,
		"type": it.ref.Type, "id": it.ref.ID, "client": it.shown.Client, "updated": nil,
		"reason": dossier.NotStorable, "detail": "the program cannot show it again", "raw": nil})
	if it.stream != dossier.StreamCarePlans && !r.within[key] {
		return
	}
	r.noteChange(it)
	out.moved = append(out.moved, key)
	b.Queue(hide, pgx.StrictNamedArgs{"tenant": r.tenant, "key": key, "reason": dossier.HiddenQuarantined})
	b.Queue(named, pgx.StrictNamedArgs{"tenant": r.tenant, "key": key}).Query(collectKeys(&out.next))
}
