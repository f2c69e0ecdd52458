package store

import (
	"bytes"
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"dossiersync/store/dossier"
)

// rerendered is what a wave has come to.
type rerendered struct {
	rows   renderedRows
	lossy  []*staleItem // to be read again
	failed []*staleItem
	spread []string // keys of items that look different, from which others than plans are rendered
	moved  []string // keys of plans whose parts may have another place now
	next   []string // keys of plans to be rendered next
}

// renderedRows are new shapes, by column.
type renderedRows struct {
	keys, kinds                []string
	at                         []*time.Time
	open                       []*bool
	category, ends, plan, goal []*string
	card, body, model          []*string
}

func (w *renderedRows) add(key string, kind dossier.Kind, r Rendered) {
	w.keys, w.kinds = append(w.keys, key), append(w.kinds, string(kind))
	w.at, w.open = append(w.at, timeOrNull(r.At)), append(w.open, r.Open)
	w.category, w.ends = append(w.category, stringOrNull(r.Category)), append(w.ends, stringOrNull(r.Ends))
	w.plan, w.goal = append(w.plan, stringOrNull(r.Plan)), append(w.goal, stringOrNull(r.Goal))
	w.card, w.body = append(w.card, stringOrNull(string(r.Card))), append(w.body, stringOrNull(string(r.Body)))
	w.model = append(w.model, stringOrNull(string(r.Model)))
}

// take decides what follows from an item's shape. What is rendered from it in
// turn, as a role is from its person, has changed with it.
func (r *rerender) take(w *rerendered, it *staleItem, c dossier.Content, out Rendered) {
	if it.shown.Kind == dossier.KindAgreement {
		// Nobody reads it by itself, but what it names has changed, and with that
		// the plans.
		w.next = append(w.next, r.plansOf(c)...)
		return
	}
	if f, ok := c.(*dossier.Form); ok && f.Pruned {
		w.lossy = append(w.lossy, it)
	}
	// What a plan's parts know of it is in its model.
	moved := out.kind(c) != it.shown.Kind || !bytes.Equal(out.Model, it.shown.Model)
	if !moved && bytes.Equal(out.Card, it.shown.Card) && bytes.Equal(out.Body, it.shown.Body) {
		return
	}
	r.change(it)
	w.rows.add(it.shown.Key, out.kind(c), out)
	switch {
	case it.stream != dossier.StreamCarePlans:
		w.spread = append(w.spread, it.shown.Key)
		return
	case moved:
		w.moved = append(w.moved, it.shown.Key)
	}
	w.next = append(w.next, r.plansOf(c)...)
}

func (r *rerender) change(it *staleItem) {
	if it.shown.Client != "" {
		r.changed[it.shown.Client] = struct{}{}
	}
}

// plansOf lists the keys of plans that may be rendered from c.
func (r *rerender) plansOf(c dossier.Content) []string {
	var keys []string
	for _, ref := range dossier.PlansOf(c) {
		keys = append(keys, dossier.Key(r.tenant, ref))
	}
	return keys
}

// write stores what a wave has come to, and completes its next.
func (r *rerender) write(ctx context.Context, w *rerendered) error {
	const update = `
		UPDATE items SET kind = u.kind, at = u.at, category = u.category, open = u.open, ends = u.ends::date,
			plan = u.plan, goal = u.goal, card = u.card::json, body = u.body::json, model = u.model::json
		FROM unnest(@keys::text[], @kinds::text[], @at::timestamptz[], @category::text[], @open::boolean[], @ends::text[],
			@plan::text[], @goal::text[], @card::text[], @body::text[], @model::text[])
			u (key, kind, at, category, open, ends, plan, goal, card, body, model)
		CROSS JOIN LATERAL (SELECT ctid AS place FROM items WHERE tenant = @tenant AND key = u.key OFFSET 0) i
		WHERE items.ctid = i.place AND items.tenant = @tenant AND items.key = u.key`
	var b pgx.Batch
	if u := &w.rows; len(u.keys) > 0 {
		b.Queue(update, pgx.StrictNamedArgs{"tenant": r.tenant, "keys": u.keys, "kinds": u.kinds, "at": u.at,
			"category": u.category, "open": u.open, "ends": u.ends, "plan": u.plan, "goal": u.goal,
			"card": u.card, "body": u.body, "model": u.model})
	}
	for _, it := range w.lossy {
		r.readAgain(&b, it)
	}
	for _, it := range w.failed {
		r.withhold(&b, w, it)
	}
	if len(w.spread) > 0 {
		b.Queue(markStale, pgx.StrictNamedArgs{"tenant": r.tenant, "targets": w.spread})
	}
	if len(w.moved) > 0 {
		b.Queue(plansNaming, pgx.StrictNamedArgs{"tenant": r.tenant, "targets": w.moved}).Query(appendKeys(&w.next))
	}
	return r.tx.SendBatch(ctx, &b).Close()
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

// withhold deals with an item that cannot be rendered again: it is put into
// quarantine, so that it is read anew, and stays as it was. But a care plan holds
// what others say, which may no longer be shown: it is taken from readers' eyes.
func (r *rerender) withhold(b *pgx.Batch, w *rerendered, it *staleItem) {
	const hide = `UPDATE items SET reason = @reason, ` + emptied + ` WHERE tenant = @tenant AND key = @key`
	const named = `SELECT target FROM refs WHERE tenant = @tenant AND key = @key`
	key := it.shown.Key
	b.Queue(putQuarantine, pgx.StrictNamedArgs{"tenant": r.tenant, "key": key, "stream": it.stream,
		"type": it.ref.Type, "id": it.ref.ID, "client": it.shown.Client, "updated": nil,
		"reason": dossier.NotStorable, "detail": "the program cannot show it again", "raw": nil})
	if it.stream != dossier.StreamCarePlans {
		return
	}
	r.change(it)
	w.moved = append(w.moved, key)
	b.Queue(hide, pgx.StrictNamedArgs{"tenant": r.tenant, "key": key, "reason": dossier.HiddenQuarantined})
	b.Queue(named, pgx.StrictNamedArgs{"tenant": r.tenant, "key": key}).Query(appendKeys(&w.next))
}

func appendKeys(to *[]string) func(pgx.Rows) error {
	return func(rows pgx.Rows) error {
		keys, err := pgx.CollectRows(rows, pgx.RowTo[string])
		*to = append(*to, keys...)
		return err
	}
}
