package main

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"dossiersync/cmd/dossiersync/app"
	"dossiersync/config"
	"dossiersync/store"
	"dossiersync/store/dossier"
)

type quarantineCmd struct {
	List    quarantineListCmd    `cmd:"" default:"withargs" help:"List the items in quarantine, oldest first."`
	Show    quarantineShowCmd    `cmd:"" help:"Show one item in full."`
	Retry   quarantineRetryCmd   `cmd:"" help:"Read items again now and apply them."`
	Discard quarantineDiscardCmd `cmd:"" help:"Remove items from quarantine for good."`
	Key     quarantineKeyCmd     `cmd:"" help:"Print a new key for quarantine.key_file."`
}

// Help implements kong's HelpProvider.
func (*quarantineCmd) Help() string {
	return `An item that could not be applied waits in quarantine, and every run retries it.
Meanwhile readers see its last good version, or nothing of it if its newest version may
belong to another client or may not be for the client's eyes.

Examples:
  dossiersync quarantine --tenant amaris
  dossiersync quarantine show 3xE4w6UEAgpxV2HZxJrlAA
  dossiersync quarantine retry --tenant amaris

Put -- before a key that begins with a dash (show -- -xE4w6U…), and quotes around a key
that begins with a question mark.`
}

type quarantineListCmd struct {
	Tenant    string `help:"Only this tenant." placeholder:"TENANT"`
	Client    string `help:"Only this client (the source's Patient id)." placeholder:"ID"`
	Limit     int    `help:"The largest number of items; default: ${default}." default:"100" placeholder:"N"`
	Discarded bool   `help:"List the items that operators have discarded instead, newest first."`
}

// Help implements kong's HelpProvider.
func (*quarantineListCmd) Help() string {
	return `Only quarantine show shows the client of an item.

Examples:
  dossiersync quarantine list --tenant amaris
  dossiersync quarantine list --tenant amaris --client 4711
  dossiersync quarantine list --discarded`
}

// Run implements the command.
func (c *quarantineListCmd) Run(ctx context.Context, a *session) error {
	return a.withStore(ctx, func(cfg *config.Config, st *store.Store) error {
		if _, err := selectTenants(cfg, c.Tenant); err != nil {
			return err
		}
		switch {
		case c.Limit < 1:
			return app.Usagef("--limit must be 1 or more")
		case c.Discarded && c.Client != "":
			return app.Usagef("--client cannot be used with --discarded: the client of a discarded item is not recorded")
		case c.Discarded:
			return c.discarded(ctx, a, cfg, st)
		}
		list, err := st.Quarantine(ctx, store.QuarantineFilter{Tenant: c.Tenant, Client: c.Client, Limit: c.Limit + 1})
		if err != nil {
			return err
		}
		more := len(list) > c.Limit
		list = list[:min(len(list), c.Limit)]
		if c.Client == "" {
			hideClients(list)
		}
		if a.cli.JSON {
			return printJSON(a.out, map[string]any{"items": meant(list), "more": more})
		}
		if len(list) == 0 {
			fmt.Fprintln(a.out, c.nothing())
			return nil
		}
		printQuarantine(a.out, cfg, list)
		if more {
			fmt.Fprintf(a.out, "There are more; these are the oldest %d (see --limit).\n", c.Limit)
		}
		return nil
	})
}

func (c *quarantineListCmd) nothing() string {
	switch {
	case c.Client != "":
		return "Nothing of this client is in quarantine."
	case c.Tenant != "":
		return "Nothing is in quarantine: everything from " + c.Tenant + " could be applied."
	}
	return "Nothing is in quarantine: everything could be applied."
}

// hideClients removes the ids of clients from items that were not asked for by client.
func hideClients(list []store.Quarantined) {
	for i := range list {
		if list[i].Stream == dossier.StreamClients {
			list[i].ID = ""
		}
	}
}

// quarantinedJSON is an item with the meaning of its reason.
type quarantinedJSON struct {
	store.Quarantined
	Meaning string `json:"meaning"`
}

func meant(list []store.Quarantined) []quarantinedJSON {
	out := make([]quarantinedJSON, 0, len(list))
	for _, q := range list {
		out = append(out, quarantinedJSON{q, q.Reason.Meaning()})
	}
	return out
}

func printQuarantine(w io.Writer, cfg *config.Config, list []store.Quarantined) {
	table(w, "TENANT\tKEY\tSTREAM\tTYPE\tID\tFIRST SEEN\tLAST SEEN\tTRIES\tREASON", func(t io.Writer) {
		for _, q := range list {
			zone := zoneOf(cfg, q.Tenant)
			fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%d\t%s: %s\n", q.Tenant, q.Key, q.Stream, q.Type, cmp.Or(q.ID, "-"),
				moment(q.FirstSeen, zone), moment(q.LastSeen, zone), q.Attempts, q.Reason, q.Reason.Meaning())
		}
	})
}

func (c *quarantineListCmd) discarded(ctx context.Context, a *session, cfg *config.Config, st *store.Store) error {
	list, err := st.Decisions(ctx, c.Tenant, store.DecisionDiscard, c.Limit)
	if err != nil {
		return err
	}
	if a.cli.JSON {
		if list == nil {
			list = []store.Decision{}
		}
		return printJSON(a.out, map[string]any{"items": list})
	}
	if len(list) == 0 {
		fmt.Fprintln(a.out, "Nothing has been discarded.")
		return nil
	}
	table(a.out, "TENANT\tDISCARDED\tBY\tTYPE\tKEY\tREASON", func(t io.Writer) {
		for _, d := range list {
			typ, key, _ := strings.Cut(d.Object, "/")
			fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\n", d.Tenant, moment(d.At, zoneOf(cfg, d.Tenant)), d.By, typ, key, d.Reason)
		}
	})
	return nil
}

