package acceptance

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"dossiersync/store/embedded"
)

// privateDatabase is the PostgreSQL that the program starts in its data folder. The
// last process that uses the server stops it. Methods do nothing on nil.
type privateDatabase struct {
	t       *testing.T
	dataDir string
	server  *embedded.Server // as used by this process; nil: it does not use it
}

// open makes this process a user of the server.
func (d *privateDatabase) open() {
	if d == nil || d.server != nil {
		return
	}
	d.t.Helper()
	var err error
	if d.server, err = embedded.Start(d.t.Context(), filepath.Join(d.dataDir, "postgres"),
		embedded.Options{}); err != nil {
		d.t.Fatal(err)
	}
}

func (d *privateDatabase) close() {
	if d == nil || d.server == nil {
		return
	}
	if err := d.server.Close(); err != nil {
		d.t.Error(err)
	}
	d.server = nil
}

// postmaster returns the server's process id; 0: it does not run.
func (d *privateDatabase) postmaster() int {
	text, err := os.ReadFile(filepath.Join(d.postgresDir(), "pgdata", "postmaster.pid"))
	if err != nil {
		return 0
	}
	number, _, _ := strings.Cut(string(text), "\n")
	pid, err := strconv.Atoi(strings.TrimSpace(number))
	if err != nil || syscall.Kill(pid, 0) != nil {
		return 0
	}
	return pid
}

// kill kills the server, and reports whether it ran.
func (d *privateDatabase) kill() bool {
	pid := d.postmaster()
	return pid > 1 && syscall.Kill(pid, syscall.SIGKILL) == nil
}

// wantNothingRunning fails the test if any process still has its working directory in
// the server's folder, and stops the server. Processes of a killed server need a
// moment to end. Without /proc only the server's own process is checked.
func (d *privateDatabase) wantNothingRunning() {
	dir := d.postgresDir()
	for deadline := time.Now().Add(patience); len(processesIn(dir)) > 0 && time.Now().Before(deadline); {
		time.Sleep(20 * time.Millisecond)
	}
	for _, link := range processesIn(dir) {
		d.t.Errorf("a process is left: %s", link)
	}
	if pid := d.postmaster(); pid > 1 {
		d.t.Errorf("the database is left running: %d", pid)
		_ = syscall.Kill(pid, syscall.SIGQUIT)
	}
	if filepath.Dir(dir) != filepath.Clean(d.dataDir) {
		_ = os.RemoveAll(dir) // a root user's; the next server would remove it
	}
}

func processesIn(dir string) (links []string) {
	folders, _ := filepath.Glob("/proc/[0-9]*/cwd")
	for _, link := range folders {
		if at, err := os.Readlink(link); err == nil && strings.HasPrefix(at, dir) {
			links = append(links, link)
		}
	}
	return links
}

// postgresDir returns the folder with the server's files.
func (d *privateDatabase) postgresDir() string {
	home := filepath.Join(d.dataDir, "postgres")
	if dir, err := os.Readlink(filepath.Join(home, "cluster")); err == nil {
		return dir
	}
	return home
}
