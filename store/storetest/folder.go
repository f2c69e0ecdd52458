package storetest

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"golang.org/x/sys/unix"

	"dossiersync/store/embedded"
)

// enough is the space in memory, in bytes, above which the server is kept there:
// on a disk, making and dropping databases gets slower all the time.
const enough = 4 << 30

// folder returns the folder of the server that this user's tests share. Root's
// server runs as another user, who may pass through.
func folder() (string, error) {
	found, err := embedded.Find()
	if err != nil {
		return "", err
	}
	parent := os.TempDir()
	var memory unix.Statfs_t
	if err := unix.Statfs("/dev/shm", &memory); err == nil && memory.Bavail*uint64(memory.Bsize) >= enough {
		parent = "/dev/shm"
	}
	dir, err := ownFolder(parent)
	if err != nil {
		return "", err
	}
	return filepath.Join(dir, fmt.Sprintf("pg%d", found.Major)), nil
}

// ownFolder makes or finds this user's folder in parent, where others may make
// folders too.
func ownFolder(parent string) (string, error) {
	dir := filepath.Join(parent, fmt.Sprintf("dossiersync-test-%d", os.Getuid()))
	err := os.Mkdir(dir, 0o711)
	if err == nil {
		return dir, os.Chmod(dir, 0o711) // whatever the umask
	}
	if !errors.Is(err, fs.ErrExist) {
		return "", err
	}
	info, err := os.Lstat(dir)
	if err != nil {
		return "", err
	}
	owner := info.Sys().(*syscall.Stat_t).Uid // so on every unix
	if !info.IsDir() || int(owner) != os.Getuid() || info.Mode().Perm()&0o022 != 0 {
		return "", fmt.Errorf("%s is not a folder of ours alone: somebody else made it", dir)
	}
	return dir, nil
}
