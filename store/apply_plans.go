package store

import (
	"context"

	"github.com/jackc/pgx/v5"
)

// renderPlans renders the care plans again in which the batch has changed
// something. That does not wait for the end of the run: a part that is hidden, or
// moved to another client, must leave the plan at once (I6, I7), and one that was
// a plan of its own must not be missing until the plan shows it.
func (a *application) renderPlans(ctx context.Context) error {
	const touched = `
		SELECT i.key FROM unnest(@plans::text[]) p CROSS JOIN LATERAL (
			SELECT key FROM items
			WHERE tenant = @tenant AND key = p AND kind IN ('care-plan', 'care-plan-part') OFFSET 0) i
		UNION ` + plansNaming
	w := &a.out
	if len(w.plans)+len(w.inPlans) == 0 {
		return nil
	}
	rows, err := a.tx.Query(ctx, touched, pgx.StrictNamedArgs{"tenant": a.tenant(), "plans": w.plans, "targets": w.inPlans})
	if err != nil {
		return err
	}
	keys, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return err
	}
	again := rerender{tx: a.tx, tenant: a.tenant(), render: a.render, changed: a.changed}
	return again.all(ctx, keys)
}

// plansNaming finds the care plans that are rendered from what they name.
const plansNaming = `
	SELECT i.key FROM unnest(@targets::text[]) t CROSS JOIN LATERAL (
		SELECT i.key FROM refs r CROSS JOIN LATERAL (
			SELECT key FROM items
			WHERE tenant = @tenant AND key = r.key AND kind IN ('care-plan', 'care-plan-part') OFFSET 0) i
		WHERE r.tenant = @tenant AND r.target = t OFFSET 0) i`
