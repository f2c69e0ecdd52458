package store

import (
	"context"

	"github.com/jackc/pgx/v5"

	"dossiersync/store/dossier"
)

// renderPlans renders the care plans again that show something of the batch. It does so in
// the same transaction, because a part that is hidden or moved to another client must leave
// the plan at once (I6, I7), and a part that was a plan of its own would otherwise be missing
// until the end of the run.
func (a *application) renderPlans(ctx context.Context) error {
	const touched = `
		SELECT i.key
		FROM unnest(@plans::text[]) p
		CROSS JOIN LATERAL ( -- by key
			SELECT key
			FROM items
			WHERE tenant = @tenant AND key = p AND kind IN ('care-plan', 'care-plan-part')
			OFFSET 0) i
		UNION ` + plansNaming
	w := &a.out
	if len(w.plans)+len(w.inPlans) == 0 {
		return nil
	}
	keys, err := queryList(ctx, a.tx, pgx.RowTo[string], touched, pgx.StrictNamedArgs{
		"tenant": a.tenant, "plans": w.plans, "targets": w.inPlans})
	if err != nil {
		return err
	}
	r := rerenderer{tx: a.tx, tenant: a.tenant, render: a.render, changed: a.changed}
	return r.all(ctx, keys)
}

// plansNaming finds the care plans that are rendered from the items with the keys @targets.
const plansNaming = `
		SELECT i.key
		FROM unnest(@targets::text[]) t
		CROSS JOIN LATERAL ( -- by key
			SELECT i.key
			FROM refs r
			CROSS JOIN LATERAL ( -- by key
				SELECT key
				FROM items
				WHERE tenant = @tenant AND key = r.key AND kind IN ('care-plan', 'care-plan-part')
				OFFSET 0) i
			WHERE r.tenant = @tenant AND r.target = t
			OFFSET 0) i`

// planKeys lists the keys of the plans that c names and that may be rendered from it.
func planKeys(tenant string, c dossier.Content) []string {
	var keys []string
	for _, ref := range dossier.PlansOf(c) {
		keys = append(keys, dossier.Key(tenant, ref))
	}
	return keys
}
