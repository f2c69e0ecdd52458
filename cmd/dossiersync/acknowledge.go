package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"dossiersync/cmd/dossiersync/app"
	"dossiersync/config"
	"dossiersync/portalapi/ops/operate"
	"dossiersync/store"
)

type acknowledgeCmd struct {
	Tenant string `help:"The tenant." required:"" placeholder:"TENANT"`
	Code   string `arg:"" help:"The cause, as status names it: removals-held."`
	Note   string `help:"What you know of it, in one line of at most 500 characters." required:"" placeholder:"NOTE"`
	Until  string `help:"The last day on which it is known, as 2026-03-31; default: 7 days from now." placeholder:"DATE"`
}

// Help implements kong's HelpProvider.
func (*acknowledgeCmd) Help() string {
	return `Records, under your name, that a cause of attention is known. Until the end it no longer
makes status exit with 3, the console's banner yellow, or an alert fire. When the cause
grows, or begins again, it speaks again.

Examples:
  dossiersync acknowledge removals-held --tenant amaris --note "asked Amaris, ticket 20391"
  dossiersync acknowledge type-unreadable --tenant amaris --note "right requested" --until 2026-03-31

Exit codes: 0 recorded; 1 the tenant has no such cause.`
}

// Run implements the command.
func (c *acknowledgeCmd) Run(ctx context.Context, a *session) error {
	note := strings.TrimSpace(c.Note)
	if note == "" || utf8.RuneCountInString(note) > 500 || strings.ContainsFunc(note, unicode.IsControl) {
		return app.Usagef("--note must be one line of at most 500 characters")
	}
	by, err := a.person()
	if err != nil {
		return err
	}
	return a.withStore(ctx, func(cfg *config.Config, st *store.Store) error {
		if _, err := selectTenants(cfg, c.Tenant); err != nil {
			return err
		}
		t := app.OpsTenant(cfg, c.Tenant)
		until, err := endOfDay(c.Until, t.Location)
		if err != nil {
			return err
		}
		cause, err := operate.Acknowledge(ctx, st, t, operate.Acknowledgement{
			Code: operate.Code(c.Code), By: by, Note: note, Until: until})
		switch {
		case errors.Is(err, operate.ErrNoCause):
			fmt.Fprintf(a.err, "dossiersync: %s has no cause %s; see dossiersync status --tenant %s\n", t.ID, c.Code, t.ID)
			return errPrinted
		case errors.Is(err, operate.ErrUntil):
			return app.Usagef("--until must be a day within the next year")
		case err != nil:
			return err
		}
		if a.cli.JSON {
			return printJSON(a.out, cause)
		}
		fmt.Fprintf(a.out, "Known until %s, unless it grows: %s\n", moment(cause.Acknowledged.Until, t.Location), cause.What)
		return nil
	})
}

// endOfDay returns the end of the date in the zone; zero if the date is empty.
func endOfDay(date string, zone *time.Location) (time.Time, error) {
	if date == "" {
		return time.Time{}, nil
	}
	day, err := time.ParseInLocation(time.DateOnly, date, zone)
	if err != nil {
		return time.Time{}, app.Usagef("--until must be a date such as 2026-03-31")
	}
	return day.AddDate(0, 0, 1), nil
}
