package main

import (
	"cmp"
	"fmt"
	"io"
	"strings"
	"time"

	"dossiersync/portalapi/ops/operate"
	"dossiersync/store/dossier"
)

// whyPrinter prints the explanation of a dossier, in the tenant's zone.
type whyPrinter struct {
	*operate.Why
	zone *time.Location
}

// print prints the facts first and the conclusions last.
func (w *whyPrinter) print(out io.Writer) {
	w.printClient(out)
	w.printTenant(out)
	w.printGrants(out)
	w.printStreams(out)
	if w.Known == nil {
		return
	}
	fmt.Fprintln(out)
	table(out, "PART\tSHARED\tAS OF\tREPLICA\tRECHECKING\tINCOMPLETE", func(t io.Writer) {
		for _, p := range w.Parts {
			asOf := "never"
			if p.AsOf != nil {
				asOf = moment(*p.AsOf, w.zone)
			}
			fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\n",
				p.Part, yes(p.Shared), asOf, p.State, yes(p.Rechecking), yes(p.Incomplete))
		}
	})
	fmt.Fprintln(out)
	if w.User != nil && !w.User.Opens && !w.Tenant.ShowsNothing() {
		fmt.Fprintf(out, "User %s may not open this dossier: to them it does not exist.\n", w.User.User)
	}
	for _, p := range w.Parts {
		fmt.Fprintf(out, "%s: %s\n", p.Part, p.Conclusion)
	}
}

func yes(is bool) string {
	if is {
		return "yes"
	}
	return "no"
}

func (w *whyPrinter) printClient(out io.Writer) {
	for _, h := range w.Withheld {
		what := "Item " + h.Item + " is"
		if h.Client != "" {
			what = "The client is"
		}
		fmt.Fprintf(out, "%s withheld by an operator since %s (%s): %s\n", what, moment(h.Since, w.zone), h.By, h.Note)
	}
	c := w.Known
	if c == nil {
		fmt.Fprintf(out, "%s has no client %s, as far as the replica knows.\n", w.Tenant.ID, w.Client)
		if len(w.Grants) > 0 {
			fmt.Fprintf(out, "Grants that wait for the client: %d.\n", len(w.Grants))
		}
		return
	}
	fmt.Fprintf(out, "Client %s of %s is %s", w.Client, w.Tenant.ID, c.State)
	if c.Reason != "" {
		fmt.Fprintf(out, " (%s): %s", c.Reason, c.Meaning)
	}
	fmt.Fprintf(out, ", since %s.\n", moment(c.Since, w.zone))
	if c.ReplacedBy != nil {
		fmt.Fprintf(out, "The source has merged this client into %s.\n", *c.ReplacedBy)
	}
	if c.Deceased {
		fmt.Fprintln(out, "The client has died: reading has ended.")
	}
	if w.Owed != nil {
		fmt.Fprintf(out, "The client's whole history still has to be read, since %s.\n", moment(*w.Owed, w.zone))
	}
}

func (w *whyPrinter) printTenant(out io.Writer) {
	s := w.Tenant
	last, source := "no run has succeeded yet", "the source can be reached"
	if s.LastSuccess != nil {
		last = "the last success began at " + moment(*s.LastSuccess, w.zone)
	}
	if s.Unreachable != nil {
		source = "the source has been unreachable since " + moment(*s.Unreachable, w.zone)
	}
	fmt.Fprintf(out, "The replica of %s is %s: %s, the next slot is %s, %s.\n",
		s.ID, s.State, last, moment(s.NextSlot, w.zone), source)
	if s.AwaitingErasures != nil {
		fmt.Fprintf(out, "Nothing is shown to anybody: the database was restored at %s, and "+
			"the erasures must be repeated first (dossiersync migrate --restored).\n", moment(*s.AwaitingErasures, w.zone))
	}
	if s.AwaitingGrants != nil {
		fmt.Fprintf(out, "Nothing is shown to anybody: the database was restored at %s, and "+
			"the portal must send all grants first (PUT /v1/grants).\n", moment(*s.AwaitingGrants, w.zone))
	}
	if len(w.Runs) > 0 {
		fmt.Fprintln(out)
		table(out, "RUN\tTRIGGER\tREQUESTED\tOUTCOME\tMESSAGE", func(t io.Writer) {
			for _, r := range w.Runs {
				message := ""
				if r.Message != nil {
					message = *r.Message
				}
				fmt.Fprintf(t, "%d\t%s\t%s\t%s\t%s\n", r.ID, r.Trigger, moment(r.RequestedAt, w.zone), outcomeWord(r), message)
			}
		})
	}
}

func (w *whyPrinter) printGrants(out io.Writer) {
	if len(w.Grants) == 0 {
		return
	}
	day := func(d *string) string {
		if d == nil {
			return "-"
		}
		return *d
	}
	fmt.Fprintln(out)
	table(out, "USER\tROLE\tPARTS\tSTATE\tFROM\tUNTIL\tCONTACT\tCOUNTS TODAY", func(t io.Writer) {
		for _, g := range w.Grants {
			parts := make([]string, 0, len(g.Parts))
			for _, p := range g.Parts {
				parts = append(parts, string(p))
			}
			role, contact, counts := string(g.Role), "-", "yes"
			if g.Manager {
				role += ", manager"
			}
			if g.ContactCounts != nil {
				contact = *g.GrantOn.Contact + ": " + map[bool]string{true: "counts", false: "does not count"}[*g.ContactCounts]
			}
			if !g.Counts {
				counts = "no: " + strings.Join(g.Meanings, "; ")
			}
			fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", g.User, role,
				cmp.Or(strings.Join(parts, ", "), "-"), g.State, day(g.From), day(g.Until), contact, counts)
		}
	})
}

func (w *whyPrinter) printStreams(out io.Writer) {
	if len(w.Streams) > 0 {
		fmt.Fprintln(out)
		table(out, "STREAM\tSHOWN\tNEWEST\tHIDDEN\tWITHDRAWN\tQUARANTINED", func(t io.Writer) {
			for _, s := range w.Streams {
				newest := "-"
				if s.Newest != nil {
					newest = s.Newest.In(w.zone).Format(time.DateOnly)
				}
				n := make(map[dossier.State]int64)
				for _, o := range s.Others {
					n[o.State] += o.Count
				}
				fmt.Fprintf(t, "%s\t%d\t%s\t%d\t%d\t%d\n", s.Stream, s.Shown, newest,
					n[dossier.StateHidden], n[dossier.StateWithdrawn], n[dossier.StateQuarantined])
			}
		})
	}
	for _, s := range w.Streams {
		for _, o := range s.Others {
			fmt.Fprintf(out, "  %s: %d %s (%s): %s\n", s.Stream, o.Count, o.State, o.Reason, o.Meaning)
		}
	}
	for _, l := range w.LeftOut {
		why := "not looked at yet"
		if l.Accepted != "" {
			why = "accepted: " + l.Accepted
		}
		fmt.Fprintf(out, "  left out of %d: %s (%s); %s; newest %s\n",
			l.Items, l.Place, l.Kind.Meaning(), why, strings.Join(l.Newest, ", "))
	}
	if w.Nameless > 0 {
		fmt.Fprintf(out, "  %d more items in quarantine have no readable client; they may belong to this one\n", w.Nameless)
	}
}
