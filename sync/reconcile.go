package sync

import (
	"context"
	"errors"
	"slices"
	"time"

	"go.uber.org/zap"

	"dossiersync/store"
	"dossiersync/store/dossier"
	"dossiersync/sync/source"
)

const (
	// rereadsAtMost is how many differences of a type are repaired one by one; of
	// more, the type is read anew.
	rereadsAtMost = 1000
	// overdue is after how long without a reconcile of everything the next
	// scheduled run does one, whatever the time of day.
	overdue = 30 * time.Hour
	// recheckEvery is a day, less what runs of a schedule are apart in time.
	recheckEvery = 20 * time.Hour
)

// reconciliation is what a reconcile has left over.
type reconciliation struct {
	failed int64 // searches that could not be listed in full
	unsure int64 // absences that could not be confirmed
	held   int64 // removals beyond the brake
}

// reconcile compares the whole set of items with the source's, where that is due:
// what increments cannot show. Stream by stream it lists who is there, has read
// again what is there in another state than here, and removes what is there no
// more.
func (r *slice) reconcile(ctx context.Context) (more bool, err error) {
	st := r.syncer.store
	list, err := st.Censuses(ctx, r.claim.Run.ID)
	if err != nil {
		return false, err
	}
	if len(list) == 0 {
		due, err := r.dueForReconcile(ctx)
		if err != nil || len(due) == 0 {
			return false, err
		}
		if err := st.BeginCensuses(ctx, r.claim, due); err != nil {
			return false, err
		}
		if list, err = st.Censuses(ctx, r.claim.Run.ID); err != nil {
			return false, err
		}
	}
	r.compared = reconciliation{}
	for _, streams := range together {
		if more, err := r.reconcileStreams(ctx, streams, list); more || err != nil {
			return more, err
		}
	}
	return false, r.concludeReconcile(ctx, len(list))
}

// together are the streams that are listed and compared together: clients first,
// as what goes with a client who is gone is not missing by itself.
var together = [][]dossier.Stream{{dossier.StreamClients}, slices.DeleteFunc(dossier.Streams(), func(s dossier.Stream) bool {
	return s == dossier.StreamClients
})}

// reconcileStreams lists streams, has read again what is different, and settles
// what is absent.
func (r *slice) reconcileStreams(ctx context.Context, streams []dossier.Stream, list []store.Census) (more bool, err error) {
	for i := range list {
		if !slices.Contains(streams, list[i].Stream) {
			continue
		}
		more, err := r.census(ctx, &list[i])
		if errors.Is(err, store.ErrCensusLost) {
			return r.listAnew()
		}
		if more || err != nil {
			return more, err
		}
		if !list[i].IsWhole() {
			r.compared.failed++
		}
	}
	anew := false
	if slices.ContainsFunc(list, func(c store.Census) bool { return !c.Judged && slices.Contains(streams, c.Stream) }) {
		if anew, err = r.compareCensuses(ctx, streams); errors.Is(err, store.ErrCensusLost) {
			return r.listAnew()
		}
		if err != nil {
			return false, err
		}
	}
	for _, stream := range streams {
		types := r.listedWhole(stream, list)
		if len(types) == 0 {
			continue
		}
		if more, err := r.settleAbsences(ctx, stream, types); more || err != nil {
			return more, err
		}
	}
	// What is to be read anew is, before other streams have their turn.
	return anew, nil
}

// listedWhole returns the source types of the stream of which all searches were
// listed whole.
func (r *slice) listedWhole(stream dossier.Stream, list []store.Census) (types []string) {
	for _, c := range list {
		if c.Stream != stream || slices.Contains(types, c.Type) {
			continue
		}
		partly := slices.ContainsFunc(list, func(o store.Census) bool {
			return o.Stream == stream && o.Type == c.Type && !o.IsWhole()
		})
		fails := slices.ContainsFunc(r.types, func(t store.RunType) bool {
			return t.Stream == stream && t.Type == c.Type && t.Failure != nil && !t.Done
		})
		if !partly && !fails {
			types = append(types, c.Type)
		}
	}
	return types
}

// listAnew has the next slice begin: the database has crashed.
func (r *slice) listAnew() (more bool, err error) {
	r.log.Warn("the database lost what a reconcile had listed; it begins anew")
	return true, nil
}

// compareCensuses compares what was listed of streams with the replica. It reports whether
// any of their types is to be read anew.
func (r *slice) compareCensuses(ctx context.Context, streams []dossier.Stream) (anew bool, err error) {
	all, err := r.syncer.store.CompareCensuses(ctx, r.claim, streams, rereadsAtMost)
	if err != nil {
		return false, err
	}
	r.headway()
	for _, found := range all {
		r.log.Info("the replica differs from the source", zap.String("stream", string(found.Stream)), zap.String("type", found.Type),
			zap.Int64("absent", found.Absent), zap.Int64("different", found.Different))
		anew = anew || found.ReadAgain
	}
	return anew, nil
}

// endOfTime is the end of a window that has none.
var endOfTime = time.Date(9999, 12, 31, 0, 0, 0, 0, time.UTC)

