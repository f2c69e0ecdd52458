package store

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// Some sources can only be searched client by client. A type of such a source has a cursor per
// client beside its own, which moves once all clients have been read.

// SetByClient stores that the run reads the type client by client. It fails with [ErrFenced].
func (s *Store) SetByClient(ctx context.Context, c Claim, id TypeID) error {
	const q = `
		UPDATE run_types SET by_client = true
		WHERE ` + ofRunType
	if err := s.asClaimant(ctx, c, q, id.runArgs(c, nil)); err != nil {
		return fmt.Errorf("begin to read %s by client: %w", id.Type, err)
	}
	return nil
}

// ClientCursor is the time up to which one client's records of a type are known to be read.
type ClientCursor struct {
	Client string
	Upto   *time.Time // source's clock; nil: never read by the present rules
}

// ClientsToRead returns up to limit shown clients whose records of the type the run has not
// read yet, by id, beginning after the id after.
func (s *Store) ClientsToRead(
	ctx context.Context, c Claim, id TypeID, after string, limit int,
) ([]ClientCursor, error) {
	const q = `
		SELECT c.id, CASE WHEN k.fingerprint = t.fingerprint AND k.hiding = t.hiding THEN k.upto END
		FROM run_types t
		JOIN clients c ON c.tenant = @tenant AND c.state = 'shown' AND c.id > @after
		LEFT JOIN cursors k ON k.tenant = c.tenant AND k.client = c.id
			AND (k.stream, k.type, k.query) = (t.stream, t.type, t.query)
		WHERE t.run = @run AND t.stream = @stream AND t.type = @type AND t.query = @query
		  AND k.run IS DISTINCT FROM t.run
		ORDER BY c.id
		LIMIT @limit`
	args := id.runArgs(c, pgx.StrictNamedArgs{"tenant": c.Run.Tenant, "after": after, "limit": limit})
	list, err := queryList(ctx, s.pool, pgx.RowToStructByPos[ClientCursor], q, args)
	if err != nil {
		return nil, fmt.Errorf("read the clients of %s: %w", c.Run.Tenant, err)
	}
	return list, nil
}

// MarkClientFailed stores that the run could not read one client's records of the type. The
// run does not try the client again, unless the type is retried. It fails with [ErrFenced].
func (s *Store) MarkClientFailed(ctx context.Context, c Claim, id TypeID, client string) error {
	const q = `
		INSERT INTO cursors (tenant, stream, type, query, client, fingerprint, hiding, run, failed)
		SELECT @tenant, stream, type, query, @client, fingerprint, hiding, run, true
		FROM run_types
		WHERE ` + ofRunType + `
		ON CONFLICT (tenant, stream, type, query, client) DO UPDATE SET
			run = excluded.run,
			failed = true`
	args := id.runArgs(c, pgx.StrictNamedArgs{"tenant": c.Run.Tenant, "client": client})
	if err := s.asClaimant(ctx, c, q, args); err != nil {
		return fmt.Errorf("mark a client of %s as failed: %w", c.Run.Tenant, err)
	}
	return nil
}

// FailedClients returns the number of clients whose records of the type the run could not
// read.
func (s *Store) FailedClients(ctx context.Context, c Claim, id TypeID) (int64, error) {
	const q = `
		SELECT count(*)
		FROM cursors
		WHERE tenant = @tenant AND ` + ofRunType + ` AND client <> '' AND failed`
	args := id.runArgs(c, pgx.StrictNamedArgs{"tenant": c.Run.Tenant})
	n, err := queryOne(ctx, s.pool, pgx.RowTo[int64], q, args)
	if err != nil {
		return 0, fmt.Errorf("count clients of %s: %w", c.Run.Tenant, err)
	}
	return n, nil
}

// MarkClientRead stores that the run has read one client's records of the type up to the run's
// end. It fails with [ErrFenced].
func (s *Store) MarkClientRead(ctx context.Context, c Claim, id TypeID, client string) error {
	const q = `
		INSERT INTO cursors (tenant, stream, type, query, client, upto, fingerprint, hiding, run)
		SELECT @tenant, stream, type, query, @client, to_time, fingerprint, hiding, run
		FROM run_types
		WHERE ` + ofRunType + `
		ON CONFLICT (tenant, stream, type, query, client) DO UPDATE SET
			upto = excluded.upto,
			fingerprint = excluded.fingerprint,
			hiding = excluded.hiding,
			run = excluded.run,
			failed = false`
	args := id.runArgs(c, pgx.StrictNamedArgs{"tenant": c.Run.Tenant, "client": client})
	if err := s.asClaimant(ctx, c, q, args); err != nil {
		return fmt.Errorf("mark a client of %s as read: %w", c.Run.Tenant, err)
	}
	return nil
}

// ShownClients returns up to limit ids of shown clients, in order, beginning after the id
// after.
func (s *Store) ShownClients(ctx context.Context, tenant, after string, limit int) ([]string, error) {
	const q = `
		SELECT id
		FROM clients
		WHERE tenant = @tenant AND state = 'shown' AND id > @after
		ORDER BY id
		LIMIT @limit`
	args := pgx.StrictNamedArgs{"tenant": tenant, "after": after, "limit": limit}
	ids, err := queryList(ctx, s.pool, pgx.RowTo[string], q, args)
	if err != nil {
		return nil, fmt.Errorf("read the clients of %s: %w", tenant, err)
	}
	return ids, nil
}
