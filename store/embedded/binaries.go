package embedded

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
)

// oldest is the first major version with every feature that dossiersync uses.
const oldest = 15

// errNotInstalled reports that there is no PostgreSQL to run, and how to install one.
var errNotInstalled = errors.New("no PostgreSQL 15 or newer found: get one by `make deps` on Debian or Ubuntu, " +
	"by `brew install postgresql@17` on macOS, or put the folder of its pg_ctl into PATH")

// Binaries are the programs of one installed PostgreSQL.
type Binaries struct {
	Dir   string // holds initdb, pg_ctl and postgres
	Major int
}

// Find returns the newest PostgreSQL on this machine. It looks in PATH and where Debian, Homebrew and
// Red Hat install it. Its error says how to install one.
func Find() (Binaries, error) {
	found := installed()
	if len(found) == 0 {
		return Binaries{}, errNotInstalled
	}
	return found[0], nil
}

// installed returns every PostgreSQL on this machine, the newest first; of one version, that in PATH
// first.
func installed() []Binaries {
	var dirs []string
	if path, err := exec.LookPath("pg_ctl"); err == nil {
		if path, err = filepath.EvalSymlinks(path); err == nil {
			dirs = append(dirs, filepath.Dir(path))
		}
	}
	for _, pattern := range []string{
		"/usr/lib/postgresql/*/bin",
		"/opt/homebrew/opt/postgresql@*/bin",
		"/usr/local/opt/postgresql@*/bin",
		"/usr/pgsql-*/bin",
	} {
		match, _ := filepath.Glob(pattern) // fails only for a malformed pattern
		dirs = append(dirs, match...)
	}
	return among(dirs)
}

// among returns the usable PostgreSQLs in dirs, the newest first.
func among(dirs []string) []Binaries {
	var found []Binaries
	for _, dir := range dirs {
		if major := version(dir); major >= oldest {
			found = append(found, Binaries{dir, major})
		}
	}
	slices.SortStableFunc(found, func(a, b Binaries) int { return cmp.Compare(b.Major, a.Major) })
	return found
}

// ofMajor returns the binaries in found of the given major version, which must be that of the cluster.
// Version 0 stands for a cluster that is not made yet: it returns the newest.
func ofMajor(found []Binaries, major int) (Binaries, error) {
	if len(found) == 0 {
		return Binaries{}, errNotInstalled
	}
	if major == 0 {
		return found[0], nil
	}
	for _, b := range found {
		if b.Major == major {
			return b, nil
		}
	}
	return Binaries{}, fmt.Errorf("the cluster was made by PostgreSQL %d, and the newest installed is %d: "+
		"install %d, or delete the folder to begin anew", major, found[0].Major, major)
}

var versionNumber = regexp.MustCompile(`\(PostgreSQL\) (\d+)`)

// version returns the major version of the PostgreSQL in dir, or 0 if any of the programs that we run
// is missing: client packages have other programs only.
func version(dir string) int {
	for _, name := range []string{"initdb", "pg_ctl", "postgres"} {
		if _, err := os.Stat(filepath.Join(dir, name)); err != nil {
			return 0
		}
	}
	out, err := exec.Command(filepath.Join(dir, "postgres"), "--version").Output()
	if err != nil {
		return 0
	}
	match := versionNumber.FindSubmatch(out)
	if match == nil {
		return 0
	}
	major, _ := strconv.Atoi(string(match[1])) // digits
	return major
}
