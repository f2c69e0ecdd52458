package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"dossiersync/cmd/dossiersync/app"
	"dossiersync/config"
	"dossiersync/portalapi/ops/operate"
	"dossiersync/store"
	"dossiersync/store/dossier"
)

type runCmd struct {
	Show   runShowCmd   `cmd:"" help:"Show one run in full."`
	Cancel runCancelCmd `cmd:"" help:"Cancel a run."`
}

// Help implements kong's HelpProvider.
func (*runCmd) Help() string {
	return `The ids of runs are listed by: dossiersync runs

Examples:
  dossiersync run show 42
  dossiersync run cancel 42`
}

type runShowCmd struct {
	ID int64 `arg:"" help:"The run's id."`
}

// Help implements kong's HelpProvider.
func (*runShowCmd) Help() string {
	return `Shows how far the run is with each type, what it saw, and what it left out and why.

Examples:
  dossiersync run show 42
  dossiersync --json run show 42`
}

// Run implements the command.
func (c *runShowCmd) Run(ctx context.Context, a *session) error {
	return a.withStore(ctx, func(cfg *config.Config, st *store.Store) error {
		run, err := st.Run(ctx, c.ID)
		if err != nil {
			return a.noRun(c.ID, err)
		}
		if a.cli.JSON {
			return printJSON(a.out, run)
		}
		zone := zoneOf(cfg, run.Tenant)
		printOutcome(a.out, run)
		list, err := addWaits(ctx, cfg, st, &run, runFields(run, zone))
		if err != nil {
			return err
		}
		fields(a.out, list)
		if len(run.Types) == 0 {
			return nil
		}
		fmt.Fprintln(a.out)
		printAccounting(a.out, run.Types)
		for _, t := range run.Types {
			printRunType(a.out, run.Scope, t, zone)
		}
		printLeftOut(a.out, run.LeftOut)
		return nil
	})
}

// addWaits adds why a run that has not ended cannot read its source now.
func addWaits(
	ctx context.Context, cfg *config.Config, st *store.Store, run *store.Run, list [][2]string,
) ([][2]string, error) {
	t := app.OpsTenant(cfg, run.Tenant)
	if t == nil {
		return list, nil
	}
	words, err := operate.WaitWords(ctx, st, t, run)
	if words != "" {
		list = append(list, [2]string{"waits", words})
	}
	return list, err
}

// printLeftOut prints the places whose words reach no reader, those that are not accepted first.
func printLeftOut(w io.Writer, all []store.PlaceCount) {
	if len(all) == 0 {
		return
	}
	fmt.Fprintln(w)
	table(w, "LEFT OUT\tITEMS\tHOW\tWHY THAT IS RIGHT", func(t io.Writer) {
		for _, accepted := range []bool{false, true} {
			for _, p := range all {
				if (p.Accepted != "") == accepted {
					fmt.Fprintf(t, "%s\t%d\t%s\t%s\n", p.Place, p.Items, p.Kind, cmp.Or(p.Accepted, acceptance(p.Kind)))
				}
			}
		}
	})
}

// acceptance returns what is said of a place that is not accepted.
func acceptance(k dossier.LeftOutKind) string {
	if k == dossier.LeftOutWithheld {
		return "a mark, a rule or a condition keeps it from readers"
	}
	return "not looked at yet: dossiersync explain shows it for a record"
}

// noRun prints that there is no such run, if that is what err means.
func (a *session) noRun(id int64, err error) error {
	if !errors.Is(err, store.ErrNotFound) {
		return err
	}
	fmt.Fprintf(a.err, "dossiersync: there is no run %d; see dossiersync runs\n", id)
	return errPrinted
}

