package acceptance

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// runCommand runs a command of the program to its end, as from a shell.
func (h *harness) runCommand(args ...string) (code int, stdout, stderr string) {
	h.t.Helper()
	var out, errs bytes.Buffer
	cmd := exec.CommandContext(h.t.Context(), program, append([]string{"--config", h.configFile}, args...)...)
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil && cmd.ProcessState == nil {
		h.t.Fatal(err)
	}
	return cmd.ProcessState.ExitCode(), out.String(), errs.String()
}

// mustRun runs a command that must exit with 0, and returns its standard output.
func (h *harness) mustRun(args ...string) string {
	h.t.Helper()
	code, out, errs := h.runCommand(args...)
	if code != exitDone {
		h.t.Fatalf("dossiersync %s: exit %d\n%s%s", strings.Join(args, " "), code, out, errs)
	}
	return out
}

// wantStatus fails the test unless dossiersync status exits with the code and prints all of the
// words.
func (h *harness) wantStatus(want int, words ...string) {
	h.t.Helper()
	code, out, errs := h.runCommand("status")
	if code != want {
		h.t.Errorf("status: exit %d, want %d\n%s%s", code, want, out, errs)
	}
	for _, word := range words {
		if !strings.Contains(out, word) {
			h.t.Errorf("status does not say %q:\n%s", word, out)
		}
	}
}

// process is the program as a process of its own, which can be killed.
type process struct {
	t      testing.TB
	cmd    *exec.Cmd
	name   string
	output syncBuffer // standard output and error
	ended  chan struct{}
}

// start starts the program with the harness's configuration. The process is
// killed when the test ends.
func (h *harness) start(args ...string) *process {
	h.t.Helper()
	return h.startBuild(program, args...)
}

// startBuild is like start for another build of the program.
func (h *harness) startBuild(program string, args ...string) *process {
	h.t.Helper()
	p := &process{t: h.t, name: strings.Join(args, " "), ended: make(chan struct{})}
	p.cmd = exec.Command(program, append([]string{"--config", h.configFile}, args...)...)
	p.cmd.Stdout, p.cmd.Stderr = &p.output, &p.output
	p.cmd.WaitDelay = 5 * time.Second
	if err := p.cmd.Start(); err != nil {
		h.t.Fatal(err)
	}
	go func() {
		defer close(p.ended)
		_ = p.cmd.Wait() // the result is in ProcessState
	}()
	h.t.Cleanup(p.kill)
	return p
}

func (p *process) pid() int { return p.cmd.Process.Pid }

func (p *process) signal(s syscall.Signal) {
	p.t.Helper()
	if err := p.cmd.Process.Signal(s); err != nil && !errors.Is(err, syscall.ESRCH) && !p.hasEnded() {
		p.t.Fatalf("%s to %s: %v", s, p.name, err)
	}
}

// kill sends SIGKILL, unless the process has ended, and waits for its end.
func (p *process) kill() {
	_ = p.cmd.Process.Kill() // it may have ended
	<-p.ended
}

// stop sends SIGTERM, and fails the test unless the process then exits with 0.
func (p *process) stop() {
	p.t.Helper()
	p.signal(syscall.SIGTERM)
	p.wantExit(exitDone)
}

func (p *process) hasEnded() bool {
	select {
	case <-p.ended:
		return true
	default:
		return false
	}
}

// wait returns the exit code of a process that ends by itself.
func (p *process) wait() int {
	p.t.Helper()
	select {
	case <-p.ended:
	case <-time.After(2 * patience):
		p.signal(syscall.SIGQUIT) // prints the stacks
		<-p.ended
		p.t.Fatalf("dossiersync %s hangs:\n%s", p.name, &p.output)
	}
	p.wantNoCrash()
	return p.cmd.ProcessState.ExitCode()
}

// wantExit waits for the end of the process, and returns its output.
func (p *process) wantExit(want int) string {
	p.t.Helper()
	if code := p.wait(); code != want {
		p.t.Errorf("dossiersync %s: exit %d, want %d\n%s", p.name, code, want, &p.output)
	}
	return p.output.String()
}

// wantNoCrash fails the test if the program panicked or has a data race.
func (p *process) wantNoCrash() {
	p.t.Helper()
	for _, sign := range []string{"panic:", "DATA RACE", "fatal error:"} {
		if output := p.output.String(); strings.Contains(output, sign) {
			p.t.Errorf("dossiersync %s:\n%s", p.name, output)
		}
	}
}

// addressOf waits until the process listens for a part of the service, and returns
// the part's address.
func (p *process) addressOf(part string) (address string) {
	p.t.Helper()
	waitUntil(p.t, "the program listens for the "+part, func() bool {
		for s := bufio.NewScanner(strings.NewReader(p.output.String())); s.Scan(); {
			var l struct{ Part, Address string }
			if json.Unmarshal(s.Bytes(), &l) == nil && l.Part == part {
				address = l.Address
				return true
			}
		}
		return p.hasEnded()
	})
	if address == "" {
		p.t.Fatalf("dossiersync %s:\n%s", p.name, &p.output)
	}
	return address
}

// syncBuffer is a buffer that a service writes to while a test reads it.
type syncBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *syncBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

// patience is how long tests wait for what another process does. It is long because a machine
// may have many tests to run at once; a test that succeeds waits no longer than it must.
const patience = 2 * time.Minute

// waitFor fails the test unless the channel is closed in time.
func waitFor(t testing.TB, event string, c <-chan struct{}) {
	t.Helper()
	select {
	case <-c:
	case <-time.After(patience):
		t.Fatalf("after %s this has not happened: %s", patience, event)
	}
}

// waitUntil fails the test unless the condition becomes true in time. It polls,
// because other processes give no event to wait for.
func waitUntil(t testing.TB, condition string, isTrue func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !isTrue(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("after %s this is not so: %s", patience, condition)
		}
	}
}
