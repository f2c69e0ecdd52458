package embedded_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"golang.org/x/sys/unix"

	"dossiersync/store/embedded"
	"dossiersync/store/storetest"
)

// userOf is the environment variable that names the folder whose server a helper process uses.
const userOf = "DOSSIERSYNC_TEST_USER_OF"

func TestMain(m *testing.M) {
	if dir := os.Getenv(userOf); dir != "" {
		os.Exit(storetest.HelperMain(func() (string, func() error, error) {
			s, err := embedded.Start(context.Background(), dir, embedded.Options{Fast: true})
			if err != nil {
				return "", nil, err
			}
			return s.URL("postgres"), s.Close, nil
		}))
	}
	os.Exit(m.Run())
}

// startUser starts a process that uses the server of dir. Its first line is the server's address.
func startUser(t *testing.T, dir string) *storetest.Helper {
	t.Helper()
	return storetest.StartHelper(t, userOf+"="+dir)
}

// urlOf returns the address that the helper has printed.
func urlOf(t *testing.T, h *storetest.Helper) string {
	t.Helper()
	line := h.Line()
	if !strings.HasPrefix(line, "postgres://") {
		t.Fatalf("helper process: %s", line)
	}
	return line
}

// folder returns a folder that root's server can reach, unlike t.TempDir.
func folder(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "dossiersync-embedded-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	if err := os.Chmod(dir, 0o711); err != nil {
		t.Fatal(err)
	}
	return filepath.Join(dir, "pg")
}

func start(t *testing.T, dir string, settings map[string]string) *embedded.Server {
	t.Helper()
	s, err := embedded.Start(t.Context(), dir, embedded.Options{Fast: true, Settings: settings})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closeServer(t, s) })
	return s
}

func closeServer(t *testing.T, s *embedded.Server) {
	t.Helper()
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}

// ask returns the answer to an SQL expression.
func ask(t *testing.T, url, expression string) string {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	var answer string
	if err := conn.QueryRow(t.Context(), "SELECT ("+expression+")::text").Scan(&answer); err != nil {
		t.Fatal(err)
	}
	return answer
}

func run(t *testing.T, url, statement string) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	if _, err := conn.Exec(t.Context(), statement); err != nil {
		t.Fatal(err)
	}
}

// postmaster returns the process of dir's server, 0 if there is none.
func postmaster(t *testing.T, dir string) int {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dir, "pgdata", "postmaster.pid"))
	if errors.Is(err, fs.ErrNotExist) {
		return 0
	}
	if err != nil {
		t.Fatal(err)
	}
	line, _, _ := strings.Cut(string(text), "\n")
	pid, err := strconv.Atoi(line)
	if err != nil {
		t.Fatal(err)
	}
	return pid
}

