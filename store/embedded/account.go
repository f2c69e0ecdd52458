package embedded

import (
	"errors"
	"fmt"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
)

// An account is the user that root runs the server as. Nil is the current user.
type account struct{ uid, gid uint32 }

// accountFor returns the account for a server with its files in dir: the folder's owner or, if that is
// root, the user postgres or else the user nobody.
func accountFor(dir string) (*account, error) {
	if os.Getuid() != 0 {
		return nil, nil
	}
	info, err := os.Stat(dir)
	if err != nil {
		return nil, err
	}
	if own := ownerOf(info); own.uid != 0 {
		return &own, nil
	}
	for _, name := range []string{"postgres", "nobody"} {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, uidErr := strconv.ParseInt(u.Uid, 10, 64)
		gid, gidErr := strconv.ParseInt(u.Gid, 10, 64)
		// macOS writes its nobody as -2.
		return &account{uint32(uid), uint32(gid)}, errors.Join(uidErr, gidErr)
	}
	return nil, errors.New("PostgreSQL does not run as root, and there is neither a user postgres nor nobody")
}

func ownerOf(info os.FileInfo) account {
	stat := info.Sys().(*syscall.Stat_t) // this type on every unix
	return account{stat.Uid, stat.Gid}
}

// credential returns the account for SysProcAttr, without its supplementary groups.
func (a *account) credential() *syscall.Credential {
	if a == nil {
		return nil
	}
	return &syscall.Credential{Uid: a.uid, Gid: a.gid}
}

// take makes the account the owner of a file or folder.
func (a *account) take(path string) error {
	if a == nil {
		return nil
	}
	return os.Lchown(path, int(a.uid), int(a.gid))
}

// ownFolder makes a folder that only the account may enter. An existing folder must be such a folder,
// because another user may have made it first where path is in a temporary folder.
func (a *account) ownFolder(path string) error {
	if err := os.Mkdir(path, 0o700); err != nil && !errors.Is(err, os.ErrExist) {
		return err
	}
	info, err := os.Lstat(path)
	if err != nil {
		return err
	}
	owner := ownerOf(info).uid
	ours := owner == uint32(os.Getuid()) || a != nil && owner == a.uid
	if !info.IsDir() || info.Mode().Perm()&0o077 != 0 || !ours {
		return fmt.Errorf("%s is not a folder that only we may enter: another user made it", path)
	}
	return a.take(path)
}

// reaches reports whether the account may enter every folder above path. It looks at modes only: where
// an access list forbids what the mode allows, the server fails to start and says why.
func (a *account) reaches(path string) (bool, error) {
	if a == nil {
		return true, nil
	}
	for dir := filepath.Dir(path); ; dir = filepath.Dir(dir) {
		info, err := os.Stat(dir)
		if err != nil {
			return false, err
		}
		enter := os.FileMode(0o001)
		switch owner := ownerOf(info); {
		case owner.uid == a.uid:
			enter = 0o100
		case owner.gid == a.gid:
			enter = 0o010
		}
		if info.Mode()&enter == 0 {
			return false, nil
		}
		if dir == filepath.Dir(dir) {
			return true, nil
		}
	}
}
