package main

import (
	"fmt"

	"dossiersync/cmd/dossiersync/app"
	"dossiersync/config"
)

type configCmd struct {
	Check   configCheckCmd   `cmd:"" help:"Check a configuration file: every fault at once, with file, line and key."`
	Example configExampleCmd `cmd:"" help:"Print an example with an explanation of every key."`
}

type configCheckCmd struct{}

// Help implements kong's HelpProvider.
func (*configCheckCmd) Help() string {
	return `Examples:
  dossiersync config check
  dossiersync --config new.yaml config check`
}

// Run implements the command.
func (*configCheckCmd) Run(a *session) error {
	cfg, err := a.load()
	if err != nil {
		return err
	}
	if a.cli.JSON {
		return printJSON(a.out, map[string]any{"file": a.cli.Config, "tenants": len(cfg.Tenants), "warnings": len(cfg.Warnings)})
	}
	noun := "tenants"
	if len(cfg.Tenants) == 1 {
		noun = "tenant"
	}
	fmt.Fprintf(a.out, "%s is right: %d %s.\n", a.cli.Config, len(cfg.Tenants), noun)
	return nil
}

type configExampleCmd struct{}

// Help implements kong's HelpProvider.
func (*configExampleCmd) Help() string {
	return `Examples:
  dossiersync config example > dossiersync.yaml`
}

// Run implements the command.
func (*configExampleCmd) Run(a *session) error {
	_, err := a.out.Write(config.Example())
	return err
}

type versionCmd struct{}

// Help implements kong's HelpProvider.
func (*versionCmd) Help() string {
	return `Examples:
  dossiersync version
  dossiersync --json version`
}

// Run implements the command.
func (*versionCmd) Run(a *session) error {
	b := app.BuildInfo()
	if a.cli.JSON {
		return printJSON(a.out, b)
	}
	fmt.Fprintf(a.out, "dossiersync %s (%s, %s)\n", b.Version, b.Revision, b.GoVersion)
	return nil
}
