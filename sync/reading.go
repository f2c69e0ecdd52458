package sync

import (
	"dossiersync/sync/render"

	"context"
	"errors"
	"net/http"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"dossiersync/store"
	"dossiersync/store/dossier"
	"dossiersync/sync/source"
)

// slice is one slice's work on a run.
type slice struct {
	syncer  *Syncer
	tenant  *Tenant
	claim   store.Claim
	log     *zap.Logger
	until   time.Time // when the slice's time is up
	endless bool      // it never is
	render  *render.Renderer

	description source.Description
	cursors     map[store.TypeID]store.Cursor // as they were when the slice began
	types       []store.RunType               // in reading order
	owed        int64                         // clients whose history could not be read
	compared    reconciliation                // what a reconcile has left over
	wentBack    bool                          // the source has an older state than it had: all is read again
	quarantined int64                         // what the tenant has in quarantine, of what the run is about
	requests    atomic.Int64                  // to the source, not noted yet
	spent       atomic.Int64                  // requests to the source of the whole run
	last        atomic.Int64                  // when the slice last made headway, in Unix seconds
}

// headway notes that the slice is alive.
func (r *slice) headway() { r.last.Store(time.Now().Unix()) }

// search asks the source for a page.
func (r *slice) search(ctx context.Context, q source.Query) (source.Page, error) {
	r.asking()
	page, err := r.tenant.Source.Search(ctx, q)
	r.headway()
	return page, err
}

// dry reports whether the run only says what it would do.
func (r *slice) dry() bool { return r.claim.Run.Scope.DryRun }

// run reads what the run has not read yet. It reports more when the slice's time
// is up before that is done.
func (r *slice) run(ctx context.Context) (more bool, err error) {
	r.render = render.New(r.tenant.ID, r.tenant.Location, r.tenant.Rules)
	if err := r.prepare(ctx); err != nil {
		return false, err
	}
	if more, err := r.unshare(ctx); more || err != nil {
		return more, err
	}
	for i := range r.types {
		t := &r.types[i]
		for !t.Done && t.Failure == nil {
			if err := r.readType(ctx, t); err != nil {
				if err := r.typeFailed(ctx, t, err); err != nil {
					return false, err
				}
			}
			// Only now: each slice makes some headway.
			if r.timeIsUp() {
				return true, nil
			}
		}
	}
	for _, step := range r.steps() {
		if more, err := step(ctx); more || err != nil {
			return more, err
		}
	}
	// What the store has counted is what the run is judged by.
	if r.types, err = r.syncer.store.RunTypes(ctx, r.claim.Run.ID); err != nil {
		return false, err
	}
	r.quarantined, err = r.syncer.store.CountQuarantine(ctx, r.tenant.ID, r.claim.Run.Scope)
	return false, err
}

// readType reads the type's next window; or, where the source can only be searched
// so, client after client.
func (r *slice) readType(ctx context.Context, t *store.RunType) error {
	if t.ByClient {
		return r.readByClient(ctx, t)
	}
	err := r.window(ctx, t)
	if by, trying := r.goByClient(ctx, t, err); by || trying != nil {
		return trying
	}
	return err
}

// steps are what follows the windows, in their order.
func (r *slice) steps() []func(context.Context) (more bool, err error) {
	type steps = []func(context.Context) (bool, error)
	switch {
	case r.dry():
		return nil
	case r.claim.Run.Scope.Only == store.StepQuarantine:
		return steps{r.retryQuarantined, r.renderStale, r.readAgain, r.renderStale}
	case r.claim.Run.Scope.Only == store.StepReconcile:
		return steps{r.deletions, r.reconcile, r.readAgain, r.backfill, r.renderStale, r.readAgain, r.renderStale}
	}
	return steps{r.retryQuarantined, r.deletions, r.reconcile, r.readAgain, r.backfill, r.renderStale, r.readAgain, r.renderStale, r.countNotPulled}
}

