package acceptance

import (
	"errors"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"
)

// process is the program as a process of its own, which can be killed.
type process struct {
	t      testing.TB
	cmd    *exec.Cmd
	name   string
	output syncBuffer // on standard output and error
	ended  chan struct{}
}

// start starts the program with the rig's configuration. It ends with the test.
func (h *harness) start(args ...string) *process {
	h.t.Helper()
	return h.startBuild(program, args...)
}

// startBuild starts another build of the program likewise.
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
		_ = p.cmd.Wait() // how it ended is in ProcessState
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

// kill ends the process as the kernel does that needs its memory.
func (p *process) kill() {
	_ = p.cmd.Process.Kill() // it may have ended
	<-p.ended
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
	case <-time.After(2 * time.Minute):
		p.signal(syscall.SIGQUIT) // tells where it is
		<-p.ended
		p.t.Fatalf("dossiersync %s hangs:\n%s", p.name, &p.output)
	}
	p.wantNoCrash()
	return p.cmd.ProcessState.ExitCode()
}

// wantNoCrash fails the test where the program itself went wrong.
func (p *process) wantNoCrash() {
	p.t.Helper()
	for _, sign := range []string{"panic:", "DATA RACE", "fatal error:"} {
		if said := p.output.String(); strings.Contains(said, sign) {
			p.t.Errorf("dossiersync %s:\n%s", p.name, said)
		}
	}
}
