package store

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"dossiersync/store/dossier"
)

// putReread queues an item to be read again by its id.
const putReread = `
	INSERT INTO rereads (tenant, key, stream, type, id)
	VALUES (@tenant, @key, @stream, @type, @id)
	ON CONFLICT DO NOTHING`

// Reread is an item that is to be read again by its id.
type Reread struct {
	Key    string
	Stream dossier.Stream
	Ref    dossier.Ref
}

// Rereads returns up to limit items that are to be read again and that the run has not tried,
// by key.
func (s *Store) Rereads(ctx context.Context, c Claim, limit int) ([]Reread, error) {
	const q = `
		SELECT key, stream, type, id
		FROM rereads
		WHERE tenant = @tenant AND tried IS DISTINCT FROM @run
		ORDER BY key
		LIMIT @limit`
	scan := func(row pgx.CollectableRow) (r Reread, err error) {
		err = row.Scan(&r.Key, &r.Stream, &r.Ref.Type, &r.Ref.ID)
		return r, err
	}
	list, err := queryList(ctx, s.pool, scan, q, pgx.StrictNamedArgs{
		"tenant": c.Run.Tenant, "run": c.Run.ID, "limit": limit})
	if err != nil {
		return nil, fmt.Errorf("read which items of %s are to be read again: %w", c.Run.Tenant, err)
	}
	return list, nil
}

// MarkRereadFailed stores that the run could not read the item; the next run tries again. It
// fails with [ErrFenced].
func (s *Store) MarkRereadFailed(ctx context.Context, c Claim, key string) error {
	const q = `
		UPDATE rereads SET tried = @run
		WHERE tenant = @tenant AND key = @key`
	args := pgx.StrictNamedArgs{"tenant": c.Run.Tenant, "run": c.Run.ID, "key": key}
	if err := s.asClaimant(ctx, c, q, args); err != nil {
		return fmt.Errorf("mark a re-read as failed: %w", err)
	}
	return nil
}

// MarkRereadAbsent stores that the source does not have the item. While the replica still
// holds the item, the answer may be a mistake, so the next run tries again; otherwise the
// re-read ends. It fails with [ErrFenced].
func (s *Store) MarkRereadAbsent(ctx context.Context, c Claim, key string) error {
	const q = `
		WITH again AS (
			UPDATE rereads SET tried = @run
			WHERE tenant = @tenant AND key = @key AND EXISTS (
				SELECT FROM items
				WHERE tenant = @tenant AND key = @key AND state <> 'withdrawn')
			RETURNING key)
		DELETE FROM rereads
		WHERE tenant = @tenant AND key = @key AND NOT EXISTS (SELECT FROM again)`
	args := pgx.StrictNamedArgs{"tenant": c.Run.Tenant, "run": c.Run.ID, "key": key}
	if err := s.asClaimant(ctx, c, q, args); err != nil {
		return fmt.Errorf("mark a re-read item as absent: %w", err)
	}
	return nil
}

// EndReread stores that the item was read again. It fails with [ErrFenced].
func (s *Store) EndReread(ctx context.Context, c Claim, key string) error {
	const q = `
		DELETE FROM rereads
		WHERE tenant = @tenant AND key = @key`
	args := pgx.StrictNamedArgs{"tenant": c.Run.Tenant, "key": key}
	if err := s.asClaimant(ctx, c, q, args); err != nil {
		return fmt.Errorf("end a re-read: %w", err)
	}
	return nil
}
