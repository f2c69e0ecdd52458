package storetest

import (
	"bytes"
	"os/exec"
	"path/filepath"
	"testing"

	"dossiersync/store/embedded"
)

// Backup returns what pg_dump makes of the database at url.
func Backup(t testing.TB, url string) []byte {
	t.Helper()
	return program(t, nil, "pg_dump", "--format=custom", "--dbname="+url)
}

// Restore puts a backup in the place of all that is in the database at url.
func Restore(t testing.TB, url string, backup []byte) {
	t.Helper()
	if err := execute(t.Context(), url, `DROP SCHEMA public CASCADE`, `CREATE SCHEMA public`); err != nil {
		t.Fatalf("storetest: %v", err)
	}
	program(t, backup, "pg_restore", "--exit-on-error", "--single-transaction", "--dbname="+url)
}

// program runs one of PostgreSQL's own, and returns what it writes.
func program(t testing.TB, stdin []byte, name string, args ...string) []byte {
	t.Helper()
	found, err := embedded.Find()
	if err != nil {
		t.Fatalf("storetest: %v", err)
	}
	var out, said bytes.Buffer
	cmd := exec.CommandContext(t.Context(), filepath.Join(found.Dir, name), args...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = bytes.NewReader(stdin), &out, &said
	if err := cmd.Run(); err != nil {
		t.Fatalf("storetest: %s: %v\n%s", name, err, &said)
	}
	return out.Bytes()
}
