package sync

import (
	"context"
	"slices"
	"time"

	"go.uber.org/zap"

	"dossiersync/store"
	"dossiersync/store/dossier"
	"dossiersync/sync/source"
)

const (
	// countedTypes is how many types are counted at most, and countTime how long that may take.
	countedTypes = 200
	countTime    = 2 * time.Minute
	// brokenCounts is how many error answers (5xx) end the counting: fewer than open the source's
	// circuit breaker.
	brokenCounts = 2
)

// countNotPulled records, for a run that read everything from the beginning, what else the source
// has: records of types that no stream reads, and records of the other types that no search asks
// for. So operators know how much readers will never see. A count that fails is left out and fails
// no run. This is the last step, because it subtracts what the run has seen; if it is repeated, the
// later count replaces the earlier.
func (s *slice) countNotPulled(ctx context.Context) (more bool, err error) {
	counter, ok := s.tenant.Source.(source.Counts)
	if !ok || !s.claim.Run.Scope.IsWhole() || s.worthRetrying() {
		return false, nil
	}
	if slices.ContainsFunc(s.types, func(t store.RunType) bool { return t.From != nil }) {
		return false, nil
	}
	types, err := s.syncer.store.RunTypes(ctx, s.claim.Run.ID)
	if err != nil {
		return false, err
	}
	limited, cancel := context.WithTimeout(ctx, countTime)
	defer cancel()
	notPulled := s.countAll(limited, counter, countSeen(types))
	if ctx.Err() != nil {
		return false, ctx.Err()
	}
	if err := s.syncer.store.NoteNotPulled(ctx, s.claim, notPulled, s.requests.Swap(0)); err != nil {
		return false, err
	}
	s.syncer.metrics.notPulled(s.tenant.ID, notPulled)
	return false, nil
}

// seenOf is what a run has seen of one source type.
type seenOf struct {
	records int64
	to      time.Time // by the source's clock: the run did not ask for newer records
	failed  bool      // the type could not be read
}

// countSeen sums up by source type what the run has seen. Records that are not of the type they
// were listed as, and records that the source no longer has, do not count.
func countSeen(types []store.RunType) map[string]seenOf {
	all := make(map[string]seenOf)
	for _, t := range types {
		seen := all[t.Type]
		seen.to, seen.failed = t.To, seen.failed || t.Failure != nil
		for e, n := range t.Effects {
			switch e.Reason() {
			case dossier.BadType, dossier.WithdrawnDeleted, dossier.WithdrawnAbsent:
			default:
				seen.records += n
			}
		}
		all[t.Type] = seen
	}
	return all
}

// countAll returns by type how many records there are that the run has not seen. Types without such
// records, and types that cannot be counted, are left out.
func (s *slice) countAll(ctx context.Context, counter source.Counts, seen map[string]seenOf) map[string]int64 {
	notPulled := make(map[string]int64)
	types := inCountingOrder(s.description.Holds, seen)
	counted, broken := 0, 0
	var first error
	for _, name := range types[:min(len(types), countedTypes)] {
		s.countRequest()
		n, err := counter.Count(ctx, name, seen[name].to)
		s.headway()
		if err == nil {
			counted++
			if n -= seen[name].records; n > 0 {
				notPulled[name] = n
			}
			continue
		}
		if first == nil {
			first = err
		}
		if source.KindOf(err) == source.Unreachable {
			broken++
		}
		if localFailure(err) == nil || broken == brokenCounts {
			break
		}
	}
	if counted < len(types) {
		s.log.Warn("the source's records of some types could not be counted",
			zap.Int("types", len(types)-counted), zap.Error(first))
	}
	return notPulled
}

// inCountingOrder returns the types to count. Types that the run reads come first, because they
// show the source's way of counting; those that could not be read are left out.
func inCountingOrder(holds []string, seen map[string]seenOf) []string {
	var first, rest []string
	for _, name := range holds {
		switch seen, isRead := seen[name]; {
		case seen.failed:
		case isRead:
			first = append(first, name)
		default:
			rest = append(rest, name)
		}
	}
	return append(first, rest...)
}
