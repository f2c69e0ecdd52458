package sync

import (
	"fmt"

	"dossiersync/store"
)

// conclusion is how a run ends.
type conclusion struct {
	outcome store.Outcome
	message string // for operators
	success bool   // the run read the whole tenant, and so counts for freshness
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
		return conclusion{store.OutcomeFailed, "the source knows none of the types that are pulled", false}
	case failed == known:
		return conclusion{store.OutcomeFailed, first, false}
	case failed > 0:
		message := fmt.Sprintf("%d of %d types could not be read: %s", failed, len(s.types), first)
		return conclusion{store.OutcomePartial, message, false}
	}
	if message := s.leftOver(short); message != "" {
		return conclusion{store.OutcomePartial, message, s.claim.Run.Scope.IsWhole()}
	}
	return conclusion{store.OutcomeComplete, "", s.claim.Run.Scope.IsWhole()}
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
