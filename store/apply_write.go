package store

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// write carries the decisions out. The change number comes last; see [raiseChange].
func (a *application) write(ctx context.Context) error {
	if err := a.deleteReplaced(ctx); err != nil {
		return err
	}
	if err := a.copyItems(ctx); err != nil {
		return err
	}
	var b pgx.Batch
	b.Queue(planEach)
	a.queueDefinitions(&b)
	a.queueTouched(&b)
	a.queueReferences(&b)
	a.queueAccounting(&b)
	a.queueRecords(&b)
	a.queueLeftOut(&b)
	a.queueQuarantine(&b)
	a.queueRereads(&b)
	a.queueAbsences(&b)
	if err := a.tx.SendBatch(ctx, &b).Close(); err != nil {
		return fmt.Errorf("write what follows from the items: %w", err)
	}
	if len(a.out.aliases) > 0 {
		args := pgx.StrictNamedArgs{"tenant": a.tenant, "targets": a.out.aliases}
		if _, err := a.tx.Exec(ctx, markForRerender, args); err != nil {
			return fmt.Errorf("mark forms to be rendered again: %w", err)
		}
	}
	if err := a.writeReplacements(ctx); err != nil {
		return fmt.Errorf("write replacements: %w", err)
	}
	if err := a.registerClients(ctx); err != nil {
		return err
	}
	if err := a.registerContacts(ctx); err != nil {
		return err
	}
	if err := a.renderPlans(ctx); err != nil {
		return fmt.Errorf("render plans again: %w", err)
	}
	if d := a.batch.Drained; d != nil {
		if err := moveCursor(ctx, a.tx, a.batch.Claim, a.batch.Type, *d); err != nil {
			return err
		}
	}
	return raiseChange(ctx, a.tx, a.tenant, sortedKeys(a.changed))
}

// deleteReplaced makes room for the rows that COPY stores.
func (a *application) deleteReplaced(ctx context.Context) error {
	const q = `
		DELETE FROM items
		WHERE ctid = ANY(ARRAY( -- by place
			SELECT i.ctid
			FROM unnest(@keys::text[]) k
			CROSS JOIN LATERAL ( -- by key
				SELECT ctid
				FROM items
				WHERE tenant = @tenant AND key = k
				OFFSET 0) i))
		  AND tenant = @tenant AND key = ANY(@keys)`
	if len(a.out.replaced) == 0 {
		return nil
	}
	args := pgx.StrictNamedArgs{"tenant": a.tenant, "keys": a.out.replaced}
	if _, err := a.tx.Exec(ctx, q, args); err != nil {
		return fmt.Errorf("replace items: %w", err)
	}
	return nil
}

// queueTouched writes version, time and epoch of items that are otherwise unchanged.
func (a *application) queueTouched(b *pgx.Batch) {
	const q = `
		UPDATE items SET version = t.version, updated = t.updated, epoch = @epoch
		FROM unnest(@keys::text[], @versions::text[], @updated::timestamptz[])
			t (key, version, updated)
		CROSS JOIN LATERAL ( -- by key
			SELECT ctid AS place
			FROM items
			WHERE tenant = @tenant AND key = t.key
			OFFSET 0) i
		WHERE items.ctid = i.place -- by place
		  AND items.tenant = @tenant AND items.key = t.key`
	if t := &a.out.touched; len(t.keys) > 0 {
		b.Queue(q, pgx.StrictNamedArgs{"tenant": a.tenant, "epoch": a.epoch,
			"keys": t.keys, "versions": t.versions, "updated": t.updated})
	}
}

// queueQuarantine stores the items that could not be applied, and deletes from quarantine
// those that could.
func (a *application) queueQuarantine(b *pgx.Batch) {
	const remove = `
		DELETE FROM quarantine q
		USING unnest(@keys::text[], @updated::timestamptz[]) c (key, updated)
		WHERE q.tenant = @tenant AND q.key = c.key
		  -- an older version that turns up again leaves the bad one there
		  AND (q.updated IS NULL OR c.updated IS NULL OR q.updated <= c.updated)`
	if c := &a.out.cleared; len(c.keys) > 0 && a.hasQuarantine {
		b.Queue(remove, pgx.StrictNamedArgs{"tenant": a.tenant, "keys": c.keys, "updated": c.updated})
	}
	for _, r := range a.out.quarantined {
		var raw []byte
		if !r.it.RawCut {
			raw = a.sealer.seal(a.tenant, r.key, r.it.Raw)
		}
		b.Queue(putQuarantine, pgx.StrictNamedArgs{
			"tenant": a.tenant, "key": r.key, "stream": r.it.Stream, "type": r.it.Type,
			"id": r.it.ID, "client": r.it.Client, "updated": timeOrNull(r.it.Updated),
			"reason": r.it.Reason, "detail": r.it.Detail, "raw": raw})
	}
}

func (a *application) queueRereads(b *pgx.Batch) {
	for _, r := range a.out.rereads {
		b.Queue(putReread, pgx.StrictNamedArgs{
			"tenant": a.tenant, "key": r.key, "stream": r.it.Stream, "type": r.it.Type, "id": r.it.ID})
	}
}
