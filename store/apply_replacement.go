package store

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"dossiersync/store/dossier"
)

// replaced lists the records that c takes the place of. A report hides the one
// that it replaces, a plan makes it a past one. Either may arrive first. A report
// that is itself replaced still hides what it replaced.
func replaced(c dossier.Content) []dossier.Ref {
	switch c := c.(type) {
	case *dossier.Report:
		return c.Replaces
	case *dossier.CarePlan:
		return c.Replaces
	}
	return nil
}

// replacements of one batch.
type replacements struct {
	targets []string // what is replaced …
	keys    []string // … by what …
	clients []string // … of whom: nobody's item replaces another client's
}

func (r *replacements) add(tenant, key string, it *dossier.Item) {
	list := replaced(it.Content)
	if len(list) == 0 || it.State != dossier.StateShown && it.Reason != dossier.HiddenSuperseded || it.Client == "" {
		return
	}
	for _, ref := range list {
		if ref == it.Ref {
			continue
		}
		r.targets = append(r.targets, dossier.Key(tenant, ref))
		r.keys = append(r.keys, key)
		r.clients = append(r.clients, it.Client)
	}
}

// displaced is an item that is replaced by one of a client: if it is another's, that
// counts for nothing.
type displaced struct{ key, client string }

// replacing is the condition that an item is shown, or would be if it were not
// replaced itself.
const replacing = `(state = 'shown' OR state = 'hidden' AND reason = 'superseded')`

// replacedSQL finds by whose items those of a batch are replaced.
const replacedSQL = `
	SELECT r.target, i.client FROM unnest(@keys::text[]) k
	CROSS JOIN LATERAL (SELECT target, key FROM replacements WHERE tenant = @tenant AND target = k OFFSET 0) r
	CROSS JOIN LATERAL (SELECT client FROM items
		WHERE tenant = @tenant AND key = r.key AND ` + replacing + ` AND client IS NOT NULL OFFSET 0) i`

func collectDisplaced(set map[displaced]struct{}) func(pgx.Rows) error {
	return func(rows pgx.Rows) error {
		var d displaced
		_, err := pgx.ForEachRow(rows, []any{&d.key, &d.client}, func() error {
			set[d] = struct{}{}
			return nil
		})
		return err
	}
}

// standAside lets an item give way to the one that replaces it.
func (a *application) standAside(it *dossier.Item, key string) {
	if _, ok := a.displaced[displaced{key, it.Client}]; !ok || it.State != dossier.StateShown {
		return
	}
	switch c := it.Content.(type) {
	case *dossier.Report:
		it.State, it.Reason, it.Content = dossier.StateHidden, dossier.HiddenSuperseded, &dossier.Report{Replaces: c.Replaces}
		a.out.aside = append(a.out.aside, key)
	case *dossier.CarePlan:
		if !c.Open {
			return
		}
		past := *c
		past.Open, past.Superseded = false, true
		it.Content = &past
		// It looks different now, though the source's version is the same.
		it.Hash = it.Hash.Mix(dossier.IdentityHash("replaced", ""))
	}
}

