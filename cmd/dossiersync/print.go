package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"dossiersync/cmd/dossiersync/app"
	"dossiersync/config"
	"dossiersync/portalapi/ops/operate"
	"dossiersync/store"
)

// printJSON writes v as JSON.
func printJSON(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(v)
}

// table writes rows of aligned columns.
func table(w io.Writer, header string, rows func(t io.Writer)) {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, header)
	rows(t)
	t.Flush()
}

// fields writes names with their values.
func fields(w io.Writer, list [][2]string) {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, f := range list {
		fmt.Fprintf(t, "  %s\t%s\n", f[0], f[1])
	}
	t.Flush()
}

// moment returns t to the minute in a tenant's zone, with the zone's name.
func moment(t time.Time, zone *time.Location) string { return operate.Moment(t, zone) }

// toTheSecond is the layout of a time that is given to the second.
const toTheSecond = time.DateTime + " MST"

// zoneOf returns the tenant's zone, or UTC if the tenant is no longer configured.
func zoneOf(cfg *config.Config, tenant string) *time.Location {
	for i := range cfg.Tenants {
		if cfg.Tenants[i].ID == tenant {
			return cfg.Tenants[i].Location
		}
	}
	return time.UTC
}

// printRun prints how a run ended, what it saw, and what it left out and why.
func printRun(w io.Writer, run store.Run) {
	printOutcome(w, run)
	if len(run.Types) == 0 {
		return
	}
	printReasons(w, printAccounting(w, run.Types))
	printNotPulled(w, run.NotPulled)
	for _, rt := range run.Types {
		if rt.Failure != nil {
			fmt.Fprintf(w, "  %s %s\n", rt.Stream, *rt.Failure)
		}
	}
}

// printOutcome prints a line on how a run ended, or its state if it has not.
func printOutcome(w io.Writer, run store.Run) {
	took := ""
	if run.StartedAt != nil && run.FinishedAt != nil {
		took = fmt.Sprintf(" in %s", run.FinishedAt.Sub(*run.StartedAt).Round(10*time.Millisecond))
	}
	fmt.Fprintf(w, "%s: run %d %s%s", run.Tenant, run.ID, outcomeWord(run), took)
	if run.Message != nil {
		fmt.Fprintf(w, ": %s", *run.Message)
	}
	fmt.Fprintln(w)
}

// printAccounting prints what was done with the items that were seen, by type, and
// returns the sum.
func printAccounting(w io.Writer, types []store.RunType) store.Effects {
	total := make(store.Effects)
	const header = "  stream\ttype\tseen\tcreated\tupdated\tunchanged\thidden\twithdrawn\tsuperseded\tquarantined"
	table(w, header, func(t io.Writer) {
		for _, rt := range types {
			printCounts(t, string(rt.Stream), rt.Type, rt.Effects.Counts())
			total.Add(rt.Effects)
		}
		printCounts(t, "total", "", total.Counts())
	})
	return total
}

// printReasons prints why items are not shown.
func printReasons(w io.Writer, of store.Effects) {
	for _, e := range of.Reasons() {
		fmt.Fprintf(w, "  %d %s (%s): %s\n", of[e], e.Word(), e.Reason(), e.Reason().Meaning())
	}
}

// printNotPulled prints a line on what the source has that no search asks for. It names
// the types with the most items.
func printNotPulled(w io.Writer, counts map[string]int64) {
	const named = 4
	if len(counts) == 0 {
		return
	}
	types := slices.SortedFunc(maps.Keys(counts), func(a, b string) int {
		return cmp.Or(cmp.Compare(counts[b], counts[a]), strings.Compare(a, b))
	})
	var total int64
	var words []string
	for i, name := range types {
		total += counts[name]
		if i < named {
			words = append(words, fmt.Sprintf("%d %s", counts[name], name))
		}
	}
	if more := len(types) - named; more > 0 {
		words = append(words, fmt.Sprintf("and of %d more types", more))
	}
	fmt.Fprintf(w, "  %d not-pulled: no search asks for them (%s)\n", total, strings.Join(words, ", "))
}

func printCounts(w io.Writer, stream, typ string, c store.Counts) {
	fmt.Fprintf(w, "  %s\t%s\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t%d\n", stream, typ, c.Seen, c.Created, c.Updated, c.Unchanged,
		c.Hidden, c.Withdrawn, c.Superseded, c.Quarantined)
}

func outcomeWord(run store.Run) string { return operate.OutcomeWord(&run) }

// ago returns a past moment as people say it: 5 min ago.
func ago(now time.Time, t *time.Time) string { return operate.Ago(now, t) }

// selectTenants returns the ids of all tenants, or of the only one that is asked for.
func selectTenants(cfg *config.Config, only string) ([]string, error) {
	var ids []string
	for _, t := range cfg.Tenants {
		if only == "" || t.ID == only {
			ids = append(ids, t.ID)
		}
	}
	if len(ids) == 0 {
		var known []string
		for _, t := range cfg.Tenants {
			known = append(known, t.ID)
		}
		return nil, app.Usagef("there is no tenant %s; the tenants are: %s", only, strings.Join(known, ", "))
	}
	return ids, nil
}
