package store

import "github.com/jackc/pgx/v5"

// definition is a questionnaire that is stored or withheld.
type definition struct {
	key   string
	it    *Item
	model []byte
}

// queueDefinitions keeps what forms know questionnaires by. One that is hidden or
// withdrawn labels nothing any more; one that merely has a newer version now
// leaves the older ones as they were.
func (a *application) queueDefinitions(b *pgx.Batch) {
	const put = `
		INSERT INTO definitions (tenant, alias, key, updated, model) VALUES (@tenant, @alias, @key, @updated, @model)
		ON CONFLICT (tenant, alias) DO UPDATE SET key = excluded.key, updated = excluded.updated, model = excluded.model
		WHERE definitions.key = excluded.key OR definitions.updated IS NULL OR excluded.updated >= definitions.updated`
	const remove = `DELETE FROM definitions WHERE tenant = @tenant AND key = @key RETURNING alias`
	w, tenant := &a.out, a.tenant()
	for _, d := range w.definitions {
		q, ok := d.it.Content.(*Questionnaire)
		if !ok || d.it.State != StateShown {
			b.Queue(remove, pgx.StrictNamedArgs{"tenant": tenant, "key": d.key}).Query(func(rows pgx.Rows) error {
				aliases, err := pgx.CollectRows(rows, pgx.RowTo[string])
				w.gone = append(w.gone, aliases...)
				return err
			})
			continue
		}
		for _, ref := range q.Names() {
			alias := Key(tenant, ref)
			w.targets = append(w.targets, alias)
			b.Queue(put, pgx.StrictNamedArgs{"tenant": tenant, "alias": alias, "key": d.key,
				"updated": timeOrNull(d.it.Updated), "model": d.model})
		}
	}
}
