// Command demo runs all of dossiersync on one machine, to try it out: the care record
// simulator for two tenants, a private PostgreSQL, the worker, the portal API, the operators'
// listener and a sample portal. Each is the real program, in a process of its own.
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
	Once       bool     `help:"Sync once, print the summary and end."`
	Keep       bool     `help:"Go on with the data of the last demo: the dossiers, the grants and the key, so that tokens stay valid."`
	Source     *url.URL `help:"Use this FHIR R4 server instead of the simulators." placeholder:"URL" xor:"source"`
	Load       string   `help:"Serve the FHIR R4 resources in the JSON and NDJSON files of this folder with a simulator." type:"existingdir" placeholder:"DIR" xor:"source"`
	Data       string   `help:"The folder for the demo's data, which is emptied first without --keep; default: ${default}." default:"data/demo" placeholder:"DIR"`
	Clients    int      `help:"The number of clients of each simulator, at most 5000; default: ${default}." default:"25" placeholder:"N"`
	Years      float64  `help:"The years of dossiers of each client, at most 30; default: ${default}." default:"2" placeholder:"N"`
	Port       int      `help:"The port of the portal API; default: ${default}, or a free one if it is taken." default:"8080" placeholder:"N"`
	OpsPort    int      `help:"The port of the console and the metrics; default: ${default}, or a free one if it is taken." default:"8081" placeholder:"N"`
	PortalPort int      `help:"The port of the sample portal; default: ${default}, or a free one if it is taken." default:"8082" placeholder:"N"`
}

// Validate is called by kong.
func (o *options) Validate() error {
	switch {
	case o.Clients < 0 || o.Clients > 5000:
		return errors.New("--clients must be between 0 and 5000")
	case o.Years < 0 || o.Years > 30:
		return errors.New("--years must be between 0 and 30")
	case min(o.Port, o.OpsPort, o.PortalPort) < 0 || max(o.Port, o.OpsPort, o.PortalPort) > 65535:
		return errors.New("--port, --ops-port and --portal-port must be between 0 and 65535")
	}
	return nil
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
