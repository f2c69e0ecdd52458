package sync

import (
	"context"
	"slices"
	"time"

	"go.uber.org/zap"

	"dossiersync/store"
	"dossiersync/sync/source"
)

const (
	// toleratedRecords and toleratedShare (one part in so many) are by how much a count may differ
	// from the replica: the larger of the two counts.
	toleratedRecords = 5
	toleratedShare   = 100
	// strikesAtMost is how many runs in a row may differ by more than that.
	strikesAtMost = 2
	// countReconcileEvery is a day, less the time by which scheduled runs may shift: how long a type
	// is not reconciled because of its count once that was done.
	countReconcileEvery = 20 * time.Hour
	// disbelievedFor is how long a count that a reconcile did not bear out is of no consequence.
	disbelievedFor = 7 * 24 * time.Hour
)

// compareCounts asks the source how many records it has of each type, and compares the counts with
// the replica. It returns the types whose reconcile is due for that; listed are due already. It
// reports more when the slice's time is up first. A source need not count, and a count that fails
// fails no run.
func (s *slice) compareCounts(ctx context.Context, listed []store.Census) (due []store.AbsentType, more bool, err error) {
	st, scope := s.syncer.store, s.claim.Run.Scope
	if scope.IsWhole() || scope.Only == store.StepReconcile {
		if more, err := s.askCounts(ctx); more || err != nil {
			return nil, more, err
		}
		if slices.ContainsFunc(s.types, func(t store.RunType) bool { return t.From == nil }) {
			if err := st.LearnFirstCounts(ctx, s.claim); err != nil {
				return nil, false, err
			}
		}
	}
	now := s.claim.Now()
	counts, err := st.TypeCounts(ctx, s.claim)
	if err != nil {
		return nil, false, err
	}
	var compared []store.Comparison
	for _, n := range counts {
		isListed := slices.ContainsFunc(listed, func(c store.Census) bool {
			return c.Stream == n.Stream && c.Type == n.Type
		})
		if n.Compared {
			continue
		}
		cause := judgeCount(&n, now)
		if isListed {
			cause = store.CountCause{}
		}
		compared = append(compared, store.Comparison{TypeCount: n, Cause: cause})
		if cause != (store.CountCause{}) {
			s.log.Warn("the source's records contradict the replica; the type is compared",
				zap.String("stream", string(n.Stream)), zap.String("type", n.Type),
				zap.Int64p("source", n.Source), zap.Int64p("replica", n.Replica),
				zap.Bool("short", cause.Short), zap.Bool("returned", cause.Returned))
			due = append(due, store.AbsentType{Stream: n.Stream, Type: n.Type})
		}
	}
	if len(compared) > 0 {
		err = st.NoteComparisons(ctx, s.claim, compared)
	}
	return due, false, err
}

// judgeCount decides whether the type's reconcile is due for its count, and counts the strikes.
func judgeCount(n *store.TypeCount, now time.Time) (cause store.CountCause) {
	mayAgain := func(last *time.Time) bool { return last == nil || now.Sub(*last) > countReconcileEvery }
	cause.Returned = n.Contradicted && mayAgain(n.Returned)
	cause.Short = n.Short && n.Believed && mayAgain(n.Moved)
	if n.Source == nil || n.Replica == nil {
		return cause
	}
	difference, tolerated := *n.Source-*n.Replica, max(toleratedRecords, *n.Replica/toleratedShare)
	if !n.Believed {
		n.Strikes = 0
		return cause
	}
	halved := difference < 0 && 2**n.Source <= *n.Replica
	if max(difference, -difference) <= tolerated && !halved {
		n.Strikes = 0
	} else {
		n.Strikes = min(n.Strikes+1, strikesAtMost)
	}
	cause.Moved = (halved || n.Strikes >= strikesAtMost) && mayAgain(n.Moved)
	if n.Absent > 0 && difference >= min(n.Absent, tolerated+1) {
		cause.Returned = cause.Returned || mayAgain(n.Returned)
	}
	return cause
}

