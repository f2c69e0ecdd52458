package store

import (
	"context"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"
)

// MarkRestored keeps every dossier of a tenant from being shown until its portal has sent all grants
// again, because a database that was restored from a backup has grants that were revoked since. With
// erasures, dossiers are not shown before [Store.EraseAgain] has carried out all erasures either. A
// second call while erasures are awaited continues the first: grants that have come meanwhile count.
func (s *Store) MarkRestored(ctx context.Context, erasures bool) error {
	const q = `
		UPDATE tenants
		SET awaiting_grants =
		        CASE WHEN awaiting_erasures IS NULL THEN now() ELSE awaiting_grants END,
		    awaiting_erasures =
		        CASE WHEN @erasures THEN coalesce(awaiting_erasures, now()) END`
	if _, err := s.pool.Exec(ctx, q, pgx.StrictNamedArgs{"erasures": erasures}); err != nil {
		return fmt.Errorf("mark the database as restored: %w", err)
	}
	return nil
}

// EraseAgain carries out the erasures in since once more, after the database was restored from a backup
// that may be older than the erasures, their keys and their tenants. It returns the number of dossiers
// that it erased. It stores digests under a key that is neither in keys nor in the database, and fails
// because of them after all others are done: it cannot find their clients. If whole, since and keys
// are complete, and without an error the tenants stop waiting for erasures.
func (s *Store) EraseAgain(
	ctx context.Context, since []Erasure, keys []ErasureKey, whole bool,
) (erased int, err error) {
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
			return 0, fmt.Errorf("store an erasure of %s again: %w", e.Tenant, err)
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
		return erased, fmt.Errorf("some of what was erased may be back: "+
			"the erasures file has digests under %d keys that are not here", len(missing))
	}
	if !whole {
		return erased, nil
	}
	const done = `
		UPDATE tenants
		SET awaiting_erasures = NULL
		WHERE awaiting_erasures IS NOT NULL`
	if _, err := s.pool.Exec(ctx, done); err != nil {
		return erased, fmt.Errorf("mark all erasures as carried out again: %w", err)
	}
	return erased, nil
}

// again carries out erasures once more.
type again struct {
	*Store
	keys []ErasureKey
	by   map[string]string // the operator who erased, by digest
}

// note stores the erasure, whether or not its tenant is known yet.
func (a *again) note(ctx context.Context, e Erasure) error {
	const q = `
		INSERT INTO erasures (tenant, client, at, by)
		VALUES (@tenant, @client, @at, @by)
		ON CONFLICT DO NOTHING`
	if e.Key == "" {
		e.Client = a.keys[0].over(e.Client)
	}
	a.by[string(e.Client)] = e.By
	_, err := a.pool.Exec(ctx, q, pgx.StrictNamedArgs{
		"tenant": e.Tenant, "client": e.Client, "at": e.At, "by": e.By})
	return err
}

// clientsAfter reads the next clients of a tenant that any table has rows of, known or not.
const clientsAfter = `
	SELECT id FROM clients WHERE tenant = @tenant AND id > @after
	UNION
	SELECT client FROM grants WHERE tenant = @tenant AND client > @after
	UNION
	SELECT client FROM contacts WHERE tenant = @tenant AND client > @after
	UNION
	SELECT client FROM items WHERE tenant = @tenant AND client > @after
	UNION
	SELECT client FROM quarantine WHERE tenant = @tenant AND client > @after
	UNION
	SELECT client FROM backfills WHERE tenant = @tenant AND client > @after
	UNION
	SELECT client FROM cursors WHERE tenant = @tenant AND client > @after
	UNION
	SELECT client FROM withheld WHERE tenant = @tenant AND client > @after
	ORDER BY 1
	LIMIT 1000`

// erase erases the clients of the tenant that have rows again although they were erased.
func (a *again) erase(ctx context.Context, tenant string) (erased int, err error) {
	for after := ""; ; {
		ids, err := a.texts(ctx, clientsAfter, pgx.StrictNamedArgs{"tenant": tenant, "after": after})
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
			if _, err := a.Erase(ctx, tenant, id, a.erasedBy(tenant, id)); err != nil {
				return erased, err
			}
			erased++
		}
	}
}

// erasedBy returns the operator who erased the client.
func (a *again) erasedBy(tenant, client string) string {
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
