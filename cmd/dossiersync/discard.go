package main

import (
	"context"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"dossiersync/cmd/dossiersync/app"
	"dossiersync/config"
	"dossiersync/store"
)

type quarantineDiscardCmd struct {
	Keys   []string `arg:"" name:"key" help:"The keys of the items, as quarantine list shows them."`
	Tenant string   `help:"The tenant." required:"" placeholder:"TENANT"`
	Reason string   `help:"Why the items are discarded, for the record. Do not name people." required:"" placeholder:"TEXT"`
}

// Help implements kong's HelpProvider.
func (*quarantineDiscardCmd) Help() string {
	return `Removes items from quarantine for good, with any raw bytes that are kept of them. Who
did so, when and why is recorded: see quarantine list --discarded.

What readers see does not change. If the source sends an item again (in a full run, in
a reconcile, or because it changed) and it still cannot be applied, it returns to
quarantine.

Examples:
  dossiersync quarantine discard 3xE4w6UEAgpxV2HZxJrlAA --tenant amaris \
      --by "Anna de Vries" --reason "test record of the supplier, call 20391"`
}

// Run implements the command.
func (c *quarantineDiscardCmd) Run(ctx context.Context, a *session) error {
	reason := strings.TrimSpace(c.Reason)
	switch {
	case reason == "":
		return app.Usagef("--reason is empty: say why the items are discarded")
	case utf8.RuneCountInString(reason) > 500, !utf8.ValidString(reason), strings.ContainsFunc(reason, unicode.IsControl):
		return app.Usagef("--reason must be one line of at most 500 characters")
	}
	by, err := a.person()
	if err != nil {
		return err
	}
	return a.withStore(ctx, func(cfg *config.Config, st *store.Store) error {
		keys := distinct(c.Keys)
		if _, err := quarantinedOf(ctx, a, cfg, st, c.Tenant, keys); err != nil {
			return err
		}
		if err := st.Discard(ctx, c.Tenant, keys, by, reason); err != nil {
			return err
		}
		if a.cli.JSON {
			return printJSON(a.out, map[string]any{"discarded": keys})
		}
		fmt.Fprintf(a.out, "%d discarded. An item that the source sends again, and that still cannot be applied, "+
			"returns to quarantine.\n", len(keys))
		return nil
	})
}
