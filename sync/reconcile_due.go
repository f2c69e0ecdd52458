package sync

import (
	"context"
	"slices"
	"time"

	"go.uber.org/zap"

	"dossiersync/store"
	"dossiersync/store/dossier"
)

const (
	// overdue is how long the last reconcile of everything may be past before the next scheduled
	// run does one at any time of day.
	overdue = 30 * time.Hour
	// recheckEvery is a day, less the time by which scheduled runs may shift.
	recheckEvery = 20 * time.Hour
)

// dueForReconcile returns the types to list in this run: all of them once a day and if an operator
// asks; in every scheduled run those without a feed of deletions; and always those of a stream of
// which fewer records came than the source had counted, or that the run found empty although items
// are shown, or whose records contradict the replica (see [slice.compareCounts]). It reports more
// when the slice's time is up.
func (s *slice) dueForReconcile(ctx context.Context) (due []store.Census, more bool, err error) {
	run := s.claim.Run
	if run.Scope.Client != "" {
		return nil, false, nil
	}
	all := run.Scope.Only == store.StepReconcile
	scheduled := run.Scope.IsWhole() && (run.Trigger == store.TriggerSchedule || run.Trigger == store.TriggerCatchUp)
	if scheduled {
		daily, err := s.dailyDue(ctx)
		if err != nil {
			return nil, false, err
		}
		all = all || daily
	}
	var streams []dossier.Stream
	empty, err := s.emptiedTypes(ctx)
	if err != nil {
		return nil, false, err
	}
	for _, t := range empty {
		s.log.Warn("the source lists nothing of a type of which items are shown",
			zap.String("stream", string(t.Stream)), zap.String("type", t.Type))
		streams = append(streams, t.Stream)
	}
	withoutFeed := scheduled && !s.isFirstRead()
	due = s.censuses(func(t store.RunType) bool {
		feed := s.cursors[t.TypeID].Feed
		hasFeed := feed != nil && *feed
		return all || slices.ContainsFunc(streams, func(due dossier.Stream) bool { return goesAlong(t.Stream, due) }) ||
			withoutFeed && !hasFeed
	})
	moved, more, err := s.compareCounts(ctx, due)
	if err != nil || more || len(moved) == 0 {
		return due, more, err
	}
	return s.censuses(func(t store.RunType) bool {
		return slices.ContainsFunc(due, func(c store.Census) bool { return c.TypeID == t.TypeID }) ||
			slices.ContainsFunc(moved, func(m store.AbsentType) bool { return goesAlong(t.Stream, m.Stream) })
	}), false, nil
}

// goesAlong reports whether a stream is compared when another is due: clients are compared with
// everything, because what belongs to an absent client is not absent by itself.
func goesAlong(stream, due dossier.Stream) bool {
	return stream == due || stream == dossier.StreamClients
}

// censuses returns the lists that are to be made of those types that are due and can be read.
func (s *slice) censuses(isDue func(store.RunType) bool) (list []store.Census) {
	for _, t := range s.types {
		if typ, _ := s.sourceType(t.TypeID); typ.Optional && t.Upto == nil && s.cursors[t.TypeID].Upto == nil {
			continue // the source may not have the type, and no item of it was read
		}
		if t.Failure != nil || !isDue(t) {
			continue
		}
		to := t.To
		if now := s.description.Now; !now.IsZero() {
			to = now.Add(-s.tenant.Lag)
		}
		list = append(list, store.Census{TypeID: t.TypeID, To: to})
	}
	return list
}

// dailyDue reports whether everything is to be compared today. Each day it also makes a seventh of
// the clients owed a backfill, so that every client is read again in full within a week.
func (s *slice) dailyDue(ctx context.Context) (bool, error) {
	st, run := s.syncer.store, s.claim.Run
	known, err := st.Tenant(ctx, run.Tenant)
	if err != nil || known.Succeeded == nil {
		return false, err // the first run has just read everything
	}
	now := s.claim.Now()
	due := known.Reconciled == nil || now.Sub(*known.Reconciled) > overdue ||
		run.Slot != nil && s.isLastOfDay(*run.Slot)
	if due && (known.Rechecked == nil || now.Sub(*known.Rechecked) > recheckEvery) {
		err = st.OweRecheck(ctx, s.claim)
	}
	return due, err
}

// isLastOfDay reports whether the slot is its day's last, in the tenant's zone.
func (s *slice) isLastOfDay(slot time.Time) bool {
	slot = slot.In(s.tenant.Location)
	next := s.tenant.Schedule.Next(slot)
	return next.IsZero() || next.YearDay() != slot.YearDay() || next.Year() != slot.Year()
}

// emptiedTypes returns the types that the run has read whole, from the beginning, and found empty
// although items are shown.
func (s *slice) emptiedTypes(ctx context.Context) ([]store.AbsentType, error) {
	whole := func(t store.RunType) bool { return t.From == nil && t.Done && t.Failure == nil }
	if !slices.ContainsFunc(s.types, whole) {
		return nil, nil
	}
	return s.syncer.store.EmptiedTypes(ctx, s.claim)
}

// isFirstRead reports whether nothing had been read before this run.
func (s *slice) isFirstRead() bool {
	return !slices.ContainsFunc(s.types, func(t store.RunType) bool { return t.From != nil })
}
