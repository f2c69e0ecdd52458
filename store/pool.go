package store

import (
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
)

// PoolStats is how busy the connections of a handle are.
type PoolStats struct {
	Max, Used, Idle, Opening int32
	// Waits is how often somebody found none free, and Waited for how long in all
	// they waited.
	Waits  int64
	Waited time.Duration
}

// PoolStats returns how busy the connections are.
func (s *Store) PoolStats() PoolStats { return poolStats(s.pool) }

// PoolStats returns how busy the connections are.
func (r *Reader) PoolStats() PoolStats { return poolStats(r.pool) }

func poolStats(pool *pgxpool.Pool) PoolStats {
	p := pool.Stat()
	return PoolStats{
		Max: p.MaxConns(), Used: p.AcquiredConns(), Idle: p.IdleConns(), Opening: p.ConstructingConns(),
		Waits: p.EmptyAcquireCount(), Waited: p.EmptyAcquireWaitTime(),
	}
}
