package operate

import (
	"context"
	"fmt"
	"time"

	"dossiersync/store"
	"dossiersync/store/dossier"
)

// Progress is the progress of a run, or its result.
type Progress struct {
	Streams []StreamProgress
	Total   StreamProgress
	Current *StreamProgress // the stream that is being read; nil: none
	Phase   string          // what the run is doing, for people; empty: it has ended
	Took    time.Duration   // from its start until now, or until its end
	Rate    float64         // items a second since its start; 0: not known
	// Remaining is how long the reading will still take at that rate, by the source's counts so
	// far; nil: not known.
	Remaining *time.Duration
	Requests  int64
}

// StreamProgress is the progress of one stream of a run.
type StreamProgress struct {
	Stream   dossier.Stream
	State    string // to come, reading, read, failed
	Seen     int64
	Expected *int64 // nil: the source has given no count
	Removed  int64
	Counts   store.Counts
	Failures []string
}

// Percent returns the percentage of the expected items that were seen, or -1 if it is not known.
func (p StreamProgress) Percent() int {
	switch {
	case p.State == "read":
		return 100
	case p.Expected == nil || *p.Expected == 0:
		return -1
	}
	return int(min(p.Seen*100 / *p.Expected, 100))
}

// ProgressOf returns the progress at now of a run that was read with its types.
func ProgressOf(ctx context.Context, st *store.Store, run *store.Run, now time.Time) (Progress, error) {
	p := progressOf(run, now)
	if run.State != store.RunRunning || p.Phase != finishing && len(p.Streams) > 0 {
		return p, nil
	}
	censuses, err := st.Censuses(ctx, run.ID)
	if err != nil {
		return p, err
	}
	for i, c := range censuses {
		if !c.Compared {
			p.Phase = fmt.Sprintf("comparing %s with the source (%d of %d lists)", c.Stream, i+1, len(censuses))
			break
		}
	}
	return p, nil
}

// finishing is the phase of a run after reading and comparing.
const finishing = "finishing: what is in quarantine, owed or changed by others"

func progressOf(run *store.Run, now time.Time) Progress {
	var p Progress
	total := make(store.Effects)
	known := true
	for _, t := range run.Types {
		known = known && (t.Done || t.Expected != nil)
		p.Requests += t.Requests
		p.addType(&t)
		total.Add(t.Effects)
	}
	p.Total.Counts = total.Counts()
	p.Total.Seen = p.Total.Counts.Seen
	var expected int64
	for i := range p.Streams {
		s := &p.Streams[i]
		p.Total.Removed += s.Removed
		if s.Expected != nil {
			expected += max(*s.Expected, s.Seen)
		} else {
			expected += s.Seen
		}
	}
	p.Total.Expected = &expected
	if !known {
		p.Total.Expected = nil
	}
	p.setPhase(run)
	p.setTime(run, now, expected)
	return p
}

// addType adds a type to its stream. The types are in reading order, those of a stream next to each
// other.
func (p *Progress) addType(t *store.RunType) {
	if n := len(p.Streams); n == 0 || p.Streams[n-1].Stream != t.Stream {
		p.Streams = append(p.Streams, StreamProgress{
			Stream: t.Stream, State: "read", Expected: new(int64), Counts: make(store.Effects).Counts()})
	}
	s := &p.Streams[len(p.Streams)-1]
	seen := t.Effects.Seen()
	s.Counts = sum(s.Counts, t.Effects.Counts())
	s.Seen += seen
	s.Removed += t.Removed
	switch {
	case t.Done:
		if s.Expected != nil {
			*s.Expected += seen
		}
	case t.Expected != nil && s.Expected != nil:
		*s.Expected += max(*t.Expected, seen)
	default:
		s.Expected = nil
	}
	switch {
	case t.Failure != nil:
		s.State = "failed"
		s.Failures = append(s.Failures, *t.Failure)
	case t.Done || s.State == "failed":
	case t.Upto != nil || seen > 0 || t.Expected != nil:
		s.State = "reading"
	case s.State == "read":
		s.State = "to come"
	}
}

func sum(a, b store.Counts) store.Counts {
	out := store.Counts{
		Seen: a.Seen + b.Seen, Created: a.Created + b.Created, Updated: a.Updated + b.Updated,
		Unchanged: a.Unchanged + b.Unchanged,
		Hidden:    a.Hidden + b.Hidden, Withdrawn: a.Withdrawn + b.Withdrawn, Superseded: a.Superseded + b.Superseded,
		Quarantined: a.Quarantined + b.Quarantined, Reasons: make(store.Effects),
	}
	out.Reasons.Add(a.Reasons)
	out.Reasons.Add(b.Reasons)
	return out
}

// setPhase sets the phase and the stream that is being read.
func (p *Progress) setPhase(run *store.Run) {
	switch {
	case run.State == store.RunDone:
	case run.State == store.RunWaiting:
		p.Phase = "waiting for its turn"
	case run.Scope.Only == store.StepQuarantine:
		p.Phase = "trying again what is in quarantine"
	case len(p.Streams) == 0:
		p.Phase = "asking the source what it has"
	default:
		p.Phase = finishing
		for i, s := range p.Streams {
			if s.State == "reading" || s.State == "to come" {
				p.Phase = fmt.Sprintf("reading %s, stream %d of %d", s.Stream, i+1, len(p.Streams))
				p.Current = &p.Streams[i]
				break
			}
		}
	}
}

// setTime sets the duration, the rate and the remaining time.
func (p *Progress) setTime(run *store.Run, now time.Time, expected int64) {
	if run.StartedAt == nil {
		return
	}
	end := now
	if run.FinishedAt != nil {
		end = *run.FinishedAt
	}
	p.Took = max(end.Sub(*run.StartedAt), 0)
	if p.Took >= time.Second && p.Total.Seen > 0 {
		p.Rate = float64(p.Total.Seen) / p.Took.Seconds()
	}
	if run.State == store.RunRunning && p.Rate > 0 && expected > p.Total.Seen {
		left := time.Duration(float64(expected-p.Total.Seen) / p.Rate * float64(time.Second))
		p.Remaining = &left
	}
}
