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
	last := known
	if succeeded != nil {
		last = *succeeded
	}
	first := s.Next(last)
	switch second := s.Next(first); {
	case !first.IsZero() && !second.IsZero() && now.After(second.Add(LateAfter)):
		return Stale
	case !first.IsZero() && now.After(first.Add(LateAfter)):
		return Late
	}
	return Fresh
}
