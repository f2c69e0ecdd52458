package store

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// Outstanding reports which work waits in a tenant besides what its source may bring.
type Outstanding struct {
	Quarantined bool // items in quarantine
	Rereads     bool // items to be read again by their ids
	Stale       bool // items to be rendered again
	Backfills   bool // clients whose history is to be read
	Absences    bool // absences, holds, or notes of whose items are held
	Censuses    bool // the run has begun to reconcile
}

// Outstanding returns what waits in the tenant of the run.
func (s *Store) Outstanding(ctx context.Context, c Claim) (Outstanding, error) {
	const q = `
		SELECT
			EXISTS (SELECT FROM quarantine WHERE tenant = @tenant),
			EXISTS (SELECT FROM rereads WHERE tenant = @tenant),
			EXISTS (SELECT FROM stale WHERE tenant = @tenant)
				OR EXISTS (SELECT FROM withheld_within WHERE tenant = @tenant),
			EXISTS (SELECT FROM backfills WHERE tenant = @tenant),
			EXISTS (SELECT FROM absences WHERE tenant = @tenant)
				OR EXISTS (SELECT FROM holds WHERE tenant = @tenant AND state <> 'ended')
				OR EXISTS (SELECT FROM held_clients WHERE tenant = @tenant),
			EXISTS (SELECT FROM censuses WHERE run = @run)`
	args := pgx.StrictNamedArgs{"tenant": c.Run.Tenant, "run": c.Run.ID}
	o, err := queryOne(ctx, s.pool, pgx.RowToStructByPos[Outstanding], q, args)
	if err != nil {
		return Outstanding{}, fmt.Errorf("look what waits in %s: %w", c.Run.Tenant, err)
	}
	return o, nil
}
