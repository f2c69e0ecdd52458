package store

import "time"

// LateAfter is how long after a due slot without success a replica is late.
const LateAfter = 30 * time.Minute

// FreshnessState says how the replica keeps up with its schedule.
type FreshnessState string

// The states of freshness.
const (
	Fresh FreshnessState = "fresh"
	Late  FreshnessState = "late"  // 30 minutes past a due slot without success
	Stale FreshnessState = "stale" // two due slots missed
)

// Schedule tells the nominal moments at which runs are due. The schedules of
// robfig/cron are such.
type Schedule interface {
	// Next returns the first moment after t.
	Next(t time.Time) time.Time
}

// StateOf tells how a replica fares at now whose last successful run began at
// succeeded; nil: there was none, and the replica is known since known. All times
// are of one clock. A night without slots makes nothing late.
func StateOf(s Schedule, succeeded *time.Time, known, now time.Time) FreshnessState {
	first := due(s, succeeded, known)
	switch second := s.Next(first); {
	case !first.IsZero() && !second.IsZero() && now.After(second.Add(LateAfter)):
		return Stale
	case !first.IsZero() && now.After(first.Add(LateAfter)):
		return Late
	}
	return Fresh
}

// LagOf tells for how long the first slot is due that no success has satisfied; 0:
// none is. It grows until a run succeeds, and a night without slots adds nothing
// to one that is on time.
func LagOf(s Schedule, succeeded *time.Time, known, now time.Time) time.Duration {
	if first := due(s, succeeded, known); !first.IsZero() {
		return max(now.Sub(first), 0)
	}
	return 0
}

// due returns the first slot after the last success.
func due(s Schedule, succeeded *time.Time, known time.Time) time.Time {
	if succeeded != nil {
		return s.Next(*succeeded)
	}
	return s.Next(known)
}
