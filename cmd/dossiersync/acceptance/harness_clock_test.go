package acceptance

import (
	"sync"
	"time"
)

// clock is the source's clock. It moves only when a test moves it, and is never
// compared with the replica's.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func newClock(now time.Time) *clock {
	c := new(clock)
	c.set(now)
	return c
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

// set sets the clock to a whole second: the portal API answers no finer.
func (c *clock) set(now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = now.Truncate(time.Second)
}

func (c *clock) add(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}
