package sync

import (
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
)

func TestProcessIsKnownToBeDead(t *testing.T) {
	t.Parallel()
	here := thisProcess()
	if here.space == "" {
		t.Skip("this system has no /proc of Linux")
	}
	if got := parseProcess(here.String()); got != here {
		t.Errorf("%q is read as %+v, want %+v", here, got, here)
	}
	child := exec.Command("sleep", "60")
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	p := here
	p.pid = child.Process.Pid
	var err error
	if _, p.start, err = stateOf(p.pid); err != nil {
		t.Fatal(err)
	}
	if p.isDead(here) {
		t.Error("a process that lives is taken for dead")
	}
	for name, change := range map[string]func(*process){
		"on another machine or in another container": func(p *process) { p.space = "0123456789abcdef" },
		"without a start": func(p *process) { p.start = "" },
		"without a space": func(p *process) { p.space = "" },
	} {
		other := p
		change(&other)
		other.pid = 1 << 22 // no process has it
		if other.isDead(here) {
			t.Errorf("a process %s is taken for dead", name)
		}
	}
	again := p
	again.start = "1"
	if !again.isDead(here) {
		t.Error("a process whose PID another has now is not taken for dead")
	}
	if err := child.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(10 * time.Second); !p.isDead(here); time.Sleep(time.Millisecond) { // a zombie
		if time.Now().After(deadline) {
			t.Fatal("a process that was killed and not waited for is not taken for dead")
		}
	}
	_ = child.Wait() // it was killed
	if !p.isDead(here) {
		t.Error("a process that is gone is not taken for dead")
	}
}

func TestProcessTextIsReadBack(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]process{
		"ecd-01-4711 0123456789abcdef 99": {host: "ecd-01", pid: 4711, space: "0123456789abcdef", start: "99"},
		"ecd-01-4711":                     {host: "ecd-01", pid: 4711}, // of an earlier version
		"another":                         {host: "another"},
		"":                                {},
	} {
		if got := parseProcess(text); got != want {
			t.Errorf("%q is read as %+v, want %+v", text, got, want)
		}
	}
	if name, err := os.Hostname(); err == nil && !strings.HasPrefix(thisProcess().String(), name+"-") {
		t.Errorf("%q does not begin with the host's name", thisProcess())
	}
}
