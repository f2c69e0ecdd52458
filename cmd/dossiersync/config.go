package main

import (
	"fmt"

	"dossiersync/cmd/dossiersync/app"
	"dossiersync/config"
)

type configCmd struct {
	Check   configCheckCmd   `cmd:"" help:"Check a configuration file, and list all its faults with line and key."`
	Example configExampleCmd `cmd:"" help:"Print an example file that explains every key."`
	Schema  configSchemaCmd  `cmd:"" help:"Print the JSON Schema of configuration files, for editors."`
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
	if err := app.CheckDatabase(cfg); err != nil {
		return err
	}
	if a.cli.JSON {
		return printJSON(a.out, map[string]any{
			"file": a.cli.Config, "tenants": len(cfg.Tenants), "warnings": len(cfg.Warnings)})
	}
	noun := "tenants"
	if len(cfg.Tenants) == 1 {
		noun = "tenant"
	}
	fmt.Fprintf(a.out, "%s is valid: %d %s.\n", a.cli.Config, len(cfg.Tenants), noun)
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

type configSchemaCmd struct{}

// Help implements kong's HelpProvider.
func (*configSchemaCmd) Help() string {
	return `An editor that knows JSON Schema (such as VS Code with its YAML extension) completes
and checks the keys of a file whose first line is:
  # yaml-language-server: $schema=./dossiersync.schema.json

The schema checks each value by itself. 'dossiersync config check' also checks that
files exist, that variables are set and that keys go together.

Examples:
  dossiersync config schema > dossiersync.schema.json`
}

// Run implements the command.
func (*configSchemaCmd) Run(a *session) error {
	schema, err := app.ConfigSchema()
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(a.out, "%s\n", schema)
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
