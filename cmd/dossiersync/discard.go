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
	Keys   []string `arg:"" name:"key" help:"The items."`
	Tenant string   `help:"The tenant." required:"" placeholder:"TENANT"`
	Reason string   `help:"Why, for who looks later. No names of people." required:"" placeholder:"TEXT"`
}

// Help implements kong's HelpProvider.
func (*quarantineDiscardCmd) Help() string {
	return `Takes items out of quarantine for good, with what is kept of their bytes. Who did
so, when and why is recorded: quarantine list --discarded.

What readers see stays as it is. An item that comes again from the source, and is
still bad, is back in quarantine: a full run, a reconcile or a change at the source
brings it.

Examples:
  dossiersync quarantine discard 3xE4w6UEAgpxV2HZxJrlAA --tenant amaris \
      --by "Anna de Vries" --reason "test record of the supplier, call 20391"`
}

// Run implements the command.
func (c *quarantineDiscardCmd) Run(ctx context.Context, a *session) error {
	reason := strings.TrimSpace(c.Reason)
	switch {
	case reason == "":
		return app.Usagef("--reason is empty: say why, for who looks later")
	case utf8.RuneCountInString(reason) > 500 || !utf8.ValidString(reason) || strings.ContainsFunc(reason, unicode.IsControl):
		return app.Usagef("--reason must be one line of 500 characters at most")
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
		noun := "items are"
		if len(keys) == 1 {
			noun = "item is"
		}
		fmt.Fprintf(a.out, "%d %s discarded; if it comes again and is still bad, it is back in quarantine.\n", len(keys), noun)
		return nil
	})
}
