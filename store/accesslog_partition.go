package store

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

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

// partition is a partition of the log other than the default one.
type partition struct {
	name     string
	from, to time.Time // a half-open interval
}

const logRest = "access_log_rest"

// logPartitions returns the partitions, the oldest first, and the time by the database's clock.
func logPartitions(ctx context.Context, tx pgx.Tx) ([]partition, time.Time, error) {
	const q = `
		WITH partitions AS (
			SELECT c.relname::text AS name,
			       -- The catalog has bounds only as text.
			       regexp_match(
			           pg_get_expr(c.relpartbound, c.oid),
			           $$FROM \('([^']+)'\) TO \('([^']+)'\)$$) AS bounds
			FROM pg_inherits i
			JOIN pg_class c ON c.oid = i.inhrelid
			WHERE i.inhparent = 'access_log'::regclass)
		SELECT name, bounds[1]::timestamptz, bounds[2]::timestamptz
		FROM partitions
		WHERE bounds IS NOT NULL
		ORDER BY 2`
	rows, err := tx.Query(ctx, q)
	if err != nil {
		return nil, time.Time{}, err
	}
	list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (partition, error) {
		var p partition
		return p, row.Scan(&p.name, &p.from, &p.to)
	})
	if err != nil {
		return nil, time.Time{}, err
	}
	var now time.Time
	err = tx.QueryRow(ctx, `SELECT clock_timestamp()`).Scan(&now)
	return list, now.UTC(), err
}

func monthOf(t time.Time) time.Time {
	t = t.UTC()
	return time.Date(t.Year(), t.Month(), 1, 0, 0, 0, 0, time.UTC)
}

// overlap reports whether p shares any moment with a partition in the list.
func (p partition) overlap(list []partition) bool {
	return slices.ContainsFunc(list, func(o partition) bool { return p.from.Before(o.to) && o.from.Before(p.to) })
}

// attach makes the table of p's name, which exists, a partition.
func (p partition) attach(ctx context.Context, tx pgx.Tx) error {
	const q = `ALTER TABLE access_log ATTACH PARTITION %s FOR VALUES FROM ('%s') TO ('%s')`
	_, err := tx.Exec(ctx, fmt.Sprintf(q, pgx.Identifier{p.name}.Sanitize(),
		p.from.Format(time.RFC3339), p.to.Format(time.RFC3339)))
	return err
}

// create makes a table that can be attached as a partition, with the log's protection. CREATE TABLE …
// PARTITION OF would lock the whole log.
func create(ctx context.Context, tx pgx.Tx, name string) error {
	name = pgx.Identifier{name}.Sanitize()
	if _, err := tx.Exec(ctx, `CREATE TABLE `+name+` (LIKE access_log INCLUDING DEFAULTS)`); err != nil {
		return err
	}
	_, err := tx.Exec(ctx, `SELECT guard_log_partition($1::text::regclass)`, name)
	return err
}

// provide makes the partitions of this month and of the next ones, except for months that have entries
// in another partition.
func provide(ctx context.Context, tx pgx.Tx, out *LogMaintained) error {
	const anything = `SELECT EXISTS (SELECT FROM ` + logRest + `)`
	list, now, err := logPartitions(ctx, tx)
	if err != nil {
		return err
	}
	var used bool
	if err := tx.QueryRow(ctx, anything).Scan(&used); err != nil {
		return err
	}
	if used || !monthPartition(now, 0).overlap(list) {
		// No entry may be added to the default partition while a partition is made for its month.
		if _, err := tx.Exec(ctx, `LOCK TABLE access_log IN ACCESS EXCLUSIVE MODE`); err != nil {
			return err
		}
		if err := setRestAside(ctx, tx, list, out); err != nil {
			return err
		}
		if list, now, err = logPartitions(ctx, tx); err != nil {
			return err
		}
	}
	for ahead := range logAhead + 1 {
		if err := createMonth(ctx, tx, monthPartition(now, ahead), list, out); err != nil {
			return err
		}
	}
	return nil
}

