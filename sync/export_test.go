package sync

import "time"

// Spread is the tenant's place within the time after a slot.
func Spread(tenant string, within time.Duration) time.Duration { return spread(tenant, within) }
