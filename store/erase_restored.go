package store

import (
	"context"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"
)

// MarkRestored shows nothing of any tenant until its portal has sent all grants again: a
// database that was restored from a backup knows some that were revoked since. With
// erasures, nor before [Store.EraseAgain] has carried out all of them. Where these
// are awaited already, grants that have come meanwhile stay good: it goes on.
func (s *Store) MarkRestored(ctx context.Context, erasures bool) error {
	const q = `
		UPDATE tenants SET
			awaiting_grants = CASE WHEN awaiting_erasures IS NULL THEN now() ELSE awaiting_grants END,
			awaiting_erasures = CASE WHEN @erasures THEN coalesce(awaiting_erasures, now()) END`
	if _, err := s.pool.Exec(ctx, q, pgx.StrictNamedArgs{"erasures": erasures}); err != nil {
		return fmt.Errorf("wait for all grants and erasures: %w", err)
	}
	return nil
}

// EraseAgain carries out erasures once more, after the database was restored from a
// backup that may be older than they are, than their keys, and than their tenants.
// It returns how many dossiers there were. Digests under a key that neither keys
// nor the database have are noted, and fail it in the end: whom they are of cannot
// be told. Where whole says that since and keys are all there are, and it does not
// fail, erasures are awaited no longer.
func (s *Store) EraseAgain(ctx context.Context, since []Erasure, keys []ErasureKey, whole bool) (erased int, err error) {
	if err := s.learnErasureKeys(ctx, keys); err != nil {
		return 0, err
	}
	known, err := s.ErasureKeys(ctx)
	if err != nil {
		return 0, err
	}
	a := again{Store: s, keys: known, by: make(map[string]string)}
	missing := make(map[string]bool)
	var tenants []string
	for _, e := range since {
		if err := a.note(ctx, e); err != nil {
			return 0, fmt.Errorf("note an erasure of %s again: %w", e.Tenant, err)
		}
		if e.Key != "" && !slices.ContainsFunc(known, func(k ErasureKey) bool { return k.ID() == e.Key }) {
			missing[e.Key] = true
		}
		tenants = append(tenants, e.Tenant)
	}
	slices.Sort(tenants)
	for _, tenant := range slices.Compact(tenants) {
		n, err := a.erase(ctx, tenant)
		erased += n
		if err != nil {
			return erased, err
		}
	}
	if len(missing) > 0 {
		return erased, fmt.Errorf("some of what was erased may be back: the erasures file has digests under %d keys that are not here", len(missing))
	}
	if !whole {
		return erased, nil
	}
	const done = `UPDATE tenants SET awaiting_erasures = NULL WHERE awaiting_erasures IS NOT NULL`
	if _, err := s.pool.Exec(ctx, done); err != nil {
		return erased, fmt.Errorf("note that all was erased again: %w", err)
	}
	return erased, nil
}

// again carries out erasures once more.
type again struct {
	*Store
	keys []ErasureKey
	by   map[string]string // by digest
}

// note notes the erasure, whether or not its tenant is known yet.
func (a *again) note(ctx context.Context, e Erasure) error {
	const q = `INSERT INTO erasures (tenant, client, at, by) VALUES (@tenant, @client, @at, @by) ON CONFLICT DO NOTHING`
	if e.Key == "" {
		e.Client = a.keys[0].over(e.Client)
	}
	a.by[string(e.Client)] = e.By
	_, err := a.pool.Exec(ctx, q, pgx.StrictNamedArgs{"tenant": e.Tenant, "client": e.Client, "at": e.At, "by": e.By})
	return err
}

// erase erases whoever of the tenant is there and was erased.
func (a *again) erase(ctx context.Context, tenant string) (erased int, err error) {
	const q = `
		SELECT id FROM clients WHERE tenant = @tenant AND id > @after
		UNION SELECT client FROM grants WHERE tenant = @tenant AND client > @after
		UNION SELECT client FROM contacts WHERE tenant = @tenant AND client > @after
		UNION SELECT client FROM items WHERE tenant = @tenant AND client > @after
		UNION SELECT client FROM quarantine WHERE tenant = @tenant AND client > @after
		UNION SELECT client FROM backfills WHERE tenant = @tenant AND client > @after
		UNION SELECT client FROM cursors WHERE tenant = @tenant AND client > @after ORDER BY 1 LIMIT 1000`
	for after := ""; ; {
		ids, err := a.texts(ctx, q, pgx.StrictNamedArgs{"tenant": tenant, "after": after})
		if err != nil {
			return erased, fmt.Errorf("read the clients of %s: %w", tenant, err)
		}
		if len(ids) == 0 {
			return erased, nil
		}
		after = ids[len(ids)-1]
		back, err := a.texts(ctx, erasedSQL, pgx.StrictNamedArgs{"tenant": tenant, "clients": ids})
		if err != nil {
			return erased, fmt.Errorf("look for erased clients of %s: %w", tenant, err)
		}
		for _, id := range back {
			if _, err := a.Erase(ctx, tenant, id, a.who(tenant, id)); err != nil {
				return erased, err
			}
			erased++
		}
	}
}

// who returns who erased the client.
func (a *again) who(tenant, client string) string {
	for _, k := range a.keys {
		if by, ok := a.by[string(k.Digest(tenant, client))]; ok {
			return by
		}
	}
	return SystemUser
}

func (a *again) texts(ctx context.Context, sql string, args pgx.StrictNamedArgs) ([]string, error) {
	rows, err := a.pool.Query(ctx, sql, args)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowTo[string])
}
