package main

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"dossiersync/cmd/dossiersync/app"
	"dossiersync/config"
	"dossiersync/store"
)

type quarantineRetryCmd struct {
	Keys   []string `arg:"" optional:"" name:"key" help:"The keys of the items; default: all items of the tenant."`
	Tenant string   `help:"The tenant." required:"" placeholder:"TENANT"`
	NoWait bool     `help:"Fail (exit 1) instead of waiting while the tenant has another run."`
}

// maxKeys is the largest number of keys in a run's scope.
const maxKeys = 50

// Help implements kong's HelpProvider.
func (*quarantineRetryCmd) Help() string {
	return `Reads items again by their ids and applies them, in this process, as every run does at
its end. An item without an id cannot be read this way: sync --full reads it again.

Examples:
  dossiersync quarantine retry --tenant amaris
  dossiersync quarantine retry 3xE4w6UEAgpxV2HZxJrlAA --tenant amaris

Exit codes: 0 all items have left the quarantine; 1 failed; 3 some items stay.`
}

// Run implements the command.
func (c *quarantineRetryCmd) Run(ctx context.Context, a *session) error {
	return a.withStore(ctx, func(cfg *config.Config, st *store.Store) error {
		keys := distinct(c.Keys)
		if len(keys) > maxKeys {
			return app.Usagef("retry takes at most %d keys; without keys it retries all items", maxKeys)
		}
		before, err := quarantinedOf(ctx, a, cfg, st, c.Tenant, keys)
		if err != nil {
			return err
		}
		if len(before) == 0 {
			if a.cli.JSON {
				return printJSON(a.out, retryJSON{Left: meant(nil)})
			}
			fmt.Fprintf(a.out, "Nothing of %s is in quarantine.\n", c.Tenant)
			return nil
		}
		f, err := newForeground(ctx, a, cfg, st, store.Scope{Only: store.StepQuarantine, Keys: keys})
		if err != nil {
			return err
		}
		f.noWait = c.NoWait
		run, err := f.one(ctx, c.Tenant)
		if err != nil {
			return err
		}
		after, err := st.Quarantine(ctx, store.QuarantineFilter{Tenant: c.Tenant, Limit: allOfIt})
		if err != nil {
			return err
		}
		return c.printResult(a, cfg, run, before, after)
	})
}

// allOfIt is the limit with which a tenant's whole quarantine is read.
const allOfIt = 100_000

type retryJSON struct {
	Run  *store.Run        `json:"run"`  // null: there was nothing to retry
	Left []quarantinedJSON `json:"left"` // the retried items that stay in quarantine
}

// printResult prints which of the retried items have left the quarantine.
func (*quarantineRetryCmd) printResult(
	a *session, cfg *config.Config, run store.Run, before, after []store.Quarantined,
) error {
	tried := make(map[string]bool, len(before))
	for _, q := range before {
		tried[q.Key] = true
	}
	left := slices.DeleteFunc(after, func(q store.Quarantined) bool { return !tried[q.Key] })
	hideClients(left)
	var worst error
	switch {
	case *run.Outcome == store.OutcomeFailed || *run.Outcome == store.OutcomeCancelled:
		worst = errPrinted
	case len(left) > 0 || *run.Outcome == store.OutcomePartial:
		worst = errLeftOver
	}
	if a.cli.JSON {
		return errors.Join(printJSON(a.out, retryJSON{&run, meant(left)}), worst)
	}
	printRun(a.out, run)
	fmt.Fprintf(a.out, "%d items left the quarantine, %d stay in it.\n", len(before)-len(left), len(left))
	if len(left) > 0 {
		printQuarantine(a.out, cfg, left)
	}
	return worst
}

// quarantinedOf returns the tenant's items in quarantine: those with the keys, which
// must all be there, or without keys all of them.
func quarantinedOf(
	ctx context.Context, a *session, cfg *config.Config, st *store.Store, tenant string, keys []string,
) ([]store.Quarantined, error) {
	if _, err := selectTenants(cfg, tenant); err != nil {
		return nil, err
	}
	list, err := st.Quarantine(ctx, store.QuarantineFilter{Tenant: tenant, Limit: allOfIt})
	if err != nil || len(keys) == 0 {
		return list, err
	}
	list = slices.DeleteFunc(list, func(q store.Quarantined) bool { return !slices.Contains(keys, q.Key) })
	for _, key := range keys {
		if !slices.ContainsFunc(list, func(q store.Quarantined) bool { return q.Key == key }) {
			fmt.Fprintf(a.err, "dossiersync: %s has no item %s in quarantine; nothing was done\n", tenant, key)
			err = errPrinted
		}
	}
	return list, err
}

func distinct(keys []string) []string {
	return slices.Compact(slices.Sorted(slices.Values(keys)))
}
