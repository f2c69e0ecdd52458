package main

import (
	"context"
	"errors"

	"go.uber.org/zap"

	"dossiersync/cmd/dossiersync/app"
)

type serveCmd struct {
	Only          string `help:"Run one part only: worker, portal or ops." enum:",worker,portal,ops" default:"" placeholder:"PART"`
	MetricsListen string `help:"Serve the health and metrics of a worker or portal that runs alone here; default: nowhere." placeholder:"HOST:PORT"`
	LogLevel      string `help:"The lowest level that is logged: debug, info, warn or error; default: ${default}." enum:"debug,info,warn,error" default:"info" placeholder:"LEVEL"`
}

// Help implements kong's HelpProvider.
func (*serveCmd) Help() string {
	return `Runs until it is stopped with SIGINT or SIGTERM. The worker then gives its runs back
at the next page, and requests in flight are answered. The log is written to standard
error, one line of JSON per message. SIGUSR1 switches debug messages on and off.

On more than one machine, use --only to run each part where it belongs. Any number of
workers and portals may run.

Examples:
  dossiersync serve
  dossiersync serve --only portal --metrics-listen 127.0.0.1:9090`
}

// Run implements the command.
func (c *serveCmd) Run(ctx context.Context, a *session) (err error) {
	cfg, err := a.load()
	if err != nil {
		return err
	}
	level, err := zap.ParseAtomicLevel(c.LogLevel)
	if err != nil {
		return app.UsageError{Err: err}
	}
	log := app.NewLog(a.err, level)
	defer log.Sync() //nolint:errcheck // standard error may be a terminal, which cannot be synced
	service, err := app.New(ctx, cfg, app.Options{Only: c.Only, MetricsListen: c.MetricsListen, Log: log, Level: level})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, service.Close()) }()
	return service.Run(ctx)
}
