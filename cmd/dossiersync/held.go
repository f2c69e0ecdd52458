package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"dossiersync/cmd/dossiersync/app"
	"dossiersync/config"
	"dossiersync/store"
)

type heldCmd struct {
	List    heldListCmd    `cmd:"" default:"withargs" help:"List the sets of items that are held, oldest first."`
	Show    heldShowCmd    `cmd:"" help:"List the items of one set."`
	Approve heldApproveCmd `cmd:"" help:"Let the next run carry out what is held."`
	Keep    heldKeepCmd    `cmd:"" help:"Leave the items as they are for some time, and ask for nothing meanwhile."`
	Reopen  heldReopenCmd  `cmd:"" help:"Take back what was decided on a set."`
}

// Help implements kong's HelpProvider.
func (*heldCmd) Help() string {
	return `dossiersync removes an item that the source no longer shows, although the source did not
say that it was deleted, only if few items are concerned. A larger set is held: its items
stay readable as they were. A set of items whose marks ("not for the client") are no longer
there is held too: its items stay hidden. A set ends by itself when the source shows the
items, or the marks, again.

Examples:
  dossiersync held
  dossiersync held show 12 --tenant amaris
  dossiersync held approve 12 --tenant amaris --items 24 --note "afgestemd met applicatiebeheer"
  dossiersync held keep 12 --tenant amaris --items 24 --note "bron wordt hersteld"`
}

type heldListCmd struct {
	Tenant string `help:"Only this tenant." placeholder:"TENANT"`
}

// Help implements kong's HelpProvider.
func (*heldListCmd) Help() string {
	return `Examples:
  dossiersync held list
  dossiersync held list --tenant amaris --json`
}

// Run implements the command.
func (c *heldListCmd) Run(ctx context.Context, a *session) error {
	return a.withStore(ctx, func(cfg *config.Config, st *store.Store) error {
		if _, err := selectTenants(cfg, c.Tenant); err != nil {
			return err
		}
		list, err := st.Holds(ctx, c.Tenant)
		if err != nil {
			return err
		}
		if a.cli.JSON {
			return printJSON(a.out, map[string]any{"holds": append([]store.Hold{}, list...)})
		}
		if len(list) == 0 {
			fmt.Fprintln(a.out, "Nothing is held.")
			return nil
		}
		printHolds(a.out, cfg, list)
		return nil
	})
}

func printHolds(w io.Writer, cfg *config.Config, list []store.Hold) {
	table(w, "TENANT\tSET\tSINCE\tSTREAM\tTYPE\tWHAT\tITEMS\tCLIENTS\tSTATE\tBECAUSE", func(t io.Writer) {
		for _, h := range list {
			what, state := "removals", string(h.State)
			if h.Reveals {
				what = "reveals"
			}
			if h.Until != nil {
				state += " until " + moment(*h.Until, zoneOf(cfg, h.Tenant))
			}
			fmt.Fprintf(t, "%s\t%d\t%s\t%s\t%s\t%s\t%d\t%d\t%s\t%s\n", h.Tenant, h.ID,
				moment(h.Since, zoneOf(cfg, h.Tenant)), h.Stream, h.Type, what, h.Items, h.Clients, state, h.Rule.Meaning())
		}
	})
}

// setArgs name one set.
type setArgs struct {
	Set    int64  `arg:"" help:"The set's number, as held list shows it."`
	Tenant string `required:"" help:"The tenant." placeholder:"TENANT"`
	Client string `help:"Only the items of this client (the source's Patient id)." placeholder:"ID"`
}

type heldShowCmd struct {
	setArgs

	After string `help:"Begin after the item with this key." placeholder:"KEY"`
	Limit int    `help:"The largest number of items; default: ${default}." default:"100" placeholder:"N"`
}

// Help implements kong's HelpProvider.
func (*heldShowCmd) Help() string {
	return `Shows no titles and no texts.

Examples:
  dossiersync held show 12 --tenant amaris
  dossiersync held show 12 --tenant amaris --client 4711`
}

// Run implements the command.
func (c *heldShowCmd) Run(ctx context.Context, a *session) error {
	return a.withStore(ctx, func(cfg *config.Config, st *store.Store) error {
		if _, err := selectTenants(cfg, c.Tenant); err != nil {
			return err
		}
		if c.Limit < 1 {
			return app.Usagef("--limit must be 1 or more")
		}
		list, err := st.HeldItems(ctx, c.Tenant, c.Set, c.Client, c.After, c.Limit)
		if err != nil {
			return err
		}
		if a.cli.JSON {
			return printJSON(a.out, map[string]any{"items": append([]store.HeldItem{}, list...)})
		}
		if len(list) == 0 {
			fmt.Fprintf(a.out, "Nothing is held in set %d of %s.\n", c.Set, c.Tenant)
			return nil
		}
		printHeldItems(a.out, zoneOf(cfg, c.Tenant), list)
		if len(list) == c.Limit {
			fmt.Fprintf(a.out, "There may be more: --after %s\n", list[len(list)-1].Key)
		}
		return nil
	})
}

