package storetest

import (
	"bufio"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5"
)

// helperLog names the file to which a helper process tells that it migrates. Its
// fingerprint is the file's name.
const helperLog = "DOSSIERSYNC_TEST_HELPER_LOG"

func TestMain(m *testing.M) {
	if path := os.Getenv(helperLog); path != "" {
		os.Exit(help(path))
	}
	os.Exit(Main(m))
}

// help is a helper process: it holds a database until its input ends.
func help(path string) int {
	p := &process{willClose: true}
	if err := p.open(); err != nil {
		fmt.Println(err)
		return 1
	}
	name, err := p.create(context.Background(), path, func(context.Context, string) error {
		file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
		if err != nil {
			return err
		}
		_, err = fmt.Fprintln(file, "migrated")
		return errors.Join(err, file.Close())
	})
	if err != nil {
		fmt.Println(err)
		return 1
	}
	fmt.Println(name)
	_, _ = io.Copy(io.Discard, os.Stdin)
	if err := errors.Join(p.drop(name), p.close()); err != nil {
		fmt.Println(err)
		return 1
	}
	return 0
}

// A helper is a helper process that holds a database.
type helper struct {
	cmd *exec.Cmd
	in  io.Closer
	out *bufio.Scanner
}

func startHelper(t *testing.T, path string) *helper {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), helperLog+"="+path)
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = in.Close(); _ = cmd.Wait() })
	return &helper{cmd, in, bufio.NewScanner(out)}
}

// database returns the name of the helper's database, once it has one.
func (h *helper) database(t *testing.T) string {
	t.Helper()
	if !h.out.Scan() || !strings.HasPrefix(h.out.Text(), "test_") {
		t.Fatalf("helper process: %s", h.out.Text())
	}
	return h.out.Text()
}

// fingerprint returns one that nobody else has. Its template goes with the test.
func fingerprint(t *testing.T) string {
	t.Helper()
	mine := rand.Text()
	dropTemplate(t, mine)
	return mine
}

func dropTemplate(t *testing.T, fingerprint string) {
	t.Helper()
	t.Cleanup(func() {
		draft, name := templateName(fingerprint)
		if err := errors.Join(shared.drop(draft), shared.drop(name)); err != nil {
			t.Error(err)
		}
	})
}

func createTable(ctx context.Context, url string) error {
	return execute(ctx, url, "CREATE TABLE item (id int PRIMARY KEY)")
}

// exists reports whether the server has a database of that name.
func exists(t *testing.T, name string) bool {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), Server(t).URL("postgres"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	var found bool
	const q = `SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1)`
	if err := conn.QueryRow(t.Context(), q, name).Scan(&found); err != nil {
		t.Fatal(err)
	}
	return found
}

func databaseName(url string) string {
	_, rest, _ := strings.Cut(strings.TrimPrefix(url, "postgres://"), "/")
	name, _, _ := strings.Cut(rest, "?")
	return name
}

func TestEveryTestHasDatabaseOfItsOwn(t *testing.T) {
	t.Parallel()
	mine := fingerprint(t)
	var migrations atomic.Int32
	migrate := func(ctx context.Context, url string) error {
		migrations.Add(1)
		return createTable(ctx, url)
	}
	t.Run("group", func(t *testing.T) {
		for range 4 {
			t.Run("test", func(t *testing.T) {
				t.Parallel()
				if err := execute(t.Context(), URL(t, mine, migrate), "INSERT INTO item VALUES (1)"); err != nil {
					t.Error(err)
				}
			})
		}
	})
	if got := migrations.Load(); got != 1 {
		t.Errorf("migrated %d times, want once", got)
	}
}

func TestDatabaseIsDroppedThoughConnected(t *testing.T) {
	t.Parallel()
	var name string
	t.Run("test", func(t *testing.T) {
		url := URL(t, fingerprint(t), createTable)
		name = databaseName(url)
		if !exists(t, name) {
			t.Errorf("there is no database %s", name)
		}
		conn, err := pgx.Connect(context.Background(), url)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = conn.Close(context.Background()) })
	})
	if exists(t, name) {
		t.Errorf("database %s is left behind", name)
	}
}

func TestDatabaseWithoutMigrationIsEmpty(t *testing.T) {
	t.Parallel()
	if err := createTable(t.Context(), URL(t, "", nil)); err != nil {
		t.Error(err)
	}
}

