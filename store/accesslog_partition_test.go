package store_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"
	"golang.org/x/sync/errgroup"

	"dossiersync/store"
	"dossiersync/store/storetest"
)

func maintain(t *testing.T, r *storetest.Replica) store.LogMaintained {
	t.Helper()
	out, err := r.MaintainLog(t.Context(), store.LogKeepYears)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// month returns the name of the partition of the month that comes ahead months after this one, by the
// database's clock.
func month(t *testing.T, r *storetest.Replica, ahead int) string {
	t.Helper()
	now, err := r.Now(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	now = now.UTC()
	return "access_log_" + time.Date(now.Year(), now.Month()+time.Month(ahead), 1, 0, 0, 0, 0, time.UTC).Format("2006_01")
}

func (l entries) insert(at string) {
	l.t.Helper()
	_, err := l.Pool().Exec(l.t.Context(), `
		INSERT INTO access_log (time, tenant, action, event, outcome, user_id, client, source)
		VALUES ($1::text::timestamptz, 'amaris', 'read', 'report', 'success', 'x', '1', 'test')`, at)
	if err != nil {
		l.t.Fatal(err)
	}
}

// entries are the entries of a replica's access log.
type entries struct {
	t *testing.T
	*storetest.Replica
}

// list returns the entries, each after the name of its partition, the oldest first.
func (l entries) list() []string {
	l.t.Helper()
	rows, err := l.Pool().Query(l.t.Context(), `
		SELECT concat_ws(' ', tableoid::regclass, to_char(time, 'YYYY-MM'),
		           action, event, user_id, object, query)
		FROM access_log
		ORDER BY time`)
	if err != nil {
		l.t.Fatal(err)
	}
	list, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		l.t.Fatal(err)
	}
	return list
}

func TestLogHasPartitionsAhead(t *testing.T) {
	t.Parallel()
	r := storetest.NewReplica(t)
	want := []string{month(t, r, 0), month(t, r, 1), month(t, r, 2), month(t, r, 3)}
	if got := maintain(t, r); !slices.Equal(got.Created, want) || got.Dropped != nil {
		t.Errorf("maintenance has done %v, want %v created", got, want)
	}
	if got := maintain(t, r); got.Created != nil || got.Dropped != nil || got.Stuck {
		t.Errorf("done again it has done %v", got)
	}
	log := runLog(t, r)
	if err := log.Append(t.Context(), event("x")); err != nil {
		t.Fatal(err)
	}
	if got, want := (entries{t, r}).list()[0], want[0]+" "; !strings.HasPrefix(got, want) {
		t.Errorf("an entry lies in %s, want %s", got, want)
	}
}

// The default partition becomes the partition of the months that it has entries of.
func TestDefaultPartitionIsSetAside(t *testing.T) {
	t.Parallel()
	l := entries{t, storetest.NewReplica(t)}
	maintain(t, l.Replica)
	for _, at := range []string{"2023-11-02", "2023-12-31 23:59:59.999999+00", "2024-02-01 00:00:00+01"} {
		l.insert(at)
	}
	got := maintain(t, l.Replica)
	if want := []string{"access_log_2023_11_to_2024_01"}; !slices.Equal(got.Created, want) {
		t.Errorf("maintenance has created %v, want %v", got.Created, want)
	}
	l.insert("2024-05-05")
	maintain(t, l.Replica)
	const entry = "read report x"
	want := []string{
		"access_log_2023_11_to_2024_01 2023-11 " + entry, "access_log_2023_11_to_2024_01 2023-12 " + entry,
		"access_log_2023_11_to_2024_01 2024-01 " + entry, "access_log_2024_05 2024-05 " + entry,
	}
	if diff := cmp.Diff(want, l.list()); diff != "" {
		t.Errorf("entries (-want +got):\n%s", diff)
	}
	// Entries before and after the months of another partition.
	l.insert("2023-01-01")
	l.insert("2024-03-01")
	if got := maintain(t, l.Replica); !got.Stuck || got.Created != nil {
		t.Errorf("maintenance has done %v, want it stuck", got)
	}
	if n := len(l.list()); n != 6 {
		t.Errorf("%d entries are left, want 6", n)
	}
}

// A partition that was kept for long enough is dropped, and the drop is logged.
func TestLogIsKeptForConfiguredYears(t *testing.T) {
	t.Parallel()
	l := entries{t, storetest.NewReplica(t)}
	maintain(t, l.Replica)
	now, err := l.Now(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	month := func(year, month int) time.Time {
		return time.Date(now.UTC().Year()-year, now.UTC().Month()-time.Month(month), 1, 0, 0, 0, 0, time.UTC)
	}
	for _, at := range []time.Time{month(7, 0), month(5, 1), month(5, 0)} {
		l.insert(at.Add(time.Hour).Format(time.RFC3339))
		maintainFor(t, l.Replica, 50)
	}
	old := func(m time.Time) string { return "access_log_" + m.Format("2006_01") }
	got := maintainFor(t, l.Replica, 6)
	if want := []string{old(month(7, 0))}; !slices.Equal(got.Dropped, want) {
		t.Errorf("dropped after six years: %v, want %v", got.Dropped, want)
	}
	if got, want := maintain(t, l.Replica), []string{old(month(5, 1))}; !slices.Equal(got.Dropped, want) {
		t.Errorf("dropped after five years: %v, want %v", got.Dropped, want)
	}
	drop := old(month(0, 0)) + month(0, 0).Format(" 2006-01") + " delete access-log-retention dossiersync "
	want := []string{
		old(month(5, 0)) + month(5, 0).Format(" 2006-01") + " read report x",
		drop + old(month(7, 0)) + " entries=1&keep_years=6",
		drop + old(month(5, 1)) + " entries=1&keep_years=5",
	}
	if diff := cmp.Diff(want, l.list()); diff != "" {
		t.Errorf("entries (-want +got):\n%s", diff)
	}
	if _, err := l.MaintainLog(t.Context(), 4); err == nil {
		t.Error("no error for keeping the log for four years")
	}
}

// Each old month is dropped in a transaction of its own: a month that is being read stops maintenance
// after half a second, and the months before it stay dropped.
func TestOldMonthsAreDroppedOneByOne(t *testing.T) {
	t.Parallel()
	l := entries{t, storetest.NewReplica(t)}
	maintain(t, l.Replica)
	var names []string
	for _, at := range []string{"2010-01-15", "2010-02-15", "2010-03-15"} {
		l.insert(at)
		names = append(names, maintainFor(t, l.Replica, 99).Created...)
	}
	tx, err := l.Pool().Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = tx.Rollback(context.Background()) }()
	if _, err := tx.Exec(t.Context(), `LOCK TABLE `+names[1]+` IN ACCESS SHARE MODE`); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	out, err := l.MaintainLog(t.Context(), 5)
	if err == nil || !slices.Equal(out.Dropped, names[:1]) || time.Since(began) > time.Minute {
		t.Errorf("dropped while %s is read: %v, %v", names[1], out.Dropped, err)
	}
	l.insert("2026-01-15") // the log can still be written
	if err := tx.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
	if out := maintain(t, l.Replica); !slices.Equal(out.Dropped, names[1:]) {
		t.Errorf("dropped later: %v", out.Dropped)
	}
}

func maintainFor(t *testing.T, r *storetest.Replica, years int) store.LogMaintained {
	t.Helper()
	out, err := r.MaintainLog(t.Context(), years)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// Every partition is append-only also when it is named directly, even for its owner, and the portal's
// role has no right to it.
func TestPartitionsAreAppendOnly(t *testing.T) {
	t.Parallel()
	l := entries{t, storetest.NewReplica(t)}
	l.insert("2024-05-05")
	maintain(t, l.Replica)
	l.insert("2024-08-05")
	log := runLog(t, l.Replica)
	if err := log.Append(t.Context(), event("x")); err != nil {
		t.Fatal(err)
	}
	before := l.list()
	partitions := []string{"access_log", "access_log_2024_05", "access_log_rest", month(t, l.Replica, 0)}
	for _, p := range partitions {
		for _, sql := range []string{`UPDATE %s SET user_id = 'y'`, `DELETE FROM %s`, `TRUNCATE %s`} {
			_, err := l.Pool().Exec(t.Context(), fmt.Sprintf(sql, p))
			if err == nil || !strings.Contains(err.Error(), "append-only") {
				t.Errorf("the owner may "+sql+": %v", p, err)
			}
		}
		if p == "access_log" {
			continue
		}
		for _, sql := range []string{
			`SELECT FROM %s`,
			`INSERT INTO %s (tenant, action, event, outcome, user_id, source) VALUES ('', '', '', '', '', '')`,
		} {
			asAnswers(t, l.Replica, store.Identity{Tenant: "amaris", User: "x"}, "read", "", func(tx pgx.Tx) {
				if _, err := tx.Exec(t.Context(), fmt.Sprintf(sql, p)); err == nil {
					t.Errorf("the portal's role may "+sql, p)
				}
			})
		}
	}
	if diff := cmp.Diff(before, l.list()); diff != "" {
		t.Errorf("entries (-before +after):\n%s", diff)
	}
	// A detached partition stays append-only.
	if _, err := l.Pool().Exec(t.Context(), `ALTER TABLE access_log DETACH PARTITION access_log_2024_05`); err != nil {
		t.Fatal(err)
	}
	for _, sql := range []string{`UPDATE %s SET user_id = 'y'`, `DELETE FROM %s`, `TRUNCATE %s`} {
		if _, err := l.Pool().Exec(t.Context(), fmt.Sprintf(sql, "access_log_2024_05")); err == nil {
			t.Errorf("after detaching, the owner may "+sql, "access_log_2024_05")
		}
	}
}

// The database sets the time and the id of an entry.
func TestPortalRoleCannotDateLogEntries(t *testing.T) {
	t.Parallel()
	r := storetest.NewReplica(t)
	for _, column := range []string{"time", "id"} {
		asAnswers(t, r, store.Identity{Tenant: "amaris", User: "x"}, "read", "", func(tx pgx.Tx) {
			value := map[string]string{"time": "now()", "id": "gen_random_uuid()"}[column]
			_, err := tx.Exec(t.Context(), `INSERT INTO access_log (`+column+`, tenant, action, event, outcome, user_id, source)
				VALUES (`+value+`, 'amaris', 'read', 'report', 'success', 'x', 'test')`)
			if err == nil {
				t.Errorf("the reader's role chooses the %s of an entry", column)
			}
		})
	}
}

// Several maintenances at once, while entries are added, lose no entry and fail none.
func TestLogIsMaintainedWhileItIsWritten(t *testing.T) {
	t.Parallel()
	l := entries{t, storetest.NewReplica(t)}
	log := runLog(t, l.Replica)
	const writers, each = 8, 20
	var g errgroup.Group
	for w := range writers {
		g.Go(func() error {
			for n := range each {
				if err := log.Append(context.WithoutCancel(t.Context()), event(fmt.Sprint(w, "-", n))); err != nil {
					return err
				}
			}
			return nil
		})
	}
	for range 3 {
		g.Go(func() error {
			_, err := l.MaintainLog(context.WithoutCancel(t.Context()), store.LogKeepYears)
			return err
		})
	}
	if err := g.Wait(); err != nil {
		t.Fatal(err)
	}
	if n := len(l.list()); n != writers*each {
		t.Errorf("%d entries are there, want %d", n, writers*each)
	}
}
