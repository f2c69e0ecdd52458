package storetest

import (
	"bytes"
	"os/exec"
	"path/filepath"
	"testing"

	"dossiersync/store/embedded"
)

// Backup returns a dump of the database at url, made by pg_dump.
func Backup(t testing.TB, url string) []byte {
	t.Helper()
	return program(t, nil, "pg_dump", "--format=custom", "--dbname="+url)
}

// Restore replaces everything in the database at url by a backup.
func Restore(t testing.TB, url string, backup []byte) {
	t.Helper()
	if err := execute(t.Context(), url, `DROP SCHEMA public CASCADE`, `CREATE SCHEMA public`); err != nil {
		t.Fatalf("storetest: %v", err)
	}
	program(t, backup, "pg_restore", "--exit-on-error", "--single-transaction", "--dbname="+url)
}

// program runs one of PostgreSQL's programs, and returns its output.
func program(t testing.TB, stdin []byte, name string, args ...string) []byte {
	t.Helper()
	found, err := embedded.Find()
	if err != nil {
		t.Fatalf("storetest: %v", err)
	}
	var out, errs bytes.Buffer
	cmd := exec.CommandContext(t.Context(), filepath.Join(found.Dir, name), args...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = bytes.NewReader(stdin), &out, &errs
	if err := cmd.Run(); err != nil {
		t.Fatalf("storetest: %s: %v\n%s", name, err, &errs)
	}
	return out.Bytes()
}
