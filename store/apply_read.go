package store

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"
)

// read reads, in one round trip, all rows that deciding on the batch needs, and locks the run
// against being taken over.
func (a *application) read(ctx context.Context) error {
	const seen = `
		SELECT s.*
		FROM unnest(@keys::text[]) k
		CROSS JOIN LATERAL ( -- by key
			SELECT key, effect
			FROM seen
			WHERE run = @run AND key = k
			OFFSET 0) s`
	const quarantined = `
		SELECT key, coalesce(updated, timestamptz '0001-01-01 00:00:00Z')
		FROM quarantine
		WHERE tenant = @tenant AND key = ANY(@keys)`
	var b pgx.Batch
	a.queueRunCheck(&b)
	a.known.queue(&b, isTarget(a.stream))
	a.before = make(map[string]Effect)
	if !a.areNew {
		b.Queue(seen, pgx.StrictNamedArgs{"run": a.batch.Claim.Run.ID, "keys": a.keys}).Query(collectMap(a.before))
	}
	if k := a.batch.Kind; k == BatchRead || k == BatchDeletions || k == BatchUnfound {
		a.quarantinedAt = make(map[string]time.Time)
		args := pgx.StrictNamedArgs{"tenant": a.tenant, "keys": a.keys}
		b.Queue(quarantined, args).Query(collectMap(a.quarantinedAt))
	}
	b.Queue(planOnce)
	return a.tx.SendBatch(ctx, &b).Close()
}

// queueRunCheck checks the claim, and reads the tenant's epoch, the accounting of the run's type, and
// whether the tenant has anything in quarantine or absent.
func (a *application) queueRunCheck(b *pgx.Batch) {
	const typeState = `
		SELECT t.epoch, r.effects, t.identity_key,
			EXISTS (SELECT FROM quarantine WHERE tenant = @tenant),
			EXISTS (SELECT FROM absences WHERE tenant = @tenant)
		FROM tenants t, run_types r
		WHERE t.id = @tenant AND ` + ofRunType
	b.Queue(holdClaimSQL, holdClaimArgs(a.batch.Claim)).QueryRow(func(row pgx.Row) error {
		err := row.Scan(&a.cancelled)
		if errors.Is(err, pgx.ErrNoRows) {
			return ErrFenced
		}
		return err
	})
	args := a.batch.Type.runArgs(a.batch.Claim, pgx.StrictNamedArgs{"tenant": a.tenant})
	b.Queue(typeState, args).QueryRow(func(row pgx.Row) error {
		return row.Scan(&a.epoch, &a.effects, &a.identityKey, &a.hasQuarantine, &a.hasAbsences)
	})
}
