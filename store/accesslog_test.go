package store_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"dossiersync/store"
	"dossiersync/store/storetest"
)

func runLog(t *testing.T, r *storetest.Replica) *store.AccessLog {
	t.Helper()
	log := store.NewAccessLog(r.Reader)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- log.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return log
}

func event(user string) store.AccessEvent {
	return store.AccessEvent{
		Tenant: "amaris", Action: "read", Event: "report", Outcome: "success", User: user, Client: "1",
	}
}

func TestAppendReturnsOnceCommitted(t *testing.T) {
	t.Parallel()
	r := storetest.NewReplica(t)
	log := runLog(t, r)
	var g errgroup.Group
	g.SetLimit(50)
	const n = 500
	for i := range n {
		g.Go(func() error {
			user := fmt.Sprint("user ", i)
			if err := log.Append(t.Context(), event(user)); err != nil {
				return err
			}
			var found int
			err := r.Pool().QueryRow(t.Context(), `
				SELECT count(*)
				FROM access_log
				WHERE user_id = $1
				  AND source = 'portal-api'`, user).Scan(&found)
			if err == nil && found != 1 {
				err = fmt.Errorf("%s is logged %d times", user, found)
			}
			return err
		})
	}
	if err := g.Wait(); err != nil {
		t.Fatal(err)
	}
	// Events share commits.
	var commits int
	const q = `SELECT count(DISTINCT xmin::text) FROM access_log`
	if err := r.Pool().QueryRow(t.Context(), q).Scan(&commits); err != nil {
		t.Fatal(err)
	}
	if commits >= n {
		t.Errorf("%d events took %d commits", n, commits)
	}
}

// No text in one event keeps the others from being logged.
func TestOddTextIsLogged(t *testing.T) {
	t.Parallel()
	r := storetest.NewReplica(t)
	log := runLog(t, r)
	for _, user := range []string{"a\x00b", "a\xffb", "{a,\"b\"}", `\`, "NULL", "\u202e"} {
		if err := log.Append(t.Context(), event(user)); err != nil {
			t.Errorf("%q: %v", user, err)
		}
	}
	var users []string
	const q = `SELECT array_agg(user_id ORDER BY time) FROM access_log`
	if err := r.Pool().QueryRow(t.Context(), q).Scan(&users); err != nil {
		t.Fatal(err)
	}
	want := fmt.Sprint([]string{"a\ufffdb", "a\ufffdb", "{a,\"b\"}", `\`, "NULL", "\u202e"})
	if got := fmt.Sprint(users); got != want {
		t.Errorf("logged %s, want %s", got, want)
	}
}

func TestAppendFailsWithinASecond(t *testing.T) {
	t.Parallel()
	r := storetest.NewReplica(t)
	idle := store.NewAccessLog(r.Reader) // without Run
	began := time.Now()
	if err := idle.Append(t.Context(), event("x")); !errors.Is(err, store.ErrLogUnavailable) {
		t.Errorf("a log that does not run: %v", err)
	}
	log := runLog(t, r)
	if _, err := r.Pool().Exec(t.Context(), `REVOKE INSERT ON access_log FROM dossiersync_answers`); err != nil {
		t.Fatal(err)
	}
	if err := log.Append(t.Context(), event("x")); !errors.Is(err, store.ErrLogUnavailable) {
		t.Errorf("a log that cannot be written: %v", err)
	}
	// Each gives up after a second; a busy machine needs longer for the rest.
	if took := time.Since(began); took > 15*time.Second {
		t.Errorf("both took %v", took)
	}
}
