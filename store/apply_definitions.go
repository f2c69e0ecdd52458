package store

import (
	"github.com/jackc/pgx/v5"

	"dossiersync/store/dossier"
)

// definition is a record that others may name otherwise than by its key, and that is stored or
// withheld: a questionnaire by its canonical URL, staff by an identifier. That of staff has no model.
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

// queueDefinitions keeps by what forms know questionnaires, and other records staff. One that is hidden or
// withdrawn labels nothing any more; one that merely has a newer version now
// leaves the older ones as they were.
func (a *application) queueDefinitions(b *pgx.Batch) {
	const put = `
		INSERT INTO definitions (tenant, alias, key, updated, model) VALUES (@tenant, @alias, @key, @updated, @model)
		ON CONFLICT (tenant, alias, key) DO UPDATE SET updated = excluded.updated, model = excluded.model`
	const keep = `
		DELETE FROM definitions
		WHERE tenant = @tenant AND key = @key AND alias <> ALL (@aliases) RETURNING alias`
	const remove = `DELETE FROM definitions WHERE tenant = @tenant AND key = @key RETURNING alias`
	w, tenant := &a.out, a.tenant()
	for _, d := range w.definitions {
		names := namesOf(d.it)
		if d.it.State != dossier.StateShown || d.it.Content == nil {
			b.Queue(remove, pgx.StrictNamedArgs{"tenant": tenant, "key": d.key}).Query(w.collectGone)
			continue
		}
		if d.it.Content.Kind() == dossier.KindStaff {
			aliases := make([]string, len(names))
			for i, ref := range names {
				aliases[i] = dossier.Key(tenant, ref)
			}
			b.Queue(keep, pgx.StrictNamedArgs{"tenant": tenant, "key": d.key, "aliases": aliases}).Query(w.collectGone)
		}
		for _, ref := range names {
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

// namesOf lists by what others may name the item instead of by its record.
func namesOf(it *dossier.Item) []dossier.Ref {
	switch c := it.Content.(type) {
	case *dossier.Questionnaire:
		return c.Names()
	case *dossier.Staff:
		return c.Identifiers
	}
	return nil
}

// collectGone notes names that may stand for another questionnaire now, or for
// none.
func (w *writes) collectGone(rows pgx.Rows) error {
	aliases, err := pgx.CollectRows(rows, pgx.RowTo[string])
	w.gone = append(w.gone, aliases...)
	return err
}
