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
	"strings"
	"syscall"
	"time"
)

// stage is where the programs of the demo run: their folder, and the processes
// that must end with it.
type stage struct {
	bin    string // the folder of the programs
	dir    string // the folder of the demo's data
	stdout io.Writer
	stderr io.Writer
	stops  []func()
}

// newStage empties the folder and finds the programs, which lie beside this one.
func newStage(dir string, stdout, stderr io.Writer) (*stage, error) {
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
			return nil, fmt.Errorf("%s is not empty, and not a demo's: name another folder with --data", dir)
		}
		if err := os.RemoveAll(dir); err != nil {
			return nil, fmt.Errorf("empty the demo's folder: %w", err)
		}
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("make the demo's folder: %w", err)
	}
	if err := os.WriteFile(marker, nil, 0o600); err != nil {
		return nil, fmt.Errorf("make the demo's folder: %w", err)
	}
	s := &stage{bin: filepath.Dir(self), dir: dir, stdout: stdout, stderr: stderr}
	s.stops = append(s.stops, func() { lock.Close() })
	return s, nil
}

// path returns the path of a file of the demo.
func (s *stage) path(name string) string { return filepath.Join(s.dir, name) }

// close ends what was started, the last first.
func (s *stage) close() {
	for i := len(s.stops) - 1; i >= 0; i-- {
		s.stops[i]()
	}
}

func (s *stage) command(name string, args ...string) *exec.Cmd {
	cmd := exec.Command(filepath.Join(s.bin, name), args...)
	cmd.Stderr = s.stderr
	// A group of its own: Ctrl-C reaches this process, which ends them in order.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	return cmd
}

// start starts a program that runs until the stage closes; what it prints goes
// to a log file. The channel is closed if it ends before.
func (s *stage) start(log, name string, args ...string) (<-chan struct{}, error) {
	out, err := os.Create(s.path(log))
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	cmd := s.command(name, args...)
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
	s.stops = append(s.stops, func() {
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

// exitError is how a program ended that the demo waited for.
type exitError struct {
	name string
	code int
}

func (e exitError) Error() string { return fmt.Sprintf("%s ended with exit code %d", e.name, e.code) }

// follow runs a program to its end, with this process's output. When ctx ends
// it is asked to stop.
func (s *stage) follow(ctx context.Context, name string, args ...string) error {
	cmd := s.command(name, args...)
	cmd.Stdout = s.stdout
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

// output returns what a program prints.
func (s *stage) output(name string, args ...string) (string, error) {
	cmd := s.command(name, args...)
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
			return fmt.Errorf("%s ended by itself", what)
		case <-deadline:
			return fmt.Errorf("%s is not ready after a minute", what)
		case <-time.After(50 * time.Millisecond):
		}
	}
	return nil
}

// readWord returns the only word of a file, or "" if it is not there yet.
func (s *stage) readWord(name string) string {
	b, err := os.ReadFile(s.path(name))
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(b))
}
