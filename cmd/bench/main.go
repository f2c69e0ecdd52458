package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/alecthomas/kong"
)

func main() {
	os.Exit(run(context.Background(), os.Args[1:], streams{os.Stdin, os.Stdout, os.Stderr}))
}

type streams struct {
	in       io.Reader
	out, err io.Writer
}

type cli struct {
	Run   runCmd   `cmd:"" default:"withargs" help:"Measure, and print the table."`
	Pages pagesCmd `cmd:"" hidden:"" help:"Serve prebuilt pages until standard input ends."`
	Bare  bareCmd  `cmd:"" hidden:"" help:"Serve cards by one SELECT until standard input ends."`
	Work  workCmd  `cmd:"" hidden:"" help:"Do the job on standard input, and print the time it took."`
}

// exited is panicked with when kong wants to exit, after --help.
type exited int

func run(ctx context.Context, args []string, s streams) (code int) {
	defer func() {
		if e, ok := recover().(exited); ok {
			code = int(e)
		}
	}()
	var c cli
	parser, err := kong.New(&c, kong.Name("bench"), kong.Description("Measures dossiersync."),
		kong.Writers(s.out, s.err), kong.Exit(func(code int) { panic(exited(code)) }),
		kong.BindTo(ctx, (*context.Context)(nil)), kong.Bind(s))
	if err != nil {
		fmt.Fprintln(s.err, "bench:", err)
		return 2
	}
	parsed, err := parser.Parse(args)
	if err != nil {
		fmt.Fprintf(s.err, "bench: %v\nTry: make bench ARGS=--help\n", err)
		return 2
	}
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	defer stop()
	parsed.BindTo(ctx, (*context.Context)(nil))
	switch err := parsed.Run(); {
	case errors.Is(err, context.Canceled):
		fmt.Fprintln(s.err, "bench: stopped")
		return 1
	case err != nil:
		fmt.Fprintln(s.err, "bench:", err)
		return 1
	}
	return 0
}
