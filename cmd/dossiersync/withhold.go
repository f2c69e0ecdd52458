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
	"dossiersync/portalapi/ops/operate"
	"dossiersync/store"
)

type withholdCmd struct {
	Add  withholdAddCmd  `cmd:"" default:"withargs" help:"Keep a client or an item from readers at once."`
	List withholdListCmd `cmd:"" help:"List what is withheld, oldest first."`
}

// Help implements kong's HelpProvider.
func (*withholdCmd) Help() string {
	return `The first thing to do in a data breach. The client or the item is out of every answer from
the next request on, whatever the source says, until you release it. No source and no
worker is needed, and the client or the item need not be stored yet.

Examples:
  dossiersync withhold --tenant amaris --client 4711 --note "melding 2026-031"
  dossiersync withhold --tenant amaris --item Observation/98 --note "melding 2026-031"
  dossiersync withhold list`
}

// targetArgs name what is withheld or released.
type targetArgs struct {
	Tenant string `required:"" help:"The tenant." placeholder:"TENANT"`
	Client string `help:"The client (the source's Patient id)." placeholder:"ID"`
	Item   string `help:"The item: its id in the portal (its key), or TYPE/ID of the source." placeholder:"ITEM"`
	Note   string `required:"" help:"Why, without names of people." placeholder:"NOTE"`
}

// target returns the target with the operator's name and note.
func (c *targetArgs) target(a *session) (store.Withholding, error) {
	w, err := operate.Target(c.Tenant, c.Client, c.Item)
	if err != nil {
		return w, app.Usagef("%w", err)
	}
	var ok bool
	if w.Note, ok = operate.Note(c.Note); !ok {
		return w, app.Usagef("--note must be one line of at most 500 characters")
	}
	w.By, err = a.person()
	return w, err
}

func (c *targetArgs) name() string {
	if c.Client != "" {
		return "client " + c.Client
	}
	return "item " + c.Item
}

type withholdAddCmd struct{ targetArgs }

// Help implements kong's HelpProvider.
func (*withholdAddCmd) Help() string {
	return `A withheld client answers like a client who does not exist. A withheld item is in no list,
count or search, and its words leave the items that show them: a goal its care plan, a
member of staff the reports. A goal or an action that is written inside a care plan has no
record of its own: withhold the care plan.

It is recorded under your name, and beside erasures_file, so that it holds again after a
backup was restored.

Examples:
  dossiersync withhold --tenant amaris --client 4711 --note "melding 2026-031"
  dossiersync withhold add --tenant amaris --item Goal/12 --note "verkeerde cliënt"

Exit codes: 0 withheld; 3 withheld, with something left over.`
}

// Run implements the command.
func (c *withholdAddCmd) Run(ctx context.Context, a *session) error {
	w, err := c.target(a)
	if err != nil {
		return err
	}
	return a.withholder(ctx, c.Tenant, func(cfg *config.Config, h *operate.Withholder) error {
		out, err := h.Withhold(ctx, app.OpsTenant(cfg, c.Tenant), w)
		if err != nil {
			return err
		}
		done := "Withheld from readers: %s of %s, by %s since %s.\n"
		if !out.Created {
			done = "Already withheld from readers: %s of %s, by %s since %s.\n"
		}
		return a.printWithheld(out, fmt.Sprintf(done, c.name(), c.Tenant, out.By, moment(out.Since, zoneOf(cfg, c.Tenant))))
	})
}

type releaseCmd struct{ targetArgs }

// Help implements kong's HelpProvider.
func (*releaseCmd) Help() string {
	return `Examples:
  dossiersync release --tenant amaris --client 4711 --note "melding 2026-031 afgehandeld"

Exit codes: 0 released; 1 failed, or nothing such is withheld; 3 released, with something
left over.`
}

// Run implements the command.
func (c *releaseCmd) Run(ctx context.Context, a *session) error {
	w, err := c.target(a)
	if err != nil {
		return err
	}
	return a.withholder(ctx, c.Tenant, func(_ *config.Config, h *operate.Withholder) error {
		out, err := h.Release(ctx, w)
		if errors.Is(err, store.ErrNotFound) {
			fmt.Fprintf(a.err, "dossiersync: %s of %s is not withheld; see dossiersync withhold list\n", c.name(), c.Tenant)
			return errPrinted
		}
		if err != nil {
			return err
		}
		done := "Released: readers may see %s of %s again, as the source has it.\n"
		return a.printWithheld(out, fmt.Sprintf(done, c.name(), c.Tenant))
	})
}

// withholder calls f with the configuration and what withholds.
func (a *session) withholder(
	ctx context.Context, tenant string, f func(*config.Config, *operate.Withholder) error,
) error {
	return a.withStore(ctx, func(cfg *config.Config, st *store.Store) error {
		if _, err := selectTenants(cfg, tenant); err != nil {
			return err
		}
		h := app.NewWithholder(cfg, st, nil)
		h.Patience = 10 * time.Minute
		return f(cfg, h)
	})
}

func (a *session) printWithheld(out operate.Withheld, done string) error {
	if a.cli.JSON {
		if err := printJSON(a.out, out); err != nil {
			return err
		}
	} else {
		fmt.Fprint(a.out, done)
		for _, text := range out.LeftOver {
			fmt.Fprintln(a.out, text)
		}
	}
	if len(out.LeftOver) > 0 {
		return errLeftOver
	}
	return nil
}

type withholdListCmd struct {
	Tenant string `help:"Only this tenant." placeholder:"TENANT"`
	All    bool   `help:"Also what was released."`
}

// Help implements kong's HelpProvider.
func (*withholdListCmd) Help() string {
	return `Examples:
  dossiersync withhold list
  dossiersync withhold list --tenant amaris --all --json`
}

// Run implements the command.
func (c *withholdListCmd) Run(ctx context.Context, a *session) error {
	return a.withStore(ctx, func(cfg *config.Config, st *store.Store) error {
		if _, err := selectTenants(cfg, c.Tenant); err != nil {
			return err
		}
		read := st.Withheld
		if c.All {
			read = st.Withholdings
		}
		list, err := read(ctx, c.Tenant)
		if err != nil {
			return err
		}
		if a.cli.JSON {
			return printJSON(a.out, map[string]any{"withheld": append([]store.Withholding{}, list...)})
		}
		if len(list) == 0 {
			fmt.Fprintln(a.out, "Nothing is withheld.")
			return nil
		}
		printWithholdings(a.out, cfg, list)
		return nil
	})
}

func printWithholdings(w io.Writer, cfg *config.Config, list []store.Withholding) {
	table(w, "TENANT\tCLIENT\tITEM\tSINCE\tBY\tNOTE\tRELEASED", func(t io.Writer) {
		for _, h := range list {
			released := "-"
			if h.Released != nil {
				released = fmt.Sprintf("%s by %s: %s", moment(*h.Released, zoneOf(cfg, h.Tenant)), *h.ReleasedBy, *h.ReleasedNote)
			}
			fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", h.Tenant, cmp.Or(h.Client, "-"), cmp.Or(h.Ref, h.Item, "-"),
				moment(h.Since, zoneOf(cfg, h.Tenant)), h.By, h.Note, released)
		}
	})
}
