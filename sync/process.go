package sync

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
)

// process identifies a process among those of all machines. It is kept, as text, with the claim on
// a run, so that another process on the same machine can see that it is dead and need not wait for
// the lease.
type process struct {
	host  string // for people
	pid   int
	space string // digest of machine, boot and PID namespace, in which pid is unique; "": unknown
	start string // when the process began, in ticks since the boot; PIDs are used again
}

// thisProcess identifies the calling process. Where there is no /proc of Linux, it has no space.
func thisProcess() process {
	p := process{host: "worker", pid: os.Getpid()}
	if host, err := os.Hostname(); err == nil {
		p.host = host
	}
	boot, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return p
	}
	namespace, err := os.Readlink("/proc/self/ns/pid")
	if err != nil {
		return p
	}
	_, start, err := stateOf(p.pid)
	if err != nil {
		return p
	}
	machine, _ := os.ReadFile("/etc/machine-id") // a container may have none
	sum := sha256.Sum256(fmt.Appendf(nil, "%s\n%s\n%s", machine, boot, namespace))
	p.space, p.start = hex.EncodeToString(sum[:8]), start
	return p
}

// String returns the text that parseProcess reads: "host-4711", and what else is known.
func (p process) String() string {
	name := p.host + "-" + strconv.Itoa(p.pid)
	if p.space == "" {
		return name
	}
	return name + " " + p.space + " " + p.start
}

func parseProcess(text string) process {
	name, rest, _ := strings.Cut(text, " ")
	space, start, _ := strings.Cut(rest, " ")
	host, number, ok := cutLast(name, "-")
	pid, err := strconv.Atoi(number)
	if !ok || err != nil {
		return process{host: name}
	}
	return process{host: host, pid: pid, space: space, start: start}
}

func cutLast(s, sep string) (before, after string, ok bool) {
	i := strings.LastIndex(s, sep)
	if i < 0 {
		return s, "", false
	}
	return s[:i], s[i+len(sep):], true
}

// isDead reports whether the process is known to be dead. It is not known of a process on another
// machine, or in another container.
func (p process) isDead(here process) bool {
	if p.space == "" || p.space != here.space || p.pid <= 0 || p.start == "" {
		return false
	}
	if errors.Is(syscall.Kill(p.pid, 0), syscall.ESRCH) {
		return true
	}
	state, start, err := stateOf(p.pid)
	if err != nil {
		return false // it may have been hidden from us
	}
	return start != p.start || state == "Z" || state == "X" // another process, or one that has ended
}

// stateOf returns the state and the start time of a process: fields 3 and 22 of proc_pid_stat(5).
func stateOf(pid int) (state, start string, err error) {
	text, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return "", "", err
	}
	_, rest, _ := cutLast(string(text), ")") // the name before it may hold anything
	fields := strings.Fields(rest)
	const first, at = 3, 22
	if len(fields) <= at-first {
		return "", "", errors.New("/proc has no start time")
	}
	return fields[0], fields[at-first], nil
}
