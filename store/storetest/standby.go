package storetest

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"dossiersync/store"
	"dossiersync/store/embedded"
)

// A Standby is a streaming standby that follows the replica of one test.
type Standby struct {
	t      testing.TB
	dir    string
	server *embedded.Server // nil: it does not run
	url    string           // as the superuser
}

// standbyDatabase is the database of the replica and its standby.
const standbyDatabase = "dossiersync"

// NewReplicaWithStandby makes a replica on a server of its own, and a streaming standby of that server.
// Both are on sockets in their folders, and end with the test.
func NewReplicaWithStandby(t testing.TB) (*Replica, *Standby) {
	t.Helper()
	dir := pairFolder(t)
	primary := startServer(t, filepath.Join(dir, "primary"), map[string]string{
		"wal_level": "replica",
		// What is not flushed is not streamed.
		"synchronous_commit": "on",
	})
	t.Cleanup(func() { closeServer(t, primary) })
	owner, keys := primary.URL(standbyDatabase), parseKey(t)
	if err := store.EnsureDatabase(t.Context(), primary.URL("postgres"), standbyDatabase); err != nil {
		t.Fatalf("storetest: %v", err)
	}
	if err := prepare(t.Context(), owner, keys); err != nil {
		t.Fatalf("storetest: %v", err)
	}
	s := &Standby{t: t, dir: filepath.Join(dir, "standby")}
	s.copyFrom(primary, filepath.Join(dir, "primary"))
	s.Start()
	t.Cleanup(s.Stop)
	return openReplica(t, owner, keys), s
}

