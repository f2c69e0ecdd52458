package store_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/jackc/pgx/v5"
	"golang.org/x/sync/errgroup"

	"dossiersync/store"
	"dossiersync/store/dossier"
	"dossiersync/store/storetest"
)

// unprepared is the parameter of a URL that keeps pgx from preparing statements.
const unprepared = "&default_query_exec_mode=exec"

// A call leaves no setting to the next one, which pgbouncer may give the same connection.
func TestPgbouncerKeepsNoSettings(t *testing.T) {
	t.Parallel()
	r := storetest.NewReplica(t)
	seedTwo(t, r)
	pooled := *r
	pooled.ReaderURL = storetest.Pgbouncer(t, r.ReaderURL, 1) + unprepared
	reader, err := store.OpenPortal(t.Context(), pooled.ReaderURL, r.Keys)
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	_, counts, err := reader.Dossier(t.Context(), store.Identity{Tenant: "szr", User: "son"}, "1")
	if err != nil || len(counts) != 3 {
		t.Fatalf("son reads %v, %v", counts, err)
	}
	asPortalRole(t, &pooled, func(tx pgx.Tx) {
		var left string
		const q = `
			SELECT concat(
			           current_setting('dossiersync.tenant', true),
			           current_setting('dossiersync.user', true),
			           current_setting('dossiersync.purpose', true),
			           current_setting('dossiersync.opened', true),
			           current_setting('dossiersync.readable', true))`
		if err := tx.QueryRow(t.Context(), q).Scan(&left); err != nil || left != "" {
			t.Errorf("settings of earlier transactions: %q, %v", left, err)
		}
	})
}

// listOf returns the grants as a list.
func listOf(grants ...store.Grant) store.GrantList {
	return store.GrantList{End: func() store.ListEnd { return store.ListEnd{AsOf: time.Now()} }, Next: func() (*store.Grant, error) {
		if len(grants) == 0 {
			return nil, nil
		}
		g := grants[0]
		grants = grants[1:]
		return &g, nil
	}}
}

// Many users at once on few connections: each sees the same as alone, whichever user had the connection
// before, also if that user's request was cancelled.
func TestPgbouncerKeepsUsersApart(t *testing.T) {
	t.Parallel()
	r := storetest.NewReplica(t)
	seedTwo(t, r)
	reader, err := store.OpenPortal(t.Context(), storetest.Pgbouncer(t, r.ReaderURL, 3), r.Keys)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(reader.Close)
	users := []store.Identity{
		{Tenant: "amaris", User: "daughter"}, {Tenant: "amaris", User: "manager"},
		{Tenant: "amaris", User: "son"}, {Tenant: "szr", User: "son"}, {Tenant: "szr", User: "unknown"},
	}
	kinds := []dossier.Kind{dossier.KindReport, dossier.KindForm}
	look := func(ctx context.Context, from *store.Portal, id store.Identity, client string) (any, error) {
		_, dossiers, _, err := from.Dossiers(ctx, id, "")
		if err != nil {
			return nil, err
		}
		list, err := from.List(ctx, id, client, store.ListQuery{Kinds: kinds, Limit: 20, Bodies: true})
		if err != nil {
			return nil, err
		}
		_, item, err := from.Item(ctx, id, client, id.Tenant+client+"reports1", dossier.KindReport, "")
		if err != nil {
			return nil, err
		}
		_, periods, _, err := from.Density(ctx, id, client, store.DensityQuery{By: store.Day, Kinds: kinds})
		if err != nil {
			return nil, err
		}
		_, contacts, _, err := from.Contacts(ctx, id, client, "")
		if err != nil {
			return nil, err
		}
		_, accesses, _, err := from.Accesses(ctx, id, client, store.AccessQuery{Limit: 10})
		return []any{dossiers, list, item, periods, contacts, accesses}, err
	}
	type place struct {
		id     store.Identity
		client string
	}
	want := make(map[place]any)
	for _, id := range users {
		for _, client := range []string{"1", "2", "3"} {
			if want[place{id, client}], err = look(t.Context(), r.Reader, id, client); err != nil {
				t.Fatal(err)
			}
		}
	}
	log := store.NewAccessLog(reader)
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- log.Run(ctx) }()
	const busy, each = 8, 15
	var g errgroup.Group
	for range busy {
		g.Go(func() error {
			for range each {
				p := place{users[rand.IntN(len(users))], fmt.Sprint(1 + rand.IntN(3))}
				if rand.IntN(4) == 0 { // a request that is cancelled on its way
					ctx, cancel := context.WithTimeout(t.Context(), time.Duration(rand.IntN(3000))*time.Microsecond)
					_, _ = look(ctx, reader, p.id, p.client)
					cancel()
					continue
				}
				got, err := look(t.Context(), reader, p.id, p.client)
				if err != nil {
					return err
				}
				if diff := cmp.Diff(want[p], got, cmpopts.IgnoreFields(store.Standing{}, "Now")); diff != "" {
					return fmt.Errorf("%v of %s (-alone +among others):\n%s", p.id, p.client, diff)
				}
				e := event(p.id.User)
				e.Client = ""
				// On a busy machine a second may not be enough; nothing is shown then.
				if err := log.Append(t.Context(), e); err != nil && !errors.Is(err, store.ErrLogUnavailable) {
					return err
				}
			}
			return nil
		})
	}
	// The portal stores grants at the same time, in transactions of several round trips.
	g.Go(func() error {
		for n := range each {
			grant := store.Grant{
				Client: "9", User: fmt.Sprint("user", n), Role: store.RoleContact,
				Parts: []dossier.Part{dossier.PartReports}, State: store.GrantAccepted,
			}
			amaris := store.Identity{Tenant: "amaris", User: "portal"}
			_, _, _, err := reader.PutGrant(t.Context(), amaris, grant, store.Actor{User: "x"}, event("portal"))
			if err != nil && !errors.Is(err, store.ErrLogUnavailable) {
				return err
			}
			all := listOf(store.Grant{
				Client: "1", User: "son", Role: store.RoleContact, Manager: true,
				Parts: dossier.Parts(), State: store.GrantAccepted,
			})
			szr := store.Identity{Tenant: "szr", User: "portal"}
			put, err := reader.PutGrants(t.Context(), szr, all, "x", event("portal"))
			if (err != nil || put != store.GrantsPut{}) && !errors.Is(err, store.ErrLogUnavailable) {
				return fmt.Errorf("a list equal to the grants has changed %v, %w", put, err)
			}
		}
		return nil
	})
	if err := g.Wait(); err != nil {
		t.Error(err)
	}
	stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}
