package embedded

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// fakeBinaries makes a folder of programs that report the given version.
func fakeBinaries(t *testing.T, version string) string {
	t.Helper()
	dir := t.TempDir()
	script := fmt.Appendf(nil, "#!/bin/sh\necho 'postgres (PostgreSQL) %s'\n", version)
	for _, name := range []string{"initdb", "pg_ctl", "postgres"} {
		if err := os.WriteFile(filepath.Join(dir, name), script, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestNewestBinariesComeFirst(t *testing.T) {
	t.Parallel()
	incomplete := fakeBinaries(t, "19.0")
	if err := os.Remove(filepath.Join(incomplete, "initdb")); err != nil {
		t.Fatal(err)
	}
	fifteen, eighteen := fakeBinaries(t, "15.14 (Debian 15.14-0+deb12u1)"), fakeBinaries(t, "18beta2")
	got := among([]string{fifteen, fakeBinaries(t, "14.9"), incomplete, eighteen, t.TempDir()})
	want := []Binaries{{eighteen, 18}, {fifteen, 15}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("binaries (-want +got):\n%s", diff)
	}
}

func TestClusterGetsBinariesOfItsMajorVersion(t *testing.T) {
	t.Parallel()
	found := []Binaries{{"/18", 18}, {"/15", 15}}
	for major, want := range map[int]string{0: "/18", 15: "/15", 18: "/18"} {
		if got, err := ofMajor(found, major); err != nil || got.Dir != want {
			t.Errorf("for %d: %v, %v, want %s", major, got, err, want)
		}
	}
	_, err := ofMajor(found, 17)
	if want := "made by PostgreSQL 17, and the newest installed is 18"; err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("error is %v, want one with %q", err, want)
	}
}

func TestMissingPostgreSQLSaysHowToGetOne(t *testing.T) {
	t.Parallel()
	_, err := ofMajor(nil, 0)
	if !errors.Is(err, errNotInstalled) {
		t.Fatalf("error is %v, want %v", err, errNotInstalled)
	}
	for _, want := range []string{"make deps", "brew install"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q does not name %s", err, want)
		}
	}
}
