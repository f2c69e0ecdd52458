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

// A postmaster is what a server says of itself in postmaster.pid. The file is
// there from early in its start until its very end, and outlives a killed one.
type postmaster struct {
	pid    int
	socket string // its folder; empty while the server has only begun to start
}

// noPID is above what Linux and macOS give to processes.
const noPID = 1 << 30

// postmaster returns what postmaster.pid says, the zero value where there is no
// such file or nothing in it yet.
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
	pm.pid, _ = strconv.Atoi(strings.TrimSpace(lines[0])) // an unreadable one PostgreSQL reports when it starts
	return pm, nil
}

// running reports whether pm is alive. That a process of its number is alive
// says little: after a restart of the machine, or of a container, it may be
// anybody's.
func (c *cluster) running(pm postmaster) (bool, error) {
	if !alive(pm.pid) {
		return false, nil
	}
	command, err := commandLine(pm.pid)
	if err != nil {
		return false, fmt.Errorf("tell what process %d is: %w", pm.pid, err)
	}
	return strings.Contains(command, c.mark()), nil
}

// ready reports whether the server lets us in. One that starts or stops does
// not, for the time being.
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
	case !ok: // it does not listen
		return false, nil
	case refusal.Code == "57P03": // cannot_connect_now
		return false, nil
	case refusal.Code == "53300": // too_many_connections
		return true, nil
	}
	return false, err
}

// disown readies the pid file of a server that is gone for the next one.
// PostgreSQL will not start while the number in it is that of any process of its
// user. The file must stay: by its other lines PostgreSQL sees whether children
// of the old server are still at work.
func (c *cluster) disown(pm postmaster) error {
	if !alive(pm.pid) {
		return nil
	}
	// Root must not be led out of the folder by the account that owns it.
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

// calledOff ends what is left of a start that was interrupted. A server which
// has not yet written its number is in no pid file, or in an empty one, which
// PostgreSQL takes for another server's and never starts over. The caller holds
// the gate, so nobody else starts one.
func (c *cluster) calledOff() error {
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
			_ = syscall.Kill(pid, syscall.SIGINT) // a fast shutdown, to a server that listens to signals yet
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

// commandLine returns how the process was called, empty if it is a zombie.
func commandLine(pid int) (string, error) {
	if runtime.GOOS == "linux" {
		text, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/cmdline")
		return string(text), err
	}
	text, err := exec.Command("ps", "-ww", "-o", "args=", "-p", strconv.Itoa(pid)).Output()
	return string(text), err
}

// marked returns the processes that were called with that mark: postgres, the
// shell that becomes it, pg_ctl.
func marked(mark string) ([]int, error) {
	if runtime.GOOS == "linux" {
		files, err := filepath.Glob("/proc/[0-9]*/cmdline")
		var pids []int
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err != nil || !strings.Contains(string(text), mark) {
				continue // it has just ended
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
