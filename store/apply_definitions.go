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

// definitionOf selects the questionnaire that forms call n. If several have that name, it is
// the one that the source updated last.
const definitionOf = `
				SELECT alias, model
				FROM definitions
				WHERE tenant = @tenant AND alias = n
				ORDER BY updated DESC NULLS LAST, key DESC
				LIMIT 1`

// queueDefinitions updates table definitions, in which forms look up their questionnaires. A
// questionnaire that is hidden or withdrawn loses its names. A newer version leaves the names
// of older versions as they are.
func (a *application) queueDefinitions(b *pgx.Batch) {
	const put = `
		INSERT INTO definitions (tenant, alias, key, updated, model)
		VALUES (@tenant, @alias, @key, @updated, @model)
		ON CONFLICT (tenant, alias, key) DO UPDATE SET
			updated = excluded.updated,
			model = excluded.model`
	const remove = `
		DELETE FROM definitions
		WHERE tenant = @tenant AND key = @key
		RETURNING alias`
	w := &a.out
	for _, d := range w.definitions {
		q, ok := d.it.Content.(*dossier.Questionnaire)
		if !ok || d.it.State != dossier.StateShown {
			args := pgx.StrictNamedArgs{"tenant": a.tenant, "key": d.key}
			b.Queue(remove, args).Query(collectKeys(&w.aliases))
			continue
		}
		for _, ref := range q.Names() {
			alias := dossier.Key(a.tenant, ref)
			w.targets = append(w.targets, alias)
			b.Queue(put, pgx.StrictNamedArgs{"tenant": a.tenant, "alias": alias, "key": d.key,
				"updated": timeOrNull(d.it.Updated), "model": d.model})
		}
	}
	a.queueTouchedDefinitions(b)
}

// queueTouchedDefinitions gives the present names of a questionnaire its new time; names that
// it had before keep theirs. A name that other questionnaires have as well may now stand for
// another one.
func (a *application) queueTouchedDefinitions(b *pgx.Batch) {
	const touch = `
		WITH later AS (
			UPDATE definitions d SET updated = t.updated
			FROM unnest(@keys::text[], @updated::timestamptz[]) t (key, updated)
			JOIN items i ON i.tenant = @tenant AND i.key = t.key
			WHERE d.tenant = @tenant AND d.key = t.key
			  AND d.updated IS NOT DISTINCT FROM i.updated -- a present name
			RETURNING d.alias, d.key)
		SELECT alias
		FROM later
		WHERE EXISTS (
			SELECT FROM definitions o
			WHERE o.tenant = @tenant AND o.alias = later.alias AND o.key <> later.key)`
	t := &a.out.touched
	if a.stream != dossier.StreamQuestionnaires || len(t.keys) == 0 {
		return
	}
	args := pgx.StrictNamedArgs{"tenant": a.tenant, "keys": t.keys, "updated": t.updated}
	b.Queue(touch, args).Query(collectKeys(&a.out.aliases))
}
