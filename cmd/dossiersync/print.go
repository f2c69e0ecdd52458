package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"dossiersync/config"
	"dossiersync/store"
)

// printJSON writes v for scripts.
func printJSON(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(v)
}

// table writes rows of columns for people.
func table(w io.Writer, header string, rows func(t io.Writer)) {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, header)
	rows(t)
	t.Flush()
}

// printRun tells how a run ended, what it has seen, and what it left out and why.
func printRun(w io.Writer, run store.Run) {
	took := ""
	if run.StartedAt != nil && run.FinishedAt != nil {
		took = fmt.Sprintf(" in %s", run.FinishedAt.Sub(*run.StartedAt).Round(10*time.Millisecond))
	}
	fmt.Fprintf(w, "%s: run %d %s%s", run.Tenant, run.ID, outcomeWord(run), took)
	if run.Message != nil {
		fmt.Fprintf(w, ": %s", *run.Message)
	}
	fmt.Fprintln(w)
	if len(run.Types) == 0 {
		return
	}
	total := make(store.Effects)
	table(w, "  stream\ttype\tseen\tcreated\tupdated\tunchanged\thidden\twithdrawn\tsuperseded\tquarantined", func(t io.Writer) {
		for _, rt := range run.Types {
			printCounts(t, string(rt.Stream), rt.Type, rt.Effects.Counts())
			total.Add(rt.Effects)
		}
		printCounts(t, "total", "", total.Counts())
	})
	for _, e := range total.Reasons() {
		fmt.Fprintf(w, "  %d %s (%s): %s\n", total[e], e.Word(), e.Reason(), e.Reason().Meaning())
	}
	for _, rt := range run.Types {
		if rt.Failure != nil {
			fmt.Fprintf(w, "  %s %s\n", rt.Stream, *rt.Failure)
		}
	}
}

func printCounts(w io.Writer, stream, typ string, c store.Counts) {
	fmt.Fprintf(w, "  %s\t%s\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t%d\n", stream, typ, c.Seen, c.Created, c.Updated, c.Unchanged,
		c.Hidden, c.Withdrawn, c.Superseded, c.Quarantined)
}

func outcomeWord(run store.Run) string {
	if run.Outcome == nil {
		return string(run.State)
	}
	return string(*run.Outcome)
}

// ago tells a past moment as people say it.
func ago(now time.Time, t *time.Time) string {
	if t == nil {
		return "never"
	}
	d := now.Sub(*t)
	switch {
	case d < time.Minute:
		return "just now"
	case d < time.Hour:
		return fmt.Sprintf("%d min ago", int(d.Minutes()))
	case d < 48*time.Hour:
		return fmt.Sprintf("%d h %02d min ago", int(d.Hours()), int(d.Minutes())%60)
	}
	return fmt.Sprintf("%d days ago", int(d.Hours()/24))
}

// selectTenants returns the ids of the tenants that a command is about.
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
		return nil, usagef("there is no tenant %s; there are: %s", only, strings.Join(known, ", "))
	}
	return ids, nil
}
