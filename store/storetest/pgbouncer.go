package storetest

import (
	"bytes"
	"context"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// Pgbouncer starts a pgbouncer in transaction mode that ends with the test, and returns its address. It
// shares the given number of connections to the database at address among all clients, so that two
// transactions of one client may run on different connections.
func Pgbouncer(t testing.TB, address string, connections int) string {
	t.Helper()
	program := findPgbouncer(t)
	behind, err := pgx.ParseConfig(address)
	if err != nil {
		t.Fatalf("storetest: %v", err)
	}
	dir, err := os.MkdirTemp("", "pgbouncer-")
	if err != nil {
		t.Fatalf("storetest: %v", err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	// It listens on a socket in its folder, because a free port may be taken before it listens.
	const port = 6432
	files := map[string]string{
		"users.txt": fmt.Sprintf("%q %q\n", behind.User, behind.Password),
		"pgbouncer.ini": fmt.Sprintf(`
[databases]
* = host=%s port=%d
[pgbouncer]
listen_addr =
listen_port = %d
unix_socket_dir = %s
auth_type = scram-sha-256
auth_file = %s
pool_mode = transaction
default_pool_size = %d
max_client_conn = 500
server_lifetime = 3600
`, behind.Host, behind.Port, port, dir, filepath.Join(dir, "users.txt"), connections),
	}
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatalf("storetest: %v", err)
		}
	}
	var output bytes.Buffer
	cmd := exec.Command(program, "--quiet", filepath.Join(dir, "pgbouncer.ini"))
	cmd.Stdout, cmd.Stderr = &output, &output
	if os.Getuid() == 0 { // pgbouncer refuses to run as root, and must reach the server's socket
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: ownerOf(t, behind.Host)}
		for _, name := range []string{"", "users.txt", "pgbouncer.ini"} {
			if err := os.Chown(filepath.Join(dir, name), int(cmd.SysProcAttr.Credential.Uid), -1); err != nil {
				t.Fatalf("storetest: %v", err)
			}
		}
	}
	if err := cmd.Start(); err != nil {
		t.Fatalf("storetest: %v", err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM) // ends it without waiting for clients
		_ = cmd.Wait()
		if t.Failed() {
			t.Logf("output of pgbouncer:\n%s", &output)
		}
	})
	front := url.URL{
		Scheme: "postgres", User: url.UserPassword(behind.User, behind.Password),
		Path: "/" + behind.Database, RawQuery: url.Values{"host": {dir}, "port": {fmt.Sprint(port)}}.Encode(),
	}
	awaitPgbouncer(t, front.String())
	return front.String()
}

func ownerOf(t testing.TB, path string) *syscall.Credential {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatalf("storetest: %v", err)
	}
	owner := info.Sys().(*syscall.Stat_t) // this type on every unix
	return &syscall.Credential{Uid: owner.Uid, Gid: owner.Gid}
}

func findPgbouncer(t testing.TB) string {
	t.Helper()
	for _, name := range []string{"pgbouncer", "/usr/sbin/pgbouncer", "/usr/local/sbin/pgbouncer"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	const missing = "storetest: pgbouncer is not installed: " +
		"run .ci/install-pgbouncer, or install it by your system's package manager"
	if os.Getenv("DOSSIERSYNC_LONG") == "" && os.Getenv("CI") == "" {
		t.Skip(missing + "; make check requires it")
	}
	t.Fatal(missing)
	return ""
}

func awaitPgbouncer(t testing.TB, url string) {
	t.Helper()
	var err error
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		var conn *pgx.Conn
		if conn, err = pgx.Connect(t.Context(), url); err == nil {
			_ = conn.Close(context.Background())
			return
		}
	}
	t.Fatalf("storetest: pgbouncer does not answer: %v", err)
}
