package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

// start measures how long `dossiersync serve` takes from its start until it is ready.
func start() row {
	return row{name: "B10", what: "from start to ready, in ms", goal: 300, atMost: true,
		measure: func(ctx context.Context, s *setup) (result, error) {
			var all []measure
			for range 2*s.times + 1 {
				took, err := s.untilReady(ctx)
				if err != nil {
					return result{}, err
				}
				all = append(all, measure{Took: took})
			}
			least, spread := fastest(all)
			return result{ratio: float64(least.Took.Milliseconds()), unit: " ms", noise: spread}, nil
		}}
}

// binary measures the size of the program.
func binary() row {
	return row{name: "B10", what: "size of the stripped program, in MB (millions of bytes)", goal: 25, atMost: true,
		tried: "kong and html/template call methods by name, so that the linker keeps every exported method of every " +
			"type; without inlining it is 26 MB, and slower",
		measure: func(_ context.Context, s *setup) (result, error) {
			info, err := os.Stat(filepath.Join(s.bin, "dossiersync"))
			if err != nil {
				return result{}, err
			}
			return result{ratio: float64(info.Size()) / 1e6, unit: " MB"}, nil
		}}
}

// untilReady starts the program with a migrated database, and asks whether it is ready until it is.
func (s *setup) untilReady(ctx context.Context) (time.Duration, error) {
	const name = "bench_start"
	address, err := freeAddress(ctx)
	if err != nil {
		return 0, err
	}
	conf := filepath.Join(s.dir, "start.yaml")
	portal, err := freeAddress(ctx)
	if err != nil {
		return 0, err
	}
	text := configText(s.server.URL(name), s.source(s.few)) + "ops: {listen: " + address + "}\n"
	text = strings.Replace(text, "portal_api: {", "portal_api: {listen: "+portal+", ", 1)
	if err := os.WriteFile(conf, []byte(text), 0o600); err != nil {
		return 0, err
	}
	program := filepath.Join(s.bin, "dossiersync")
	if !slices.Contains(s.made, name) {
		if _, err := s.database(ctx, name); err != nil {
			return 0, err
		}
		// It gives the portal API's role a password, too.
		if err := exec.CommandContext(ctx, program, "migrate", "--config", conf).Run(); err != nil {
			return 0, fmt.Errorf("migrate: %w", err)
		}
		s.made = append(s.made, name)
	}
	cmd := exec.CommandContext(ctx, program, "serve", "--config", conf)
	began := time.Now()
	if err := cmd.Start(); err != nil {
		return 0, err
	}
	took, err := untilAnswers(ctx, "http://"+address+"/readyz", began)
	return took, errors.Join(err, cmd.Process.Signal(syscall.SIGTERM), ignoreExit(cmd.Wait()))
}

func untilAnswers(ctx context.Context, url string, began time.Time) (time.Duration, error) {
	for time.Since(began) < 30*time.Second {
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
		if err != nil {
			return 0, err
		}
		if resp, err := http.DefaultClient.Do(r); err == nil {
			_ = resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				return time.Since(began), nil
			}
		}
		time.Sleep(2 * time.Millisecond)
	}
	return 0, fmt.Errorf("%s did not answer", url)
}

func freeAddress(ctx context.Context) (string, error) {
	ln, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer ln.Close()
	return ln.Addr().String(), nil
}

// ignoreExit ignores how a program ended that was told to.
func ignoreExit(err error) error {
	if _, ok := errors.AsType[*exec.ExitError](err); ok {
		return nil
	}
	return err
}
