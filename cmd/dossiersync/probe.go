package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"

	"dossiersync/cmd/dossiersync/app"
	"dossiersync/config"
)

type probeCmd struct {
	Tenant string `help:"The tenant." required:"" placeholder:"TENANT"`
}

// Help implements kong's HelpProvider.
func (*probeCmd) Help() string {
	return `Tries what a tenant's source can do with each configured search, by a few requests each,
and prints what it found, what that means, and what to configure. It reads only, needs
no database, and prints no personal data. Run it before the first sync of a new source,
and after the source's supplier has changed something.

  INTERVAL   two-sided: _lastUpdated is taken from and to; one-sided: only once;
             ignored or refused: every run reads everything
  PAGE       records of the first page / asked for
  NEXT       the link to the next page: cursor, offset, none, fails
  DELETIONS  how the source tells of them: history, search (_deleted=true), none;
             unknown: nothing was deleted and there are no records yet

Examples:
  dossiersync probe --tenant amaris
  dossiersync --json probe --tenant amaris

Exit codes: 0 nothing stands in the way; 1 the source cannot be asked; 3 something
stands in the way of a right replica.`
}

// Run implements the command.
func (c *probeCmd) Run(ctx context.Context, a *session) error {
	cfg, err := a.load()
	if err != nil {
		return err
	}
	if _, err := selectTenants(cfg, c.Tenant); err != nil {
		return err
	}
	found, err := app.Probe(ctx, tenantOf(cfg, c.Tenant))
	if err != nil {
		return err
	}
	var worst error
	if len(found.Problems) > 0 {
		worst = errLeftOver
	}
	if a.cli.JSON {
		return errors.Join(printJSON(a.out, found), worst)
	}
	c.print(a.out, found)
	return worst
}

func tenantOf(cfg *config.Config, id string) *config.Tenant {
	for i := range cfg.Tenants {
		if cfg.Tenants[i].ID == id {
			return &cfg.Tenants[i]
		}
	}
	return nil // selectTenants has seen to it
}

func (c *probeCmd) print(w io.Writer, p *app.Probed) {
	fmt.Fprintf(w, "%s: %s; %d requests in %.1f s", c.Tenant, orUnknown(p.Software), p.Requests, float64(p.Millis)/1000)
	if p.ClockOff != nil {
		fmt.Fprintf(w, "; its clock is %+.0f s off ours", *p.ClockOff)
	}
	fmt.Fprintln(w)
	if len(p.Types) > 0 {
		table(w, "TYPE\tRECORDS\tINTERVAL\tORDER\tPAGE\tNEXT\tDELETIONS\tBY ID\t_ID LIST\tELEMENTS\tTIME\tMS", func(t io.Writer) {
			for i := range p.Types {
				printProbed(t, &p.Types[i])
			}
		})
	}
	printList(w, "In the way of a right replica:", p.Problems)
	printList(w, "What it means:", p.Notes)
	printList(w, "Configure, under source.fhir:", p.Config)
	if len(p.Problems) == 0 {
		fmt.Fprintln(w, "Nothing stands in the way of a right replica.")
	}
}

func printProbed(w io.Writer, t *app.ProbedType) {
	if t.Failure != "" {
		fmt.Fprintf(w, "%s\t%s\n", t.Type, "cannot be searched")
		return
	}
	records := "?"
	if t.Records != nil {
		records = strconv.Itoa(*t.Records)
	}
	if t.ByClient {
		records += " of one client"
	}
	read := t.Read
	if read != "yes" && read != "" {
		read = "no"
	}
	fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%d/%d\t%s\t%s\t%s\t%s\t%s\t%s\t%d\n", t.Type, records, orDash(t.Interval), orDash(t.Order),
		t.Given, t.Asked, orDash(t.Next), orDash(t.Deletions), orDash(read), orDash(t.IDList), orDash(t.Elements),
		orDash(t.Precision), t.Millis)
}

func printList(w io.Writer, title string, list []string) {
	if len(list) == 0 {
		return
	}
	fmt.Fprintln(w, title)
	for _, s := range list {
		fmt.Fprintln(w, "  "+s)
	}
}

func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

func orUnknown(s string) string {
	if s == "" {
		return "software unknown"
	}
	return s
}
