package store

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/jackc/pgx/v5"
)

// raiseChange gives the transaction its change number and stores it with the given clients,
// whose dossiers look different now; without clients it does nothing. It locks the tenant's
// row until the transaction ends, so it must be the last statement: numbers then become
// visible in order.
func raiseChange(ctx context.Context, tx pgx.Tx, tenant string, clients []string) error {
	const q = `
		WITH raised AS (
			UPDATE tenants SET change = change + 1
			WHERE id = @tenant
			RETURNING change)
		UPDATE clients SET change = raised.change
		FROM raised
		WHERE tenant = @tenant AND id = ANY(@clients)`
	if len(clients) == 0 {
		return nil
	}
	args := pgx.StrictNamedArgs{"tenant": tenant, "clients": clients}
	if _, err := tx.Exec(ctx, q, args); err != nil {
		return fmt.Errorf("raise the change number: %w", err)
	}
	return nil
}

// sortedKeys lists a set in order, so that transactions lock rows in one order.
func sortedKeys(set map[string]struct{}) []string { return slices.Sorted(maps.Keys(set)) }
