package storetest

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5"
)

// helperLog is the environment variable that names the file in which a helper process counts its
// migrations. The file's name is its fingerprint.
const helperLog = "DOSSIERSYNC_TEST_HELPER_LOG"

func TestMain(m *testing.M) {
	if path := os.Getenv(helperLog); path != "" {
		os.Exit(HelperMain(func() (string, func() error, error) { return holdDatabase(path) }))
	}
	os.Exit(Main(m))
}

// holdDatabase makes a database, and returns its name and a function that drops it.
func holdDatabase(path string) (string, func() error, error) {
	p := &process{willClose: true}
	if err := p.open(); err != nil {
		return "", nil, err
	}
	name, err := p.create(context.Background(), path, func(context.Context, string) error {
		file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
		if err != nil {
			return err
		}
		_, err = fmt.Fprintln(file, "migrated")
		return errors.Join(err, file.Close())
	})
	return name, func() error { return errors.Join(p.drop(name), p.close()) }, err
}

// startHolder starts a process that holds a database. Its first line is the database's name.
func startHolder(t *testing.T, path string) *Helper {
	t.Helper()
	return StartHelper(t, helperLog+"="+path)
}

// databaseOf returns the database that the helper holds.
func databaseOf(t *testing.T, h *Helper) string {
	t.Helper()
	line := h.Line()
	if !strings.HasPrefix(line, "test_") {
		t.Fatalf("helper process: %s", line)
	}
	return line
}

// fingerprint returns a fingerprint of the test's own, whose template is dropped when the test ends.
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

func TestEachTestHasItsOwnDatabase(t *testing.T) {
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

func TestDatabaseWithConnectionsIsDropped(t *testing.T) {
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
	fault := errors.New("failed migration")
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
	a, b := startHolder(t, path), startHolder(t, path)
	if a, b := databaseOf(t, a), databaseOf(t, b); a == b {
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

func TestSweepDropsDatabaseOfKilledProcess(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "log")
	dropTemplate(t, path)
	Server(t)
	dead, live := startHolder(t, path), startHolder(t, path)
	deadName, liveName := databaseOf(t, dead), databaseOf(t, live)
	dead.Kill()
	for exists(t, deadName) { // until the server has noticed that the process is gone
		sweep(t)
	}
	if !exists(t, liveName) {
		t.Errorf("database %s of the living process is gone", liveName)
	}
}

func TestSweepDropsUnusedTemplate(t *testing.T) {
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

func TestServerNeedsTestMain(t *testing.T) {
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

// BenchmarkDatabase measures what a database with 40 tables costs a test.
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
