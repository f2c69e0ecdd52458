package store

import (
	"context"

	"github.com/jackc/pgx/v5"

	"dossiersync/store/dossier"
)

// replacedBy lists the records that c replaces. A replaced report is hidden, a replaced plan
// becomes a past one. The two records may arrive in either order. A report that is itself
// replaced still hides the report that it replaced.
func replacedBy(c dossier.Content) []dossier.Ref {
	switch c := c.(type) {
	case *dossier.Report:
		return c.Replaces
	case *dossier.CarePlan:
		return c.Replaces
	}
	return nil
}

// replacements are rows of table replacements, by column: the item targets[i] is replaced by
// the item keys[i] of clients[i]. An item of another client replaces nothing.
type replacements struct {
	targets, keys, clients []string
}

func (r *replacements) add(tenant, key string, it *dossier.Item) {
	replaces := it.State == dossier.StateShown || it.Reason == dossier.HiddenSuperseded
	if !replaces || it.Client == "" {
		return
	}
	for _, ref := range replacedBy(it.Content) {
		if ref == it.Ref {
			continue
		}
		r.targets = append(r.targets, dossier.Key(tenant, ref))
		r.keys = append(r.keys, key)
		r.clients = append(r.clients, it.Client)
	}
}

// displaced is an item that an item of the client replaces.
type displaced struct{ key, client string }

// replacing is the condition on an item that replaces others: it is shown, or would be if it
// were not replaced itself.
const replacing = `(state = 'shown' OR state = 'hidden' AND reason = 'superseded')`

// replacedSQL finds the items of a batch that stored items replace, with the clients of the
// latter.
const replacedSQL = `
	SELECT r.target, i.client
	FROM unnest(@keys::text[]) k
	CROSS JOIN LATERAL ( -- by key
		SELECT target, key
		FROM replacements
		WHERE tenant = @tenant AND target = k
		OFFSET 0) r
	CROSS JOIN LATERAL ( -- by key
		SELECT client
		FROM items
		WHERE tenant = @tenant AND key = r.key AND ` + replacing + ` AND client IS NOT NULL
		OFFSET 0) i`

// replaceWithin adds the replacements within the batch to the stored ones.
func (k *known) replaceWithin() {
	var r replacements
	for i := range k.items {
		r.add(k.tenant, k.keys[i], &k.items[i])
	}
	for i, target := range r.targets {
		k.displaced[displaced{target, r.clients[i]}] = struct{}{}
	}
}

// applyReplacement changes an item that another one replaces: a report is hidden, a plan
// becomes a past one. It reports whether it hid the item.
func (k *known) applyReplacement(it *dossier.Item, key string) (hid bool) {
	if _, ok := k.displaced[displaced{key, it.Client}]; !ok || it.State != dossier.StateShown {
		return false
	}
	switch c := it.Content.(type) {
	case *dossier.Report:
		it.State, it.Reason = dossier.StateHidden, dossier.HiddenSuperseded
		it.Content = &dossier.Report{Replaces: c.Replaces}
		return true
	case *dossier.CarePlan:
		if !c.Open {
			return false
		}
		past := *c
		past.Open, past.Superseded = false, true
		it.Content = &past
		// The plan looks different although the source's version is the same.
		it.Hash = it.Hash.Mix(dossier.IdentityHash("replaced", ""))
	}
	return false
}

