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

	// elsewhere holds clusters of root that cannot be in the folder that was asked for.
	elsewhere = "/var/lib/dossiersync"

	// longestSocket is the longest path of a socket on macOS; Linux allows 107.
	longestSocket = 103
)

// place makes the folder for the cluster of dir, and returns it with the account to run the server as.
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

// makeHome makes dir and returns its real path. It refuses a folder that holds anything else than a
// cluster, because root is about to give the folder to the account.
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
		return "", errors.New("the folder holds other files, and the server needs a folder of its own")
	}
	return dir, nil
}

// relocate returns the folder in root that the link in home points to, and makes both where there is
// no link.
func relocate(home, root string) (string, error) {
	link := filepath.Join(home, linkName)
	base, err := os.Readlink(link)
	if err == nil {
		// home may belong to another user, who must not send us to any other folder.
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
			return relocate(home, root) // another process has made the link
		}
		return "", err
	}
	// For sweep, and for people who look at the folder.
	return base, os.WriteFile(filepath.Join(base, homeName), []byte(home), 0o600)
}

// sweep removes the clusters in root whose home was a temporary folder, as in tests, that is gone. It
// skips clusters that are in use or that it cannot remove. A server that killed processes have left
// behind ends when it finds its files missing.
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

// plainPath matches paths that need no quotes in a list of folders in postgresql.conf.
var plainPath = regexp.MustCompile(`^[A-Za-z0-9/._-]+$`)

// socketFolder makes a folder for the socket of the cluster in base. Its path is short enough for a
// socket's address, and only the account may enter it.
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

// mark returns a short name of the cluster in base that no other cluster on this machine has.
func mark(base string) string {
	return fmt.Sprintf("%x", sha256.Sum256([]byte(base)))[:16]
}