// awaitEnd waits for the kernel to be done with a process.
func awaitEnd(t *testing.T, pid int) {
	t.Helper()
	for range 6000 {
		if errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Errorf("process %d is still there", pid)
}

func TestLastOfTwoStartedAtOnceStopsServer(t *testing.T) {
	t.Parallel()
	dir := folder(t)
	a, b := startUser(t, dir), startUser(t, dir)
	if a, b := urlOf(t, a), urlOf(t, b); a != b {
		t.Errorf("two servers: %s and %s", a, b)
	}
	pid := postmaster(t, dir)
	a.Leave()
	if got := postmaster(t, dir); got != pid {
		t.Errorf("postmaster is %d after the first left, want %d", got, pid)
	}
	b.Leave()
	if got := postmaster(t, dir); got != 0 {
		t.Errorf("postmaster is %d after the last left, want none", got)
	}
	awaitEnd(t, pid)
}

func TestKilledUserLeavesServerToNext(t *testing.T) {
	t.Parallel()
	dir := folder(t)
	a := startUser(t, dir)
	url := urlOf(t, a)
	pid := postmaster(t, dir)
	a.Kill()
	if got := ask(t, url, "1"); got != "1" {
		t.Errorf("answer is %s, want 1", got)
	}
	s := start(t, dir, nil)
	if got := postmaster(t, dir); got != pid {
		t.Errorf("postmaster is %d, want %d", got, pid)
	}
	closeServer(t, s)
	awaitEnd(t, pid)
}

func TestStarterMayBeKilledAtAnyMoment(t *testing.T) {
	t.Parallel()
	dir := folder(t)
	for after := range 6 {
		a := startUser(t, dir)
		time.Sleep(time.Duration(after) * 100 * time.Millisecond) // initdb takes longer
		a.Kill()
	}
	s := start(t, dir, nil)
	if got := ask(t, s.URL("postgres"), "1"); got != "1" {
		t.Errorf("answer is %s, want 1", got)
	}
	closeServer(t, s)
	if got := postmaster(t, dir); got != 0 {
		t.Errorf("postmaster is %d after the last left, want none", got)
	}
}

func TestKilledServerComesBackWithNextStart(t *testing.T) {
	t.Parallel()
	dir := folder(t)
	s := start(t, dir, map[string]string{"synchronous_commit": "on"})
	run(t, s.URL("postgres"), "CREATE TABLE kept ()")
	if err := syscall.Kill(postmaster(t, dir), syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	again := start(t, dir, nil)
	if got := ask(t, s.URL("postgres"), "to_regclass('kept')"); got != "kept" {
		t.Errorf("the table is %q, want kept", got)
	}
	closeServer(t, s)
	closeServer(t, again)
	if got := postmaster(t, dir); got != 0 {
		t.Errorf("postmaster is %d after the last left, want none", got)
	}
}

func TestStartIgnoresPidFileOfAnotherProcess(t *testing.T) {
	t.Parallel()
	dir := folder(t)
	s := start(t, dir, nil)
	file := filepath.Join(dir, "pgdata", "postmaster.pid")
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(file)
	if err != nil {
		t.Fatal(err)
	}
	closeServer(t, s)

	other := exec.CommandContext(t.Context(), "sleep", "60") // as the server's user, so that PostgreSQL takes it for a server
	owner := info.Sys().(*syscall.Stat_t)
	if os.Getuid() == 0 {
		other.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: owner.Uid, Gid: owner.Gid}}
	}
	if err := other.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = other.Wait() })
	_, rest, _ := strings.Cut(string(text), "\n")
	if err := os.WriteFile(file, fmt.Appendf(nil, "%d\n%s", other.Process.Pid, rest), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chown(file, int(owner.Uid), int(owner.Gid)); err != nil {
		t.Fatal(err)
	}
	if got := ask(t, start(t, dir, nil).URL("postgres"), "1"); got != "1" {
		t.Errorf("answer is %s, want 1", got)
	}
}