// pairFolder makes a folder for two servers. It removes the folders of processes that were killed: their
// servers end within a minute, because PostgreSQL looks for its files.
func pairFolder(t testing.TB) string {
	t.Helper()
	shared, err := folder()
	if err != nil {
		t.Fatalf("storetest: %v", err)
	}
	abandoned, _ := filepath.Glob(filepath.Join(filepath.Dir(shared), "pair-*")) // the pattern is valid
	for _, path := range abandoned {
		pid, err := strconv.Atoi(strings.Split(filepath.Base(path), "-")[1])
		if err == nil && errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) {
			os.RemoveAll(path)
		}
	}
	dir, err := os.MkdirTemp(filepath.Dir(shared), fmt.Sprintf("pair-%d-", os.Getpid()))
	if err == nil {
		err = os.Chmod(dir, 0o711) // root's server runs as another user
	}
	if err != nil {
		t.Fatalf("storetest: %v", err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

func startServer(t testing.TB, dir string, more map[string]string) *embedded.Server {
	t.Helper()
	settings := map[string]string{"shared_buffers": "32MB", "autovacuum": "off", "jit": "off"}
	maps.Copy(settings, more)
	server, err := embedded.Start(context.Background(), dir, embedded.Options{Fast: true, Settings: settings})
	if err != nil {
		t.Fatalf("storetest: %v", err)
	}
	return server
}

func closeServer(t testing.TB, s *embedded.Server) {
	t.Helper()
	if err := s.Close(); err != nil {
		t.Errorf("storetest: %v", err)
	}
}

// copyFrom makes the standby's files: those of a server that package embedded has made, with the
// primary's data and password.
func (s *Standby) copyFrom(primary *embedded.Server, from string) {
	s.t.Helper()
	if err := os.Mkdir(s.dir, 0o700); err != nil {
		s.t.Fatalf("storetest: %v", err)
	}
	data := filepath.Join(s.dir, "pgdata")
	program(s.t, nil, "pg_basebackup", "--dbname="+primary.URL("postgres"), "--pgdata="+data,
		"--write-recovery-conf", "--checkpoint=fast", "--no-sync")
	password, err := os.ReadFile(filepath.Join(from, "password"))
	if err != nil {
		s.t.Fatalf("storetest: %v", err)
	}
	for name, content := range map[string][]byte{"password": password, "start.lock": nil} {
		if err := os.WriteFile(filepath.Join(s.dir, name), content, 0o600); err != nil {
			s.t.Fatalf("storetest: %v", err)
		}
	}
	if os.Getuid() != 0 {
		return
	}
	own := ownerOf(s.t, from)
	err = filepath.WalkDir(s.dir, func(path string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return os.Lchown(path, int(own.Uid), int(own.Gid)) //nolint:gosec // only root may enter the folder
	})
	if err != nil {
		s.t.Fatalf("storetest: %v", err)
	}
}

// ReaderURL returns the standby's address for the portal API's role.
func (s *Standby) ReaderURL() string { return as(s.url, "storetest_reader") }

// Start starts the standby, unless it runs.
func (s *Standby) Start() {
	s.t.Helper()
	if s.server != nil {
		return
	}
	s.server = startServer(s.t, s.dir, map[string]string{"hot_standby": "on"})
	s.url = s.server.URL(standbyDatabase)
}

// Stop stops the standby, if it runs, in order.
func (s *Standby) Stop() {
	s.t.Helper()
	if s.server != nil {
		closeServer(s.t, s.server)
		s.server = nil
	}
}

// Kill ends the standby's processes at once.
func (s *Standby) Kill() {
	s.t.Helper()
	text, err := os.ReadFile(filepath.Join(s.dir, "pgdata", "postmaster.pid"))
	if err != nil {
		s.t.Fatalf("storetest: %v", err)
	}
	first, _, _ := strings.Cut(string(text), "\n")
	pid, err := strconv.Atoi(first)
	if err != nil {
		s.t.Fatalf("storetest: %v", err)
	}
	if err := syscall.Kill(pid, syscall.SIGQUIT); err != nil { // an immediate shutdown
		s.t.Fatalf("storetest: %v", err)
	}
	for syscall.Kill(pid, 0) == nil {
		time.Sleep(10 * time.Millisecond)
	}
	s.Stop()
}

// Pause stops the replay of what the primary has changed; the standby goes on answering.
func (s *Standby) Pause() {
	s.t.Helper()
	s.execute(`SELECT pg_wal_replay_pause()`)
	for s.number(`SELECT (pg_get_wal_replay_pause_state() = 'paused')::int`) == 0 {
		time.Sleep(10 * time.Millisecond)
	}
}

// Resume lets the replay go on.
func (s *Standby) Resume() {
	s.t.Helper()
	s.execute(`SELECT pg_wal_replay_resume()`)
}

// Promote makes the standby a primary of its own, with another timeline.
func (s *Standby) Promote() {
	s.t.Helper()
	s.execute(`SELECT pg_promote()`)
}

// CatchUp waits until the standby has replayed what the primary has committed.
func (s *Standby) CatchUp(r *Replica) {
	s.t.Helper()
	var want int64
	const place = `SELECT (pg_current_wal_flush_lsn() - '0/0')::bigint`
	if err := r.Pool().QueryRow(s.t.Context(), place).Scan(&want); err != nil {
		s.t.Fatalf("storetest: %v", err)
	}
	deadline := time.Now().Add(time.Minute)
	for s.number(`SELECT (pg_last_wal_replay_lsn() - '0/0')::bigint`) < want {
		if time.Now().After(deadline) {
			s.t.Fatal("storetest: the standby does not catch up")
		}
		time.Sleep(10 * time.Millisecond)
	}
}

func (s *Standby) execute(sql string) {
	s.t.Helper()
	if err := execute(s.t.Context(), s.url, sql); err != nil {
		s.t.Fatalf("storetest: %v", err)
	}
}

func (s *Standby) number(sql string) (n int64) {
	s.t.Helper()
	conn, err := pgx.Connect(s.t.Context(), s.url)
	if err != nil {
		s.t.Fatalf("storetest: %v", err)
	}
	defer conn.Close(context.Background())
	if err := conn.QueryRow(s.t.Context(), sql).Scan(&n); err != nil {
		s.t.Fatalf("storetest: %v", err)
	}
	return n
}
