package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"dossiersync/cmd/dossiersync/app"
	"dossiersync/config"
	"dossiersync/portalapi/ops/operate"
	"dossiersync/store"
)

type statusCmd struct {
	Tenant string        `help:"Only this tenant." placeholder:"TENANT"`
	Only   []string      `help:"Only tenants in one of these states, or with one of these causes of attention; comma-separated." placeholder:"WORD"`
	Watch  bool          `help:"Show the status again and again, until stopped."`
	Every  time.Duration `help:"The time between two updates with --watch; default: ${default}." default:"5s" placeholder:"TIME"`
}

// Help implements kong's HelpProvider.
func (*statusCmd) Help() string {
	var codes, states []string
	for _, c := range operate.Codes() {
		codes = append(codes, string(c))
	}
	for _, s := range operate.States() {
		states = append(states, string(s))
	}
	return `Shows how far each tenant's replica is, and below the table what needs a person:
what it is, since when, what readers see meanwhile, and what to do. A cause that is
known can be acknowledged: dossiersync acknowledge.

The states are ` + strings.Join(states, ", ") + `.
The causes are ` + strings.Join(codes, ", ") + `.

With --json, --watch prints one line for each update.

Examples:
  dossiersync status
  dossiersync status --tenant amaris
  dossiersync status --only stale,removals-held
  dossiersync status --watch
  dossiersync --json status

Exit codes: 0 every tenant is fresh or waits for its first run, and nothing waits for a
person, or --watch was stopped; 1 failed; 3 a tenant is late, stale or was never read, or
has a cause of attention that is not acknowledged. With --only, other states and causes
do not count.`
}

// Run implements the command.
func (c *statusCmd) Run(ctx context.Context, a *session) error {
	if c.Every < 100*time.Millisecond {
		return app.Usagef("--every must be 100ms or more")
	}
	if err := c.checkOnly(); err != nil {
		return err
	}
	return a.withStore(ctx, func(cfg *config.Config, st *store.Store) error {
		ids, err := selectTenants(cfg, c.Tenant)
		if err != nil {
			return err
		}
		if c.Watch {
			return c.watch(ctx, a, cfg, st, ids)
		}
		s, err := c.read(ctx, cfg, st, ids)
		if err != nil {
			return err
		}
		if a.cli.JSON {
			err = printJSON(a.out, map[string]any{"items": s.Tenants})
		} else {
			printStatus(a.out, s)
		}
		if err == nil && slices.ContainsFunc(s.Tenants, c.needsPerson) {
			err = errLeftOver
		}
		return err
	})
}

// checkOnly fails if --only has a word that is neither a state nor a cause.
func (c *statusCmd) checkOnly() error {
	for _, word := range c.Only {
		if !slices.Contains(operate.States(), operate.State(word)) && !slices.Contains(operate.Codes(), operate.Code(word)) {
			return app.Usagef("--only: %q is neither a state nor a cause; see dossiersync status --help", word)
		}
	}
	return nil
}

// needsPerson reports whether a person has to look at the tenant; with --only, for one of the states
// and causes asked for.
func (c *statusCmd) needsPerson(s operate.Status) bool {
	if len(c.Only) == 0 {
		return s.NeedsPerson()
	}
	return s.State != operate.Fresh && s.State != operate.Waiting && slices.Contains(c.Only, string(s.State)) ||
		slices.ContainsFunc(s.OpenCauses(), func(k operate.Cause) bool { return slices.Contains(c.Only, string(k.Code)) })
}

// shows reports whether the tenant is one of those that --only asks for.
func (c *statusCmd) shows(s operate.Status) bool {
	return len(c.Only) == 0 || slices.Contains(c.Only, string(s.State)) ||
		slices.ContainsFunc(s.Attention, func(k operate.Cause) bool { return slices.Contains(c.Only, string(k.Code)) })
}

// read returns the status of the service, with the tenants that are asked for.
func (c *statusCmd) read(
	ctx context.Context, cfg *config.Config, st *store.Store, ids []string,
) (operate.Service, error) {
	tenants := make([]*operate.Tenant, 0, len(ids))
	for _, id := range ids {
		tenants = append(tenants, app.OpsTenant(cfg, id))
	}
	s, err := operate.ServiceOf(ctx, st, tenants)
	if err == nil && len(s.Tenants) > 0 {
		s.Now = s.Tenants[0].Now // in the zone of the first
	}
	s.Tenants = slices.DeleteFunc(s.Tenants, func(t operate.Status) bool { return !c.shows(t) })
	return s, err
}

