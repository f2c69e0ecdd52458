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
	// Unstated says that the item is hidden, or held, for a reason that the source did not state.
	Unstated bool
}

// Rereads returns up to limit items that are to be read again and that the run has not tried,
// by key.
func (s *Store) Rereads(ctx context.Context, c Claim, limit int) ([]Reread, error) {
	const q = `
		SELECT key, stream, type, id, unstated
		FROM rereads
		WHERE tenant = @tenant
		  AND tried IS DISTINCT FROM @run
		ORDER BY key
		LIMIT @limit`
	scan := func(row pgx.CollectableRow) (r Reread, err error) {
		err = row.Scan(&r.Key, &r.Stream, &r.Ref.Type, &r.Ref.ID, &r.Unstated)
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
		WHERE tenant = @tenant
		  AND key = @key`
	args := pgx.StrictNamedArgs{"tenant": c.Run.Tenant, "run": c.Run.ID, "key": key}
	if err := s.asClaimant(ctx, c, q, args); err != nil {
		return fmt.Errorf("mark a re-read as failed: %w", err)
	}
	return nil
}

// MarkRereadAbsent stores that the source does not have the item. While the replica still
// holds the item, the answer may be a mistake, so the next run tries again. Otherwise the
// re-read ends, and so does one that [Store.QueueUnstated] queues anew with each reconcile. It
// fails with [ErrFenced].
func (s *Store) MarkRereadAbsent(ctx context.Context, c Claim, key string) error {
	const q = `
		WITH again AS (
			UPDATE rereads SET tried = @run
			WHERE tenant = @tenant
			  AND key = @key
			  AND NOT unstated
			  AND EXISTS (
				SELECT FROM items
				WHERE tenant = @tenant
				  AND key = @key
				  AND state <> 'withdrawn')
			RETURNING key)
		DELETE FROM rereads
		WHERE tenant = @tenant
		  AND key = @key
		  AND NOT EXISTS (SELECT FROM again)`
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
		WHERE tenant = @tenant
		  AND key = @key`
	args := pgx.StrictNamedArgs{"tenant": c.Run.Tenant, "key": key}
	if err := s.asClaimant(ctx, c, q, args); err != nil {
		return fmt.Errorf("end a re-read: %w", err)
	}
	return nil
}

// QueueUnstated queues items of the listed types to be read again that are held, or hidden, for a
// reason that the source did not state, the longest not looked at first; up to limit of each type.
// Nothing else finds out when the source shows them again under the same version.
func (s *Store) QueueUnstated(ctx context.Context, c Claim, t AbsentType, limit int) error {
	const q = `
		WITH held AS (
			SELECT a.key, a.stream, a.type, a.id
			FROM absences a
			WHERE a.tenant = @tenant
			  AND a.stream = @stream
			  AND a.type = @type
			  AND a.missing <> 'record'
			ORDER BY a.since
			LIMIT @limit),
		hidden AS (
			SELECT key, stream, type, id
			FROM items
			WHERE tenant = @tenant
			  AND stream = @stream
			  AND type = @type
			  AND state = 'hidden'
			  AND reason = ANY(@reasons)
			ORDER BY looked NULLS FIRST
			LIMIT @limit),
		looked AS (
			UPDATE items SET looked = now()
			WHERE tenant = @tenant
			  AND key IN (SELECT key FROM hidden))
		INSERT INTO rereads (tenant, key, stream, type, id, unstated)
		SELECT @tenant, key, stream, type, id, true FROM held
		UNION
		SELECT @tenant, key, stream, type, id, true FROM hidden
		ON CONFLICT DO NOTHING`
	args := t.args(c, pgx.StrictNamedArgs{"limit": limit, "reasons": dossier.UnstatedReasons()})
	if err := s.asClaimant(ctx, c, q, args); err != nil {
		return fmt.Errorf("queue items to be read again: %w", err)
	}
	return nil
}

// IsShownAgain reports whether an item that was read again is shown now, with all its members.
func (s *Store) IsShownAgain(ctx context.Context, tenant, key string) (bool, error) {
	const q = `
		SELECT EXISTS (SELECT FROM items WHERE tenant = @tenant AND key = @key AND state = 'shown')
		   AND NOT EXISTS (SELECT FROM absences WHERE tenant = @tenant AND key = @key)`
	var shown bool
	err := s.pool.QueryRow(ctx, q, pgx.StrictNamedArgs{"tenant": tenant, "key": key}).Scan(&shown)
	if err != nil {
		return false, fmt.Errorf("look for an item: %w", err)
	}
	return shown, nil
}

// ReadTypeAgain makes the run read the type from the beginning.
func (s *Store) ReadTypeAgain(ctx context.Context, c Claim, t AbsentType) error {
	err := inTx(ctx, s.pool, func(tx pgx.Tx) error {
		if _, err := holdClaim(ctx, tx, c); err != nil {
			return err
		}
		return readTypeAnew(ctx, tx, c, string(t.Stream), t.Type)
	})
	if err != nil {
		return fmt.Errorf("read %s again: %w", t.Type, err)
	}
	return nil
}
