package store

import (
	"github.com/jackc/pgx/v5"

	"dossiersync/store/dossier"
)

// queueReferences writes which items name which, and marks the items that name a changed one
// to be rendered again.
func (a *application) queueReferences(b *pgx.Batch) {
	const forget = `
		DELETE FROM refs
		WHERE tenant = @tenant AND key = ANY(@keys)
		RETURNING target`
	const put = `
		INSERT INTO refs (tenant, target, key)
		SELECT @tenant, target, key
		FROM unnest(@targets::text[], @keys::text[]) r (target, key)
		ON CONFLICT DO NOTHING`
	w := &a.out
	if len(w.replaced) > 0 {
		args := pgx.StrictNamedArgs{"tenant": a.tenant, "keys": w.replaced}
		b.Queue(forget, args).Query(func(rows pgx.Rows) error {
			targets, err := pgx.CollectRows(rows, pgx.RowTo[string])
			if a.stream == dossier.StreamCarePlans {
				w.plans = append(w.plans, targets...)
			}
			return err
		})
	}
	if len(w.refFrom) > 0 {
		b.Queue(put, pgx.StrictNamedArgs{"tenant": a.tenant, "targets": w.refTo, "keys": w.refFrom})
	}
	if len(w.targets) > 0 {
		b.Queue(markForRerender, pgx.StrictNamedArgs{"tenant": a.tenant, "targets": w.targets})
	}
}
