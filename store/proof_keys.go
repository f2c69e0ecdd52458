package store

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// PutProofKeys makes the database accept proofs under these keys, and no others, for the tenants. With
// unlessKnown, it leaves a tenant alone that has keys already. The tenants need not be known yet.
func (s *Store) PutProofKeys(ctx context.Context, keys *ProofKeys, unlessKnown bool, tenants ...string) error {
	const q = `SELECT put_proof_keys(@tenant, @ids, @inner, @outer, @unless_known)`
	for _, tenant := range tenants {
		var ids, inner, outer [][]byte
		for _, master := range keys.masters {
			key := derive(master, tenant)
			in, out := key.pads()
			ids, inner, outer = append(ids, key.id), append(inner, in), append(outer, out)
		}
		_, err := s.pool.Exec(ctx, q, pgx.StrictNamedArgs{
			"tenant": tenant, "ids": ids, "inner": inner, "outer": outer, "unless_known": unlessKnown,
		})
		if err != nil {
			return fmt.Errorf("store the portal API's key for %s (run dossiersync migrate first): %w", tenant, err)
		}
	}
	return nil
}
