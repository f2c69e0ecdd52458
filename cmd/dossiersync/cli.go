package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/alecthomas/kong"

	"dossiersync/cmd/dossiersync/app"
	"dossiersync/config"
)

// Exit codes.
const (
	exitDone     = 0
	exitFailed   = 1
	exitUsage    = 2 // the command line or the configuration is wrong
	exitLeftOver = 3 // done, with something left over
)

type streams struct {
	in       io.Reader
	out, err io.Writer
}

// errLeftOver is what a command returns when it is done with something left
// over, which it has told already.
var errLeftOver = errors.New("something is left over")

// errTold is what a command returns that has told why it failed.
var errTold = errors.New("failed")

type cli struct {
	Config string `help:"The configuration file." default:"dossiersync.yaml" placeholder:"FILE" short:"c"`
	JSON   bool   `help:"Answer with JSON, for scripts." name:"json"`
	By     string `help:"Your name, for the record of what you do; default: the account you had before sudo, or have." placeholder:"NAME"`

	Serve      serveCmd      `cmd:"" help:"Run the worker, the portal API and the operators' listener."`
	Sync       syncCmd       `cmd:"" help:"Bring tenants up to date now, in this process."`
	Resync     resyncCmd     `cmd:"" help:"Ask the running service for a run."`
	Status     statusCmd     `cmd:"" help:"Show how up to date each tenant is."`
	Runs       runsCmd       `cmd:"" help:"List runs, the newest first."`
	Run        runCmd        `cmd:"" help:"Show all of one run, or cancel it."`
	Quarantine quarantineCmd `cmd:"" help:"Show, retry or discard what could not be applied."`
	Why        whyCmd        `cmd:"" help:"Say what a client's dossier shows, to whom, and why nothing else."`
	Reconcile  reconcileCmd  `cmd:"" help:"Compare everything with the source, and repair what differs."`
	Verify     verifyCmd     `cmd:"" help:"Compare source and replica item by item, and tell what differs."`
	Erase      eraseCmd      `cmd:"" help:"Remove everything of a client for good, and prove it."`
	Health     healthCmd     `cmd:"" help:"Ask the service on this machine whether it is well."`
	Migrate    migrateCmd    `cmd:"" help:"Bring the database's schema up to date."`
	Conf       configCmd     `cmd:"" name:"config" help:"Check a configuration file; print an example or a schema."`
	Token      tokenCmd      `cmd:"" help:"Make keys and tokens to try the portal API with."`
	Version    versionCmd    `cmd:"" help:"Print the version."`
}

// session is what every command gets.
type session struct {
	streams
	cli *cli
}

const description = `Keeps client portals in step with care records.

Every command reads its configuration from --config FILE (default
dossiersync.yaml); 'dossiersync config example' prints one to start from.

Exit codes: 0 done, 1 failed, 2 usage or configuration, 3 done with something
left over.`

// exited is how kong's wish to exit, after --help, leaves the parser.
type exited int

func execute(ctx context.Context, args []string, s streams) (code int) {
	defer func() {
		if e, ok := recover().(exited); ok {
			code = int(e)
		}
	}()
	var c cli
	parser, err := kong.New(&c, kong.Name("dossiersync"), kong.Description(description),
		kong.Writers(s.out, s.err), kong.Exit(func(code int) { panic(exited(code)) }),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, NoExpandSubcommands: true}),
		kong.BindTo(ctx, (*context.Context)(nil)))
	if err != nil {
		fmt.Fprintln(s.err, "dossiersync:", err)
		return exitUsage
	}
	if len(args) == 0 {
		args = []string{"--help"}
	}
	parsed, err := parser.Parse(args)
	if err != nil {
		fmt.Fprintf(s.err, "dossiersync: %v\nTry 'dossiersync --help'.\n", err)
		return exitUsage
	}
	return exitCode(parsed.Run(&session{streams: s, cli: &c}), s.err)
}

// exitCode tells a person why a command failed, and a script what to make of it.
func exitCode(err error, stderr io.Writer) int {
	switch {
	case err == nil:
		return exitDone
	case errors.Is(err, errLeftOver):
		return exitLeftOver
	case errors.Is(err, errTold):
		return exitFailed
	case errors.Is(err, context.Canceled):
		fmt.Fprintln(stderr, "dossiersync: stopped")
		return exitFailed
	}
	if faults, ok := errors.AsType[config.Faults](err); ok {
		fmt.Fprintln(stderr, faults.Error())
		return exitUsage
	}
	fmt.Fprintln(stderr, "dossiersync:", err)
	if _, ok := errors.AsType[app.UsageError](err); ok {
		return exitUsage
	}
	return exitFailed
}

// load reads the configuration, and passes on what it warns of.
func (a *session) load() (*config.Config, error) {
	cfg, err := a.loadQuietly()
	if err != nil {
		return nil, err
	}
	for _, w := range cfg.Warnings {
		fmt.Fprintln(a.err, "warning:", w)
	}
	return cfg, nil
}

func (a *session) loadQuietly() (*config.Config, error) {
	cfg, err := app.LoadConfig(a.cli.Config, os.LookupEnv)
	if errors.Is(err, os.ErrNotExist) {
		return nil, app.Usagef("there is no configuration file %s; name one with --config, or make one: dossiersync config example > dossiersync.yaml", a.cli.Config)
	}
	return cfg, err
}
