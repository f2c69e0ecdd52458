package store

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// Some sources can only be searched client by client. A type of such a source has
// a cursor for each client beside its own, which moves once all clients have been
// read.

// SetByClient notes that the run reads the type client by client.
func (s *Store) SetByClient(ctx context.Context, c Claim, id TypeID) error {
	const q = `
		UPDATE run_types SET by_client = true
		WHERE run = @run AND stream = @stream AND type = @type AND query = @query`
	err := s.asClaimant(ctx, c, q, pgx.StrictNamedArgs{
		"run": c.Run.ID, "stream": id.Stream, "type": id.Type, "query": id.Query})
	if err != nil {
		return fmt.Errorf("begin to read %s by client: %w", id.Type, err)
	}
	return nil
}

// ClientCursor is how far one client's records of a type are known to be read.
type ClientCursor struct {
	Client string
	Upto   *time.Time // source's clock; nil: they were never read by the present rules
}

// ClientsToRead returns shown clients whose records of the type the run has not
// read yet, by id, those after an id only.
func (s *Store) ClientsToRead(ctx context.Context, c Claim, id TypeID, after string, limit int) ([]ClientCursor, error) {
	const q = `
		SELECT c.id, CASE WHEN k.fingerprint = t.fingerprint AND k.hiding = t.hiding THEN k.upto END
		FROM run_types t
		JOIN clients c ON c.tenant = @tenant AND c.state = 'shown' AND c.id > @after
		LEFT JOIN cursors k ON k.tenant = c.tenant AND k.client = c.id
			AND (k.stream, k.type, k.query) = (t.stream, t.type, t.query)
		WHERE t.run = @run AND t.stream = @stream AND t.type = @type AND t.query = @query
		  AND k.run IS DISTINCT FROM t.run
		ORDER BY c.id LIMIT @limit`
	rows, err := s.pool.Query(ctx, q, pgx.StrictNamedArgs{"tenant": c.Run.Tenant, "run": c.Run.ID,
		"stream": id.Stream, "type": id.Type, "query": id.Query, "after": after, "limit": limit})
	if err != nil {
		return nil, fmt.Errorf("read the clients of %s: %w", c.Run.Tenant, err)
	}
	list, err := pgx.CollectRows(rows, pgx.RowToStructByPos[ClientCursor])
	if err != nil {
		return nil, fmt.Errorf("read the clients of %s: %w", c.Run.Tenant, err)
	}
	return list, nil
}

// MarkClientFailed notes that the run could not read one client's records of the type:
// it is not tried again in this run, unless the type is.
func (s *Store) MarkClientFailed(ctx context.Context, c Claim, id TypeID, client string) error {
	const q = `
		INSERT INTO cursors (tenant, stream, type, query, client, fingerprint, hiding, run, failed)
		SELECT @tenant, stream, type, query, @client, fingerprint, hiding, run, true FROM run_types
		WHERE run = @run AND stream = @stream AND type = @type AND query = @query
		ON CONFLICT (tenant, stream, type, query, client) DO UPDATE SET run = excluded.run, failed = true`
	err := s.asClaimant(ctx, c, q, pgx.StrictNamedArgs{"tenant": c.Run.Tenant, "client": client,
		"run": c.Run.ID, "stream": id.Stream, "type": id.Type, "query": id.Query})
	if err != nil {
		return fmt.Errorf("note that a client of %s could not be read: %w", c.Run.Tenant, err)
	}
	return nil
}

// FailedClients returns of how many clients the run could not read the records of
// the type.
func (s *Store) FailedClients(ctx context.Context, c Claim, id TypeID) (int64, error) {
	const q = `
		SELECT count(*) FROM cursors
		WHERE tenant = @tenant AND stream = @stream AND type = @type AND query = @query AND client <> '' AND run = @run AND failed`
	var n int64
	err := s.pool.QueryRow(ctx, q, pgx.StrictNamedArgs{"tenant": c.Run.Tenant, "run": c.Run.ID,
		"stream": id.Stream, "type": id.Type, "query": id.Query}).Scan(&n)
	if err != nil {
		return 0, fmt.Errorf("count clients of %s: %w", c.Run.Tenant, err)
	}
	return n, nil
}

// MarkClientRead notes that the run has read one client's records of the type, up to
// its end.
func (s *Store) MarkClientRead(ctx context.Context, c Claim, id TypeID, client string) error {
	const q = `
		INSERT INTO cursors (tenant, stream, type, query, client, upto, fingerprint, hiding, run)
		SELECT @tenant, stream, type, query, @client, to_time, fingerprint, hiding, run FROM run_types
		WHERE run = @run AND stream = @stream AND type = @type AND query = @query
		ON CONFLICT (tenant, stream, type, query, client) DO UPDATE SET upto = excluded.upto,
			fingerprint = excluded.fingerprint, hiding = excluded.hiding, run = excluded.run, failed = false`
	err := s.asClaimant(ctx, c, q, pgx.StrictNamedArgs{"tenant": c.Run.Tenant, "client": client,
		"run": c.Run.ID, "stream": id.Stream, "type": id.Type, "query": id.Query})
	if err != nil {
		return fmt.Errorf("note what was read of a client of %s: %w", c.Run.Tenant, err)
	}
	return nil
}

// ShownClients returns ids of clients who are shown, in order, those after an id
// only.
func (s *Store) ShownClients(ctx context.Context, tenant, after string, limit int) ([]string, error) {
	const q = `
		SELECT id FROM clients WHERE tenant = @tenant AND state = 'shown' AND id > @after ORDER BY id LIMIT @limit`
	rows, err := s.pool.Query(ctx, q, pgx.StrictNamedArgs{"tenant": tenant, "after": after, "limit": limit})
	if err != nil {
		return nil, fmt.Errorf("read the clients of %s: %w", tenant, err)
	}
	ids, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return nil, fmt.Errorf("read the clients of %s: %w", tenant, err)
	}
	return ids, nil
}

// MarkClientListed notes that the census of the type has one more client.
func (s *Store) MarkClientListed(ctx context.Context, c Claim, id TypeID, client string) error {
	const q = `
		UPDATE censuses SET client = @client
		WHERE run = @run AND stream = @stream AND type = @type AND query = @query`
	err := s.asClaimant(ctx, c, q, pgx.StrictNamedArgs{"client": client,
		"run": c.Run.ID, "stream": id.Stream, "type": id.Type, "query": id.Query})
	if err != nil {
		return fmt.Errorf("note what was listed of a client of %s: %w", c.Run.Tenant, err)
	}
	return nil
}