// monthPartition returns the partition of the month that comes ahead months after that of now.
func monthPartition(now time.Time, ahead int) partition {
	p := partition{from: monthOf(now).AddDate(0, ahead, 0), to: monthOf(now).AddDate(0, ahead+1, 0)}
	p.name = "access_log_" + p.from.Format("2006_01")
	return p
}

func createMonth(ctx context.Context, tx pgx.Tx, p partition, list []partition, out *LogMaintained) error {
	const inRest = `
		SELECT EXISTS (
			SELECT
			FROM ` + logRest + `
			WHERE time >= @from
			  AND time < @to)`
	var elsewhere bool
	args := pgx.StrictNamedArgs{"from": p.from, "to": p.to}
	if err := tx.QueryRow(ctx, inRest, args).Scan(&elsewhere); err != nil {
		return err
	}
	if elsewhere || p.overlap(list) {
		return nil
	}
	if err := create(ctx, tx, p.name); err != nil {
		return err
	}
	out.Created = append(out.Created, p.name)
	return p.attach(ctx, tx)
}

// setRestAside turns the default partition, if it has entries, into a partition of their months, and
// makes a new default partition. If another partition lies between these months, it reports Stuck.
func setRestAside(ctx context.Context, tx pgx.Tx, list []partition, out *LogMaintained) error {
	const span = `SELECT min(time), max(time) FROM ` + logRest
	var first, last *time.Time
	if err := tx.QueryRow(ctx, span).Scan(&first, &last); err != nil || first == nil {
		return err
	}
	p := monthPartition(*first, 0)
	if p.to = monthOf(*last).AddDate(0, 1, 0); p.to.After(p.from.AddDate(0, 1, 0)) {
		p.name += "_to_" + last.UTC().Format("2006_01")
	}
	if p.overlap(list) {
		out.Stuck = true
		return nil
	}
	for _, sql := range []string{
		`ALTER TABLE access_log DETACH PARTITION ` + logRest,
		`ALTER TABLE ` + logRest + ` RENAME TO ` + pgx.Identifier{p.name}.Sanitize(),
	} {
		if _, err := tx.Exec(ctx, sql); err != nil {
			return err
		}
	}
	if err := p.attach(ctx, tx); err != nil {
		return err
	}
	if err := create(ctx, tx, logRest); err != nil {
		return err
	}
	out.Created = append(out.Created, p.name)
	_, err := tx.Exec(ctx, `ALTER TABLE access_log ATTACH PARTITION `+logRest+` DEFAULT`)
	return err
}

// dropOldest drops the oldest partition if all its entries are older than keepYears years, logs the
// number of dropped entries for each tenant, and reports whether it has dropped one. It locks the log
// only for the drop itself.
func dropOldest(
	ctx context.Context, tx pgx.Tx, keepYears int, out *LogMaintained,
) (more bool, err error) {
	list, now, err := logPartitions(ctx, tx)
	if err != nil || len(list) == 0 || list[0].to.After(now.AddDate(-keepYears, 0, 0)) {
		return false, err
	}
	p := list[0]
	name := pgx.Identifier{p.name}.Sanitize()
	rows, err := tx.Query(ctx, `
		SELECT tenant, count(*)
		FROM `+name+`
		GROUP BY tenant
		ORDER BY tenant`)
	if err != nil {
		return false, err
	}
	events, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (AccessEvent, error) {
		e := AccessEvent{
			Action: "delete", Event: "access-log-retention", Outcome: "success",
			User: SystemUser, Object: p.name,
		}
		var n int64
		err := row.Scan(&e.Tenant, &n)
		e.Query = fmt.Sprintf("entries=%d&keep_years=%d", n, keepYears)
		return e, err
	})
	if err != nil {
		return false, err
	}
	if len(events) > 0 {
		if err := logWithin(ctx, tx, "worker", events...); err != nil {
			return false, err
		}
	}
	if _, err := tx.Exec(ctx, `DROP TABLE `+name); err != nil {
		return false, err
	}
	out.Dropped = append(out.Dropped, p.name)
	return true, nil
}
