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

// A cluster is the files of a server and the means to run it.
type cluster struct {
	base string
	own  *account
	bin  Binaries
}

// openCluster finds the place for dir's cluster and the binaries for it.
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

// mark is in the command line of this cluster's server and of no other process.
func (c *cluster) mark() string { return "cluster_name=dossiersync-" + mark(c.base) }

// initialise makes the cluster unless it is there. A cluster under its proper
// name is whole: initdb works elsewhere.
func (c *cluster) initialise(ctx context.Context, fast bool) error {
	if _, err := os.Stat(c.path(dataName)); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	abandoned, _ := filepath.Glob(c.path("initdb-*")) // fails only for a malformed pattern
	for _, path := range append(abandoned, c.path(passwordName)) {
		if err := os.RemoveAll(path); err != nil {
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
		args = append(args, "--locale=C", "--lc-ctype=UTF-8") // it has no C.UTF-8
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

func (c *cluster) choosePassword() error {
	file, err := os.OpenFile(c.path(passwordName), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(file, rand.Text())
	return errors.Join(err, file.Close(), c.own.take(file.Name()))
}

// errHeld says that a server which nobody uses any more, or what is left of it,
// is in the way. It passes.
var errHeld = errors.New("another server holds the cluster")

// launch starts the server in the place of old and returns when it answers.
func (c *cluster) launch(ctx context.Context, old postmaster, opts Options) error {
	if old.pid == 0 {
		if err := c.calledOff(); err != nil { // by a process that was killed meanwhile
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
	// It has a number in it like postmaster.pid, and no other use than to keep
	// servers of different clusters apart: this folder is of one.
	err = os.Remove(filepath.Join(socket, socketName+".lock"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	logged, err := c.turnLog()
	if err != nil {
		return err
	}
	err = c.run(ctx, "pg_ctl", "start", "-w", "-t", seconds(startTimeout),
		"-D", dataName, "-l", logName, "-o", c.settings(socket, opts))
	if err == nil {
		return nil
	}
	said := c.lastWords(logged)
	if strings.Contains(said, "pre-existing shared memory block") || strings.Contains(said, `"postmaster.pid" already exists`) {
		err = errHeld
	}
	return fmt.Errorf("%w\nlast lines of its log:\n%s", err, said)
}

// settings returns the server's arguments, quoted for the shell that pg_ctl
// calls. What they say overrides postgresql.conf.
func (c *cluster) settings(socket string, opts Options) string {
	all := map[string]string{
		"listen_addresses": "",
		"max_connections":  "100",
		"shared_buffers":   "128MB",
		// A failing statement and its details may name people.
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
		return c.calledOff()
	}
	ctx, cancel := context.WithTimeoutCause(context.Background(), stopTimeout, errors.New("the server does not stop"))
	defer cancel()
	err = c.run(ctx, "pg_ctl", "stop", "-w", "-t", seconds(stopTimeout), "-m", "fast", "-D", dataName)
	if running, _ := c.running(pm); err != nil && running {
		return err
	}
	if pm.socket != c.path("run") {
		_ = os.Remove(pm.socket) // below os.TempDir(); not empty, it stays
	}
	return nil
}

// run runs one of the binaries as the account, in the cluster's folder and with
// an environment of its own: PostgreSQL's programs heed many PG variables.
func (c *cluster) run(ctx context.Context, name string, args ...string) error {
	cmd := exec.CommandContext(ctx, filepath.Join(c.bin.Dir, name), args...)
	cmd.Dir = c.base
	cmd.Env = []string{"PATH=/usr/bin:/bin", "LC_ALL=C", "TZ=UTC"}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Credential: c.own.credential()}
	// Interrupted, initdb cleans up and pg_ctl takes the server with it.
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = 5 * time.Second
	out, err := cmd.CombinedOutput()
	if err == nil {
		return nil
	}
	if cause := context.Cause(ctx); cause != nil {
		return fmt.Errorf("%s: %w", name, cause)
	}
	return fmt.Errorf("%s: %w: %s", name, err, bytes.TrimSpace(out))
}

func seconds(d time.Duration) string { return strconv.Itoa(int(d.Seconds())) }
