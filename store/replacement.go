package store

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// replacer is content that says what it takes the place of: a report hides the
// one that it replaces, a plan makes it one of the past. Either may come first.
type replacer interface{ replaced() []Ref }

func (r *Report) replaced() []Ref   { return r.Replaces }
func (p *CarePlan) replaced() []Ref { return p.Replaces }

// replacements of one batch.
type replacements struct {
	targets []string // what is replaced …
	keys    []string // … by what …
	clients []string // … of whom: nobody's item replaces another client's
}

func (r *replacements) add(tenant, key string, it *Item) {
	c, ok := it.Content.(replacer)
	if !ok || it.State != StateShown || it.Client == "" {
		return
	}
	for _, ref := range c.replaced() {
		if ref == it.Ref {
			continue
		}
		r.targets = append(r.targets, Key(tenant, ref))
		r.keys = append(r.keys, key)
		r.clients = append(r.clients, it.Client)
	}
}

// replacedSQL finds by whose shown items those of a batch are replaced.
const replacedSQL = `
	SELECT r.target, i.client FROM unnest(@keys::text[]) k
	JOIN replacements r ON r.tenant = @tenant AND r.target = k
	JOIN items i ON i.tenant = @tenant AND i.key = r.key AND i.state = 'shown' AND i.client IS NOT NULL`

// standAside lets an item give way to the one that replaces it.
func (a *application) standAside(it *Item, key string) {
	client, ok := a.replacedBy[key]
	if !ok || client != it.Client || it.State != StateShown {
		return
	}
	switch c := it.Content.(type) {
	case *Report:
		it.State, it.Reason, it.Content = StateHidden, HiddenSuperseded, nil
	case *CarePlan:
		past := *c
		past.Open = false
		it.Content = &past
		// It looks different now, though the source's version is the same.
		it.Hash = it.Hash.Mix(IdentityHash("replaced", ""))
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
		SELECT i.tenant, i.key, i.stream, i.type, i.id FROM unnest(@targets::text[]) t
		JOIN items i ON i.tenant = @tenant AND i.key = t
		WHERE (i.reason = 'superseded' OR i.kind = 'care-plan')
		  AND NOT EXISTS (SELECT FROM replacements r WHERE r.tenant = @tenant AND r.target = i.key)
		ON CONFLICT DO NOTHING`
	const hide = `
		UPDATE items i SET reason = 'superseded', ` + emptied + `
		FROM unnest(@targets::text[], @clients::text[]) r (target, client)
		WHERE i.tenant = @tenant AND i.key = r.target AND i.client = r.client AND i.state = 'shown' AND i.kind = 'report'
		RETURNING i.client`
	// A plan that is replaced is read again: its state is part of its shape.
	const past = `
		INSERT INTO rereads (tenant, key, stream, type, id)
		SELECT i.tenant, i.key, i.stream, i.type, i.id
		FROM unnest(@targets::text[], @clients::text[]) r (target, client)
		JOIN items i ON i.tenant = @tenant AND i.key = r.target AND i.client = r.client
		WHERE i.kind = 'care-plan' AND i.open
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
	if len(free) == 0 {
		return nil
	}
	_, err := a.tx.Exec(ctx, reread, pgx.StrictNamedArgs{"tenant": tenant, "targets": free})
	return err
}

// Reread is an item to be read again by its id.
type Reread struct {
	Key    string
	Stream Stream
	Ref    Ref
}

// Rereads returns items of the tenant that are to be read again, by key, those
// after a key only.
func (s *Store) Rereads(ctx context.Context, tenant, after string, limit int) ([]Reread, error) {
	const q = `
		SELECT key, stream, type, id FROM rereads
		WHERE tenant = @tenant AND key > @after ORDER BY key LIMIT @limit`
	rows, err := s.pool.Query(ctx, q, pgx.StrictNamedArgs{"tenant": tenant, "after": after, "limit": limit})
	if err != nil {
		return nil, fmt.Errorf("read what %s has to read again: %w", tenant, err)
	}
	list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (Reread, error) {
		var r Reread
		err := row.Scan(&r.Key, &r.Stream, &r.Ref.Type, &r.Ref.ID)
		return r, err
	})
	if err != nil {
		return nil, fmt.Errorf("read what %s has to read again: %w", tenant, err)
	}
	return list, nil
}

// RereadDone notes that the item was read again.
func (s *Store) RereadDone(ctx context.Context, c Claim, key string) error {
	const q = `DELETE FROM rereads WHERE tenant = @tenant AND key = @key`
	if err := s.asClaimant(ctx, c, q, pgx.StrictNamedArgs{"tenant": c.Run.Tenant, "key": key}); err != nil {
		return fmt.Errorf("note what was read again: %w", err)
	}
	return nil
}
