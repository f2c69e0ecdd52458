package portalapi

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"
)

// gate lets so many requests be answered at once, and as many again wait for a
// moment. Who comes then is turned away at once: a portal that is told so can do
// something about it, and those who are inside are answered as fast as ever.
//
// Where there are several tenants, one may take a place only while more are free
// than it has: alone it gets half of them, two get a third each, and whoever comes
// next finds room. Places to wait are given in the same way.
type gate struct {
	places  int
	shared  bool          // among several tenants
	patient time.Duration // how long one waits

	mu     sync.Mutex
	inside crowd
	queued crowd
	queue  []*waiter // in the order in which they came
}

// crowd is how many there are, of each tenant and of all.
type crowd struct {
	of  map[string]int
	all int
}

func (c *crowd) add(tenant string, n int) {
	if c.of == nil {
		c.of = make(map[string]int)
	}
	c.all += n
	if c.of[tenant] += n; c.of[tenant] == 0 {
		delete(c.of, tenant)
	}
}

type waiter struct {
	tenant string
	in     chan struct{} // closed once inside
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

func newGate(places, tenants int) *gate {
	return &gate{places: places, shared: tenants > 1, patient: gatePatience}
}

// room reports whether one more of the tenant may join the crowd.
func (g *gate) room(c *crowd, tenant string) bool {
	free := g.places - c.all
	return free > 0 && (!g.shared || c.of[tenant] < free)
}

// enter returns what to call in the end, or errCrowded, or why ctx has ended.
func (g *gate) enter(ctx context.Context, tenant string) (leave func(), err error) {
	leave = func() { g.leave(tenant) }
	w, err := g.join(tenant)
	if err != nil {
		return nil, err
	}
	if w == nil {
		return leave, nil
	}
	late := time.NewTimer(g.patient)
	defer late.Stop()
	select {
	case <-w.in:
		return leave, nil
	case <-late.C:
		err = errCrowded
	case <-ctx.Done():
		err = context.Cause(ctx)
	}
	if !g.giveUp(w) { // let in at the last moment
		return leave, nil
	}
	return nil, err
}

// join lets one in, or returns it as one that waits.
func (g *gate) join(tenant string) (*waiter, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	switch {
	// Who waits already is of tenants that have their share.
	case g.room(&g.inside, tenant):
		g.inside.add(tenant, 1)
		return nil, nil
	case !g.room(&g.queued, tenant):
		return nil, errCrowded
	}
	w := &waiter{tenant, make(chan struct{})}
	g.queue = append(g.queue, w)
	g.queued.add(tenant, 1)
	return w, nil
}

// giveUp ends a wait, and reports whether it had not ended already.
func (g *gate) giveUp(w *waiter) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	i := slices.Index(g.queue, w)
	if i < 0 {
		return false
	}
	g.queue = slices.Delete(g.queue, i, i+1)
	g.queued.add(w.tenant, -1)
	return true
}

// leave makes a place free, and lets in who may have it.
func (g *gate) leave(tenant string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.inside.add(tenant, -1)
	g.queue = slices.DeleteFunc(g.queue, func(w *waiter) bool {
		if !g.room(&g.inside, w.tenant) {
			return false
		}
		g.inside.add(w.tenant, 1)
		g.queued.add(w.tenant, -1)
		close(w.in)
		return true
	})
}
