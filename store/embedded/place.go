package embedded

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
)

const (
	gateName     = "start.lock"
	usersName    = "users.lock"
	dataName     = "pgdata"
	pidName      = "pgdata/postmaster.pid"
	logName      = "server.log"
	passwordName = "password"
	linkName     = "cluster"
	homeName     = "home"
	socketName   = ".s.PGSQL.5432"

	// elsewhere holds root's clusters that cannot be where they were asked for.
	elsewhere = "/var/lib/dossiersync"

	// longestSocket is that of macOS; Linux has 107.
	longestSocket = 103
)

// place returns the folder for the cluster of dir, which exists then, and the
// account to run it with.
func place(dir string) (string, *account, error) {
	base, err := makeHome(dir)
	if err != nil {
		return "", nil, err
	}
	own, err := accountFor(base)
	if err != nil {
		return "", nil, err
	}
	near, err := own.reaches(base)
	if err != nil {
		return "", nil, err
	}
	if _, err := os.Lstat(filepath.Join(base, linkName)); !near || err == nil {
		if base, err = relocate(base, elsewhere); err != nil {
			return "", nil, err
		}
		if own, err = accountFor(base); err != nil {
			return "", nil, err
		}
	}
	return base, own, own.take(base)
}

// makeHome returns the real path of dir, a folder that is empty or of a cluster:
// root is about to give it away.
func makeHome(dir string) (string, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return "", err
	}
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
		return "", err
	}
	if err := os.Mkdir(dir, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return "", err
	}
	if dir, err = filepath.EvalSymlinks(dir); err != nil {
		return "", err
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return "", err
	}
	for _, e := range entries {
		if e.Name() == gateName || e.Name() == linkName {
			return dir, nil
		}
	}
	if len(entries) > 0 {
		return "", errors.New("the folder holds something else, and the server needs one of its own")
	}
	return dir, nil
}

// relocate returns the folder in root that the link in home names, making both
// where there is none.
func relocate(home, root string) (string, error) {
	link := filepath.Join(home, linkName)
	base, err := os.Readlink(link)
	if err == nil {
		// home may be another user's, who must not direct us anywhere else.
		if filepath.Dir(base) != root {
			return "", fmt.Errorf("%s leads out of %s", link, root)
		}
		return base, nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return "", err
	}
	if err := os.MkdirAll(root, 0o755); err != nil {
		return "", err
	}
	sweep(root)
	if base, err = os.MkdirTemp(root, "pg-"); err != nil {
		return "", err
	}
	if err := os.Symlink(base, link); err != nil {
		err = errors.Join(err, os.Remove(base))
		if errors.Is(err, fs.ErrExist) {
			return relocate(home, root) // another process was quicker
		}
		return "", err
	}
	// For sweep, and for who wonders whose this is.
	return base, os.WriteFile(filepath.Join(base, homeName), []byte(home), 0o600)
}

// sweep removes the clusters in root whose home was a temporary folder and is
// gone, as those of tests are. What it cannot remove waits for the next time. A
// server that killed users left there ends when it misses its files.
func sweep(root string) {
	temp, err := filepath.EvalSymlinks(os.TempDir())
	if err != nil {
		return
	}
	homes, _ := filepath.Glob(filepath.Join(root, "pg-*", homeName)) // fails only for a malformed pattern
	for _, file := range homes {
		base := filepath.Dir(file)
		home, err := os.ReadFile(file)
		if err != nil || !strings.HasPrefix(string(home), temp+"/") {
			continue
		}
		if _, err := os.Lstat(string(home)); !errors.Is(err, fs.ErrNotExist) {
			continue
		}
		users, err := openLock(filepath.Join(base, usersName), nil)
		if err != nil {
			continue
		}
		l := &lock{users}
		if ok, _ := l.try(syscall.LOCK_EX); ok {
			_ = os.RemoveAll(base)
		}
		_ = l.release()
	}
}

// plainPath needs no quoting in a list of folders of postgresql.conf.
var plainPath = regexp.MustCompile(`^[A-Za-z0-9/._-]+$`)

// socketFolder returns a folder for the socket of the cluster in base that fits
// into a socket's address, and that only the account may enter.
func socketFolder(base string, own *account) (string, error) {
	short := "dossiersync-" + mark(base)
	for _, dir := range []string{
		filepath.Join(base, "run"),
		filepath.Join(os.TempDir(), short),
		filepath.Join("/tmp", short),
	} {
		if len(filepath.Join(dir, socketName)) > longestSocket || !plainPath.MatchString(dir) {
			continue
		}
		if near, err := own.reaches(dir); err != nil || !near {
			continue
		}
		return dir, own.ownFolder(dir)
	}
	return "", errors.New("find a folder for the socket: /tmp cannot be entered")
}

// mark tells the cluster in base from any other on this machine.
func mark(base string) string {
	return fmt.Sprintf("%x", sha256.Sum256([]byte(base)))[:16]
}