// timeIsUp reports whether the slice is to end at the next place where it can.
func (r *slice) timeIsUp() bool {
	return !r.endless && time.Now().After(r.until) || r.budgetIsSpent()
}

// budgetIsSpent reports whether the run has made as many requests as it may.
func (r *slice) budgetIsSpent() bool {
	return r.tenant.RequestsPerRun > 0 && r.spent.Load() >= r.tenant.RequestsPerRun
}

// asking counts a request to the source.
func (r *slice) asking() {
	r.requests.Add(1)
	r.spent.Add(1)
}

// typeFailed notes that a type cannot be read, so that the run goes on with the
// others. It returns an error when there is no going on.
func (r *slice) typeFailed(ctx context.Context, t *store.RunType, err error) error {
	f, ok := errors.AsType[*source.Failure](err)
	if !ok || ctx.Err() != nil || concernsAll(f) {
		return err
	}
	// A type that was read before is not one that the source does not know: it
	// fails like any other, or what is amiss would look like the end of it.
	typ, _ := r.sourceType(t.TypeID)
	refused := typ.Optional && f.Status >= http.StatusBadRequest && f.Kind != source.Throttled
	unsupported := (f.Kind == source.Unsupported || refused) && t.Upto == nil && r.cursors[t.TypeID].Upto == nil && t.Effects.Seen() == 0
	message := f.Error()
	t.Failure, t.Done = &message, unsupported
	level := zap.WarnLevel
	if unsupported && typ.Optional {
		level = zap.InfoLevel
	}
	r.log.Log(level, "a type cannot be read", zap.String("stream", string(t.Stream)), zap.String("type", t.Type), zap.Error(f))
	return r.syncer.store.FailType(ctx, r.claim, t.TypeID, message, unsupported)
}

// concernsAll reports whether a failure is the whole source's, so that asking it
// for other things is of no use now.
func concernsAll(f *source.Failure) bool {
	switch f.Kind {
	case source.BreakerOpen, source.Throttled, source.WrongVersion:
		return true
	case source.Unreachable:
		return f.Status == 0
	}
	return false
}

// sourceType returns the source's type of that id.
func (r *slice) sourceType(id store.TypeID) (source.Type, bool) {
	for _, t := range r.description.Types {
		if t.Stream == id.Stream && t.Name == id.Type && t.Query == id.Query {
			return t, true
		}
	}
	return source.Type{}, false
}

// apply stores what a page brought.
func (r *slice) apply(ctx context.Context, id store.TypeID, items []dossier.Item, drained *store.Drained) error {
	_, err := r.applyBatch(ctx, store.Batch{Type: id, Items: items, Drained: drained})
	return err
}

// applyBatch stores a batch of this run.
func (r *slice) applyBatch(ctx context.Context, b store.Batch) (store.Applied, error) {
	for i := range b.Items {
		b.Items[i].Hash = b.Items[i].Hash.Mix(r.render.Digest)
	}
	b.Claim, b.Requests = r.claim, r.requests.Swap(0)
	applied, err := r.syncer.store.Apply(ctx, b, r.render)
	if err != nil {
		return applied, err
	}
	r.headway()
	r.syncer.metrics.applied(r.tenant.ID, b.Type.Stream, applied.Effects)
	r.syncer.metrics.removed.WithLabelValues(r.tenant.ID, string(b.Type.Stream)).Add(float64(applied.Removed))
	if applied.Cancelled {
		return applied, errCancelled
	}
	return applied, nil
}

// renderAllStale is renderStale that does not give way.
func (r *slice) renderAllStale(ctx context.Context) error {
	for {
		more, err := r.renderStale(ctx)
		if err != nil || !more {
			return err
		}
	}
}

// renderStale renders again what names something that has changed.
func (r *slice) renderStale(ctx context.Context) (more bool, err error) {
	for {
		n, err := r.syncer.store.Rerender(ctx, r.claim, r.render, 500)
		if err != nil || n == 0 {
			return false, err
		}
		r.headway()
		if r.timeIsUp() {
			return true, nil
		}
	}
}
