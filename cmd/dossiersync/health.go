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
	Address string        `help:"Where it listens; default: ops.listen. Of a worker or portal that runs alone: its --metrics-listen." placeholder:"HOST:PORT"`
	Ready   bool          `help:"Ask whether it can work too: whether the database answers. Only the operators' listener knows."`
	Timeout time.Duration `help:"How long it may take to answer." default:"5s" placeholder:"TIME"`
}

// Help implements kong's HelpProvider.
func (*healthCmd) Help() string {
	return `For health checks of containers, which have no curl. The service is asked on this
machine, without a token. Restarting it does not help a database that is down:
let only what routes requests to it ask with --ready.

Exit codes: 0 it answers; 1 it does not.

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
		return fmt.Errorf("ask how it is: %w", err)
	}
	defer resp.Body.Close()
	_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, 64<<10))
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("ask how it is: it answers %s with HTTP %d", path, resp.StatusCode)
	}
	if a.cli.JSON {
		return printJSON(a.out, map[string]string{"status": "ok"})
	}
	fmt.Fprintln(a.out, "ok")
	return nil
}
