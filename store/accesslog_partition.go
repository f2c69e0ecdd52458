package store

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

const (
	// logKeepYears is the shortest time for which the access log must be kept by law (NEN 7513).
	logKeepYears = 5
	// logAhead is the number of months after this one that have a partition already.
	logAhead = 3
)

// LogMaintained is the result of maintaining the access log.
type LogMaintained struct {
	Created []string // partitions
	Dropped []string // partitions
	// Stuck reports that the default partition holds entries that retention cannot reach, because
	// the clock has gone back by months.
	Stuck bool
}

// MaintainLog makes a partition of the access log for this month and for each of the next three, and
// drops the partitions whose entries are all older than keepYears years. It logs each drop. Months
// are of UTC. Of two calls at once the second does nothing.
//
// Entries of a month without a partition lie in the default partition. That becomes the partition of
// all months that it holds entries of, and a new default partition takes its place: entries are never
// moved.
//
// Readers of the log may have to wait for half a second. So may writers if this month has no
// partition yet, and for as long as it takes to scan the default partition.
func (s *Store) MaintainLog(ctx context.Context, keepYears int) (LogMaintained, error) {
	if keepYears < logKeepYears {
		return LogMaintained{}, fmt.Errorf(
			"maintain the access log: it must be kept for %d years at least, not %d", logKeepYears, keepYears)
	}
	var out LogMaintained
	err := s.maintainLog(ctx, &out, func(tx pgx.Tx, out *LogMaintained) (bool, error) {
		return false, provide(ctx, tx, out)
	})
	if err == nil {
		err = s.maintainLog(ctx, &out, func(tx pgx.Tx, out *LogMaintained) (bool, error) {
			return dropOldest(ctx, tx, keepYears, out)
		})
	}
	if pg, ok := errors.AsType[*pgconn.PgError](err); ok && pg.Code == "55P03" { // lock_not_available
		err = errors.New("a session has been reading or backing up the log for longer than half a second")
	}
	if err != nil {
		return out, fmt.Errorf("maintain the access log: %w", err)
	}
	return out, nil
}

// maintainLog repeats step until it reports that there is nothing more to do. Each step has a
// transaction of its own, so that it holds the log no longer than it needs, and its work is kept when
// a later step fails. While another process maintains the log, there is nothing to do.
func (s *Store) maintainLog(
	ctx context.Context, out *LogMaintained, step func(pgx.Tx, *LogMaintained) (more bool, err error),
) error {
	const begin = `
		SELECT set_config('lock_timeout', '500ms', true),
		       pg_try_advisory_xact_lock(hashtext('dossiersync access log'))`
	for more := true; more; {
		done := *out
		err := inTx(ctx, s.pool, func(tx pgx.Tx) error {
			var mine bool
			if err := tx.QueryRow(ctx, begin).Scan(nil, &mine); err != nil || !mine {
				more = false
				return err
			}
			var err error
			more, err = step(tx, &done)
			return err
		})
		if err != nil {
			return err
		}
		*out = done
	}
	return nil
}

// provide makes the partitions of this month and of the next ones, except for months that have entries
// in another partition.
func provide(ctx context.Context, tx pgx.Tx, out *LogMaintained) error {
	var created []string
	const q = `SELECT created, stuck FROM provide_log_partitions($1)`
	if err := tx.QueryRow(ctx, q, logAhead).Scan(&created, &out.Stuck); err != nil {
		return err
	}
	out.Created = append(out.Created, created...)
	return nil
}

// dropOldest drops the oldest partition if all its entries are older than keepYears years, logs the
// number of dropped entries for each tenant, and reports whether it has dropped one. It locks the log
// only for the drop itself.
func dropOldest(
	ctx context.Context, tx pgx.Tx, keepYears int, out *LogMaintained,
) (more bool, err error) {
	var dropped *string
	const q = `SELECT drop_oldest_log_partition($1, $2)`
	if err := tx.QueryRow(ctx, q, keepYears, SystemUser).Scan(&dropped); err != nil || dropped == nil {
		return false, err
	}
	out.Dropped = append(out.Dropped, *dropped)
	return true, nil
}
