package portalapi

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"dossiersync/store"
)

const (
	// requestsPerConnection is how many requests are active for each connection to the database.
	// It is more than one because a request also waits for the access log.
	requestsPerConnection = 4
	// queueTime is how long a request waits for a place: a burst passes in that time, and people
	// have not given up yet.
	queueTime = 500 * time.Millisecond
	// overloadRetry is the Retry-After of a request without a place.
	overloadRetry = 2 * time.Second
)

var errOverloaded = errors.New("there are more requests than can be answered")

// limiter limits concurrent requests to limit; up to limit more wait queueTime. Beyond that,
// acquire fails with errOverloaded, so that the portal learns at once and active requests stay
// fast.
//
// With several tenants, a tenant may take a place only while it has fewer than are free. So one
// tenant alone takes half of the places, two take a third each, and a newcomer finds a place. The
// queue is shared in the same way.
type limiter struct {
	limit     int
	shared    bool // there are several tenants
	queueTime time.Duration

	mu     sync.Mutex
	active usage
	queued usage
	queue  []*waiter // in order of arrival
}

// usage counts places, by tenant and in total.
type usage struct {
	byTenant map[string]int
	total    int
}

func (u *usage) add(tenant string, n int) {
	if u.byTenant == nil {
		u.byTenant = make(map[string]int)
	}
	u.total += n
	if u.byTenant[tenant] += n; u.byTenant[tenant] == 0 {
		delete(u.byTenant, tenant)
	}
}

// waiter is a queued request.
type waiter struct {
	tenant   string
	admitted chan struct{} // closed when the request becomes active
}

func newLimiter(limit, tenants int) *limiter {
	return &limiter{limit: limit, shared: tenants > 1, queueTime: queueTime}
}

// hasRoom reports whether the tenant may take one more place.
func (l *limiter) hasRoom(u *usage, tenant string) bool {
	free := l.limit - u.total
	return free > 0 && (!l.shared || u.byTenant[tenant] < free)
}

// acquire takes a place for a request, and returns a function that the caller must call to give it
// back. It fails with errOverloaded, or with the cause of the end of ctx.
func (l *limiter) acquire(ctx context.Context, tenant string) (release func(), err error) {
	release = func() { l.release(tenant) }
	w, err := l.admitOrQueue(tenant)
	if err != nil {
		return nil, err
	}
	if w == nil {
		return release, nil
	}
	late := time.NewTimer(l.queueTime)
	defer late.Stop()
	select {
	case <-w.admitted:
		return release, nil
	case <-late.C:
		err = errOverloaded
	case <-ctx.Done():
		err = context.Cause(ctx)
	}
	if !l.abandon(w) { // admitted in the meantime
		return release, nil
	}
	return nil, err
}

// admitOrQueue makes a request active, or else returns its place in the queue.
func (l *limiter) admitOrQueue(tenant string) (*waiter, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	// Any queued request belongs to a tenant that is at its limit, so this one may go first.
	case l.hasRoom(&l.active, tenant):
		l.active.add(tenant, 1)
		return nil, nil
	case !l.hasRoom(&l.queued, tenant):
		return nil, errOverloaded
	}
	w := &waiter{tenant, make(chan struct{})}
	l.queue = append(l.queue, w)
	l.queued.add(tenant, 1)
	return w, nil
}

// abandon removes w from the queue, and reports whether it was still there.
func (l *limiter) abandon(w *waiter) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	i := slices.Index(l.queue, w)
	if i < 0 {
		return false
	}
	l.queue = slices.Delete(l.queue, i, i+1)
	l.queued.add(w.tenant, -1)
	return true
}

// release frees a place, and admits the queued requests for which there is room now.
func (l *limiter) release(tenant string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.active.add(tenant, -1)
	l.queue = slices.DeleteFunc(l.queue, func(w *waiter) bool {
		if !l.hasRoom(&l.active, w.tenant) {
			return false
		}
		l.active.add(w.tenant, 1)
		l.queued.add(w.tenant, -1)
		close(w.admitted)
		return true
	})
}

// uploads limits the lists of all grants that are being received: one of each tenant, and limit in
// total. So a slow upload of one tenant does not block another tenant for long.
type uploads struct {
	limit    int
	readWait time.Duration // see paceTime

	mu      sync.Mutex
	tenants map[string]bool
}

// acquire fails with [store.ErrListBusy] while another upload of the tenant runs, and with
// errOverloaded while limit uploads of other tenants run. Otherwise the caller must call release.
func (u *uploads) acquire(tenant string) error {
	u.mu.Lock()
	defer u.mu.Unlock()
	switch {
	case u.tenants[tenant]:
		return store.ErrListBusy
	case len(u.tenants) >= u.limit:
		return errOverloaded
	}
	u.tenants[tenant] = true
	return nil
}

func (u *uploads) release(tenant string) {
	u.mu.Lock()
	defer u.mu.Unlock()
	delete(u.tenants, tenant)
}