// printStatus prints a table of tenants with remarks below it, on a terminal in colour.
func printStatus(w io.Writer, service operate.Service) {
	now, list := service.Now, service.Tenants
	if len(list) == 0 {
		fmt.Fprintln(w, "No tenant is in such a state.")
		return
	}
	paint := painter(w)
	header := "TENANT\t" + paint(plain, "STATE") + "\tLAST SUCCESS\tNEXT SLOT\tLAST RUN\tQUARANTINE\tSOURCE"
	table(w, header, func(t io.Writer) {
		for _, s := range list {
			source := "readable"
			switch {
			case s.LastOutcome == nil && s.Unreachable == nil && s.Trouble == nil:
				source = "not tried yet"
			case s.Unreachable != nil:
				source = "not readable, first " + ago(now, s.Unreachable)
			case s.Trouble != nil:
				source = "asks for patience"
			}
			last := "none"
			switch {
			case s.Running != nil:
				last = fmt.Sprintf("run %d is running", *s.Running)
			case s.LastOutcome != nil:
				last = string(*s.LastOutcome)
			}
			state := paint(colourOf[s.State], string(s.State))
			fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%d\t%s\n", s.ID, state, ago(now, s.LastSuccess),
				s.NextSlot.Format("Mon 15:04 MST"), last, s.Quarantined, source)
		}
	})
	for _, s := range list {
		printCauses(w, &s)
		printRemarks(w, &s, now)
	}
	fmt.Fprintln(w, service.WorkerWords())
	if len(list) == 1 {
		s := &list[0]
		fmt.Fprintf(w, "%s: at most %g requests per second to the source, and %d at once\n",
			s.ID, s.Pace.RequestsPerSecond, s.Pace.Concurrency)
		if s.RequestBudget == 0 && s.LastOutcome != nil {
			fmt.Fprintf(w, "%s: the last run made %d requests; a run has no limit\n", s.ID, s.Requests)
		}
	}
}

var colourOf = map[operate.State]colour{
	operate.Fresh: green, operate.Waiting: plain, operate.Late: yellow, operate.Stale: red, operate.Never: red,
}

// printCauses prints what needs a person, or is good to know.
func printCauses(w io.Writer, s *operate.Status) {
	for _, c := range s.Attention {
		since := ""
		if c.Since != nil {
			since = ", since " + moment(*c.Since, s.Now.Location())
		}
		fmt.Fprintf(w, "%s: %s: %s%s\n", s.ID, c.Code, c.What, since)
		fmt.Fprintf(w, "  readers see %s\n", c.ReadersSee)
		switch a := c.Acknowledged; {
		case a != nil:
			fmt.Fprintf(w, "  known: %s (%s, until %s)\n", a.Note, a.By, moment(a.Until, s.Now.Location()))
		default:
			fmt.Fprintf(w, "  do: %s\n", c.Do)
			if c.Command != "" {
				fmt.Fprintf(w, "      %s\n", c.Command)
			}
			fmt.Fprintf(w, "      %s\n", c.Runbook)
		}
	}
}

// printRemarks prints what does not fit in the table and needs nobody.
func printRemarks(w io.Writer, s *operate.Status, now time.Time) {
	if s.LastMessage != nil {
		fmt.Fprintf(w, "%s: the last run: %s\n", s.ID, *s.LastMessage)
	}
	if s.EpochSince != nil {
		fmt.Fprintf(w, "%s: the source was restored or replaced %s (epoch %d)\n", s.ID, ago(now, s.EpochSince), s.Epoch)
	}
	if s.RequestBudget > 0 && s.LastOutcome != nil {
		fmt.Fprintf(w, "%s: the last run made %d of the %d requests that a run may make\n", s.ID, s.Requests, s.RequestBudget)
	}
}

// withStore calls f with the configuration and its database, which it closes afterwards.
func (a *session) withStore(ctx context.Context, f func(*config.Config, *store.Store) error) (err error) {
	cfg, err := a.load()
	if err != nil {
		return err
	}
	db, err := app.OpenDatabase(ctx, cfg)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	st, err := db.Open(ctx)
	if err != nil {
		return err
	}
	defer st.Close()
	return f(cfg, st)
}
