package store

import "time"

// LateAfter is how long after a due slot without a successful run a replica is late.
const LateAfter = 30 * time.Minute

// FreshnessState is how well a replica keeps up with its schedule.
type FreshnessState string

// The states of freshness.
const (
	Fresh FreshnessState = "fresh"
	Late  FreshnessState = "late"  // 30 minutes past a due slot without success
	Stale FreshnessState = "stale" // two due slots missed
)

// Schedule is the sequence of slots, the nominal moments at which runs are due. The schedules
// of robfig/cron implement it.
type Schedule interface {
	// Next returns the first slot after t; zero: there is none.
	Next(t time.Time) time.Time
}

// StateOf returns the state at now of a replica whose last successful run began at succeeded;
// nil: there was none, and the replica is known since known. All times must be of one clock.
// Only due slots count, so a night without slots makes no replica late.
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

// LagOf returns for how long the first slot without a successful run has been due; 0: there is
// none. It grows until a run succeeds. The arguments are those of [StateOf].
func LagOf(s Schedule, succeeded *time.Time, known, now time.Time) time.Duration {
	if first := due(s, succeeded, known); !first.IsZero() {
		return max(now.Sub(first), 0)
	}
	return 0
}

// due returns the first slot after the last successful run.
func due(s Schedule, succeeded *time.Time, known time.Time) time.Time {
	if succeeded != nil {
		return s.Next(*succeeded)
	}
	return s.Next(known)
}
