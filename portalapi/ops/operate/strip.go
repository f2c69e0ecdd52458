package operate

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"dossiersync/store"
)

const (
	// stripDays is how many days a strip shows, including today, and stripSlots how many slots at
	// most, because a schedule may have many slots a day.
	stripDays  = 14
	stripSlots = 72
)

// SlotState is how a slot went.
type SlotState string

// The states of slots.
const (
	SlotOnTime    SlotState = "on time"   // a complete run ended within 30 minutes
	SlotLate      SlotState = "late"      // a complete run ended later
	SlotPartial   SlotState = "partial"   // a partial run ended
	SlotFailed    SlotState = "failed"    // the source could not be read
	SlotCancelled SlotState = "cancelled" // an operator stopped it
	SlotMissed    SlotState = "missed"    // no run
	SlotRunning   SlotState = "running"   // a run is running
	SlotDue       SlotState = "due"       // no run yet, and not late
)

// SlotStates returns the states of slots, the best first.
func SlotStates() []SlotState {
	return []SlotState{SlotOnTime, SlotLate, SlotPartial, SlotFailed, SlotCancelled, SlotMissed, SlotRunning, SlotDue}
}

// Slot is one slot and how it went.
type Slot struct {
	At    time.Time
	State SlotState
	Run   int64  // the run that determined the state; 0: none
	Words string // the state and times, for people
}

// StripDay is the slots of one day in the tenant's zone.
type StripDay struct {
	Date  time.Time
	Slots []Slot
}

// Strip returns how the tenant's last slots went, day by day, oldest first, since the tenant's
// first run.
func Strip(ctx context.Context, st *store.Store, t *Tenant, s *Status) ([]StripDay, error) {
	if !s.Known {
		return nil, nil
	}
	slots := lastSlots(t.Schedule, s.Since, s.Now)
	if len(slots) == 0 {
		return nil, nil
	}
	const enough = 4 * stripSlots
	runs, err := st.Runs(ctx, store.RunFilter{Tenant: t.ID, Since: slots[0], Whole: true, Limit: enough})
	if err != nil {
		return nil, err
	}
	var days []StripDay
	for i, at := range slots {
		next := s.NextSlot
		if i+1 < len(slots) {
			next = slots[i+1]
		}
		at = at.In(t.Location)
		y, m, d := at.Date()
		date := time.Date(y, m, d, 0, 0, 0, 0, t.Location)
		if len(days) == 0 || !days[len(days)-1].Date.Equal(date) {
			days = append(days, StripDay{Date: date})
		}
		day := &days[len(days)-1]
		day.Slots = append(day.Slots, outcomeOf(at, next, s.Now, runs))
	}
	return days, nil
}

// lastSlots returns the last slots after since and up to now, at most stripSlots. A schedule only
// has Next, so the slots are listed from moments further and further back until there are enough.
func lastSlots(schedule store.Schedule, since, now time.Time) []time.Time {
	oldest := time.Date(now.Year(), now.Month(), now.Day()-stripDays+1, 0, 0, 0, 0, now.Location())
	if since.After(oldest) {
		oldest = since.In(now.Location())
	}
	next := schedule.Next(now)
	if next.IsZero() {
		next = now
	}
	span := max(stripSlots*schedule.Next(next).Sub(next), time.Minute)
	for {
		from := now.Add(-span)
		if from.Before(oldest) {
			from = oldest
		}
		var list []time.Time
		for at := schedule.Next(from.Add(-time.Nanosecond)); !at.IsZero() && !at.After(now); at = schedule.Next(at) {
			list = append(list, at)
		}
		if len(list) >= stripSlots || !from.After(oldest) {
			return list[max(0, len(list)-stripSlots):]
		}
		span *= 2
	}
}

// outcomeOf returns how the slot at went; next is the following slot.
func outcomeOf(at, next, now time.Time, runs []store.Run) Slot {
	var candidates []*store.Run
	for i := range runs {
		r := &runs[i]
		named := r.Slot != nil && r.Slot.Equal(at)
		began := r.StartedAt != nil && !r.StartedAt.Before(at) && r.StartedAt.Before(next)
		waits := r.State == store.RunWaiting && next.After(now)
		if named || began || waits {
			candidates = append(candidates, r)
		}
	}
	s := Slot{At: at, State: SlotMissed}
	if len(candidates) == 0 {
		if !now.After(at.Add(store.LateAfter)) {
			s.State = SlotDue
		}
		s.Words = map[SlotState]string{SlotMissed: "missed, there was no run", SlotDue: "due, no run yet"}[s.State]
		return s
	}
	best := slices.MinFunc(candidates, func(a, b *store.Run) int {
		return cmp.Or(cmp.Compare(rank(a), rank(b)), cmp.Compare(a.ID, b.ID))
	})
	s.Run = best.ID
	s.State, s.Words = stateOf(at, best)
	return s
}

// rank orders runs by how well they satisfy a slot.
func rank(r *store.Run) int {
	switch {
	case r.State == store.RunRunning:
		return 2
	case r.State == store.RunWaiting:
		return 3
	case *r.Outcome == store.OutcomeComplete:
		return 0
	case *r.Outcome == store.OutcomePartial:
		return 1
	case *r.Outcome == store.OutcomeFailed:
		return 4
	}
	return 5
}

// stateOf returns the state of the slot at that run r determines, and its words.
func stateOf(at time.Time, r *store.Run) (SlotState, string) {
	switch r.State {
	case store.RunRunning:
		return SlotRunning, fmt.Sprintf("run %d is running", r.ID)
	case store.RunWaiting:
		return SlotDue, fmt.Sprintf("run %d waits", r.ID)
	}
	ended, late := "", false
	if r.FinishedAt != nil {
		after := r.FinishedAt.Sub(at)
		ended = " at " + r.FinishedAt.In(at.Location()).Format("15:04")
		if late = after > store.LateAfter; late {
			ended += ", " + Span(after) + " after it was due"
		}
	}
	switch *r.Outcome {
	case store.OutcomeComplete:
		if late {
			return SlotLate, "late: complete" + ended
		}
		return SlotOnTime, "on time: complete" + ended
	case store.OutcomePartial:
		return SlotPartial, "partial" + ended
	case store.OutcomeFailed:
		return SlotFailed, "failed" + ended
	}
	return SlotCancelled, "cancelled" + ended
}
