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
	Wait      bool   `help:"Follow the run to its end."`
	Server    string `help:"The operators' address of the running service; default: ops.listen of the configuration." placeholder:"URL"`
	TokenFile string `help:"The operator's token, where ops.users are configured." placeholder:"FILE"`
}

// Help implements kong's HelpProvider.
func (*resyncCmd) Help() string {
	return `Examples:
  dossiersync resync --tenant amaris --wait
  dossiersync resync --tenant amaris --client 4711 --wait    all of one client
  dossiersync resync --tenant amaris --stream reports --full

A run of the same scope that waits already is not asked for twice.`
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
			fmt.Fprintf(a.out, "Run %d of the same scope waits already.\n", run.ID)
		} else {
			fmt.Fprintf(a.out, "Run %d is asked for. Follow it with: dossiersync runs --tenant %s\n", run.ID, c.Tenant)
		}
		return nil
	}
	return c.follow(ctx, a, client, run)
}

func (c *resyncCmd) follow(ctx context.Context, a *session, client *opsClient, run store.Run) error {
	for run.State != store.RunDone {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(500 * time.Millisecond):
		}
		if _, err := client.do(ctx, http.MethodGet, fmt.Sprintf("/api/runs/%d", run.ID), nil, &run); err != nil {
			return err
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
	return errTold
}

// opsClient asks the running service.
type opsClient struct {
	base      string
	http      *http.Client
	tokenFile string
}

// do makes a request and decodes its answer into out. An error of the service is
// returned in its own words.
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
			return 0, app.UsageError{Err: err}
		}
		req.Header.Set("Authorization", "Bearer "+strings.TrimSpace(string(token)))
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return 0, fmt.Errorf("reach the running service at %s (is dossiersync serve running? without it, use dossiersync sync): %w", c.base, err)
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(resp.Body, 8<<20))
	if err != nil {
		return 0, fmt.Errorf("read the service's answer: %w", err)
	}
	if resp.StatusCode/100 != 2 {
		var problem struct {
			Title  string `json:"title"`
			Detail string `json:"detail"`
		}
		_ = json.Unmarshal(answer, &problem) // what cannot be read says nothing
		return resp.StatusCode, fmt.Errorf("the service refuses (HTTP %d): %s %s", resp.StatusCode, problem.Title, problem.Detail)
	}
	return resp.StatusCode, json.Unmarshal(answer, out)
}
