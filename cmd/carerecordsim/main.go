// Command carerecordsim is a care record system with fictional Dutch dossiers, to test FHIR
// clients against. It can also serve files, play hard cases, behave like other servers, and
// fail on request.
package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/alecthomas/kong"

	"dossiersync/cmd/carerecordsim/carerecord"
	"dossiersync/cmd/carerecordsim/dossiers"
	"dossiersync/cmd/carerecordsim/faults"
	"dossiersync/cmd/carerecordsim/simulator"
)

func main() { os.Exit(run(context.Background(), os.Args[1:], os.Stdout, os.Stderr)) }

// Exit codes.
const (
	done = iota
	failed
	usageError
)

func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	var f flags
	help := false
	parser, err := kong.New(&f,
		kong.Name("carerecordsim"),
		kong.Description("A care record system with fictional Dutch dossiers: FHIR R4 over HTTP, to try a client against."),
		kong.Writers(stdout, stderr),
		kong.Exit(func(int) { help = true }),
	)
	if err == nil {
		_, err = parser.Parse(args)
	}
	if help {
		return done
	}
	var o carerecord.Options
	if err == nil {
		o, err = f.options(time.Now())
	}
	if err != nil {
		_, _ = fmt.Fprintf(stderr, "carerecordsim: %v\nSee carerecordsim --help.\n", err)
		return usageError
	}
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := serve(ctx, f, o, stdout, stderr); err != nil {
		_, _ = fmt.Fprintf(stderr, "carerecordsim: %v\n", err)
		return failed
	}
	return done
}

func serve(ctx context.Context, f flags, o carerecord.Options, stdout, stderr io.Writer) error {
	now := func() string { return time.Now().Format(time.TimeOnly) }
	o.OnChange = func(c dossiers.Change) {
		_, _ = fmt.Fprintf(stdout, "%s %s: %s/%s\n", now(), c.What, c.Type, c.ID)
	}
	o.OnFault = func(e faults.Event) {
		_, _ = fmt.Fprintf(stdout, "%s fault of rule %d, %s: %s %s, page %d\n", now(), e.Rule, e.Fault, e.Method,
			e.Type, e.Page)
	}
	system, err := carerecord.Open(o)
	if err != nil {
		return err
	}
	printWarnings(stderr, f, system)
	printIntroduction(stdout, f, o, system)
	if f.PortFile != "" {
		if err := writeFile(f.PortFile, strconv.Itoa(system.Port())+"\n"); err != nil {
			return fmt.Errorf("write --port-file: %w", err)
		}
	}
	if o.Mishap != nil {
		go switchMishap(ctx, system.Server, o.Mishap, stdout)
	}
	return system.Run(ctx)
}

// switchMishap ends the mishap, or begins it again, at each SIGUSR1 until ctx ends.
func switchMishap(ctx context.Context, s *simulator.Server, m *simulator.Mishap, stdout io.Writer) {
	asked := make(chan os.Signal, 1)
	signal.Notify(asked, syscall.SIGUSR1)
	defer signal.Stop(asked)
	for on := true; ; {
		select {
		case <-ctx.Done():
			return
		case <-asked:
		}
		if on = !on; on {
			s.SetMishap(m)
		} else {
			s.SetMishap(nil)
		}
		_, _ = fmt.Fprintf(stdout, "%s mishap: %t\n", time.Now().Format(time.TimeOnly), on)
	}
}

// printWarnings prints what was not loaded, and whether the server is open to other machines.
func printWarnings(w io.Writer, f flags, system *carerecord.System) {
	var b strings.Builder
	for _, p := range system.Loaded.Unread {
		fmt.Fprintf(&b, "carerecordsim: not loaded: %s\n", p)
	}
	for _, r := range system.Loaded.Repeated {
		fmt.Fprintf(&b, "carerecordsim: %s\n", r)
	}
	if n := len(system.Loaded.Unread); n > 0 {
		fmt.Fprintf(&b, "carerecordsim: warning: %d not loaded from %s\n", n, f.Load)
	}
	if !system.Loopback() && f.TokenFile == "" {
		b.WriteString("carerecordsim: warning: other machines can reach this server, and it requires no token\n")
	}
	_, _ = io.WriteString(w, b.String())
}

// writeFile writes a file by renaming, so that a script that waits for it never reads half of it.
func writeFile(name, content string) error {
	draft, err := os.CreateTemp(filepath.Dir(name), filepath.Base(name)+".*")
	if err != nil {
		return err
	}
	_, err = draft.WriteString(content)
	if closing := draft.Close(); err == nil {
		err = closing
	}
	if err == nil {
		err = os.Rename(draft.Name(), name)
	}
	if err != nil {
		_ = os.Remove(draft.Name())
	}
	return err
}
