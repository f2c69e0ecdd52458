package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"dossiersync/store/dossier"
)

// DecisionKind says what an operator has decided.
type DecisionKind string

// The kinds of decisions.
const (
	// DecisionDiscard forgets an item in quarantine. Its object is the item's
	// type and key, with a slash between them.
	DecisionDiscard DecisionKind = "discard"
	// DecisionApprove lets items be removed that were held. Its object is the
	// stream and how many they were, with a slash between them.
	DecisionApprove DecisionKind = "approve"
)

// Decision is something that an operator took upon them.
type Decision struct {
	Tenant string       `json:"tenant"`
	At     time.Time    `json:"at"`
	By     string       `json:"by"` // an operator's name
	What   DecisionKind `json:"what"`
	Object string       `json:"object"`
	Reason string       `json:"reason"` // in the operator's own words
}

// Decisions returns what was decided, the newest first, at most limit; for all
// tenants if tenant is empty.
func (s *Store) Decisions(ctx context.Context, tenant string, what DecisionKind, limit int) ([]Decision, error) {
	const q = `
		SELECT tenant, at, by, what, object, reason FROM decisions
		WHERE (@tenant = '' OR tenant = @tenant) AND what = @what ORDER BY at DESC LIMIT @limit`
	rows, err := s.pool.Query(ctx, q, pgx.StrictNamedArgs{"tenant": tenant, "what": what, "limit": limit})
	if err != nil {
		return nil, fmt.Errorf("read decisions: %w", err)
	}
	list, err := pgx.CollectRows(rows, pgx.RowToStructByPos[Decision])
	if err != nil {
		return nil, fmt.Errorf("read decisions: %w", err)
	}
	return list, nil
}

// decide records a decision, in the transaction that carries it out.
func decide(ctx context.Context, tx pgx.Tx, d Decision) error {
	const q = `
		INSERT INTO decisions (tenant, by, what, object, reason) VALUES (@tenant, @by, @what, @object, @reason)`
	_, err := tx.Exec(ctx, q, pgx.StrictNamedArgs{
		"tenant": d.Tenant, "by": d.By, "what": d.What, "object": d.Object, "reason": d.Reason})
	return err
}

// NoteApproval records that whoever asked for the run lets n items of the stream be
// removed, however many that is.
func (s *Store) NoteApproval(ctx context.Context, c Claim, stream dossier.Stream, n int64) error {
	by := "unknown"
	if c.Run.RequestedBy != nil {
		by = *c.Run.RequestedBy
	}
	err := inTx(ctx, s.pool, func(tx pgx.Tx) error {
		if _, err := holdClaim(ctx, tx, c); err != nil {
			return err
		}
		return decide(ctx, tx, Decision{Tenant: c.Run.Tenant, By: by, What: DecisionApprove,
			Object: fmt.Sprintf("%s/%d", stream, n), Reason: fmt.Sprintf("run %d", c.Run.ID)})
	})
	if err != nil {
		return fmt.Errorf("note an approval for %s: %w", c.Run.Tenant, err)
	}
	return nil
}

// Discard forgets items in quarantine, as the operator by decides for the given
// reason. What readers see stays as it is, and an item that comes again in as bad
// a shape is quarantined again. It fails with [ErrNotFound], having forgotten
// nothing, if one of the keys is not there.
func (s *Store) Discard(ctx context.Context, tenant string, keys []string, by, reason string) error {
	const q = `DELETE FROM quarantine WHERE tenant = @tenant AND key = @key RETURNING type || '/' || key`
	err := inTx(ctx, s.pool, func(tx pgx.Tx) error {
		for _, key := range keys {
			d := Decision{Tenant: tenant, By: by, What: DecisionDiscard, Reason: reason}
			err := tx.QueryRow(ctx, q, pgx.StrictNamedArgs{"tenant": tenant, "key": key}).Scan(&d.Object)
			if errors.Is(err, pgx.ErrNoRows) {
				return fmt.Errorf("%s: %w", key, ErrNotFound)
			}
			if err == nil {
				err = decide(ctx, tx, d)
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("discard quarantined items of %s: %w", tenant, err)
	}
	return nil
}
