package main

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"dossiersync/cmd/dossiersync/app"
	"dossiersync/config"
)

type explainCmd struct {
	Tenant string   `help:"The tenant whose rules hold; not needed if there is only one." placeholder:"TENANT"`
	Files  []string `arg:"" name:"file" help:"Files with FHIR resources: one, a Bundle, an array, or one a line (NDJSON). - reads standard input."`
}

// Help implements kong's HelpProvider.
func (*explainCmd) Help() string {
	return `Shows what becomes of FHIR resources under a tenant's rules: whether each is shown,
hidden or put in quarantine, and why; what became of every member; and the card and
the item as the portal gets them. Give the records that belong together at once: the
questionnaire with its form, the goals with their plan, staff and Binary files.

It needs no database and does not ask the source. Without a configuration file the
default rules hold. It prints what the files hold: treat the output as a dossier.

What a member becomes:
  read         readers get it, or it decides whether they may read the record
  left-out     it says something that reaches no reader
  withheld     a mark, a rule or a status keeps it from readers
  not-counted  it says nothing to readers, or nothing that is not read elsewhere
  not-seen     the record is not shown, so nothing more was looked at

Examples:
  dossiersync explain careplan.json
  dossiersync explain --tenant amaris form.json questionnaire.json
  dossiersync --json explain export.ndjson

Exit codes: 0 all is said; 3 something is in quarantine, or left out without a known
reason.`
}

// Run implements the command.
func (c *explainCmd) Run(a *session) error {
	t, err := a.explainTenant(c.Tenant)
	if err != nil {
		return err
	}
	var resources []app.Resource
	for _, name := range c.Files {
		data, err := a.readFile(name)
		if err != nil {
			return err
		}
		found := app.ReadResources(name, data)
		if len(found) == 0 {
			return app.Usagef("%s holds no FHIR resources", name)
		}
		resources = append(resources, found...)
	}
	all, err := app.Explain(t, resources)
	if err != nil {
		return err
	}
	if a.cli.JSON {
		err = printJSON(a.out, map[string]any{"tenant": t.ID, "resources": all})
	} else {
		printExplained(a.out, all)
	}
	if err != nil {
		return err
	}
	for i := range all {
		if all[i].Outcome == "quarantined" || all[i].LeftOut() > 0 || len(all[i].Words) > 0 {
			return errLeftOver
		}
	}
	return nil
}

// explainTenant returns the tenant with that id, or the only one; without a configuration file one with
// the default rules.
func (a *session) explainTenant(id string) (*config.Tenant, error) {
	_, err := os.Stat(a.cli.Config)
	if errors.Is(err, os.ErrNotExist) && id == "" && a.cli.Config == "dossiersync.yaml" {
		fmt.Fprintln(a.err, "There is no dossiersync.yaml: the default rules hold.")
		return app.DefaultTenant()
	}
	cfg, err := a.load()
	if err != nil {
		return nil, err
	}
	if id == "" && len(cfg.Tenants) > 1 {
		return nil, app.Usagef("name the tenant whose rules hold: --tenant")
	}
	for i := range cfg.Tenants {
		if t := &cfg.Tenants[i]; t.ID == cmp.Or(id, t.ID) {
			return t, nil
		}
	}
	return nil, app.Usagef("tenant %s is not configured", id)
}

func (a *session) readFile(name string) ([]byte, error) {
	if name == "-" {
		return io.ReadAll(a.in)
	}
	if info, err := os.Stat(name); err == nil && info.IsDir() {
		return nil, app.Usagef("%s is a directory: name the files in it, such as %s", name, filepath.Join(name, "*.json"))
	}
	return os.ReadFile(name)
}

// printExplained prints the resources for people: first what becomes of each, then each in full.
func printExplained(w io.Writer, all []app.Explained) {
	if len(all) > 1 {
		table(w, "RECORD\tOUTCOME\tREASON\tLEFT OUT\tFILE", func(t io.Writer) {
			for i := range all {
				e := &all[i]
				fmt.Fprintf(t, "%s\t%s\t%s\t%d\t%s\n", recordName(e), e.Outcome, cmp.Or(string(e.Reason), "-"),
					e.LeftOut()+len(e.Words), e.File)
			}
		})
	}
	for i := range all {
		if len(all) > 1 || i > 0 {
			fmt.Fprintln(w)
		}
		printOneExplained(w, &all[i])
	}
}

func recordName(e *app.Explained) string {
	return cmp.Or(e.Type, "?") + "/" + cmp.Or(e.ID, "?")
}

func printOneExplained(w io.Writer, e *app.Explained) {
	fmt.Fprintf(w, "%s: %s\n", recordName(e), e.Outcome)
	for _, s := range e.Why {
		fmt.Fprintf(w, "  %s\n", s)
	}
	if len(e.Members) > 0 {
		fmt.Fprintln(w)
		table(w, "  MEMBER\tWHAT BECOMES OF IT\tVALUES\tBYTES\tWHY", func(t io.Writer) {
			for _, m := range e.Members {
				why := m.Reason
				if m.URL != "" {
					why = joinWhy(why, m.URL)
				}
				fmt.Fprintf(t, "  %s\t%s\t%d\t%d\t%s\n", m.Place, m.Use, m.Values, m.Length, why)
			}
		})
	}
	if e.Card != nil {
		fmt.Fprintf(w, "\n  In a list the portal gets:\n%s\n", indented(e.Card))
		fmt.Fprintf(w, "\n  By itself the portal gets:\n%s\n", indented(e.Item))
	}
}

func joinWhy(reason, url string) string {
	if reason == "" {
		return url
	}
	return reason + " (" + url + ")"
}

func indented(b []byte) string {
	var out bytes.Buffer
	if json.Indent(&out, b, "  ", "  ") != nil {
		return string(b)
	}
	return "  " + out.String()
}
