package portalapi

import (
	"context"
	"errors"
	"sync/atomic"
	"time"
)

// gate lets so many requests be answered at once, and as many again wait for a
// moment. Who comes then is turned away at once: a portal that is told so can do
// something about it, and those who are inside are answered as fast as ever.
type gate struct {
	slots   chan struct{}
	waiting atomic.Int64
	patient time.Duration // how long one waits
}

const (
	// perConnection is how many requests there may be for each connection to the
	// database: besides reading, a request waits for the access log.
	perConnection = 4
	// gatePatience is long enough for a burst to pass, and short enough for people
	// not to have given up.
	gatePatience = 500 * time.Millisecond
	// gateRetry is when who was turned away is asked to come back.
	gateRetry = 2 * time.Second
)

var errCrowded = errors.New("there are more requests than can be answered")

func newGate(slots int) *gate {
	return &gate{slots: make(chan struct{}, slots), patient: gatePatience}
}

// enter returns what to call in the end, or errCrowded, or why ctx has ended.
func (g *gate) enter(ctx context.Context) (leave func(), err error) {
	leave = func() { <-g.slots }
	select {
	case g.slots <- struct{}{}:
		return leave, nil
	default:
	}
	defer g.waiting.Add(-1)
	if g.waiting.Add(1) > int64(cap(g.slots)) {
		return nil, errCrowded
	}
	late := time.NewTimer(g.patient)
	defer late.Stop()
	select {
	case g.slots <- struct{}{}:
		return leave, nil
	case <-late.C:
		return nil, errCrowded
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}
