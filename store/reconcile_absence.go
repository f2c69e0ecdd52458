package store

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"dossiersync/store/dossier"
)

// An absence is a shown item that a complete list of the source's lacks. It begins as a
// suspect; a direct read confirms or ends it. Confirmed absences are removed, unless there are
// more than the brake allows (I5): all absences of the stream are then held until an operator
// approves.

// Absence is an item that the source no longer lists.
type Absence struct {
	Key    string
	Stream dossier.Stream
	Ref    dossier.Ref
	Client string // the stored item's client; empty: none
}

func scanAbsence(row pgx.CollectableRow) (a Absence, err error) {
	err = row.Scan(&a.Key, &a.Stream, &a.Ref.Type, &a.Ref.ID, &a.Client)
	return a, err
}

// Suspects returns up to limit suspects of the stream's source types that the run has not
// tried to confirm, by key.
func (s *Store) Suspects(
	ctx context.Context, c Claim, stream dossier.Stream, types []string, limit int,
) ([]Absence, error) {
	const q = `
		SELECT a.key, a.stream, a.type, a.id, coalesce(i.client, '')
		FROM absences a
		LEFT JOIN items i USING (tenant, key)
		WHERE a.tenant = @tenant AND a.stream = @stream AND a.type = ANY(@types)
		  AND a.state = 'suspect'
		  AND a.tried IS DISTINCT FROM @run
		ORDER BY a.key
		LIMIT @limit`
	list, err := queryList(ctx, s.pool, scanAbsence, q, pgx.StrictNamedArgs{
		"tenant": c.Run.Tenant, "stream": stream, "types": types, "run": c.Run.ID, "limit": limit})
	if err != nil {
		return nil, fmt.Errorf("read suspected absences: %w", err)
	}
	return list, nil
}

// ConfirmedAbsences returns up to limit confirmed absences of the stream's source types, by
// key, without their clients.
func (s *Store) ConfirmedAbsences(
	ctx context.Context, tenant string, stream dossier.Stream, types []string, limit int,
) ([]Absence, error) {
	const q = `
		SELECT key, stream, type, id, ''
		FROM absences
		WHERE tenant = @tenant AND stream = @stream AND type = ANY(@types) AND state = 'confirmed'
		ORDER BY key
		LIMIT @limit`
	list, err := queryList(ctx, s.pool, scanAbsence, q, pgx.StrictNamedArgs{
		"tenant": tenant, "stream": stream, "types": types, "limit": limit})
	if err != nil {
		return nil, fmt.Errorf("read confirmed absences: %w", err)
	}
	return list, nil
}

// UnsureAbsences returns the number of suspects that the run tried and could not decide on.
func (s *Store) UnsureAbsences(ctx context.Context, c Claim) (int64, error) {
	const q = `
		SELECT count(*)
		FROM absences
		WHERE tenant = @tenant AND state = 'suspect' AND tried = @run`
	args := pgx.StrictNamedArgs{"tenant": c.Run.Tenant, "run": c.Run.ID}
	n, err := queryOne(ctx, s.pool, pgx.RowTo[int64], q, args)
	if err != nil {
		return 0, fmt.Errorf("count absences of %s: %w", c.Run.Tenant, err)
	}
	return n, nil
}

// ConfirmAbsence stores that a direct read did not find the item. It fails with [ErrFenced].
func (s *Store) ConfirmAbsence(ctx context.Context, c Claim, key string) error {
	const q = `
		UPDATE absences SET state = 'confirmed'
		WHERE tenant = @tenant AND key = @key`
	return s.writeAbsences(ctx, c, q, pgx.StrictNamedArgs{"tenant": c.Run.Tenant, "key": key})
}

// MarkAbsenceUnsure stores that the run could not decide whether the item is absent. It fails
// with [ErrFenced].
func (s *Store) MarkAbsenceUnsure(ctx context.Context, c Claim, key string) error {
	const q = `
		UPDATE absences SET tried = @run
		WHERE tenant = @tenant AND key = @key`
	return s.writeAbsences(ctx, c, q, pgx.StrictNamedArgs{"tenant": c.Run.Tenant, "key": key, "run": c.Run.ID})
}

// EndAbsence stores that the source has the item. It fails with [ErrFenced].
func (s *Store) EndAbsence(ctx context.Context, c Claim, key string) error {
	const q = `
		DELETE FROM absences
		WHERE tenant = @tenant AND key = @key`
	return s.writeAbsences(ctx, c, q, pgx.StrictNamedArgs{"tenant": c.Run.Tenant, "key": key})
}

