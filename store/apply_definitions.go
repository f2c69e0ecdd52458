package store

import (
	"github.com/jackc/pgx/v5"

	"dossiersync/store/dossier"
)

// definition is a questionnaire that is stored or withheld.
type definition struct {
	key   string
	it    *dossier.Item
	model []byte
}

// definitionOf selects what a form's questionnaire n is called by: of several that
// go by the name the one that the source updated last.
const definitionOf = `
	SELECT alias, model FROM definitions
	WHERE tenant = @tenant AND alias = n ORDER BY updated DESC NULLS LAST, key DESC LIMIT 1`

// queueDefinitions keeps what forms know questionnaires by. One that is hidden or
// withdrawn labels nothing any more; one that merely has a newer version now
// leaves the older ones as they were.
func (a *application) queueDefinitions(b *pgx.Batch) {
	const put = `
		INSERT INTO definitions (tenant, alias, key, updated, model) VALUES (@tenant, @alias, @key, @updated, @model)
		ON CONFLICT (tenant, alias, key) DO UPDATE SET updated = excluded.updated, model = excluded.model`
	const remove = `DELETE FROM definitions WHERE tenant = @tenant AND key = @key RETURNING alias`
	w, tenant := &a.out, a.tenant()
	for _, d := range w.definitions {
		q, ok := d.it.Content.(*dossier.Questionnaire)
		if !ok || d.it.State != dossier.StateShown {
			b.Queue(remove, pgx.StrictNamedArgs{"tenant": tenant, "key": d.key}).Query(w.collectGone)
			continue
		}
		for _, ref := range q.Names() {
			alias := dossier.Key(tenant, ref)
			w.targets = append(w.targets, alias)
			b.Queue(put, pgx.StrictNamedArgs{"tenant": tenant, "alias": alias, "key": d.key,
				"updated": timeOrNull(d.it.Updated), "model": d.model})
		}
	}
	if a.batch.Type.Stream == dossier.StreamQuestionnaires && len(w.touched.keys) > 0 {
		// What it is called now counts from now on, not what it was called before.
		const touch = `
			WITH later AS (
				UPDATE definitions d SET updated = t.updated
				FROM unnest(@keys::text[], @updated::timestamptz[]) t (key, updated)
				JOIN items i ON i.tenant = @tenant AND i.key = t.key
				WHERE d.tenant = @tenant AND d.key = t.key AND d.updated IS NOT DISTINCT FROM i.updated
				RETURNING d.alias, d.key)
			SELECT alias FROM later WHERE EXISTS (
				SELECT FROM definitions o WHERE o.tenant = @tenant AND o.alias = later.alias AND o.key <> later.key)`
		b.Queue(touch, pgx.StrictNamedArgs{"tenant": tenant, "keys": w.touched.keys, "updated": w.touched.updated}).
			Query(w.collectGone)
	}
}

// collectGone notes names that may stand for another questionnaire now, or for
// none.
func (w *writes) collectGone(rows pgx.Rows) error {
	aliases, err := pgx.CollectRows(rows, pgx.RowTo[string])
	w.gone = append(w.gone, aliases...)
	return err
}
