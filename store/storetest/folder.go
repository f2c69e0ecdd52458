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

// enoughMemory is the free space in /dev/shm, in bytes, from which on the server's files are kept there:
// on a disk, making and dropping databases becomes slower and slower.
const enoughMemory = 4 << 30

// folder returns the folder of the server that the tests of this user share. Other users may pass
// through its parent, because root's server runs as another user.
func folder() (string, error) {
	found, err := embedded.Find()
	if err != nil {
		return "", err
	}
	parent := os.TempDir()
	var memory unix.Statfs_t
	if err := unix.Statfs("/dev/shm", &memory); err == nil && memory.Bavail*uint64(memory.Bsize) >= enoughMemory {
		parent = "/dev/shm"
	}
	dir, err := ownFolder(parent)
	if err != nil {
		return "", err
	}
	return filepath.Join(dir, fmt.Sprintf("pg%d", found.Major)), nil
}

// ownFolder makes this user's folder in parent, where other users may make folders too, or finds it.
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
	owner := info.Sys().(*syscall.Stat_t).Uid // this type on every unix
	if !info.IsDir() || int(owner) != os.Getuid() || info.Mode().Perm()&0o022 != 0 {
		return "", fmt.Errorf("%s is not a folder that only we may change: another user made it", dir)
	}
	return dir, nil
}