// writeReplacements stores the batch's replacements, hides the reports and re-reads the plans
// that it replaces, and re-reads the items that it no longer replaces.
func (a *application) writeReplacements(ctx context.Context) error {
	const forget = `
		DELETE FROM replacements
		WHERE tenant = @tenant AND key = ANY(@keys)
		RETURNING target`
	const reread = `
		INSERT INTO rereads (tenant, key, stream, type, id)
		SELECT i.tenant, i.key, i.stream, i.type, i.id
		FROM unnest(@targets::text[]) t
		CROSS JOIN LATERAL ( -- by key
			SELECT tenant, key, stream, type, id, client
			FROM items
			WHERE tenant = @tenant AND key = t
			  AND (reason = 'superseded' OR kind IN ('care-plan', 'care-plan-part'))
			OFFSET 0) i
		WHERE NOT EXISTS (` + replacerOfI + `)
		ON CONFLICT DO NOTHING`
	w := &a.out
	var free []string
	if len(w.replaced) > 0 {
		var err error
		args := pgx.StrictNamedArgs{"tenant": a.tenant, "keys": w.replaced}
		if free, err = queryList(ctx, a.tx, pgx.RowTo[string], forget, args); err != nil {
			return err
		}
	}
	if len(w.replacements.targets) > 0 {
		if err := a.replaceStored(ctx, &w.replacements); err != nil {
			return err
		}
	}
	// If an old version of the replacing item came along in the batch, nothing stored replaces
	// the item any more.
	if free = append(free, w.superseded...); len(free) == 0 {
		return nil
	}
	_, err := a.tx.Exec(ctx, reread, pgx.StrictNamedArgs{"tenant": a.tenant, "targets": free})
	return err
}

// replacerOfI selects the items that replace the item i.
const replacerOfI = `
			SELECT
			FROM replacements r
			CROSS JOIN LATERAL ( -- by key alone: with the client, all items of the client might be read
				SELECT client
				FROM items
				WHERE tenant = @tenant AND key = r.key AND ` + replacing + `
				OFFSET 0) replacer
			WHERE r.tenant = @tenant AND r.target = i.key AND replacer.client = i.client`

// replaceStored stores replacements and changes the stored items that are replaced. A plan is
// read again, because its state is part of its shape.
func (a *application) replaceStored(ctx context.Context, r *replacements) error {
	const note = `
		INSERT INTO replacements (tenant, target, key)
		SELECT @tenant, target, key
		FROM unnest(@targets::text[], @keys::text[]) r (target, key)
		ON CONFLICT DO NOTHING`
	const rereadPlans = `
		INSERT INTO rereads (tenant, key, stream, type, id)
		SELECT i.tenant, i.key, i.stream, i.type, i.id
		FROM unnest(@targets::text[], @clients::text[]) r (target, of)
		CROSS JOIN LATERAL ( -- by key
			SELECT tenant, key, stream, type, id, client
			FROM items
			WHERE tenant = @tenant AND key = r.target
			  AND kind IN ('care-plan', 'care-plan-part') AND open
			OFFSET 0) i
		WHERE i.client = r.of
		ON CONFLICT DO NOTHING`
	const hideReports = `
		WITH hidden AS (
			UPDATE items SET reason = 'superseded', ` + emptied + `
			WHERE ctid = ANY(ARRAY( -- by place
				SELECT i.place
				FROM unnest(@targets::text[], @clients::text[]) r (target, of)
				CROSS JOIN LATERAL ( -- by key
					SELECT ctid AS place, client
					FROM items
					WHERE tenant = @tenant AND key = r.target
					OFFSET 0) i
				WHERE i.client = r.of))
			  AND tenant = @tenant AND key = ANY(@targets)
			  AND state = 'shown' AND kind = 'report'
			RETURNING key, client),
		forgotten AS (
			DELETE FROM refs
			USING hidden
			WHERE refs.tenant = @tenant AND refs.key = hidden.key)
		SELECT client FROM hidden`
	args := pgx.StrictNamedArgs{"tenant": a.tenant, "targets": r.targets, "keys": r.keys}
	if _, err := a.tx.Exec(ctx, note, args); err != nil {
		return err
	}
	args = pgx.StrictNamedArgs{"tenant": a.tenant, "targets": r.targets, "clients": r.clients}
	if _, err := a.tx.Exec(ctx, rereadPlans, args); err != nil {
		return err
	}
	clients, err := queryList(ctx, a.tx, pgx.RowTo[string], hideReports, args)
	for _, client := range clients {
		a.changed[client] = struct{}{}
	}
	return err
}
