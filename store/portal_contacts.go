package store

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// Contacts returns the contacts in the dossier's care record, in the order of
// their keys and beginning after that of a key; at most [listMax], and whether
// there are more. Only managers are shown any.
func (r *Portal) Contacts(ctx context.Context, id Identity, client, after string) (Standing, []Listed, bool, error) {
	q := `
		SELECT i.key, i.card, ` + openToday + `
		FROM items i
		WHERE i.tenant = @tenant AND i.client = @client AND i.kind = 'contact'` + readable + ` AND i.key > @after
		ORDER BY i.key LIMIT @limit`
	var s Standing
	var list []Listed
	err := r.read(ctx, id, client, &s, func(b *pgx.Batch) {
		queueStanding(b, id, client, &s)
		b.Queue(q, pgx.StrictNamedArgs{
			"tenant": id.Tenant, "client": client, "after": after, "limit": listMax + 1,
		}).Query(collect(&list, func(row pgx.CollectableRow) (Listed, error) {
			var l Listed
			return l, row.Scan(&l.Key, &l.Card, &l.Open)
		}))
	})
	if err != nil {
		return Standing{}, nil, false, fmt.Errorf("read contacts: %w", err)
	}
	list, more := cut(list, listMax)
	return s, list, more, nil
}
