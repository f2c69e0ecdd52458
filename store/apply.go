package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"dossiersync/store/dossier"
)

// Apply stores the items in one transaction, which also does the accounting and, with the
// last batch of a window, moves the cursor. An older version never replaces a newer one, an
// unchanged item is not written, and applying a batch again changes nothing. A dry run only
// does the accounting.
//
// It fails with [ErrFenced] if the claim was lost; nothing is written then. If PostgreSQL
// refuses a value, the item that holds it is quarantined, and the others are stored.
func (s *Store) Apply(ctx context.Context, b Batch, r Renderer) (Applied, error) {
	b.Items = latest(b.Items) // a copy, because the caller may apply its items again
	for i := range b.Items {
		it := &b.Items[i]
		normalize(it)
		if b.Digest != (dossier.Hash{}) {
			it.Hash = it.Hash.Mix(b.Digest)
		}
	}
	return s.applyOrSplit(ctx, b, r)
}

// applyOrSplit applies the batch. If PostgreSQL refuses a value in it, it applies the halves,
// down to the item that holds the value.
func (s *Store) applyOrSplit(ctx context.Context, b Batch, r Renderer) (Applied, error) {
	applied, err := s.applyOnce(ctx, b, r)
	switch {
	case err == nil:
		return applied, nil
	case !isDataError(err) || len(b.Items) == 0:
		return Applied{}, fmt.Errorf("apply %d items of %s: %w", len(b.Items), b.Type.Type, err)
	case len(b.Items) == 1:
		if !refuse(&b.Items[0]) {
			return Applied{}, fmt.Errorf("apply an item of %s without the refused values: %w", b.Type.Type, err)
		}
		return s.applyOrSplit(ctx, b, r)
	}
	first, second := b, b
	half := len(b.Items) / 2
	first.Items, first.Drained = b.Items[:half], nil
	second.Items, second.Requests = b.Items[half:], 0
	if applied, err = s.applyOrSplit(ctx, first, r); err != nil {
		return Applied{}, err
	}
	rest, err := s.applyOrSplit(ctx, second, r)
	if err != nil {
		return Applied{}, err
	}
	applied.add(rest)
	return applied, nil
}

// applyOnce applies the batch in one transaction; as a new one first, if it may be.
func (s *Store) applyOnce(ctx context.Context, b Batch, r Renderer) (applied Applied, err error) {
	var notNew bool
	if b.New = b.New && mayBeNew(&b); b.New {
		applied, err = s.applyIn(ctx, b, r)
		notNew = errors.Is(err, errNotNew)
		if !notNew && !errors.Is(err, errWithoutRow) {
			return applied, err
		}
		b.New = false
	}
	applied, err = s.applyIn(ctx, b, r)
	applied.NotNew = notNew
	return applied, err
}

func (s *Store) applyIn(ctx context.Context, b Batch, r Renderer) (applied Applied, err error) {
	err = inTx(ctx, s.pool, func(tx pgx.Tx) error {
		a := &application{
			known: newKnown(b.Claim.Run.Tenant, b.Type.Stream, b.Items, r),
			tx:    tx, batch: b, sealer: s.sealer,
			changed: make(map[string]struct{}), counted: make(Effects),
		}
		a.areNew = b.New
		a.clientsMayBeMissing = b.Claim.Run.Scope.DryRun
		if err := a.read(ctx); err != nil {
			return err
		}
		apply := a.apply
		if b.Claim.Run.Scope.DryRun {
			apply = a.countOnly
		}
		if err := apply(ctx); err != nil {
			return err
		}
		applied = Applied{Effects: a.counted, Cancelled: a.cancelled, Removed: a.removed, Older: a.older,
			LeftOut: a.out.leftOut.list()}
		return nil
	})
	return applied, err
}

// application is the work on one batch in one transaction: read, decide on each item, write.
type application struct {
	known
	tx     pgx.Tx
	batch  Batch
	sealer *Sealer

	cancelled   bool
	identityKey []byte // the tenant's

	hasQuarantine, hasAbsences bool // the tenant has rows in these tables

	before  map[string]Effect // by key: the effect that this run has counted
	effects Effects           // of the run's type, with this batch
	counted Effects           // this batch's share of effects
	removed int64
	older   []dossier.Ref
	// quarantinedAt holds the lastUpdated of versions in quarantine, by key; zero: unknown. Only
	// for a BatchRead, BatchDeletions and BatchUnfound.
	quarantinedAt map[string]time.Time
	// withoutRow is set where an item gets no row.
	withoutRow bool
	// fresh are indexes of items without a stored version. They are decided on during COPY, so that
	// PostgreSQL stores some while the next are rendered.
	fresh   []int
	changed map[string]struct{} // clients whose dossiers look different now
	out     writes
}

// apply decides on the items and writes the decisions.
func (a *application) apply(ctx context.Context) error {
	a.replaceWithin()
	for i, key := range a.keys {
		if _, isStored := a.old[key]; isStored || a.batch.Kind.onlyStored() {
			a.decide(i)
		} else {
			a.fresh = append(a.fresh, i)
		}
	}
	return a.write(ctx)
}

// countOnly decides on the items and writes the accounting: a dry run.
func (a *application) countOnly(ctx context.Context) error {
	a.replaceWithin()
	for i := range a.items {
		a.decide(i)
	}
	var b pgx.Batch
	a.queueAccounting(&b)
	if err := a.tx.SendBatch(ctx, &b).Close(); err != nil {
		return fmt.Errorf("write the accounting of a dry run: %w", err)
	}
	if d := a.batch.Drained; d != nil {
		return noteDrained(ctx, a.tx, a.batch.Claim, a.batch.Type, *d)
	}
	return nil
}
