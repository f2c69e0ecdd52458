package fhir

import (
	"errors"
	"sync"
	"time"

	"github.com/sony/gobreaker/v2"

	"dossiersync/sync/source"
)

// A breaker stops asking a source that only fails. What a source does on
// purpose (throttling, refusing, not having) is no failure, and what the caller
// did (cancelling) is not the source's.
type breaker struct {
	two  *gobreaker.TwoStepCircuitBreaker[struct{}]
	open time.Duration

	mu    sync.Mutex
	until time.Time       // when an open circuit lets a request through again
	first *source.Failure // of the failures in a row; nil: the last answer was none
}

// The two things that the breaker is told of beside success.
var (
	errGuilty   = errors.New("the source failed")
	errExcluded = errors.New("says nothing about the source")
)

func newBreaker(name string, t times, onChange func(state string)) *breaker {
	b := &breaker{open: t.open}
	b.two = gobreaker.NewTwoStepCircuitBreaker[struct{}](gobreaker.Settings{
		Name:        name,
		Timeout:     t.open,
		ReadyToTrip: func(c gobreaker.Counts) bool { return c.ConsecutiveFailures >= t.trip },
		IsExcluded:  func(err error) bool { return errors.Is(err, errExcluded) },
		OnStateChange: func(_ string, _, to gobreaker.State) {
			if to == gobreaker.StateOpen {
				b.mu.Lock()
				b.until = time.Now().Add(b.open)
				b.mu.Unlock()
			}
			onChange(to.String())
		},
	})
	return b
}

// allow returns what must be called with the attempt's outcome. If there is to be
// no attempt, it returns a failure instead, which wraps the first of the failures
// that opened the circuit.
func (b *breaker) allow(act string) (done func(*trouble), open *source.Failure) {
	report, err := b.two.Allow()
	if err != nil {
		b.mu.Lock()
		defer b.mu.Unlock()
		open = &source.Failure{Kind: source.BreakerOpen, Act: act, After: max(time.Until(b.until), time.Second)}
		if b.first != nil {
			open.Err = b.first
		}
		return nil, open
	}
	return func(t *trouble) {
		switch {
		case t == nil || t.answered:
			b.note(nil)
			report(nil)
		case t.guilty:
			b.note(t.failure)
			report(errGuilty)
		default:
			report(errExcluded)
		}
	}, nil
}

// note keeps the first failure in a row; nil ends the row.
func (b *breaker) note(f *source.Failure) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if f == nil || b.first == nil {
		b.first = f
	}
}