// census lists who is there, window by window.
func (r *slice) census(ctx context.Context, c *store.Census) (more bool, err error) {
	t := &store.RunType{TypeID: c.TypeID, To: endOfTime, Upto: c.Upto, Done: c.Listed, Failure: c.Failure}
	for !t.Done && t.Failure == nil {
		err := r.listNext(ctx, c, t)
		f, failed := errors.AsType[*source.Failure](err)
		switch {
		case failed && ctx.Err() == nil && !concernsAll(f):
			message := f.Error()
			t.Failure = &message
			r.log.Warn("a type cannot be listed", zap.String("type", c.Type), zap.Error(f))
			if err := r.syncer.store.FailCensus(ctx, r.claim, c.TypeID, message); err != nil {
				return false, err
			}
		case err != nil:
			return false, err
		}
		c.Listed, c.Short, c.Failure = t.Done, c.Short || t.Short, t.Failure
		if r.timeIsUp() {
			return true, nil
		}
	}
	return false, nil
}

// listNext lists the type's next window, or all clients whom time allows.
func (r *slice) listNext(ctx context.Context, c *store.Census, t *store.RunType) error {
	i := slices.IndexFunc(r.types, func(t store.RunType) bool { return t.TypeID == c.TypeID })
	if i >= 0 && r.types[i].ByClient {
		return r.listByClient(ctx, c, t)
	}
	w, err := r.newWindow(t)
	if err != nil {
		return err
	}
	w.census, w.to = true, endOfTime // also what is stamped with a time that has not come
	err = r.readWindow(ctx, w)
	if err == nil || i < 0 {
		return err
	}
	if by, trying := r.goByClient(ctx, &r.types[i], err); by || trying != nil {
		return trying
	}
	return err
}

// list adds what a page brought to the census.
func (r *slice) list(ctx context.Context, id store.TypeID, items []dossier.Item, drained *store.Drained) error {
	err := r.syncer.store.AddToCensus(ctx, r.claim, id, items, drained, r.requests.Swap(0))
	r.headway()
	return err
}

// dueForReconcile returns what is to be listed in this run: everything once a day
// and where an operator asks, in every scheduled run what the source does not
// tell deletions of, and always the streams of which fewer records came than the
// source had counted.
func (r *slice) dueForReconcile(ctx context.Context) ([]store.Census, error) {
	run := r.claim.Run
	if run.Scope.Client != "" {
		return nil, nil
	}
	all := run.Scope.Only == store.StepReconcile
	scheduled := run.Scope.IsWhole() && (run.Trigger == store.TriggerSchedule || run.Trigger == store.TriggerCatchUp)
	if scheduled {
		daily, err := r.dailyDue(ctx)
		if err != nil {
			return nil, err
		}
		all = all || daily
	}
	var due []store.Census
	for _, t := range r.types {
		if typ, _ := r.sourceType(t.TypeID); typ.Optional && t.Upto == nil && r.cursors[t.TypeID].Upto == nil {
			continue // the source may not have it, and nothing of it is here
		}
		feed := r.cursors[t.TypeID].Feed
		if t.Failure != nil || !all && !r.isShort(t.Stream) && (!scheduled || r.isFirstRead() || feed != nil && *feed) {
			continue
		}
		due = append(due, store.Census{TypeID: t.TypeID, To: r.description.Now.Add(-r.tenant.Lag)})
		if r.description.Now.IsZero() {
			due[len(due)-1].To = t.To
		}
	}
	return due, nil
}

// dailyDue reports whether everything is to be compared today, and sees to it
// that a seventh of the clients is read again in full each day.
func (r *slice) dailyDue(ctx context.Context) (bool, error) {
	st, run := r.syncer.store, r.claim.Run
	known, err := st.Tenant(ctx, run.Tenant)
	if err != nil || known.Succeeded == nil {
		return false, err // the first run has just read everything
	}
	now, err := st.Now(ctx)
	if err != nil {
		return false, err
	}
	due := known.Reconciled == nil || now.Sub(*known.Reconciled) > overdue || run.Slot != nil && r.isLastOfDay(*run.Slot)
	if due && (known.Rechecked == nil || now.Sub(*known.Rechecked) > recheckEvery) {
		err = st.OweRecheck(ctx, r.claim)
	}
	return due, err
}

// isLastOfDay reports whether the slot is its day's last, in the tenant's zone.
func (r *slice) isLastOfDay(slot time.Time) bool {
	slot = slot.In(r.tenant.Location)
	next := r.tenant.Schedule.Next(slot)
	return next.IsZero() || next.YearDay() != slot.YearDay() || next.Year() != slot.Year()
}

func (r *slice) isShort(stream dossier.Stream) bool {
	return slices.ContainsFunc(r.types, func(t store.RunType) bool { return t.Stream == stream && t.Short })
}

// isFirstRead reports whether nothing had been read before this run.
func (r *slice) isFirstRead() bool {
	return !slices.ContainsFunc(r.types, func(t store.RunType) bool { return t.From != nil })
}

// concludeReconcile notes what is left over; n is how many searches were listed.
func (r *slice) concludeReconcile(ctx context.Context, n int) error {
	held, err := r.syncer.store.HeldRemovals(ctx, r.tenant.ID)
	if err != nil {
		return err
	}
	for _, h := range held {
		r.compared.held += h.Items
	}
	if r.compared.unsure, err = r.syncer.store.UnsureAbsences(ctx, r.claim); err != nil {
		return err
	}
	readable := 0
	for _, t := range r.types {
		if t.Failure == nil || !t.Done {
			readable++
		}
	}
	if r.compared.failed > 0 || n < readable || r.claim.Run.Scope.Stream != "" {
		return nil
	}
	return r.syncer.store.MarkReconciled(ctx, r.claim)
}