// settleReplacements hides what the batch replaces, and has read again what it no
// longer does.
func (a *application) settleReplacements(ctx context.Context) error {
	const forget = `
		DELETE FROM replacements WHERE tenant = @tenant AND key = ANY(@keys) RETURNING target`
	const note = `
		INSERT INTO replacements (tenant, target, key)
		SELECT @tenant, target, key FROM unnest(@targets::text[], @keys::text[]) r (target, key)
		ON CONFLICT DO NOTHING`
	const reread = `
		INSERT INTO rereads (tenant, key, stream, type, id)
		SELECT i.tenant, i.key, i.stream, i.type, i.id FROM unnest(@targets::text[]) t CROSS JOIN LATERAL (
			SELECT tenant, key, stream, type, id, client FROM items
			WHERE tenant = @tenant AND key = t AND (reason = 'superseded' OR kind IN ('care-plan', 'care-plan-part')) OFFSET 0) i
		WHERE NOT EXISTS (
			SELECT FROM replacements r CROSS JOIN LATERAL (
				SELECT FROM items WHERE tenant = @tenant AND key = r.key AND client = i.client AND ` + replacing + ` OFFSET 0) by
			WHERE r.tenant = @tenant AND r.target = i.key)
		ON CONFLICT DO NOTHING`
	const hide = `
		WITH hidden AS (
			UPDATE items SET reason = 'superseded', ` + emptied + `
			WHERE ctid = ANY(ARRAY(
				SELECT i.ctid FROM unnest(@targets::text[], @clients::text[]) r (target, of) CROSS JOIN LATERAL (
					SELECT ctid FROM items WHERE tenant = @tenant AND key = r.target AND client = r.of OFFSET 0) i))
			  AND tenant = @tenant AND key = ANY(@targets) AND state = 'shown' AND kind = 'report'
			RETURNING key, client),
		nameless AS (DELETE FROM refs USING hidden WHERE refs.tenant = @tenant AND refs.key = hidden.key)
		SELECT client FROM hidden`
	// A plan that is replaced is read again: its state is part of its shape.
	const past = `
		INSERT INTO rereads (tenant, key, stream, type, id)
		SELECT i.* FROM unnest(@targets::text[], @clients::text[]) r (target, of) CROSS JOIN LATERAL (
			SELECT tenant, key, stream, type, id FROM items
			WHERE tenant = @tenant AND key = r.target AND client = r.of AND kind IN ('care-plan', 'care-plan-part') AND open OFFSET 0) i
		ON CONFLICT DO NOTHING`
	w, tenant := &a.out, a.tenant()
	var free []string
	if len(w.replaced) > 0 {
		rows, err := a.tx.Query(ctx, forget, pgx.StrictNamedArgs{"tenant": tenant, "keys": w.replaced})
		if err != nil {
			return err
		}
		if free, err = pgx.CollectRows(rows, pgx.RowTo[string]); err != nil {
			return err
		}
	}
	r := &w.replacements
	if len(r.targets) > 0 {
		args := pgx.StrictNamedArgs{"tenant": tenant, "targets": r.targets, "keys": r.keys}
		if _, err := a.tx.Exec(ctx, note, args); err != nil {
			return err
		}
		args = pgx.StrictNamedArgs{"tenant": tenant, "targets": r.targets, "clients": r.clients}
		if _, err := a.tx.Exec(ctx, past, args); err != nil {
			return err
		}
		rows, err := a.tx.Query(ctx, hide, args)
		if err != nil {
			return err
		}
		clients, err := pgx.CollectRows(rows, pgx.RowTo[string])
		if err != nil {
			return err
		}
		for _, client := range clients {
			a.changed[client] = struct{}{}
		}
	}
	// What came with an old version of the item that replaced it stands alone.
	if free = append(free, w.aside...); len(free) == 0 {
		return nil
	}
	_, err := a.tx.Exec(ctx, reread, pgx.StrictNamedArgs{"tenant": tenant, "targets": free})
	return err
}

// Reread is an item to be read again by its id.
type Reread struct {
	Key    string
	Stream dossier.Stream
	Ref    dossier.Ref
}

// Rereads returns items that are to be read again, by key, but those that the run
// has tried.
func (s *Store) Rereads(ctx context.Context, c Claim, limit int) ([]Reread, error) {
	const q = `
		SELECT key, stream, type, id FROM rereads
		WHERE tenant = @tenant AND tried IS DISTINCT FROM @run ORDER BY key LIMIT @limit`
	rows, err := s.pool.Query(ctx, q, pgx.StrictNamedArgs{"tenant": c.Run.Tenant, "run": c.Run.ID, "limit": limit})
	if err != nil {
		return nil, fmt.Errorf("read what %s has to read again: %w", c.Run.Tenant, err)
	}
	list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (Reread, error) {
		var r Reread
		err := row.Scan(&r.Key, &r.Stream, &r.Ref.Type, &r.Ref.ID)
		return r, err
	})
	if err != nil {
		return nil, fmt.Errorf("read what %s has to read again: %w", c.Run.Tenant, err)
	}
	return list, nil
}

// MarkRereadFailed notes that the run could not read the item again, or has done so
// before: the next run may.
func (s *Store) MarkRereadFailed(ctx context.Context, c Claim, key string) error {
	const q = `UPDATE rereads SET tried = @run WHERE tenant = @tenant AND key = @key`
	if err := s.asClaimant(ctx, c, q, pgx.StrictNamedArgs{"tenant": c.Run.Tenant, "run": c.Run.ID, "key": key}); err != nil {
		return fmt.Errorf("note what could not be read again: %w", err)
	}
	return nil
}

// MarkRereadAbsent notes that the source says it does not have the item: as long as the
// item is kept here, that may be a mistake, and the next run tries again.
func (s *Store) MarkRereadAbsent(ctx context.Context, c Claim, key string) error {
	const q = `
		WITH again AS (
			UPDATE rereads SET tried = @run WHERE tenant = @tenant AND key = @key
			  AND EXISTS (SELECT FROM items WHERE tenant = @tenant AND key = @key AND state <> 'withdrawn') RETURNING key)
		DELETE FROM rereads WHERE tenant = @tenant AND key = @key AND NOT EXISTS (SELECT FROM again)`
	if err := s.asClaimant(ctx, c, q, pgx.StrictNamedArgs{"tenant": c.Run.Tenant, "run": c.Run.ID, "key": key}); err != nil {
		return fmt.Errorf("note what is not to be read again: %w", err)
	}
	return nil
}

// EndReread notes that the item was read again.
func (s *Store) EndReread(ctx context.Context, c Claim, key string) error {
	const q = `DELETE FROM rereads WHERE tenant = @tenant AND key = @key`
	if err := s.asClaimant(ctx, c, q, pgx.StrictNamedArgs{"tenant": c.Run.Tenant, "key": key}); err != nil {
		return fmt.Errorf("note what was read again: %w", err)
	}
	return nil
}
