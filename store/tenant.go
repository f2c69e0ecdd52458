package store

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// Tenant is one care organisation as the replica knows it.
type Tenant struct {
	ID          string
	Name        string
	Timezone    string
	Change      int64
	Epoch       int32
	Succeeded   *time.Time // when the last run began that counts as success; database's clock
	Since       time.Time  // when it became known
	Unreachable *time.Time // since when the source cannot be reached; database's clock
	EpochSince  *time.Time // when the present epoch began; nil: it is the first
	Reconciled  *time.Time // when the last complete reconcile of everything began
	Rechecked   *time.Time // when the last seventh of the clients was to be read again
	// Trouble says to operators what keeps the source from being read, and
	// TroubleUntil until when it is left alone; nil: nothing does.
	Trouble      *string
	TroubleUntil *time.Time
	// AwaitingGrants is since when the portal has to send all grants again, because
	// the database was restored from a backup; until then it shows nothing. nil: it
	// has not.
	AwaitingGrants *time.Time
	// AwaitingErasures is since when erasures have to be carried out again, for the
	// same reason; until then it shows nothing either. nil: they have not.
	AwaitingErasures *time.Time
}

const tenantColumns = `id, name, timezone, change, epoch, succeeded, since, unreachable, epoch_since, reconciled, rechecked, trouble, trouble_until, awaiting_grants, awaiting_erasures`

// PutTenant makes sure that the tenant exists under this name and timezone. One that
// a restored backup did not know waits for erasures like the others.
func (s *Store) PutTenant(ctx context.Context, id, name, timezone string) error {
	const q = `
		INSERT INTO tenants (id, name, timezone, identity_key, awaiting_erasures)
		VALUES (@id, @name, @timezone, @key, (SELECT min(awaiting_erasures) FROM tenants))
		ON CONFLICT (id) DO UPDATE SET
			name = excluded.name,
			timezone = excluded.timezone,
			identity_key = coalesce(tenants.identity_key, excluded.identity_key)
		WHERE (tenants.name, tenants.timezone) IS DISTINCT FROM (excluded.name, excluded.timezone)
		   OR tenants.identity_key IS NULL`
	key := make([]byte, 32)
	rand.Read(key) // never fails
	args := pgx.StrictNamedArgs{"id": id, "name": name, "timezone": timezone, "key": key}
	if _, err := s.pool.Exec(ctx, q, args); err != nil {
		return fmt.Errorf("store tenant %s: %w", id, err)
	}
	return nil
}

// Tenants returns every tenant, by id.
func (s *Store) Tenants(ctx context.Context) ([]Tenant, error) {
	const q = `SELECT ` + tenantColumns + ` FROM tenants ORDER BY id`
	rows, err := s.pool.Query(ctx, q)
	if err != nil {
		return nil, fmt.Errorf("read tenants: %w", err)
	}
	tenants, err := pgx.CollectRows(rows, pgx.RowToStructByPos[Tenant])
	if err != nil {
		return nil, fmt.Errorf("read tenants: %w", err)
	}
	return tenants, nil
}

// SetReachable notes that the tenant's source can be reached.
func (s *Store) SetReachable(ctx context.Context, tenant string) error {
	const q = `
		UPDATE tenants SET unreachable = NULL, trouble = NULL, trouble_until = NULL
		WHERE id = @tenant AND (unreachable IS NOT NULL OR trouble IS NOT NULL)`
	if _, err := s.pool.Exec(ctx, q, pgx.StrictNamedArgs{"tenant": tenant}); err != nil {
		return fmt.Errorf("note that the source of %s can be reached: %w", tenant, err)
	}
	return nil
}

// SetUnreachable notes that the tenant's source cannot be reached, what is the
// matter, and for how long it is left alone. It keeps the moment at which the
// source first could not be reached.
func (s *Store) SetUnreachable(ctx context.Context, tenant, trouble string, pause time.Duration) error {
	const q = `
		UPDATE tenants SET unreachable = coalesce(unreachable, now()), trouble = @trouble, trouble_until = now() + @pause
		WHERE id = @tenant`
	args := pgx.StrictNamedArgs{"tenant": tenant, "trouble": trouble, "pause": pause}
	if _, err := s.pool.Exec(ctx, q, args); err != nil {
		return fmt.Errorf("note that the source of %s cannot be reached: %w", tenant, err)
	}
	return nil
}

// Tenant returns one tenant, or [ErrNotFound] before its first run.
func (s *Store) Tenant(ctx context.Context, id string) (Tenant, error) {
	const q = `SELECT ` + tenantColumns + ` FROM tenants WHERE id = @id`
	t, err := queryOne(ctx, s.pool, pgx.RowToStructByPos[Tenant], q, pgx.StrictNamedArgs{"id": id})
	if errors.Is(err, pgx.ErrNoRows) {
		return Tenant{}, fmt.Errorf("tenant %s: %w", id, ErrNotFound)
	}
	if err != nil {
		return Tenant{}, fmt.Errorf("read tenant %s: %w", id, err)
	}
	return t, nil
}
