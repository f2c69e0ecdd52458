package store

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"dossiersync/store/dossier"
)

// An absence is an item that a complete list of the source's no longer has. It is
// a suspect until it is read by its id; what is confirmed to be gone is removed,
// unless there is more of it than the brake allows (I5): then it is held for an
// operator.

// Absence is an item that the source no longer lists.
type Absence struct {
	Key    string
	Stream dossier.Stream
	Ref    dossier.Ref
	Client string // whom it belongs to here; empty: to none
}

func scanAbsence(row pgx.CollectableRow) (Absence, error) {
	var a Absence
	err := row.Scan(&a.Key, &a.Stream, &a.Ref.Type, &a.Ref.ID, &a.Client)
	return a, err
}

// Suspects returns absences of the stream's source types that the run has not tried
// to confirm.
func (s *Store) Suspects(ctx context.Context, c Claim, stream dossier.Stream, types []string, limit int) ([]Absence, error) {
	const q = `
		SELECT a.key, a.stream, a.type, a.id, coalesce(i.client, '') FROM absences a LEFT JOIN items i USING (tenant, key)
		WHERE a.tenant = @tenant AND a.stream = @stream AND a.type = ANY(@types) AND a.state = 'suspect'
		  AND a.tried IS DISTINCT FROM @run
		ORDER BY a.key LIMIT @limit`
	return s.absences(ctx, q, pgx.StrictNamedArgs{"tenant": c.Run.Tenant, "stream": stream, "types": types, "run": c.Run.ID, "limit": limit})
}

// ConfirmedAbsences returns absences of the stream's source types that are confirmed
// and may go.
func (s *Store) ConfirmedAbsences(ctx context.Context, tenant string, stream dossier.Stream, types []string, limit int) ([]Absence, error) {
	const q = `
		SELECT key, stream, type, id, '' FROM absences
		WHERE tenant = @tenant AND stream = @stream AND type = ANY(@types) AND state = 'confirmed' ORDER BY key LIMIT @limit`
	return s.absences(ctx, q, pgx.StrictNamedArgs{"tenant": tenant, "stream": stream, "types": types, "limit": limit})
}

func (s *Store) absences(ctx context.Context, q string, args pgx.StrictNamedArgs) ([]Absence, error) {
	rows, err := s.pool.Query(ctx, q, args)
	if err != nil {
		return nil, fmt.Errorf("read absences: %w", err)
	}
	list, err := pgx.CollectRows(rows, scanAbsence)
	if err != nil {
		return nil, fmt.Errorf("read absences: %w", err)
	}
	return list, nil
}

// ConfirmAbsence notes that a direct read found the item to be gone.
func (s *Store) ConfirmAbsence(ctx context.Context, c Claim, key string) error {
	const q = `UPDATE absences SET state = 'confirmed' WHERE tenant = @tenant AND key = @key`
	return s.noteAbsence(ctx, c, q, pgx.StrictNamedArgs{"tenant": c.Run.Tenant, "key": key})
}

// MarkAbsenceUnsure notes that the run could not tell whether the item is gone.
func (s *Store) MarkAbsenceUnsure(ctx context.Context, c Claim, key string) error {
	const q = `UPDATE absences SET tried = @run WHERE tenant = @tenant AND key = @key`
	return s.noteAbsence(ctx, c, q, pgx.StrictNamedArgs{"tenant": c.Run.Tenant, "key": key, "run": c.Run.ID})
}

// UnsureAbsences returns of how many items the run could not tell whether they are
// gone.
func (s *Store) UnsureAbsences(ctx context.Context, c Claim) (int64, error) {
	const q = `SELECT count(*) FROM absences WHERE tenant = @tenant AND state = 'suspect' AND tried = @run`
	var n int64
	err := s.pool.QueryRow(ctx, q, pgx.StrictNamedArgs{"tenant": c.Run.Tenant, "run": c.Run.ID}).Scan(&n)
	if err != nil {
		return 0, fmt.Errorf("count absences of %s: %w", c.Run.Tenant, err)
	}
	return n, nil
}

// EndAbsence notes that the item is there after all.
func (s *Store) EndAbsence(ctx context.Context, c Claim, key string) error {
	const q = `DELETE FROM absences WHERE tenant = @tenant AND key = @key`
	return s.noteAbsence(ctx, c, q, pgx.StrictNamedArgs{"tenant": c.Run.Tenant, "key": key})
}

