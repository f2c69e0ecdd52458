package sync

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"dossiersync/store"
	"dossiersync/sync/source"
)

// reading is one slice's work on a run.
type reading struct {
	syncer  *Syncer
	tenant  *Tenant
	claim   store.Claim
	log     *zap.Logger
	until   time.Time // when the slice's time is up
	endless bool      // it never is
	render  *renderer

	description source.Description
	cursors     map[store.TypeID]store.Cursor // as they were when the slice began
	types       []store.RunType               // in reading order
	owed        int64                         // clients whose history could not be read
	quarantined int64                         // what the tenant has in quarantine
	requests    atomic.Int64                  // to the source, not noted yet
	last        atomic.Int64                  // when the slice last made headway, in Unix seconds
}

// headway notes that the slice is alive.
func (r *reading) headway() { r.last.Store(time.Now().Unix()) }

// search asks the source for a page.
func (r *reading) search(ctx context.Context, q source.Query) (source.Page, error) {
	r.requests.Add(1)
	page, err := r.tenant.Source.Search(ctx, q)
	r.headway()
	return page, err
}

// dry reports whether the run only says what it would do.
func (r *reading) dry() bool { return r.claim.Run.Scope.DryRun }

// run reads what the run has not read yet. It reports more when the slice's time
// is up before that is done.
func (r *reading) run(ctx context.Context) (more bool, err error) {
	r.render = newRenderer(r.tenant)
	if err := r.prepare(ctx); err != nil {
		return false, err
	}
	for i := range r.types {
		t := &r.types[i]
		for !t.Done && t.Failure == nil {
			if err := r.window(ctx, t); err != nil {
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
	r.quarantined, err = r.syncer.store.CountQuarantine(ctx, r.tenant.ID)
	return false, err
}

// steps are what follows the windows, in their order.
func (r *reading) steps() []func(context.Context) (more bool, err error) {
	type steps = []func(context.Context) (bool, error)
	switch {
	case r.dry():
		return nil
	case r.claim.Run.Scope.Only == store.StepQuarantine:
		return steps{r.retryQuarantined, r.readAgain, r.renderStale}
	}
	return steps{r.retryQuarantined, r.backfill, r.readAgain, r.renderStale}
}

func (r *reading) timeIsUp() bool { return !r.endless && time.Now().After(r.until) }

// typeFailed notes that a type cannot be read, so that the run goes on with the
// others. It returns an error when there is no going on.
func (r *reading) typeFailed(ctx context.Context, t *store.RunType, err error) error {
	f, ok := errors.AsType[*source.Failure](err)
	if !ok || ctx.Err() != nil || concernsAll(f) {
		return err
	}
	// A type that was read before is not one that the source does not know: it
	// fails like any other, or what is amiss would look like the end of it.
	unsupported := f.Kind == source.Unsupported && t.Upto == nil && r.cursors[t.TypeID].Upto == nil && t.Effects.Seen() == 0
	message := f.Error()
	t.Failure, t.Done = &message, unsupported
	r.log.Warn("a type cannot be read", zap.String("stream", string(t.Stream)), zap.String("type", t.Type), zap.Error(f))
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
func (r *reading) sourceType(id store.TypeID) (source.Type, bool) {
	for _, t := range r.description.Types {
		if t.Stream == id.Stream && t.Name == id.Type && t.Query == id.Query {
			return t, true
		}
	}
	return source.Type{}, false
}

// apply stores what a page brought.
func (r *reading) apply(ctx context.Context, id store.TypeID, items []store.Item, drained *store.Drained) error {
	for i := range items {
		items[i].Hash = items[i].Hash.Mix(r.render.digest)
	}
	applied, err := r.syncer.store.Apply(ctx, store.Batch{
		Claim: r.claim, Type: id, Items: items, Drained: drained, Requests: r.requests.Swap(0)}, r.render)
	if err != nil {
		return err
	}
	r.headway()
	r.syncer.metrics.applied(r.tenant.ID, id.Stream, applied.Effects)
	if applied.Cancelled {
		return errCancelled
	}
	return nil
}

// renderStale renders again what names something that has changed.
func (r *reading) renderStale(ctx context.Context) (more bool, err error) {
	for {
		n, err := r.syncer.store.RenderStale(ctx, r.claim, r.render, 500)
		if err != nil || n == 0 {
			return false, err
		}
		r.headway()
		if r.timeIsUp() {
			return true, nil
		}
	}
}
