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
	t     testing.TB
	cmd   *exec.Cmd
	name  string
	said  syncBuffer // on standard output and error
	ended chan struct{}
}

// start starts the program with the rig's configuration. It ends with the test.
func (r *rig) start(args ...string) *process {
	r.t.Helper()
	return r.startProgram(program, args...)
}

// startProgram starts another build of the program likewise.
func (r *rig) startProgram(program string, args ...string) *process {
	r.t.Helper()
	p := &process{t: r.t, name: strings.Join(args, " "), ended: make(chan struct{})}
	p.cmd = exec.Command(program, append([]string{"--config", r.conf}, args...)...)
	p.cmd.Stdout, p.cmd.Stderr = &p.said, &p.said
	p.cmd.WaitDelay = 5 * time.Second
	if err := p.cmd.Start(); err != nil {
		r.t.Fatal(err)
	}
	go func() {
		defer close(p.ended)
		_ = p.cmd.Wait() // how it ended is in ProcessState
	}()
	r.t.Cleanup(p.kill)
	return p
}

func (p *process) pid() int { return p.cmd.Process.Pid }

func (p *process) signal(s syscall.Signal) {
	p.t.Helper()
	if err := p.cmd.Process.Signal(s); err != nil && !errors.Is(err, syscall.ESRCH) && !p.isOver() {
		p.t.Fatalf("%s to %s: %v", s, p.name, err)
	}
}

// kill ends the process as the kernel does that needs its memory.
func (p *process) kill() {
	_ = p.cmd.Process.Kill() // it may have ended
	<-p.ended
}

func (p *process) isOver() bool {
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
		p.t.Fatalf("dossiersync %s hangs:\n%s", p.name, &p.said)
	}
	p.sound()
	return p.cmd.ProcessState.ExitCode()
}

// sound fails the test where the program itself went wrong.
func (p *process) sound() {
	p.t.Helper()
	for _, sign := range []string{"panic:", "DATA RACE", "fatal error:"} {
		if said := p.said.String(); strings.Contains(said, sign) {
			p.t.Errorf("dossiersync %s:\n%s", p.name, said)
		}
	}
}
