package embedded

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// A cluster is the files of a server, with the account and the binaries to run it.
type cluster struct {
	base string
	own  *account
	bin  Binaries
}

// openCluster returns dir's cluster, which may not be initialised yet.
func openCluster(dir string) (*cluster, error) {
	base, own, err := place(dir)
	if err != nil {
		return nil, err
	}
	var major int
	text, err := os.ReadFile(filepath.Join(base, dataName, "PG_VERSION"))
	if err == nil {
		major, err = strconv.Atoi(strings.TrimSpace(string(text)))
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("read the cluster's version: %w", err)
	}
	bin, err := ofMajor(installed(), major)
	return &cluster{base, own, bin}, err
}

func (c *cluster) path(name string) string { return filepath.Join(c.base, name) }

// mark returns a text that is in the command line of this cluster's processes and of no other.
func (c *cluster) mark() string { return "cluster_name=dossiersync-" + mark(c.base) }

// initialise makes the cluster unless it exists. initdb works under another name, so a cluster under
// its final name is complete.
func (c *cluster) initialise(ctx context.Context, fast bool) error {
	if _, err := os.Stat(c.path(dataName)); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	abandoned, _ := filepath.Glob(c.path("initdb-*")) // fails only for a malformed pattern
	for _, path := range append(abandoned, c.path(passwordName)) {
		if err := removeAll(path); err != nil {
			return err
		}
	}
	if err := c.choosePassword(); err != nil {
		return err
	}
	data, err := os.MkdirTemp(c.base, "initdb-")
	if err != nil {
		return err
	}
	if err := c.own.take(data); err != nil {
		return err
	}
	args := []string{
		"-D", filepath.Base(data), "--username=" + superuser, "--pwfile=" + passwordName,
		"--auth=scram-sha-256", "--encoding=UTF8", "--no-instructions",
	}
	if runtime.GOOS == "darwin" {
		args = append(args, "--locale=C", "--lc-ctype=UTF-8") // macOS has no C.UTF-8
	} else {
		args = append(args, "--locale=C.UTF-8")
	}
	if fast {
		args = append(args, "--no-sync")
	}
	if err := c.run(ctx, "initdb", args...); err != nil {
		return err
	}
	return os.Rename(data, c.path(dataName))
}

// removeAll removes a folder, into which a process that was killed just now may still be writing.
func removeAll(path string) (err error) {
	for range 10 {
		if err = os.RemoveAll(path); err == nil {
			return nil
		}
		time.Sleep(100 * time.Millisecond)
	}
	return err
}

func (c *cluster) choosePassword() error {
	file, err := os.OpenFile(c.path(passwordName), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(file, rand.Text())
	return errors.Join(err, file.Close(), c.own.take(file.Name()))
}

// errHeld reports that processes of a server without users still hold the cluster. They end by
// themselves.
var errHeld = errors.New("another server holds the cluster")

// launch starts a server in place of old, which does not run, and returns when it answers.
func (c *cluster) launch(ctx context.Context, old postmaster, opts Options) error {
	if old.pid == 0 {
		if err := c.endInterruptedStart(); err != nil { // of a process that was killed
			return err
		}
	}
	if err := c.disown(old); err != nil {
		return err
	}
	socket, err := socketFolder(c.base, c.own)
	if err != nil {
		return err
	}
	// The socket's lock file names a process, like postmaster.pid. It keeps servers of different
	// clusters apart, and only this cluster uses the folder.
	err = os.Remove(filepath.Join(socket, socketName+".lock"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	logged, err := c.rotateLog()
	if err != nil {
		return err
	}
	err = c.run(ctx, "pg_ctl", "start", "-w", "-t", seconds(startTimeout),
		"-D", dataName, "-l", logName, "-o", c.settings(socket, opts))
	if err == nil {
		return nil
	}
	lines := c.logTail(logged)
	if strings.Contains(lines, "pre-existing shared memory block") ||
		strings.Contains(lines, `"postmaster.pid" already exists`) {
		err = errHeld
	}
	return fmt.Errorf("%w\nlast lines of its log:\n%s", err, lines)
}

// settings returns the server's arguments, quoted for the shell that pg_ctl calls. They override
// postgresql.conf.
func (c *cluster) settings(socket string, opts Options) string {
	all := map[string]string{
		"listen_addresses": "",
		"max_connections":  "100",
		"shared_buffers":   "128MB",
		// A failed statement and its details may name people.
		"log_error_verbosity":     "terse",
		"log_min_error_statement": "panic",
	}
	if opts.Fast {
		maps.Copy(all, map[string]string{"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"})
	}
	maps.Copy(all, opts.Settings)
	maps.Copy(all, map[string]string{
		"logging_collector":       "off",
		"port":                    "5432",
		"unix_socket_directories": socket,
		"unix_socket_permissions": "0700",
	})
	words := []string{"-c", c.mark()}
	for _, name := range slices.Sorted(maps.Keys(all)) {
		words = append(words, "-c", "'"+strings.ReplaceAll(name+"="+all[name], "'", `'\''`)+"'")
	}
	return strings.Join(words, " ")
}

// stop stops the server if it runs.
func (c *cluster) stop() error {
	pm, err := c.postmaster()
	if err != nil {
		return err
	}
	running, err := c.running(pm)
	if err != nil {
		return err
	}
	if !running {
		return c.endInterruptedStart()
	}
	ctx, cancel := context.WithTimeoutCause(context.Background(), stopTimeout, errors.New("the server does not stop"))
	defer cancel()
	err = c.run(ctx, "pg_ctl", "stop", "-w", "-t", seconds(stopTimeout), "-m", "fast", "-D", dataName)
	if running, _ := c.running(pm); err != nil && running {
		return err
	}
	if pm.socket != c.path("run") {
		_ = os.Remove(pm.socket) // a folder below os.TempDir(); it stays if it is not empty
	}
	return nil
}

// run runs one of the binaries as the account, in the cluster's folder. It does not pass on the
// environment, because PostgreSQL's programs obey many PG variables.
func (c *cluster) run(ctx context.Context, name string, args ...string) error {
	cmd := exec.CommandContext(ctx, filepath.Join(c.bin.Dir, name), args...)
	cmd.Dir = c.base
	cmd.Env = []string{"PATH=/usr/bin:/bin", "LC_ALL=C", "TZ=UTC"}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Credential: c.own.credential()}
	// On an interrupt initdb removes its files, and pg_ctl stops the server.
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = 5 * time.Second
	out, err := cmd.CombinedOutput()
	if err == nil {
		return nil
	}
	if cause := context.Cause(ctx); cause != nil {
		if name == "initdb" && cmd.Process != nil { // killed while its own process was still writing the cluster
			_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
		}
		return fmt.Errorf("%s: %w", name, cause)
	}
	return fmt.Errorf("%s: %w: %s", name, err, bytes.TrimSpace(out))
}

func seconds(d time.Duration) string { return strconv.Itoa(int(d.Seconds())) }
