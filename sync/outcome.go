package sync

import (
	"fmt"
	"maps"

	"dossiersync/store"
	"dossiersync/sync/source"
)

// conclusion is how a run ends.
type conclusion struct {
	outcome store.Outcome
	message string // for operators
	success bool   // the run read the whole tenant, and so counts for freshness
	left    store.LeftOver
}

// conclude returns what the run's counts add up to.
func (s *slice) conclude() conclusion {
	var known, failed, short int64
	var first string // the first failure
	for _, t := range s.types {
		if t.Short && (t.Count == nil || t.Count.Believed) {
			short++
		}
		if t.Failure != nil && t.Done {
			continue // the source does not know the type
		}
		known++
		if t.Failure == nil {
			continue
		}
		if failed++; failed == 1 {
			first = *t.Failure
		}
	}
	switch {
	case known == 0:
		return conclusion{outcome: store.OutcomeFailed, message: s.noneKnown()}
	case failed == known:
		if f := s.wholeFailure(); f != nil {
			first = f.Error()
		}
		return conclusion{outcome: store.OutcomeFailed, message: first}
	case failed > 0:
		message := fmt.Sprintf("%d of %d types could not be read: %s", failed, len(s.types), first)
		return conclusion{store.OutcomePartial, message, false, s.left(failed, short)}
	}
	left, whole := s.left(failed, short), s.claim.Run.Scope.IsWhole()
	if message := s.leftOver(short); message != "" {
		return conclusion{store.OutcomePartial, message, whole, left}
	}
	return conclusion{store.OutcomeComplete, "", whole, left}
}

// noneKnown returns why a run failed whose source knows none of the types.
func (s *slice) noneKnown() string {
	if f := s.wholeFailure(); f != nil && f.Kind == source.NotFound {
		return f.Error()
	}
	return "the source knows none of the types that are pulled"
}

// left returns the numbers of what the run has left over.
func (s *slice) left(failed, short int64) store.LeftOver {
	left := store.LeftOver{
		store.LeftUnread: failed, store.LeftShort: short, store.LeftOwed: s.owed, store.LeftQuarantined: s.quarantined,
		store.LeftHeld: s.compared.held, store.LeftUncompared: s.compared.failed, store.LeftUnsure: s.compared.unsure,
	}
	maps.DeleteFunc(left, func(_ store.LeftKind, n int64) bool { return n == 0 })
	return left
}

// leftOver returns why a run that read every type is only partial; empty: it is complete. short is
// the number of types of which fewer records came than the source had counted.
func (s *slice) leftOver(short int64) string {
	switch {
	case s.wentBack:
		return "the source was restored or replaced, it has older records than before; everything is read again"
	case s.compared.held > 0:
		return count(s.compared.held, "item") + " held for an operator; see dossiersync held"
	case len(s.empty) == 1:
		return "the source answers with nothing of " + s.empty[0].Type + ", although items of it are shown"
	case len(s.empty) > 1:
		return fmt.Sprintf("the source answers with nothing of %s and %s, although items of them are shown",
			s.empty[0].Type, count(int64(len(s.empty)-1), "other type"))
	case s.compared.failed > 0:
		return count(s.compared.failed, "type") + " could not be compared in full"
	case s.compared.unsure == 1:
		return "the source would not say whether 1 item is still there"
	case s.compared.unsure > 1:
		return fmt.Sprintf("the source would not say whether %d items are still there", s.compared.unsure)
	case s.owed > 0:
		return fmt.Sprintf("the history of %s could not be read", count(s.owed, "client"))
	case s.quarantined > 0:
		return count(s.quarantined, "item") + " in quarantine; see dossiersync quarantine"
	case short > 0:
		return fmt.Sprintf("fewer records of %s came than the source had counted", count(short, "type"))
	}
	return ""
}

// count returns the number with its noun, in the plural where needed.
func count(n int64, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