type quarantineShowCmd struct {
	Key string `arg:"" help:"The item's key, as quarantine list shows it."`
	Raw bool   `help:"Print only the bytes of the item, as they were received."`
}

// Help implements kong's HelpProvider.
func (*quarantineShowCmd) Help() string {
	return `Shows which client the item belongs to. That you looked is recorded in the access log,
which the client can read (NEN 7513); if it cannot be recorded, nothing is printed. With
--raw, prints what the source sent, if quarantine.key_file was configured at that time
and the item was not too large.

Examples:
  dossiersync quarantine show 3xE4w6UEAgpxV2HZxJrlAA
  dossiersync quarantine show 3xE4w6UEAgpxV2HZxJrlAA --raw --by "Anna de Vries" | jq .`
}

// Run implements the command.
func (c *quarantineShowCmd) Run(ctx context.Context, a *session) error {
	who := a.operator
	if c.Raw {
		who = a.person
	}
	by, err := who()
	if err != nil {
		return err
	}
	return a.withStore(ctx, func(cfg *config.Config, st *store.Store) error {
		it, err := c.item(ctx, st, by)
		if errors.Is(err, store.ErrNotFound) {
			fmt.Fprintf(a.err, "dossiersync: there is no item %s in quarantine; see dossiersync quarantine list\n", c.Key)
			return errPrinted
		}
		if err != nil {
			return err
		}
		var raw []byte
		if c.Raw {
			if cfg.Quarantine.Key.IsZero() {
				return app.Usagef("raw bytes are not kept: quarantine.key_file is not configured")
			}
			if raw, err = st.QuarantineRaw(ctx, c.Key, by); err != nil {
				return err
			}
		}
		switch {
		case a.cli.JSON:
			return printJSON(a.out, struct {
				store.QuarantinedItem
				Meaning string `json:"meaning"`
				Bytes   []byte `json:"rawBytes,omitempty"` // in base64
			}{it, it.Reason.Meaning(), raw})
		case c.Raw:
			_, err := a.out.Write(raw)
			return err
		}
		c.print(a.out, cfg, it)
		return nil
	})
}

// item returns the item, and records in the access log that it was shown. With --raw,
// reading the bytes records it.
func (c *quarantineShowCmd) item(ctx context.Context, st *store.Store, by string) (store.QuarantinedItem, error) {
	if c.Raw {
		return st.QuarantinedItem(ctx, c.Key)
	}
	return st.ViewQuarantined(ctx, c.Key, by)
}

func (c *quarantineShowCmd) print(w io.Writer, cfg *config.Config, it store.QuarantinedItem) {
	zone := zoneOf(cfg, it.Tenant)
	client, updated := "none that can be read", "unknown"
	if it.Client != nil {
		client = *it.Client
	}
	if it.Updated != nil {
		updated = moment(*it.Updated, zone) + " by the source's clock"
	}
	raw := "not kept"
	switch {
	case it.Raw:
		raw = "kept, encrypted; --raw prints them"
	case cfg.Quarantine.Key.IsZero():
		raw = "not kept: quarantine.key_file is not configured"
	}
	fields(w, [][2]string{
		{"key", it.Key}, {"tenant", it.Tenant}, {"stream", string(it.Stream)}, {"type", it.Type},
		{"id", cmp.Or(it.ID, "none that can be read")}, {"client", client}, {"lastUpdated", updated},
		{"reason", fmt.Sprintf("%s: %s", it.Reason, it.Reason.Meaning())}, {"detail", cmp.Or(it.Detail, "none")},
		{"first seen", moment(it.FirstSeen, zone)},
		{"last seen", fmt.Sprintf("%s, tried %d times", moment(it.LastSeen, zone), it.Attempts)},
		{"raw bytes", raw}, {"readers see", seenMeanwhile(it, zone)},
	})
}

// seenMeanwhile returns what readers see of an item while its newest version is in
// quarantine.
func seenMeanwhile(it store.QuarantinedItem, zone *time.Location) string {
	switch {
	case it.State == nil:
		return "nothing: no version could be applied yet"
	case *it.State == dossier.StateShown && it.StateOf != nil:
		return "the last good version, of " + moment(*it.StateOf, zone)
	case *it.State == dossier.StateShown:
		return "the last good version"
	case it.StateReason == nil:
		return fmt.Sprintf("nothing: it is %s", *it.State)
	}
	return fmt.Sprintf("nothing: it is %s (%s): %s", *it.State, *it.StateReason, it.StateReason.Meaning())
}

type quarantineKeyCmd struct{}

// Help implements kong's HelpProvider.
func (*quarantineKeyCmd) Help() string {
	return `Keep the key where only dossiersync can read it. Bytes that were encrypted with a lost
key stay unreadable; an item is encrypted with the new key when the source sends it again.

Examples:
  (umask 077; dossiersync quarantine key > quarantine.key)`
}

// Run implements the command.
func (*quarantineKeyCmd) Run(a *session) error {
	key := make([]byte, store.KeySize)
	_, _ = rand.Read(key) // never fails
	_, err := fmt.Fprintln(a.out, base64.StdEncoding.EncodeToString(key))
	return err
}
