package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/alecthomas/kong"
	kongcompletion "github.com/jotaen/kong-completion"

	"dossiersync/cmd/dossiersync/app"
	"dossiersync/config"
	"dossiersync/store/dossier"
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

// errLeftOver is the error of a command that has printed what it left over.
var errLeftOver = errors.New("something is left over")

// errPrinted is the error of a command that has printed why it failed.
var errPrinted = errors.New("failed")

type cli struct {
	Config string `help:"The configuration file." default:"dossiersync.yaml" placeholder:"FILE" short:"c"`
	JSON   bool   `help:"Print JSON, for scripts." name:"json"`
	By     string `help:"Your name, recorded with what you do; default: your account, or the one you used sudo from." placeholder:"NAME"`

	Serve       serveCmd       `cmd:"" help:"Run the worker, the portal API and the operators' listener."`
	Sync        syncCmd        `cmd:"" help:"Bring tenants up to date now, in this process."`
	Resync      resyncCmd      `cmd:"" help:"Ask the running service to bring a tenant up to date."`
	Status      statusCmd      `cmd:"" help:"Show how up to date each tenant is."`
	Acknowledge acknowledgeCmd `cmd:"" help:"Record that a cause of attention is known."`
	Runs        runsCmd        `cmd:"" help:"List runs, newest first."`
	Run         runCmd         `cmd:"" help:"Show one run in full, or cancel it."`
	Quarantine  quarantineCmd  `cmd:"" help:"Show, retry or discard items that could not be applied."`
	Held        heldCmd        `cmd:"" help:"Show and decide on removals that wait for an operator."`
	Withhold    withholdCmd    `cmd:"" help:"Keep a client or an item from readers at once, as in a data breach."`
	Release     releaseCmd     `cmd:"" help:"Show readers again what was withheld."`
	Why         whyCmd         `cmd:"" help:"Explain what a client's dossier shows, to whom, and why not more."`
	Explain     explainCmd     `cmd:"" help:"Show what becomes of FHIR resources in files, member by member."`
	Reconcile   reconcileCmd   `cmd:"" help:"Compare the replica with the source, and repair the differences."`
	Verify      verifyCmd      `cmd:"" help:"Compare every item with the source, and report the differences."`
	Probe       probeCmd       `cmd:"" help:"Try what a tenant's source can do, and say what to configure."`
	Erase       eraseCmd       `cmd:"" help:"Remove everything stored of a client for good, and prove it."`
	Health      healthCmd      `cmd:"" help:"Check the health of the service on this machine."`
	Migrate     migrateCmd     `cmd:"" help:"Bring the database's schema up to date."`
	Conf        configCmd      `cmd:"" name:"config" help:"Check a configuration file; print an example or a schema."`
	Token       tokenCmd       `cmd:"" help:"Make keys and tokens to try the portal API with."`
	Version     versionCmd     `cmd:"" help:"Print the version."`
	Completion  completionCmd  `cmd:"" help:"Print a script that completes commands in a shell."`
	Man         manCmd         `cmd:"" help:"Print the manual page." hidden:""`
}

// session is what every command is run with.
type session struct {
	streams
	cli *cli
}

const description = `Keeps client portals in step with care records.

Every command reads its configuration from --config FILE (default
dossiersync.yaml); 'dossiersync config example' prints one to start from.

Exit codes: 0 done, 1 failed, 2 usage or configuration, 3 done with something
left over.`

// exited is panicked with when kong wants to exit, after --help.
type exited int

func newParser(c *cli, options ...kong.Option) (*kong.Kong, error) {
	var streams []string
	for _, s := range dossier.Streams() {
		streams = append(streams, string(s))
	}
	last := len(streams) - 1
	return kong.New(c, append(options, kong.Name("dossiersync"), kong.Description(description),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, NoExpandSubcommands: true}),
		kong.Vars{
			"streams":    strings.Join(streams, ","),
			"streamList": strings.Join(streams[:last], ", ") + " or " + streams[last],
		})...)
}

func execute(ctx context.Context, args []string, s streams) (code int) {
	defer func() {
		if e, ok := recover().(exited); ok {
			code = int(e)
		}
	}()
	var c cli
	parser, err := newParser(&c, kong.Writers(s.out, s.err), kong.Exit(func(code int) { panic(exited(code)) }),
		kong.BindTo(ctx, (*context.Context)(nil)))
	if err != nil {
		fmt.Fprintln(s.err, "dossiersync:", err)
		return exitUsage
	}
	kongcompletion.Register(parser) // answers a shell that completes a line, and exits
	if len(args) == 0 {
		args = []string{"--help"}
	}
	parsed, err := parser.Parse(args)
	if err != nil {
		printParseError(s.err, err)
		return exitUsage
	}
	return exitCode(parsed.Run(&session{streams: s, cli: &c}), s.err)
}

// printParseError prints what is wrong with a command line, and which help to read.
func printParseError(w io.Writer, err error) {
	command := "dossiersync"
	if p, ok := errors.AsType[*kong.ParseError](err); ok && p.Context.Selected() != nil {
		command = p.Context.Selected().FullPath()
	}
	// A flag that may be left out has an empty default among its values.
	text := strings.Replace(err.Error(), `must be one of "",`, "must be one of ", 1)
	fmt.Fprintf(w, "dossiersync: %s\nTry '%s --help'.\n", text, command)
}

// exitCode prints why a command failed, and returns its exit code.
func exitCode(err error, stderr io.Writer) int {
	switch {
	case err == nil:
		return exitDone
	case errors.Is(err, errLeftOver):
		return exitLeftOver
	case errors.Is(err, errPrinted):
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

// load reads the configuration and prints its warnings.
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
		return nil, app.Usagef("there is no configuration file %s; name one with --config, "+
			"or make one: dossiersync config example > dossiersync.yaml", a.cli.Config)
	}
	return cfg, err
}
