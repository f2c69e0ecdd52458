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
	// maxCounts is how many types are counted at most, and countTime how long it
	// may take: what is left then is not told of.
	maxCounts = 200
	countTime = 2 * time.Minute
	// maxBroken is after how many answers that are errors there is no more
	// counting: before they open the circuit.
	maxBroken = 2
)

// countNotPulled notes, of a run that reads everything from the beginning, what
// else the source has: the records of types that no stream reads, and those of
// the others that no search asks for. It says how much the portal's readers will
// never see, and fails no run. It is the last step, as it counts what the run has
// seen; where it is repeated, the later count stands.
func (r *slice) countNotPulled(ctx context.Context) (more bool, err error) {
	counter, ok := r.tenant.Source.(source.Counts)
	if !ok || !r.claim.Run.Scope.IsWhole() || !r.endless && r.worthRetrying() {
		return false, nil
	}
	types, err := r.syncer.store.RunTypes(ctx, r.claim.Run.ID)
	if err != nil {
		return false, err
	}
	if slices.ContainsFunc(types, func(t store.RunType) bool { return t.From != nil }) {
		return false, nil
	}
	limited, cancel := context.WithTimeout(ctx, countTime)
	defer cancel()
	notPulled := r.countAll(limited, counter, sightings(types))
	if ctx.Err() != nil {
		return false, ctx.Err()
	}
	if err := r.syncer.store.NoteNotPulled(ctx, r.claim, notPulled, r.requests.Swap(0)); err != nil {
		return false, err
	}
	r.syncer.metrics.notPulled(r.tenant.ID, notPulled)
	return false, nil
}

// seenOf is what a run has seen of one source type.
type seenOf struct {
	records int64
	to      time.Time // source's clock; it did not ask for what is newer
	failed  bool      // it could not be read
}

// sightings sums up what the run has seen, by source type. What the source did
// not list as a record of the type, or no longer has, is not among it.
func sightings(types []store.RunType) map[string]seenOf {
	all := make(map[string]seenOf)
	for _, t := range types {
		s := all[t.Type]
		s.to, s.failed = t.To, s.failed || t.Failure != nil
		for e, n := range t.Effects {
			switch e.Reason() {
			case dossier.BadType, dossier.WithdrawnDeleted, dossier.WithdrawnAbsent:
			default:
				s.records += n
			}
		}
		all[t.Type] = s
	}
	return all
}

// countAll returns of each type how many records there are that the run has not
// seen, unless it is none. What cannot be counted is left out.
func (r *slice) countAll(ctx context.Context, counter source.Counts, seen map[string]seenOf) map[string]int64 {
	notPulled := make(map[string]int64)
	types := inCountingOrder(r.description.Holds, seen)
	counted, broken := 0, 0
	var trouble error // the first
	for _, name := range types[:min(len(types), maxCounts)] {
		r.asking()
		n, err := counter.Count(ctx, name, seen[name].to)
		r.headway()
		if err != nil {
			if trouble == nil {
				trouble = err
			}
			f, ok := errors.AsType[*source.Failure](err)
			if ok && f.Kind == source.Unreachable {
				broken++
			}
			if !ok || concernsAll(f) || broken == maxBroken {
				break
			}
			continue
		}
		counted++
		if n -= seen[name].records; n > 0 {
			notPulled[name] = n
		}
	}
	if counted < len(types) {
		r.log.Warn("what the source has of some types is not known", zap.Int("types", len(types)-counted), zap.Error(trouble))
	}
	return notPulled
}

// inCountingOrder returns the types to count, those first that are read: they
// teach the source's way of counting. One that could not be read is left out.
func inCountingOrder(holds []string, seen map[string]seenOf) []string {
	var first, rest []string
	for _, name := range holds {
		switch s, isRead := seen[name]; {
		case s.failed:
		case isRead:
			first = append(first, name)
		default:
			rest = append(rest, name)
		}
	}
	return append(first, rest...)
}