func TestStartEndsWithItsContext(t *testing.T) {
	t.Parallel()
	dir := folder(t)
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	gate, err := os.Create(filepath.Join(dir, "start.lock"))
	if err != nil {
		t.Fatal(err)
	}
	defer gate.Close()
	if err := syscall.Flock(int(gate.Fd()), syscall.LOCK_EX); err != nil {
		t.Fatal(err)
	}
	expect := func(after time.Duration) {
		t.Helper()
		cancelled := errors.New("cancelled")
		ctx, cancel := context.WithTimeoutCause(t.Context(), after, cancelled)
		defer cancel()
		if _, err := embedded.Start(ctx, dir, embedded.Options{}); !errors.Is(err, cancelled) {
			t.Errorf("error is %v, want %v", err, cancelled)
		}
		if got := postmaster(t, dir); got != 0 {
			t.Errorf("postmaster is %d, want none", got)
		}
	}
	expect(50 * time.Millisecond) // while waiting for the lock
	if err := syscall.Flock(int(gate.Fd()), syscall.LOCK_UN); err != nil {
		t.Fatal(err)
	}
	expect(200 * time.Millisecond) // while initdb works
	closeServer(t, start(t, dir, nil))
	for after := 5 * time.Millisecond; after < 100*time.Millisecond; after += 5 * time.Millisecond {
		expect(after) // while the server starts
	}
	// An empty pid file, as a server leaves it that is killed before it writes its number.
	if err := os.WriteFile(filepath.Join(dir, "pgdata", "postmaster.pid"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if got := ask(t, start(t, dir, nil).URL("postgres"), "1"); got != "1" {
		t.Errorf("answer is %s, want 1", got)
	}
}

func TestServer(t *testing.T) {
	t.Parallel()
	dir := folder(t)
	s := start(t, dir, map[string]string{"max_connections": "37", "search_path": `"it's"`})

	t.Run("has session of its own", func(t *testing.T) {
		got, err := unix.Getsid(postmaster(t, dir))
		if err != nil {
			t.Fatal(err)
		}
		if ours, err := unix.Getsid(0); err != nil || got == ours {
			t.Errorf("the server's session is %d, ours %d, %v", got, ours, err)
		}
	})

	t.Run("has settings", func(t *testing.T) {
		for name, want := range map[string]string{
			"TimeZone":         "UTC",
			"log_timezone":     "UTC",
			"server_encoding":  "UTF8",
			"listen_addresses": "",
			"fsync":            "off",
			"max_connections":  "37",
			"search_path":      `"it's"`,
		} {
			if got := ask(t, s.URL("postgres"), "current_setting('"+name+"')"); got != want {
				t.Errorf("%s is %q, want %q", name, got, want)
			}
		}
	})

	t.Run("keeps others from its files", func(t *testing.T) {
		for _, name := range []string{"pgdata", "run", "password", "server.log", "start.lock", "users.lock"} {
			info, err := os.Stat(filepath.Join(dir, name))
			if err != nil {
				t.Fatal(err)
			}
			if info.Mode().Perm()&0o077 != 0 {
				t.Errorf("%s has the mode %v", name, info.Mode())
			}
		}
	})

	t.Run("asks every role for its password", func(t *testing.T) {
		run(t, s.URL("postgres"), "CREATE ROLE reader LOGIN PASSWORD 'secret'")
		run(t, s.URL("postgres"), "CREATE DATABASE other")
		as := func(user *url.Userinfo) string {
			at, err := url.Parse(s.URL("other"))
			if err != nil {
				t.Fatal(err)
			}
			at.User = user
			return at.String()
		}
		want := "reader in other"
		if got := ask(t, as(url.UserPassword("reader", "secret")), "current_user || ' in ' || current_database()"); got != want {
			t.Errorf("logged in as %s, want %s", got, want)
		}
		for _, user := range []*url.Userinfo{
			url.UserPassword("reader", "wrong"), url.UserPassword("dossiersync", "secret"), url.User("dossiersync"),
		} {
			if conn, err := pgx.Connect(t.Context(), as(user)); err == nil {
				t.Errorf("%s could log in", user)
				_ = conn.Close(t.Context())
			}
		}
	})
}

func TestSocketOfLongPathIsInShortFolder(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(folder(t), strings.Repeat("long", 25), "it's $HOME")
	if err := os.MkdirAll(filepath.Dir(filepath.Dir(dir)), 0o711); err != nil {
		t.Fatal(err)
	}
	s := start(t, dir, nil)
	at, err := url.Parse(s.URL("postgres"))
	if err != nil {
		t.Fatal(err)
	}
	socket := at.Query().Get("host")
	if got := ask(t, s.URL("postgres"), "current_setting('unix_socket_directories')"); got != socket {
		t.Errorf("the socket is in %s, want %s", got, socket)
	}
	closeServer(t, s)
	if _, err := os.Stat(socket); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%s is left behind: %v", socket, err)
	}
}

func TestFailedStartQuotesServerLog(t *testing.T) {
	t.Parallel()
	_, err := embedded.Start(t.Context(), folder(t), embedded.Options{
		Fast: true, Settings: map[string]string{"shared_buffers": "plenty"},
	})
	if want := `invalid value for parameter "shared_buffers": "plenty"`; err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("error is %v, want one with %s", err, want)
	}
}

func TestFolderWithOtherFilesIsRefused(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "thesis.txt"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := embedded.Start(t.Context(), dir, embedded.Options{}); err == nil {
		t.Error("no error")
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 1 {
		t.Errorf("folder holds %v, %v", entries, err)
	}
}

func TestClusterOfRootLeavesUnreachableFolder(t *testing.T) {
	t.Parallel()
	if os.Getuid() != 0 {
		t.Skip("only root runs the server as another user; place_test.go tests the choice of the folder")
	}
	dir := filepath.Join(t.TempDir(), "pg") // in a folder of mode 0700
	s := start(t, dir, nil)
	run(t, s.URL("postgres"), "CREATE TABLE kept ()")
	closeServer(t, s)
	base, err := os.Readlink(filepath.Join(dir, "cluster"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(base) })
	if got, want := filepath.Dir(base), "/var/lib/dossiersync"; got != want {
		t.Errorf("the cluster is in %s, want %s", got, want)
	}
	if got := ask(t, start(t, dir, nil).URL("postgres"), "to_regclass('kept')"); got != "kept" {
		t.Errorf("the table is %q after a restart, want kept", got)
	}
}
