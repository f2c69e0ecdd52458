package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

// demo is the demo's folder and the processes that end with it.
type demo struct {
	bin    string // the folder of the programs
	dir    string // the folder of the demo's data
	stdout io.Writer
	stderr io.Writer
	stops  []func()
}

// newDemo empties the folder, unless keep is set, and finds the programs, which are beside
// this one.
func newDemo(dir string, keep bool, stdout, stderr io.Writer) (*demo, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("find the programs: %w", err)
	}
	if dir, err = filepath.Abs(dir); err != nil {
		return nil, fmt.Errorf("find the demo's folder: %w", err)
	}
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
		return nil, fmt.Errorf("make the demo's folder: %w", err)
	}
	lock, err := os.OpenFile(dir+".lock", os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("lock the demo's folder: %w", err)
	}
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		return nil, fmt.Errorf("another demo is running in %s: stop it first, or name another folder with --data", dir)
	}
	marker := filepath.Join(dir, ".dossiersync-demo")
	entries, err := os.ReadDir(dir)
	if err == nil && len(entries) > 0 {
		if _, err := os.Stat(marker); err != nil {
			return nil, fmt.Errorf("%s is not empty and not of a demo: name another folder with --data", dir)
		}
		if !keep {
			if err := os.RemoveAll(dir); err != nil {
				return nil, fmt.Errorf("empty the demo's folder: %w", err)
			}
		}
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("make the demo's folder: %w", err)
	}
	if err := os.WriteFile(marker, nil, 0o600); err != nil {
		return nil, fmt.Errorf("make the demo's folder: %w", err)
	}
	d := &demo{bin: filepath.Dir(self), dir: dir, stdout: stdout, stderr: stderr}
	d.stops = append(d.stops, func() { lock.Close() })
	return d, nil
}

// path returns the path of a file of the demo.
func (d *demo) path(name string) string { return filepath.Join(d.dir, name) }

// close ends the processes, the last first.
func (d *demo) close() {
	for _, stop := range slices.Backward(d.stops) {
		stop()
	}
}

func (d *demo) command(name string, args ...string) *exec.Cmd {
	cmd := exec.Command(filepath.Join(d.bin, name), args...)
	cmd.Stderr = d.stderr
	// A process group of its own, so that Ctrl-C reaches this process only, which ends
	// the others in order.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	return cmd
}

// start starts a program that runs until the demo closes, with its output in a log file.
// The channel is closed when it ends.
func (d *demo) start(log, name string, args ...string) (<-chan struct{}, error) {
	out, err := os.Create(d.path(log))
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	cmd := d.command(name, args...)
	cmd.Stdout, cmd.Stderr = out, out
	if err := cmd.Start(); err != nil {
		return nil, errors.Join(fmt.Errorf("start %s: %w", name, err), out.Close())
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		cmd.Wait() //nolint:errcheck // how it ended is in its log
		out.Close()
	}()
	d.stops = append(d.stops, func() {
		cmd.Process.Signal(syscall.SIGTERM) //nolint:errcheck // it may have ended
		select {
		case <-ended:
		case <-time.After(40 * time.Second):
			cmd.Process.Kill() //nolint:errcheck // it may have ended
			<-ended
		}
	})
	return ended, nil
}

// exitError is the error of a program that the demo waited for.
type exitError struct {
	name string
	code int
}

func (e exitError) Error() string { return fmt.Sprintf("%s ended with exit code %d", e.name, e.code) }

// runToEnd runs a program with its output to stdout, and waits for it. If ctx ends, the
// program is asked to stop.
func (d *demo) runToEnd(ctx context.Context, stdout io.Writer, name string, args ...string) error {
	cmd := d.command(name, args...)
	cmd.Stdout = stdout
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start %s: %w", name, err)
	}
	stop := context.AfterFunc(ctx, func() {
		cmd.Process.Signal(syscall.SIGTERM) //nolint:errcheck // it may have ended
	})
	defer stop()
	err := cmd.Wait()
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		return exitError{name + " " + args[0], exit.ExitCode()}
	}
	return err
}

// output runs a program and returns what it prints.
func (d *demo) output(name string, args ...string) (string, error) {
	cmd := d.command(name, args...)
	var out bytes.Buffer
	cmd.Stdout = &out
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("run %s %s: %w", name, args[0], err)
	}
	return out.String(), nil
}

// waitFor polls until ready returns true.
func waitFor(ctx context.Context, what string, ended <-chan struct{}, ready func() bool) error {
	deadline := time.After(time.Minute)
	for !ready() {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-ended:
			return fmt.Errorf("%s ended unexpectedly", what)
		case <-deadline:
			return fmt.Errorf("%s is not ready after a minute", what)
		case <-time.After(50 * time.Millisecond):
		}
	}
	return nil
}

// readWord returns the only word of a file, or "" if it is not there yet.
func (d *demo) readWord(name string) string {
	b, err := os.ReadFile(d.path(name))
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(b))
}