// HoldAbsences holds all absences of a stream, so that none is removed until an operator
// approves. It fails with [ErrFenced].
func (s *Store) HoldAbsences(ctx context.Context, c Claim, stream dossier.Stream) error {
	const q = `
		UPDATE absences SET state = 'held'
		WHERE tenant = @tenant AND stream = @stream`
	return s.writeAbsences(ctx, c, q, pgx.StrictNamedArgs{"tenant": c.Run.Tenant, "stream": stream})
}

// ReleaseAbsences makes the held absences of a stream suspects again, to be confirmed anew. It
// fails with [ErrFenced].
func (s *Store) ReleaseAbsences(ctx context.Context, c Claim, stream dossier.Stream) error {
	const q = `
		UPDATE absences SET state = 'suspect', tried = NULL
		WHERE tenant = @tenant AND stream = @stream AND state = 'held'`
	return s.writeAbsences(ctx, c, q, pgx.StrictNamedArgs{"tenant": c.Run.Tenant, "stream": stream})
}

func (s *Store) writeAbsences(ctx context.Context, c Claim, q string, args pgx.StrictNamedArgs) error {
	if err := s.asClaimant(ctx, c, q, args); err != nil {
		return fmt.Errorf("write absences of %s: %w", c.Run.Tenant, err)
	}
	return nil
}

// Brake holds the counts of a stream from which the brake is decided.
type Brake struct {
	Shown     int64 // items that are shown
	Removed   int64 // items removed as absent in the last 24 hours
	Suspects  int64
	Confirmed int64
	Held      int64
}

// Brake returns the counts of the stream; the zero Brake if it has no absences. First it ends
// the absences of items that were hidden or withdrawn since. It fails with [ErrFenced].
func (s *Store) Brake(ctx context.Context, c Claim, stream dossier.Stream) (Brake, error) {
	const has = `SELECT EXISTS (SELECT FROM absences WHERE tenant = @tenant AND stream = @stream)`
	const settled = `
		DELETE FROM absences a
		WHERE a.tenant = @tenant AND a.stream = @stream
		  AND NOT EXISTS (
			SELECT FROM items i
			WHERE i.tenant = a.tenant AND i.key = a.key AND i.state = 'shown')`
	const q = `
		WITH shown AS (
			SELECT count(*) AS n
			FROM items
			WHERE tenant = @tenant AND stream = @stream AND state = 'shown'),
		removed AS (
			SELECT count(*) AS n
			FROM items
			WHERE tenant = @tenant AND stream = @stream AND reason = 'absent'
			  AND observed > now() - interval '24 hours')
		SELECT (SELECT n FROM shown), (SELECT n FROM removed),
			count(*) FILTER (WHERE state = 'suspect'),
			count(*) FILTER (WHERE state = 'confirmed'),
			count(*) FILTER (WHERE state = 'held')
		FROM absences
		WHERE tenant = @tenant AND stream = @stream`
	args := pgx.StrictNamedArgs{"tenant": c.Run.Tenant, "stream": stream}
	absent, err := queryOne(ctx, s.pool, pgx.RowTo[bool], has, args)
	if err != nil {
		return Brake{}, fmt.Errorf("read the brake of %s: %w", c.Run.Tenant, err)
	}
	if !absent {
		return Brake{}, nil
	}
	if err := s.writeAbsences(ctx, c, settled, args); err != nil {
		return Brake{}, err
	}
	b, err := queryOne(ctx, s.pool, pgx.RowToStructByPos[Brake], q, args)
	if err != nil {
		return Brake{}, fmt.Errorf("read the brake of %s: %w", c.Run.Tenant, err)
	}
	return b, nil
}

// HeldRemovals are the absences of a stream that wait for an operator's approval.
type HeldRemovals struct {
	Tenant string         `json:"tenant"`
	Stream dossier.Stream `json:"stream"`
	Items  int64          `json:"items"`
	Since  time.Time      `json:"since"` // of the oldest
}

// HeldRemovals returns the held removals of a tenant; if tenant is empty, of all tenants.
func (s *Store) HeldRemovals(ctx context.Context, tenant string) ([]HeldRemovals, error) {
	const q = `
		SELECT tenant, stream, count(*), min(since)
		FROM absences
		WHERE state = 'held' AND (@tenant = '' OR tenant = @tenant)
		GROUP BY tenant, stream
		ORDER BY tenant, stream`
	args := pgx.StrictNamedArgs{"tenant": tenant}
	list, err := queryList(ctx, s.pool, pgx.RowToStructByPos[HeldRemovals], q, args)
	if err != nil {
		return nil, fmt.Errorf("read held removals: %w", err)
	}
	return list, nil
}
