package fhir

import (
	"errors"
	"sync"
	"time"

	"github.com/sony/gobreaker/v2"
)

// A breaker stops asking a source that only fails. What a source does on
// purpose (throttling, refusing, not having) is no failure, and what the caller
// did (cancelling) is not the source's.
type breaker struct {
	two  *gobreaker.TwoStepCircuitBreaker[struct{}]
	open time.Duration

	mu    sync.Mutex
	until time.Time // when an open circuit lets a request through again
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

// allow returns what must be called with the attempt's outcome; nil if there is
// to be no attempt, and after how long it may be tried again.
func (b *breaker) allow() (done func(*trouble), after time.Duration) {
	report, err := b.two.Allow()
	if err != nil {
		b.mu.Lock()
		defer b.mu.Unlock()
		return nil, max(time.Until(b.until), time.Second)
	}
	return func(t *trouble) {
		switch {
		case t == nil || t.answered:
			report(nil)
		case t.guilty:
			report(errGuilty)
		default:
			report(errExcluded)
		}
	}, 0
}
