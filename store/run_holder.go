package store

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// Holder is the claim on a running run: which worker has it, and until when.
type Holder struct {
	Run    int64
	Tenant string
	Worker string    // as given to [Store.ClaimRun]; empty: the run pauses between two slices
	Until  time.Time // database's clock
	Fence  int64
}

// Holders returns the claims on runs of the tenant that are running; of all tenants if tenant is
// empty. Claims whose lease has passed are left out.
func (s *Store) Holders(ctx context.Context, tenant string) ([]Holder, error) {
	const q = `
		SELECT id, tenant, coalesce(worker, ''), lease_until, fence
		FROM runs
		WHERE state = 'running' AND lease_until > now()
		  AND (@tenant = '' OR tenant = @tenant)`
	list, err := queryList(ctx, s.pool, pgx.RowToStructByPos[Holder], q, pgx.StrictNamedArgs{"tenant": tenant})
	if err != nil {
		return nil, fmt.Errorf("read the claims on runs: %w", err)
	}
	return list, nil
}

// EndLease ends the lease of a claim whose worker is dead, so that the run can be claimed. It
// changes nothing if the run has been claimed or given back since.
func (s *Store) EndLease(ctx context.Context, h Holder) error {
	const q = `
		UPDATE runs SET lease_until = now()
		WHERE id = @id AND fence = @fence AND worker = @worker AND state = 'running'`
	args := pgx.StrictNamedArgs{"id": h.Run, "fence": h.Fence, "worker": h.Worker}
	if _, err := s.pool.Exec(ctx, q, args); err != nil {
		return fmt.Errorf("end the lease of run %d: %w", h.Run, err)
	}
	return nil
}