// askCounts asks for the count of each search that the run has not asked for.
func (s *slice) askCounts(ctx context.Context) (more bool, err error) {
	var counts []store.SourceCount
	broken, began := 0, time.Now()
	for i := range s.types {
		t := &s.types[i]
		if t.IsCounted || t.ByClient || t.Failure != nil {
			continue
		}
		n := int64(store.NoCount)
		// A count has no interval, so it fails where the source answers short intervals only.
		isNarrow := s.syncer.habits[s.tenant.ID].width(searched{TypeID: t.TypeID}) > 0
		if !isNarrow && broken < brokenCounts && time.Since(began) < countTime {
			if n, err = s.askCount(ctx, t.TypeID, &broken); err != nil {
				return false, err
			}
		}
		t.IsCounted = true
		counts = append(counts, store.SourceCount{TypeID: t.TypeID, Records: n, Requests: s.requests.Swap(0)})
		s.headway()
		if s.timeIsUp() {
			more = true
			break
		}
	}
	if len(counts) == 0 {
		return more, nil
	}
	return more, s.syncer.store.NoteSourceCounts(ctx, s.claim, counts)
}

// askCount returns how many records of the search the source counts, or [store.NoCount]. It adds to
// broken if the source answered with an error.
func (s *slice) askCount(ctx context.Context, id store.TypeID, broken *int) (int64, error) {
	typ, ok := s.sourceType(id)
	if !ok {
		return store.NoCount, nil
	}
	// Without an interval: a record that changes just now would leave it, and the count would fall.
	page, err := s.search(ctx, source.Query{Type: typ, CountOnly: true})
	if ctx.Err() != nil {
		return 0, ctx.Err()
	}
	switch {
	case err == nil && page.Total >= 0:
		return int64(page.Total), nil
	case err == nil:
	case localFailure(err) == nil:
		*broken = brokenCounts // the source is not asked further
	case source.KindOf(err) == source.Unreachable:
		*broken++
		// An answer keeps these failures from opening the source's circuit.
		if _, err := s.tenant.Source.Describe(ctx); err != nil {
			*broken = brokenCounts
		}
	}
	return store.NoCount, nil
}

// learnCounts takes over what the reconcile of this run has shown about the counts of the types that
// it listed completely.
func (s *slice) learnCounts(ctx context.Context) (more bool, err error) {
	st := s.syncer.store
	list, err := s.censusesBegun(ctx)
	if err != nil || len(list) == 0 {
		return false, err
	}
	now := s.claim.Now()
	counts, err := st.TypeCounts(ctx, s.claim)
	if err != nil {
		return false, err
	}
	for _, n := range counts {
		of := store.AbsentType{Stream: n.Stream, Type: n.Type}
		mine := slices.DeleteFunc(slices.Clone(list), func(c store.Census) bool {
			return c.Stream != n.Stream || c.Type != n.Type
		})
		if len(mine) == 0 {
			continue
		}
		if n.Short && n.Caused && mine[0].Found == 0 {
			if err := st.NoteVainReconcile(ctx, s.claim, of); err != nil {
				return false, err
			}
		}
		byClient := slices.ContainsFunc(s.types, func(t store.RunType) bool {
			return t.Stream == n.Stream && t.Type == n.Type && t.ByClient
		})
		if byClient || !slices.Contains(s.listedWhole(n.Stream, list), n.Type) {
			continue
		}
		listed, err := st.ListedCount(ctx, s.claim, of)
		if err != nil {
			return false, err
		}
		if err := st.LearnCount(ctx, s.claim, of, believes(n, listed, now)); err != nil {
			return false, err
		}
	}
	return false, nil
}

// believes reports whether the type's count is believed after a complete list. A count that has made
// the run reconcile is no longer believed if the list does not bear it out: the two differ from
// each other by something else than before.
func believes(n store.TypeCount, listed store.ListedCount, now time.Time) bool {
	if n.Caused && n.Before != nil && listed.Beyond != nil {
		beyond, before := *listed.Beyond, *n.Before
		if 2*max(beyond, -beyond) > max(before, -before) {
			return false
		}
	}
	return n.Believed || n.Doubted != nil && now.Sub(*n.Doubted) > disbelievedFor
}
