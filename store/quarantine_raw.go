package store

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// ErrNoRaw is returned when the raw bytes of an item are not kept: no key was configured when
// the item came, it was too large, or only PostgreSQL refused it.
var ErrNoRaw = errors.New("no raw bytes are kept of it")

// QuarantineRaw returns the bytes of a quarantined item as they were received, to be shown to
// the operator by. The access is logged first (NEN 7513). It fails with [ErrNotFound],
// [ErrNoRaw], [ErrOtherKey] or [ErrNotItsBytes], or with [ErrLogUnavailable] if the access
// cannot be logged.
func (s *Store) QuarantineRaw(ctx context.Context, key, by string) ([]byte, error) {
	const q = `
		SELECT tenant, coalesce(client, ''), raw
		FROM quarantine
		WHERE key = @key`
	e := AccessEvent{Action: "read", Event: "quarantine view", Outcome: "success", User: by, Object: key}
	var raw []byte
	err := inTx(ctx, s.pool, func(tx pgx.Tx) error {
		var sealed []byte
		err := tx.QueryRow(ctx, q, pgx.StrictNamedArgs{"key": key}).Scan(&e.Tenant, &e.Client, &sealed)
		if errors.Is(err, pgx.ErrNoRows) {
			return ErrNotFound
		}
		if err != nil {
			return err
		}
		if raw, err = s.unseal(e.Tenant, key, sealed); err != nil {
			return err
		}
		return logWithin(ctx, tx, "operator", e)
	})
	if err != nil {
		return nil, fmt.Errorf("show the raw bytes of a quarantined item: %w", err)
	}
	return raw, nil
}

func (s *Store) unseal(tenant, key string, sealed []byte) ([]byte, error) {
	if sealed == nil || s.sealer == nil {
		return nil, ErrNoRaw
	}
	return s.sealer.open(tenant, key, sealed)
}

// RawToRetry returns the bytes of a quarantined item for the run to decode again; they must
// not be shown to people. It fails with [ErrNoRaw], [ErrOtherKey] or [ErrNotItsBytes].
func (s *Store) RawToRetry(ctx context.Context, c Claim, key string) ([]byte, error) {
	const q = `
		SELECT raw
		FROM quarantine
		WHERE tenant = @tenant AND key = @key`
	args := pgx.StrictNamedArgs{"tenant": c.Run.Tenant, "key": key}
	raw, err := queryOne(ctx, s.pool, pgx.RowTo[[]byte], q, args)
	if err == nil {
		raw, err = s.unseal(c.Run.Tenant, key, raw)
	}
	if err != nil {
		return nil, fmt.Errorf("read the raw bytes of a quarantined item: %w", err)
	}
	return raw, nil
}
