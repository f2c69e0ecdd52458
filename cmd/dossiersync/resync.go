package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"time"

	"dossiersync/cmd/dossiersync/app"
	"dossiersync/store"
)

type resyncCmd struct {
	scopeFlags
	Tenant    string `help:"The tenant." required:"" placeholder:"TENANT"`
	Wait      bool   `help:"Wait until the run ends, and print how it ended."`
	Server    string `help:"The URL of the running service's operators' listener; default: from ops.listen." placeholder:"URL"`
	TokenFile string `help:"The file with the operator's token, if ops.users are configured." placeholder:"FILE"`
}

// Help implements kong's HelpProvider.
func (*resyncCmd) Help() string {
	return `Examples:
  dossiersync resync --tenant amaris --wait
  dossiersync resync --tenant amaris --client 4711 --wait    everything of one client
  dossiersync resync --tenant amaris --stream reports --full

If a run with the same scope is already waiting, no other run is added.

Exit codes: 0 the run is queued, or with --wait complete; 1 failed; 3 with --wait:
something is left over.`
}

// Run implements the command.
func (c *resyncCmd) Run(ctx context.Context, a *session) error {
	cfg, err := a.load()
	if err != nil {
		return err
	}
	if _, err := selectTenants(cfg, c.Tenant); err != nil {
		return err
	}
	client := &opsClient{base: strings.TrimSuffix(c.Server, "/"), http: http.DefaultClient, tokenFile: c.TokenFile}
	if client.base == "" {
		client.base = localBase(cfg.Ops.Listen, cfg.Ops.TLS)
		if client.http, err = localClient(cfg.Ops.TLS); err != nil {
			return err
		}
	}
	body, err := json.Marshal(c.scope())
	if err != nil {
		return err
	}
	var run store.Run
	status, err := client.do(ctx, http.MethodPost, "/api/tenants/"+c.Tenant+"/resync", body, &run)
	if err != nil {
		return err
	}
	if !c.Wait {
		if a.cli.JSON {
			return printJSON(a.out, run)
		}
		if status == http.StatusOK {
			fmt.Fprintf(a.out, "Run %d with the same scope is already waiting.\n", run.ID)
		} else {
			fmt.Fprintf(a.out, "Run %d is queued. Follow it with: dossiersync runs --tenant %s\n", run.ID, c.Tenant)
		}
		return nil
	}
	return c.follow(ctx, a, client, run)
}

// follow waits until the run ends, says meanwhile why it cannot read its source, and prints how it ended.
func (c *resyncCmd) follow(ctx context.Context, a *session, client *opsClient, run store.Run) error {
	told := ""
	for run.State != store.RunDone {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(500 * time.Millisecond):
		}
		var now struct {
			store.Run
			Waits string `json:"waits"`
		}
		if _, err := client.do(ctx, http.MethodGet, fmt.Sprintf("/api/runs/%d", run.ID), nil, &now); err != nil {
			return err
		}
		run = now.Run
		if now.Waits != "" && now.Waits != told && !a.cli.JSON {
			told = now.Waits
			fmt.Fprintf(a.err, "%s: run %d waits: %s\n", run.Tenant, run.ID, told)
		}
	}
	if a.cli.JSON {
		if err := printJSON(a.out, run); err != nil {
			return err
		}
	} else {
		printRun(a.out, run)
	}
	switch *run.Outcome {
	case store.OutcomeComplete:
		return nil
	case store.OutcomePartial:
		return errLeftOver
	}
	return errPrinted
}

// opsClient makes requests to the running service.
type opsClient struct {
	base      string
	http      *http.Client
	tokenFile string
}

// do makes a request and decodes the response into out. The error of a refused request
// has the service's own words.
func (c *opsClient) do(ctx context.Context, method, path string, body []byte, out any) (int, error) {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, c.base+path, bytes.NewReader(body))
	if err != nil {
		return 0, app.Usagef("the service's address %q cannot be used", c.base)
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if c.tokenFile != "" {
		token, err := os.ReadFile(c.tokenFile)
		if err != nil {
			return 0, app.Usagef("read the operator's token: %w", err)
		}
		req.Header.Set("Authorization", "Bearer "+strings.TrimSpace(string(token)))
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return 0, fmt.Errorf("reach the running service at %s (is dossiersync serve running? if not, use dossiersync sync): %w",
			c.base, err)
	}
	defer resp.Body.Close()
	response, err := io.ReadAll(io.LimitReader(resp.Body, 8<<20))
	if err != nil {
		return 0, fmt.Errorf("read the service's response: %w", err)
	}
	if resp.StatusCode/100 != 2 {
		var problem struct {
			Title  string `json:"title"`
			Detail string `json:"detail"`
		}
		_ = json.Unmarshal(response, &problem) // without a problem document both stay empty
		return resp.StatusCode, fmt.Errorf("the service refuses (HTTP %d): %s %s",
			resp.StatusCode, problem.Title, problem.Detail)
	}
	return resp.StatusCode, json.Unmarshal(response, out)
}
