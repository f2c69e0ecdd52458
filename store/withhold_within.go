package store

import (
	"context"

	"github.com/jackc/pgx/v5"
)

// within are rows of withheld_within: items to be rendered again without the words of withheld ones.
type within struct{ keys, items []string }

func takeWithin(ctx context.Context, tx pgx.Tx, tenant string, limit int) (w within, err error) {
	const q = `
		SELECT key, item
		FROM withheld_within
		WHERE tenant = @tenant
		ORDER BY key, item
		LIMIT @limit`
	rows, err := tx.Query(ctx, q, pgx.StrictNamedArgs{"tenant": tenant, "limit": limit})
	if err != nil {
		return w, err
	}
	var key, item string
	_, err = pgx.ForEachRow(rows, []any{&key, &item}, func() error {
		w.keys, w.items = append(w.keys, key), append(w.items, item)
		return nil
	})
	return w, err
}

// put gives the items back to readers, except those that are to be rendered once more because
// an item that they name has changed meanwhile. It returns their clients.
func (w within) put(ctx context.Context, tx pgx.Tx, tenant string) (clients []string, err error) {
	const q = `
		WITH done AS (
			DELETE FROM withheld_within w
			USING unnest(@keys::text[], @items::text[]) t (key, item)
			WHERE w.tenant = @tenant
			  AND w.key = t.key
			  AND w.item = t.item
			  AND NOT EXISTS (SELECT FROM stale s WHERE s.tenant = @tenant AND s.key = w.key)
			RETURNING w.key)
		SELECT DISTINCT i.client
		FROM done
		JOIN items i ON i.tenant = @tenant AND i.key = done.key
		WHERE i.client IS NOT NULL`
	if len(w.keys) == 0 {
		return nil, nil
	}
	return queryList(ctx, tx, pgx.RowTo[string], q, pgx.StrictNamedArgs{
		"tenant": tenant, "keys": w.keys, "items": w.items})
}
