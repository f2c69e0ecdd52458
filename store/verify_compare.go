package store

import (
	"bytes"
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"dossiersync/store/dossier"
)

// comparison compares items of the source with the replica; it writes nothing.
type comparison struct {
	known
	upto *time.Time // source's clock: up to when the type is known to be read
}

// read reads the replica's side, and returns the keys of items that were not compared before.
func (c *comparison) read(ctx context.Context, tx pgx.Tx, id TypeID) (first map[string]bool, err error) {
	const state = `
		SELECT epoch, (
			SELECT min(upto)
			FROM cursors
			WHERE tenant = @tenant AND stream = @stream AND type = @type AND client = '')
		FROM tenants
		WHERE id = @tenant`
	const note = `
		INSERT INTO verified
		SELECT unnest(@keys::text[])
		ON CONFLICT DO NOTHING
		RETURNING key`
	var b pgx.Batch
	args := pgx.StrictNamedArgs{"tenant": c.tenant, "stream": id.Stream, "type": id.Type}
	b.Queue(state, args).QueryRow(func(row pgx.Row) error { return row.Scan(&c.epoch, &c.upto) })
	c.known.queue(&b, true)
	b.Queue(note, pgx.StrictNamedArgs{"keys": c.keys}).Query(func(rows pgx.Rows) error {
		keys, err := pgx.CollectRows(rows, pgx.RowTo[string])
		first = make(map[string]bool, len(keys))
		for _, key := range keys {
			first[key] = true
		}
		return err
	})
	err = tx.SendBatch(ctx, &b).Close()
	return first, err
}

// difference returns how the i-th item differs from the stored one; its kind is empty if it
// does not. An item that could not be read is not compared but reported as quarantined.
func (c *comparison) difference(i int) (d Difference, quarantined bool) {
	it, key := c.items[i], c.keys[i]
	d = Difference{Stream: it.Stream, Ref: it.Ref}
	if it.State == dossier.StateQuarantined {
		return d, true
	}
	old, isStored := c.old[key]
	if c.erased[it.Client] && !isStored {
		return d, false
	}
	c.hideWithClient(&it)
	c.applyReplacement(&it, key)
	isShown := isStored && old.isShown()
	switch {
	case it.State != dossier.StateShown && isShown:
		d.Kind, d.Reason = DifferenceShown, it.Reason
	case it.State != dossier.StateShown:
		return d, false
	case !isStored:
		d.Kind = DifferenceMissing
	case !isShown:
		d.Kind, d.Reason = DifferenceHidden, old.reason
	case old.client != it.Client:
		d.Kind = DifferenceClient
	case !c.looksLike(&it, &old):
		d.Kind = DifferenceContent
	default:
		return d, false
	}
	if isStored && it.Updated.After(old.updated) || d.Kind == DifferenceMissing && c.isUnread(&it) {
		d.Kind = DifferenceBehind
	}
	return d, false
}

// looksLike reports whether the item would be stored with the same card and body.
func (c *comparison) looksLike(it *dossier.Item, old *stored) bool {
	if it.Hash != old.hash {
		return false
	}
	r, err := c.rendered(it, nil)
	return err == nil && bytes.Equal(r.Card, old.card) && bytes.Equal(r.Body, old.body)
}

// isUnread reports whether the item changed after the time up to which the type was read.
func (c *comparison) isUnread(it *dossier.Item) bool {
	return c.upto != nil && it.Updated.After(*c.upto)
}
