package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"time"

	"golang.org/x/term"

	"dossiersync/config"
	"dossiersync/portalapi/ops/operate"
	"dossiersync/store"
)

// watch shows the status every c.Every until ctx ends: on a terminal in the same place,
// elsewhere one below the other. An error of the database is printed, and the next
// update tries again.
func (c *statusCmd) watch(ctx context.Context, a *session, cfg *config.Config, st *store.Store, ids []string) error {
	tick := time.NewTicker(c.Every)
	defer tick.Stop()
	for {
		s, err := c.read(ctx, cfg, st, ids)
		switch {
		case ctx.Err() != nil:
			return nil
		case err != nil:
			fmt.Fprintln(a.err, "dossiersync:", err)
		case a.cli.JSON:
			if err := json.NewEncoder(a.out).Encode(map[string]any{"at": s.Now, "items": s.Tenants}); err != nil {
				return err
			}
		default:
			if err := c.show(a.out, s); err != nil {
				return err
			}
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// show writes everything at once, so that the screen does not flicker.
func (c *statusCmd) show(w io.Writer, s operate.Service) error {
	var page bytes.Buffer
	on := io.Writer(&page)
	if isTerminal(w) {
		page.WriteString("\x1b[H\x1b[2J") // home, and clear
		on = coloured{&page}
	}
	fmt.Fprintf(&page, "%s, updated every %s; stop with Ctrl-C\n\n", s.Now.Format(toTheSecond), c.Every)
	printStatus(on, s)
	if !isTerminal(w) {
		page.WriteByte('\n')
	}
	_, err := w.Write(page.Bytes())
	return err
}

// isTerminal reports whether w is a terminal.
func isTerminal(w io.Writer) bool {
	file, ok := w.(*os.File)
	return ok && term.IsTerminal(int(file.Fd()))
}

// coloured is a page that will be written to a terminal.
type coloured struct{ io.Writer }

// colour is an SGR code of ECMA-48. All have the same length, so that columns stay
// aligned.
type colour string

const (
	plain  colour = "39"
	red    colour = "31"
	green  colour = "32"
	yellow colour = "33"
)

// painter returns a function that colours a word if w is a terminal, and leaves it as it
// is otherwise or if NO_COLOR is set (no-color.org).
func painter(w io.Writer) func(colour, string) string {
	_, page := w.(coloured)
	_, none := os.LookupEnv("NO_COLOR")
	if none || os.Getenv("TERM") == "dumb" || !page && !isTerminal(w) {
		return func(_ colour, s string) string { return s }
	}
	return func(c colour, s string) string { return "\x1b[" + string(c) + "m" + s + "\x1b[39m" }
}