func printHeldItems(w io.Writer, zone *time.Location, list []store.HeldItem) {
	table(w, "CLIENT\tKEY\tTYPE\tKIND\tDATE\tMISSING\tSINCE", func(t io.Writer) {
		for _, it := range list {
			kind, date, missing := "-", "-", string(it.Missing)
			if it.Kind != nil {
				kind = string(*it.Kind)
			}
			if it.At != nil {
				date = it.At.In(zone).Format(time.DateOnly)
			}
			if it.Refused {
				missing = "refused by the source"
			}
			fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", cmp.Or(it.Client, "-"), it.Key, it.Type, kind, date,
				missing, moment(it.Since, zone))
		}
	})
}

// decideArgs are the arguments of a decision on a set, or on all sets of a type or of the tenant.
type decideArgs struct {
	Set     int64  `arg:"" optional:"" help:"The set's number, as held list shows it; or give --type or --all."`
	Tenant  string `required:"" help:"The tenant." placeholder:"TENANT"`
	Type    string `help:"All sets of this FHIR type." placeholder:"TYPE" xor:"which"`
	All     bool   `help:"All sets of the tenant." xor:"which"`
	Reveals bool   `help:"With --type or --all: the sets of marks, in place of those of removals."`
	Client  string `help:"Only the items of this client (the source's Patient id)." placeholder:"ID"`
	Items   int64  `required:"" help:"How many items you were shown. If more are held now, nothing is decided." placeholder:"N"`
	Note    string `required:"" help:"Why." placeholder:"NOTE"`
}

// what names what is decided on.
func (c *decideArgs) what() string {
	switch {
	case c.Set > 0:
		return fmt.Sprintf("in set %d of %s", c.Set, c.Tenant)
	case c.Type != "":
		return fmt.Sprintf("of type %s of %s", c.Type, c.Tenant)
	}
	return "of " + c.Tenant
}

func (c *decideArgs) decide(ctx context.Context, a *session, state store.HoldState, until time.Time, done string) error {
	if several := c.All || c.Type != ""; c.Set < 0 || (c.Set > 0) == several || c.Reveals && !several {
		return app.Usagef("give the number of a set, or --type, or --all; --reveals goes with the last two")
	}
	by, err := a.person()
	if err != nil {
		return err
	}
	return a.withStore(ctx, func(cfg *config.Config, st *store.Store) error {
		if _, err := selectTenants(cfg, c.Tenant); err != nil {
			return err
		}
		n, err := st.DecideHold(ctx, store.HoldDecision{Tenant: c.Tenant, Hold: c.Set, Type: c.Type, Reveals: c.Reveals,
			Client: c.Client, State: state, Until: until, By: by, Note: c.Note, Seen: c.Items})
		switch {
		case errors.Is(err, store.ErrNotFound):
			fmt.Fprintf(a.err, "dossiersync: nothing is held %s; see dossiersync held\n", c.what())
			return errPrinted
		case errors.Is(err, store.ErrHoldGrew):
			fmt.Fprintf(a.err, "dossiersync: %d items are held now, not %d; look again: dossiersync held --tenant %s\n",
				n, c.Items, c.Tenant)
			return errPrinted
		case err != nil:
			return err
		}
		if a.cli.JSON {
			return printJSON(a.out, map[string]any{"items": n})
		}
		fmt.Fprintf(a.out, "%d %s %s\n", n, plural(n, "item"), done)
		return nil
	})
}

type heldApproveCmd struct{ decideArgs }

// Help implements kong's HelpProvider.
func (*heldApproveCmd) Help() string {
	return `Each item is read once more by its id before it is removed, or shown again.

Examples:
  dossiersync held approve 12 --tenant amaris --items 24 --note "afgestemd met applicatiebeheer"
  dossiersync held approve --type Observation --tenant amaris --items 40 --note "idem"
  dossiersync held approve --all --client 4711 --tenant amaris --items 12 --note "cliënt is vertrokken"`
}

// Run implements the command.
func (c *heldApproveCmd) Run(ctx context.Context, a *session) error {
	return c.decide(ctx, a, store.HoldApproved, time.Time{},
		"approved; the next run carries this out (dossiersync resync starts one).")
}

type heldKeepCmd struct {
	decideArgs

	Days int `help:"For how many days; default: ${default}." default:"30" placeholder:"N"`
}

// Help implements kong's HelpProvider.
func (*heldKeepCmd) Help() string {
	return `Examples:
  dossiersync held keep 12 --tenant amaris --items 24 --note "bron wordt hersteld" --days 7`
}

// Run implements the command.
func (c *heldKeepCmd) Run(ctx context.Context, a *session) error {
	if c.Days < 1 || c.Days > 366 {
		return app.Usagef("--days must be from 1 to 366")
	}
	return c.decide(ctx, a, store.HoldKept, time.Now().AddDate(0, 0, c.Days),
		fmt.Sprintf("kept as they are for %d %s.", c.Days, plural(int64(c.Days), "day")))
}

type heldReopenCmd struct{ decideArgs }

// Help implements kong's HelpProvider.
func (*heldReopenCmd) Help() string {
	return `Examples:
  dossiersync held reopen 12 --tenant amaris --items 24 --note "toch niet"`
}

// Run implements the command.
func (c *heldReopenCmd) Run(ctx context.Context, a *session) error {
	return c.decide(ctx, a, store.HoldOpen, time.Time{}, "held again.")
}

// plural returns the noun for a number.
func plural(n int64, noun string) string {
	if n == 1 {
		return noun
	}
	return noun + "s"
}
