package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// DecisionKind is what an operator decided to do.
type DecisionKind string

// The kinds of decisions.
const (
	// DecisionDiscard deletes an item from quarantine. Its object is type/key of the item.
	DecisionDiscard DecisionKind = "discard"
	// DecisionApprove lets held items go, or reveals them. Its object says how many items of what,
	// as do those of the others.
	DecisionApprove DecisionKind = "approve"
	// DecisionKeep keeps held items as they are for some time.
	DecisionKeep DecisionKind = "keep"
	// DecisionReopen takes a decision on held items back.
	DecisionReopen DecisionKind = "reopen"
	// DecisionWithhold keeps a client or an item from readers. Its object is type/key, as is that of
	// DecisionRelease, which shows the client or the item again.
	DecisionWithhold DecisionKind = "withhold"
	DecisionRelease  DecisionKind = "release"
	// DecisionAcknowledge says that a cause of attention is known. Its object is the cause's code.
	DecisionAcknowledge DecisionKind = "acknowledge"
)

// Decision is a decision of an operator.
type Decision struct {
	Tenant string       `json:"tenant"`
	At     time.Time    `json:"at"`
	By     string       `json:"by"` // an operator's name
	What   DecisionKind `json:"what"`
	Object string       `json:"object"`
	Reason string       `json:"reason"` // in the operator's own words
}

// Decisions returns up to limit decisions of the kind, the newest first; if tenant is empty,
// those of all tenants.
func (s *Store) Decisions(ctx context.Context, tenant string, what DecisionKind, limit int) ([]Decision, error) {
	const q = `
		SELECT tenant, at, by, what, object, reason
		FROM decisions
		WHERE (@tenant = '' OR tenant = @tenant) AND what = @what
		ORDER BY at DESC
		LIMIT @limit`
	args := pgx.StrictNamedArgs{"tenant": tenant, "what": what, "limit": limit}
	list, err := queryList(ctx, s.pool, pgx.RowToStructByPos[Decision], q, args)
	if err != nil {
		return nil, fmt.Errorf("read decisions: %w", err)
	}
	return list, nil
}

// recordDecision stores a decision, in the transaction that carries it out.
func recordDecision(ctx context.Context, tx pgx.Tx, d Decision) error {
	const q = `
		INSERT INTO decisions (tenant, by, what, object, reason)
		VALUES (@tenant, @by, @what, @object, @reason)`
	_, err := tx.Exec(ctx, q, pgx.StrictNamedArgs{
		"tenant": d.Tenant, "by": d.By, "what": d.What, "object": d.Object, "reason": d.Reason})
	return err
}

// Discard deletes items from quarantine, as the operator by decided for the given reason, and
// records the decision. Readers see the same as before. An item that the source sends again
// in the same shape is quarantined again. If one of the keys is not in quarantine, Discard
// fails with [ErrNotFound] and deletes nothing.
func (s *Store) Discard(ctx context.Context, tenant string, keys []string, by, reason string) error {
	const q = `
		DELETE FROM quarantine
		WHERE tenant = @tenant AND key = @key
		RETURNING type || '/' || key`
	err := inTx(ctx, s.pool, func(tx pgx.Tx) error {
		for _, key := range keys {
			d := Decision{Tenant: tenant, By: by, What: DecisionDiscard, Reason: reason}
			err := tx.QueryRow(ctx, q, pgx.StrictNamedArgs{"tenant": tenant, "key": key}).Scan(&d.Object)
			if errors.Is(err, pgx.ErrNoRows) {
				return fmt.Errorf("%s: %w", key, ErrNotFound)
			}
			if err == nil {
				err = recordDecision(ctx, tx, d)
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
