// Command demo runs all of dossiersync on one machine, to try it out: the care record
// simulator for two tenants, a private PostgreSQL, the worker, the portal API and the
// operators' listener. Each is the real program, in a process of its own.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"os/signal"
	"syscall"

	"github.com/alecthomas/kong"
)

func main() {
	os.Exit(run(context.Background(), os.Args[1:], os.Stdout, os.Stderr))
}

type options struct {
	Once    bool     `help:"Sync once, print the summary and end."`
	Source  *url.URL `help:"Use this FHIR R4 server instead of the simulators." placeholder:"URL" xor:"source"`
	Load    string   `help:"Serve the FHIR R4 resources in the JSON and NDJSON files of this folder with a simulator." type:"existingdir" placeholder:"DIR" xor:"source"`
	Data    string   `help:"The folder for the demo's data, which is emptied first; default: ${default}." default:"data/demo" placeholder:"DIR"`
	Clients int      `help:"The number of clients of each simulator; default: ${default}." default:"25" placeholder:"N"`
	Years   int      `help:"The years of dossiers of each client; default: ${default}." default:"2" placeholder:"N"`
}

// exited is panicked with when kong wants to exit, after --help.
type exited int

func run(ctx context.Context, args []string, stdout, stderr io.Writer) (code int) {
	defer func() {
		if e, ok := recover().(exited); ok {
			code = int(e)
		}
	}()
	var o options
	parser, err := kong.New(&o, kong.Name("demo"),
		kong.Description("Runs all of dossiersync on one machine, to try it out."),
		kong.Writers(stdout, stderr), kong.Exit(func(code int) { panic(exited(code)) }))
	if err == nil {
		_, err = parser.Parse(args)
	}
	if err != nil {
		fmt.Fprintf(stderr, "demo: %v\nTry: make demo ARGS=--help\n", err)
		return 2
	}
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	defer stop()
	switch err := show(ctx, o, stdout, stderr); {
	case ctx.Err() != nil && (err == nil || errors.Is(err, context.Canceled)):
		fmt.Fprintln(stdout, "\nStopped. Nothing is left running.")
		return 0
	case err != nil:
		fmt.Fprintln(stderr, "demo:", err)
		return 1
	}
	return 0
}