func runFields(run store.Run, zone *time.Location) [][2]string {
	at := func(t *time.Time, otherwise string) string {
		if t == nil {
			return otherwise
		}
		return t.In(zone).Format(toTheSecond)
	}
	by := ""
	if run.RequestedBy != nil {
		by = " by " + *run.RequestedBy
	}
	list := [][2]string{
		{"trigger", string(run.Trigger)},
		{"scope", operate.ScopeWords(run.Scope, zone)},
		{"requested", at(&run.RequestedAt, "") + by},
		{"started", at(run.StartedAt, "not yet")},
		{"ended", at(run.FinishedAt, "not yet")},
		{"slices", fmt.Sprint(run.Slices)},
	}
	if run.Slot != nil {
		list = slices.Insert(list, 1, [2]string{"slot", at(run.Slot, "")})
	}
	if len(run.NotPulled) > 0 {
		list = append(list, [2]string{"not pulled", notPulled(run.NotPulled)})
	}
	return list
}

// notPulled lists the types of the source that no stream reads, the most frequent first.
func notPulled(counts map[string]int64) string {
	types := slices.SortedFunc(maps.Keys(counts), func(a, b string) int {
		return cmp.Or(cmp.Compare(counts[b], counts[a]), strings.Compare(a, b))
	})
	for i, name := range types {
		types[i] = fmt.Sprintf("%s %d", name, counts[name])
	}
	return strings.Join(types, ", ")
}

// printRunType prints how far a run is with one type, and what it left out and why.
func printRunType(w io.Writer, scope store.Scope, t store.RunType, zone *time.Location) {
	name := t.Type
	if t.Query != "" {
		name += "?" + t.Query
	}
	fmt.Fprintf(w, "\n%s %s\n", t.Stream, name)
	if scope.Only == "" {
		from, reached := "the beginning", "nothing read yet"
		if t.From != nil {
			from = moment(*t.From, zone)
		}
		switch {
		case t.Done && t.Failure == nil:
			reached = "all read"
		case t.Upto != nil:
			reached = "read up to " + moment(*t.Upto, zone)
		}
		if t.Short {
			reached += ", but fewer items came than the source counted"
		}
		fmt.Fprintf(w, "  from %s to %s by the source's clock: %s\n", from, moment(t.To, zone), reached)
	}
	expected := "not counted by the source"
	if t.Expected != nil {
		expected = fmt.Sprintf("%d expected", *t.Expected)
	}
	fmt.Fprintf(w, "  %s, %d seen, %d removed because the source no longer has them, %d requests\n",
		expected, t.Effects.Seen(), t.Removed, t.Requests)
	if meaning := t.Count.Meaning(); meaning != "" {
		fmt.Fprintf(w, "  %s\n", meaning)
	}
	printReasons(w, t.Effects)
	if t.Failure != nil {
		fmt.Fprintf(w, "  failed: %s\n", *t.Failure)
	}
}

type runCancelCmd struct {
	ID int64 `arg:"" help:"The run's id."`
}

// Help implements kong's HelpProvider.
func (*runCancelCmd) Help() string {
	return `A waiting run ends at once; if it was for a slot, the slot gets no other run. A
running run ends at its next page: what it has applied stays, and the next run
continues from there.

Exit codes: 0 the run ends; 1 it had ended already.

Examples:
  dossiersync run cancel 42`
}

// Run implements the command.
func (c *runCancelCmd) Run(ctx context.Context, a *session) error {
	by, err := a.operator()
	if err != nil {
		return err
	}
	return a.withStore(ctx, func(_ *config.Config, st *store.Store) error {
		run, err := st.CancelRun(ctx, c.ID, by)
		if errors.Is(err, store.ErrRunDone) {
			fmt.Fprintf(a.err, "dossiersync: run %d has ended already: %s\n", run.ID, outcomeWord(run))
			return errPrinted
		}
		if err != nil {
			return a.noRun(c.ID, err)
		}
		switch {
		case a.cli.JSON:
			return printJSON(a.out, run)
		case run.State == store.RunDone:
			fmt.Fprintf(a.out, "Run %d of %s is cancelled.\n", run.ID, run.Tenant)
		default:
			fmt.Fprintf(a.out, "Run %d of %s ends at its next page. See: dossiersync run show %d\n", run.ID, run.Tenant, run.ID)
		}
		return nil
	})
}