func TestTemplateOfFailedMigrationIsNotUsed(t *testing.T) {
	t.Parallel()
	mine := fingerprint(t)
	fault := errors.New("out of ideas")
	Server(t)
	_, err := shared.create(t.Context(), mine, func(ctx context.Context, url string) error {
		return errors.Join(createTable(ctx, url), fault)
	})
	if !errors.Is(err, fault) {
		t.Errorf("error is %v, want %v", err, fault)
	}
	if err := execute(t.Context(), URL(t, mine, createTable), "INSERT INTO item VALUES (1)"); err != nil {
		t.Error(err)
	}
}

func TestProcessesShareTemplate(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "log")
	dropTemplate(t, path)
	Server(t)
	a, b := startHelper(t, path), startHelper(t, path)
	if a, b := a.database(t), b.database(t); a == b {
		t.Errorf("both processes have the database %s", a)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.Count(string(text), "migrated"); got != 1 {
		t.Errorf("migrated %d times, want once", got)
	}
}

func TestDatabaseOfKilledProcessIsSweptAway(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "log")
	dropTemplate(t, path)
	Server(t)
	dead, live := startHelper(t, path), startHelper(t, path)
	deadName, liveName := dead.database(t), live.database(t)
	if err := dead.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	for exists(t, deadName) { // until the server has noticed that it is gone
		sweep(t)
	}
	if !exists(t, liveName) {
		t.Errorf("database %s of the living process is gone", liveName)
	}
}

func TestTemplateIsSweptAwayWhenOutOfUse(t *testing.T) {
	t.Parallel()
	old, fresh := fingerprint(t), fingerprint(t)
	URL(t, old, createTable)
	URL(t, fresh, createTable)
	_, oldName := templateName(old)
	_, freshName := templateName(fresh)
	err := execute(t.Context(), Server(t).URL("postgres"), "COMMENT ON DATABASE "+oldName+" IS '2001-02-03T04:05:06Z'")
	if err != nil {
		t.Fatal(err)
	}
	sweep(t)
	if exists(t, oldName) {
		t.Errorf("template %s is still there", oldName)
	}
	if !exists(t, freshName) {
		t.Errorf("template %s is gone", freshName)
	}
}

func sweep(t *testing.T) {
	t.Helper()
	shared.mu.Lock()
	defer shared.mu.Unlock()
	if err := shared.alone(shared.sweep); err != nil {
		t.Fatal(err)
	}
}

func TestServerThatNobodyWouldLeaveIsNotStarted(t *testing.T) {
	t.Parallel()
	if err := new(process).open(); err == nil || !strings.Contains(err.Error(), "TestMain") {
		t.Errorf("error is %v, want one that names TestMain", err)
	}
}

func TestFolderOfAnotherUserIsRefused(t *testing.T) {
	t.Parallel()
	parent := t.TempDir()
	dir, err := ownFolder(parent)
	if err != nil {
		t.Fatal(err)
	}
	if again, err := ownFolder(parent); err != nil || again != dir {
		t.Errorf("folder is %s, %v, want %s", again, err, dir)
	}
	if err := os.Chmod(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	if _, err := ownFolder(parent); err == nil {
		t.Error("took a folder that others may write to")
	}
	if err := os.Remove(dir); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(t.TempDir(), dir); err != nil {
		t.Fatal(err)
	}
	if _, err := ownFolder(parent); err == nil {
		t.Error("took a link")
	}
}

// BenchmarkDatabase is what a test pays for a database with 40 tables.
func BenchmarkDatabase(b *testing.B) {
	const q = "DO $$ BEGIN FOR i IN 1..40 LOOP EXECUTE format(" +
		"'CREATE TABLE t%s (id int PRIMARY KEY, body jsonb, name text UNIQUE)', i); END LOOP; END $$"
	migrate := func(ctx context.Context, url string) error { return execute(ctx, url, q) }
	URL(b, "benchmark", migrate)
	for b.Loop() {
		name, err := shared.create(b.Context(), "benchmark", migrate)
		if err != nil {
			b.Fatal(err)
		}
		if err := execute(b.Context(), shared.server.URL(name), "INSERT INTO t1 VALUES (1)"); err != nil {
			b.Fatal(err)
		}
		if err := shared.drop(name); err != nil {
			b.Fatal(err)
		}
	}
}
