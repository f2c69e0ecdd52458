package embedded

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

// A postmaster is the content of postmaster.pid. A server writes the file early in its start and
// removes it last; the file of a killed server stays.
type postmaster struct {
	pid    int
	socket string // its folder; empty early in the server's start
}

// noPID is above every process id of Linux and macOS.
const noPID = 1 << 30

// postmaster reads postmaster.pid. It returns the zero value where the file is missing or still empty.
func (c *cluster) postmaster() (postmaster, error) {
	text, err := os.ReadFile(c.path(pidName))
	if errors.Is(err, fs.ErrNotExist) {
		return postmaster{}, nil
	}
	if err != nil {
		return postmaster{}, err
	}
	// Pid, data folder, start time, port, socket folder, and more.
	lines := strings.Split(string(text), "\n")
	var pm postmaster
	if len(lines) > 5 {
		pm.socket = lines[4]
	}
	pm.pid, _ = strconv.Atoi(strings.TrimSpace(lines[0])) // PostgreSQL reports an invalid number when it starts
	return pm, nil
}

// running reports whether pm is alive. A process with its number is not enough, because another process
// may have the number after a restart of the machine or of a container.
func (c *cluster) running(pm postmaster) (bool, error) {
	if !alive(pm.pid) {
		return false, nil
	}
	command, err := commandLine(pm.pid)
	if err != nil {
		return false, fmt.Errorf("read the command line of process %d: %w", pm.pid, err)
	}
	return strings.Contains(command, c.mark()), nil
}

// ready reports whether the server accepts connections. A server that is starting or stopping does not.
func (c *cluster) ready(ctx context.Context, pm postmaster) (bool, error) {
	if pm.socket == "" {
		return false, nil
	}
	at, err := c.url(pm.socket)
	if err != nil {
		return false, err
	}
	at.Path = "/postgres"
	conn, err := pgconn.Connect(ctx, at.String())
	if err == nil {
		return true, conn.Close(ctx)
	}
	refusal, ok := errors.AsType[*pgconn.PgError](err)
	switch {
	case !ok: // the server does not listen
		return false, nil
	case refusal.Code == "57P03": // cannot_connect_now
		return false, nil
	case refusal.Code == "53300": // too_many_connections
		return true, nil
	}
	return false, err
}

// disown prepares the pid file of a dead server for the next one: PostgreSQL does not start while any
// process of its user has the number in the file. The file must stay, because PostgreSQL finds out from
// its other lines whether children of the dead server are still at work.
func (c *cluster) disown(pm postmaster) error {
	if !alive(pm.pid) {
		return nil
	}
	// The account owns the folder, and must not lead root out of it by a link.
	root, err := os.OpenRoot(c.base)
	if err != nil {
		return err
	}
	defer root.Close()
	text, err := root.ReadFile(pidName)
	if err != nil {
		return err
	}
	_, rest, _ := strings.Cut(string(text), "\n")
	return root.WriteFile(pidName, []byte(strconv.Itoa(noPID)+"\n"+rest), 0o600)
}

// endInterruptedStart ends the processes of a start that was interrupted before the server had written
// its number, and removes an empty pid file: PostgreSQL takes it for the file of a running server and
// would never start. The caller holds the gate, so no other process is starting the server.
func (c *cluster) endInterruptedStart() error {
	for deadline := time.Now().Add(stopTimeout); ; time.Sleep(20 * time.Millisecond) {
		pids, err := marked(c.mark())
		if err != nil {
			return err
		}
		if len(pids) == 0 {
			break
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("processes %v of an interrupted start do not end", pids)
		}
		for _, pid := range pids {
			_ = syscall.Kill(pid, syscall.SIGINT) // a fast shutdown, if the server handles signals already
		}
	}
	root, err := os.OpenRoot(c.base)
	if err != nil {
		return err
	}
	defer root.Close()
	info, err := root.Stat(pidName)
	if errors.Is(err, fs.ErrNotExist) || err == nil && info.Size() > 0 {
		return nil
	}
	return errors.Join(err, root.Remove(pidName))
}

func alive(pid int) bool {
	return pid > 0 && !errors.Is(syscall.Kill(pid, 0), syscall.ESRCH)
}

// commandLine returns the process's command line; that of a zombie is empty.
func commandLine(pid int) (string, error) {
	if runtime.GOOS == "linux" {
		text, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/cmdline")
		return string(text), err
	}
	text, err := exec.Command("ps", "-ww", "-o", "args=", "-p", strconv.Itoa(pid)).Output()
	return string(text), err
}

// marked returns the processes with that mark in their command line: postgres, the shell that becomes
// postgres, and pg_ctl.
func marked(mark string) ([]int, error) {
	if runtime.GOOS == "linux" {
		files, err := filepath.Glob("/proc/[0-9]*/cmdline")
		var pids []int
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err != nil || !strings.Contains(string(text), mark) {
				continue // another process, or it has just ended
			}
			if pid, err := strconv.Atoi(filepath.Base(filepath.Dir(file))); err == nil {
				pids = append(pids, pid)
			}
		}
		return pids, err
	}
	text, err := exec.Command("ps", "-axww", "-o", "pid=,args=").Output()
	var pids []int
	for line := range strings.Lines(string(text)) {
		number, args, _ := strings.Cut(strings.TrimSpace(line), " ")
		if pid, err := strconv.Atoi(number); err == nil && strings.Contains(args, mark) {
			pids = append(pids, pid)
		}
	}
	return pids, err
}
