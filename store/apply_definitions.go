package store

import (
	"github.com/jackc/pgx/v5"

	"dossiersync/store/dossier"
)

// definition is a record that others may name otherwise than by its key, and that is stored or
// withheld: a questionnaire by its canonical URL, staff by an identifier, and so a client or a
// contact that is hidden. The model of people is JSON's null.
type definition struct {
	key   string
	it    *dossier.Item
	model []byte
}

// definitionOf selects the definition that others call n. If several have that name, it is
// the one that the source updated last.
const definitionOf = `
				SELECT alias, model
				FROM definitions
				WHERE tenant = @tenant AND alias = n
				  AND NOT EXISTS (
					SELECT FROM withheld w
					WHERE w.tenant = @tenant AND w.item = definitions.key AND w.released IS NULL)
				ORDER BY updated DESC NULLS LAST, key DESC
				LIMIT 1`

// queueDefinitions updates table definitions, in which forms look up their questionnaires, and
// other records staff. A record that is hidden or withdrawn loses its names, except for those by
// which it is known to be hidden. A newer version of a questionnaire leaves the names of older
// versions as they are; people keep only the names that they have now.
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
	const keep = `
		DELETE FROM definitions
		WHERE tenant = @tenant AND key = @key AND alias <> ALL (@aliases)
		RETURNING alias`
	w := &a.out
	for _, d := range w.definitions {
		aliases := a.aliasesOf(d.it)
		if len(aliases) == 0 && (d.it.Content == nil || d.it.State != dossier.StateShown) {
			args := pgx.StrictNamedArgs{"tenant": a.tenant, "key": d.key}
			b.Queue(remove, args).Query(collectKeys(&w.aliases))
			continue
		}
		if d.it.Stream != dossier.StreamQuestionnaires {
			args := pgx.StrictNamedArgs{"tenant": a.tenant, "key": d.key, "aliases": aliases}
			b.Queue(keep, args).Query(collectKeys(&w.aliases))
		}
		for _, alias := range aliases {
			w.targets = append(w.targets, alias)
			b.Queue(put, pgx.StrictNamedArgs{"tenant": a.tenant, "alias": alias, "key": d.key,
				"updated": timeOrNull(d.it.Updated), "model": d.model})
		}
	}
	a.queueTouchedDefinitions(b)
}

// aliasesOf returns the keys of the references by which others may name the item instead of by
// its record. It is never nil.
func (a *application) aliasesOf(it *dossier.Item) []string {
	var names []dossier.Ref
	switch c := it.Content.(type) {
	case nil:
		names = it.Aliases
	case *dossier.Questionnaire:
		names = c.Names()
	case *dossier.Staff:
		names = c.Identifiers
	}
	aliases := make([]string, len(names))
	for i, ref := range names {
		aliases[i] = dossier.Key(a.tenant, ref)
	}
	return aliases
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