// HoldAbsences applies the brake to a stream: nothing of it is removed until an
// operator approves.
func (s *Store) HoldAbsences(ctx context.Context, c Claim, stream dossier.Stream) error {
	const q = `UPDATE absences SET state = 'held' WHERE tenant = @tenant AND stream = @stream`
	return s.noteAbsence(ctx, c, q, pgx.StrictNamedArgs{"tenant": c.Run.Tenant, "stream": stream})
}

// ReleaseAbsences takes the brake off: what was held is to be confirmed again.
func (s *Store) ReleaseAbsences(ctx context.Context, c Claim, stream dossier.Stream) error {
	const q = `
		UPDATE absences SET state = 'suspect', tried = NULL
		WHERE tenant = @tenant AND stream = @stream AND state = 'held'`
	return s.noteAbsence(ctx, c, q, pgx.StrictNamedArgs{"tenant": c.Run.Tenant, "stream": stream})
}

func (s *Store) noteAbsence(ctx context.Context, c Claim, q string, args pgx.StrictNamedArgs) error {
	if err := s.asClaimant(ctx, c, q, args); err != nil {
		return fmt.Errorf("note an absence: %w", err)
	}
	return nil
}

// Brake says how much of a stream is absent, and how much was removed for that.
type Brake struct {
	Shown     int64 // items that are shown
	Removed   int64 // items removed by inference in the last 24 hours
	Suspects  int64
	Confirmed int64
	Held      int64
}

// Brake returns the state of the stream's brake; nothing where nothing is absent.
// What is shown no more for another reason is absent no more.
func (s *Store) Brake(ctx context.Context, c Claim, stream dossier.Stream) (Brake, error) {
	const has = `SELECT EXISTS (SELECT FROM absences WHERE tenant = @tenant AND stream = @stream)`
	const settled = `
		DELETE FROM absences a WHERE a.tenant = @tenant AND a.stream = @stream
		  AND NOT EXISTS (SELECT FROM items i WHERE i.tenant = a.tenant AND i.key = a.key AND i.state = 'shown')`
	const q = `
		SELECT (SELECT count(*) FROM items WHERE tenant = @tenant AND stream = @stream AND state = 'shown'),
			(SELECT count(*) FROM items WHERE tenant = @tenant AND stream = @stream AND reason = 'absent'
				AND observed > now() - interval '24 hours'),
			count(*) FILTER (WHERE state = 'suspect'), count(*) FILTER (WHERE state = 'confirmed'),
			count(*) FILTER (WHERE state = 'held')
		FROM absences WHERE tenant = @tenant AND stream = @stream`
	args := pgx.StrictNamedArgs{"tenant": c.Run.Tenant, "stream": stream}
	var absent bool
	if err := s.pool.QueryRow(ctx, has, args).Scan(&absent); err != nil {
		return Brake{}, fmt.Errorf("read the brake of %s: %w", c.Run.Tenant, err)
	}
	if !absent {
		return Brake{}, nil
	}
	if err := s.noteAbsence(ctx, c, settled, args); err != nil {
		return Brake{}, err
	}
	b, err := queryOne(ctx, s.pool, pgx.RowToStructByPos[Brake], q, args)
	if err != nil {
		return Brake{}, fmt.Errorf("read the brake of %s: %w", c.Run.Tenant, err)
	}
	return b, nil
}

// HeldRemovals is how much of a stream waits for an operator's approval.
type HeldRemovals struct {
	Tenant string         `json:"tenant"`
	Stream dossier.Stream `json:"stream"`
	Items  int64          `json:"items"`
	Since  time.Time      `json:"since"` // of the oldest
}

// HeldRemovals returns what is held of a tenant, or of all if tenant is empty.
func (s *Store) HeldRemovals(ctx context.Context, tenant string) ([]HeldRemovals, error) {
	const q = `
		SELECT tenant, stream, count(*), min(since) FROM absences
		WHERE state = 'held' AND (@tenant = '' OR tenant = @tenant)
		GROUP BY tenant, stream ORDER BY tenant, stream`
	rows, err := s.pool.Query(ctx, q, pgx.StrictNamedArgs{"tenant": tenant})
	if err != nil {
		return nil, fmt.Errorf("read held removals: %w", err)
	}
	list, err := pgx.CollectRows(rows, pgx.RowToStructByPos[HeldRemovals])
	if err != nil {
		return nil, fmt.Errorf("read held removals: %w", err)
	}
	return list, nil
}
