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

// watch shows the status again and again until ctx ends: on a terminal in the same
// place, elsewhere one below the other. A database that is away for a moment is told,
// and asked again.
func (c *statusCmd) watch(ctx context.Context, a *session, cfg *config.Config, st *store.Store, ids []string) error {
	tick := time.NewTicker(c.Every)
	defer tick.Stop()
	for {
		now, list, err := readStatuses(ctx, cfg, st, ids)
		switch {
		case ctx.Err() != nil:
			return nil
		case err != nil:
			fmt.Fprintln(a.err, "dossiersync:", err)
		case a.cli.JSON:
			if err := json.NewEncoder(a.out).Encode(map[string]any{"at": now, "items": list}); err != nil {
				return err
			}
		default:
			if err := c.show(a.out, now, list); err != nil {
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

// show writes all of it at once, so that nothing flickers.
func (c *statusCmd) show(w io.Writer, now time.Time, list []operate.Status) error {
	var page bytes.Buffer
	on := io.Writer(&page)
	if isTerminal(w) {
		page.WriteString("\x1b[H\x1b[2J") // home, and clear
		on = coloured{&page}
	}
	fmt.Fprintf(&page, "%s, again every %s; Ctrl-C ends it\n\n", now.Format(toTheSecond), c.Every)
	printStatus(on, now, list)
	if !isTerminal(w) {
		page.WriteByte('\n')
	}
	_, err := w.Write(page.Bytes())
	return err
}

// isTerminal reports whether a person looks at what is written to w.
func isTerminal(w io.Writer) bool {
	file, ok := w.(*os.File)
	return ok && term.IsTerminal(int(file.Fd()))
}

// coloured is a page that ends on a terminal.
type coloured struct{ io.Writer }

// colour is an SGR code of ECMA-48. All have the same length, so that columns stay
// in line.
type colour string

const (
	plain  colour = "39"
	red    colour = "31"
	green  colour = "32"
	yellow colour = "33"
)

// painter returns what puts words in colour, where what is written to w ends on a
// terminal, and nobody asked for none (no-color.org).
func painter(w io.Writer) func(colour, string) string {
	_, page := w.(coloured)
	_, none := os.LookupEnv("NO_COLOR")
	if none || os.Getenv("TERM") == "dumb" || !page && !isTerminal(w) {
		return func(_ colour, s string) string { return s }
	}
	return func(c colour, s string) string { return "\x1b[" + string(c) + "m" + s + "\x1b[39m" }
}
