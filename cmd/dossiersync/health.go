package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"time"

	"dossiersync/cmd/dossiersync/app"
)

type healthCmd struct {
	Address string        `help:"The address of the service; default: ops.listen. For a worker or portal that runs alone: its --metrics-listen." placeholder:"HOST:PORT"`
	Ready   bool          `help:"Also check that the database answers and its schema fits."`
	Timeout time.Duration `help:"How long to wait for the answer; default: ${default}." default:"5s" placeholder:"TIME"`
}

// Help implements kong's HelpProvider.
func (*healthCmd) Help() string {
	return `For health checks in containers, which have no curl. No token is needed. Use --ready
only to decide whether to send requests to the service, not whether to restart it: a
restart does not help if the database is down.

Exit codes: 0 the service is healthy; 1 it is not.

Examples:
  dossiersync health
  dossiersync health --ready
  dossiersync health --address 127.0.0.1:9090`
}

// Run implements the command.
func (c *healthCmd) Run(ctx context.Context, a *session) error {
	cfg, err := a.loadQuietly()
	if err != nil {
		return err
	}
	address, path := c.Address, "/healthz"
	if address == "" {
		address = cfg.Ops.Listen
	}
	if c.Ready {
		path = "/readyz"
	}
	client, err := localClient(cfg.Ops.TLS)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, c.Timeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, localBase(address, cfg.Ops.TLS)+path, http.NoBody)
	if err != nil {
		return app.Usagef("the address %q cannot be used", address)
	}
	resp, err := client.Do(req)
	if err != nil {
		return fmt.Errorf("ask the service at %s: %w", address, err)
	}
	defer resp.Body.Close()
	_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, 64<<10))
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("ask the service at %s: %s answers with HTTP %d", address, path, resp.StatusCode)
	}
	if a.cli.JSON {
		return printJSON(a.out, map[string]string{"status": "ok"})
	}
	fmt.Fprintln(a.out, "ok")
	return nil
}
