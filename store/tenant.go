package store

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// Tenant is one care organisation as the replica knows it. Times are the database's.
type Tenant struct {
	ID          string
	Name        string
	Timezone    string
	Change      int64
	Epoch       int32
	Succeeded   *time.Time // when the last successful run began
	Since       time.Time  // when the tenant became known
	Unreachable *time.Time // since when the source cannot be reached
	EpochSince  *time.Time // when the present epoch began; nil: it is the first
	Reconciled  *time.Time // when the last complete reconcile of everything began
	Rechecked   *time.Time // when a seventh of the clients was last queued to be read again
	// Trouble is the first cause why the source cannot be read, for operators. TroubleUntil is
	// until when the source is left alone. TroubleKind is the kind of the failure (sync/source).
	// All are nil while the source can be read.
	Trouble      *string
	TroubleUntil *time.Time
	TroubleKind  *string
	// AwaitingGrants is since when the portal has to send all grants again, because the
	// database was restored from a backup; until then the portal is shown nothing. nil: it
	// does not have to.
	AwaitingGrants *time.Time
	// AwaitingErasures is since when erasures have to be repeated, for the same reason and
	// with the same effect; nil: they do not have to be.
	AwaitingErasures *time.Time
}

const tenantColumns = `
			id, name, timezone, change, epoch, succeeded, since, unreachable, epoch_since,
			reconciled, rechecked, trouble, trouble_until, trouble_kind, awaiting_grants, awaiting_erasures`

// PutTenant stores the tenant's name and timezone. If other tenants await erasures after a
// restore, a new tenant does too, because the backup may not have known it.
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

// SetGrantsDormantAfter stores how long a client of the tenant may not be shown before the grants
// on it no longer count when it is shown again.
func (s *Store) SetGrantsDormantAfter(ctx context.Context, id string, d time.Duration) error {
	const q = `
		UPDATE tenants SET dormant_after = @after
		WHERE id = @id AND dormant_after IS DISTINCT FROM @after`
	if _, err := s.pool.Exec(ctx, q, pgx.StrictNamedArgs{"id": id, "after": d}); err != nil {
		return fmt.Errorf("store after how long grants of %s are dormant: %w", id, err)
	}
	return nil
}

// Tenants returns every tenant, by id.
func (s *Store) Tenants(ctx context.Context) ([]Tenant, error) {
	const q = `
		SELECT` + tenantColumns + `
		FROM tenants
		ORDER BY id`
	tenants, err := queryList(ctx, s.pool, pgx.RowToStructByPos[Tenant], q)
	if err != nil {
		return nil, fmt.Errorf("read tenants: %w", err)
	}
	return tenants, nil
}

// Tenant returns one tenant. It fails with [ErrNotFound] before the tenant's first run.
func (s *Store) Tenant(ctx context.Context, id string) (Tenant, error) {
	const q = `
		SELECT` + tenantColumns + `
		FROM tenants
		WHERE id = @id`
	t, err := queryOne(ctx, s.pool, pgx.RowToStructByPos[Tenant], q, pgx.StrictNamedArgs{"id": id})
	if errors.Is(err, pgx.ErrNoRows) {
		return Tenant{}, fmt.Errorf("tenant %s: %w", id, ErrNotFound)
	}
	if err != nil {
		return Tenant{}, fmt.Errorf("read tenant %s: %w", id, err)
	}
	return t, nil
}

// SetReachable stores that the tenant's source can be read.
func (s *Store) SetReachable(ctx context.Context, tenant string) error {
	const q = `
		UPDATE tenants SET unreachable = NULL, trouble = NULL, trouble_until = NULL, trouble_kind = NULL
		WHERE id = @tenant AND (unreachable IS NOT NULL OR trouble IS NOT NULL)`
	if _, err := s.pool.Exec(ctx, q, pgx.StrictNamedArgs{"tenant": tenant}); err != nil {
		return fmt.Errorf("store that the source of %s can be reached: %w", tenant, err)
	}
	return nil
}

// The kinds of failures that operators are told of in different words. They are those of package
// sync/source.
const (
	KindUnauthorized = "unauthorized" // 401, 403
	KindThrottled    = "throttled"    // 429
	KindNotFound     = "not-found"    // 404
	KindUnsupported  = "unsupported"
)

// Trouble is why a tenant's source cannot be read now.
type Trouble struct {
	Kind string        // of the failure; see sync/source
	Text string        // for operators
	For  time.Duration // for how long the source is left alone; 0: not known
	// Waits reports that the source answers and asks for patience: it counts as reachable.
	Waits bool
	// Repeats reports that nothing new is known: an earlier text and kind are kept.
	Repeats bool
}

// SetTrouble stores that the tenant's source cannot be read, and why. Unreachable stays the
// first such moment since the source could be read.
func (s *Store) SetTrouble(ctx context.Context, tenant string, t Trouble) error {
	const q = `
		UPDATE tenants SET
			unreachable = CASE WHEN @waits THEN unreachable ELSE coalesce(unreachable, now()) END,
			trouble = CASE WHEN @repeats THEN coalesce(trouble, @text) ELSE @text END,
			trouble_kind = CASE WHEN @repeats AND trouble IS NOT NULL THEN trouble_kind ELSE @kind END,
			trouble_until = now() + nullif(@pause::interval, '0')
		WHERE id = @tenant`
	args := pgx.StrictNamedArgs{"tenant": tenant, "text": t.Text, "kind": t.Kind, "pause": t.For,
		"waits": t.Waits, "repeats": t.Repeats}
	if _, err := s.pool.Exec(ctx, q, args); err != nil {
		return fmt.Errorf("store the trouble with the source of %s: %w", tenant, err)
	}
	return nil
}

// EndWait stores that the source no longer asks for patience, if that was the trouble of the
// given kind.
func (s *Store) EndWait(ctx context.Context, tenant, kind string) error {
	const q = `
		UPDATE tenants SET trouble = NULL, trouble_until = NULL, trouble_kind = NULL
		WHERE id = @tenant AND trouble_kind = @kind`
	if _, err := s.pool.Exec(ctx, q, pgx.StrictNamedArgs{"tenant": tenant, "kind": kind}); err != nil {
		return fmt.Errorf("store that the source of %s can be asked: %w", tenant, err)
	}
	return nil
}
