package embedded

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func makeFolder(t *testing.T, mode os.FileMode, parts ...string) string {
	t.Helper()
	dir := filepath.Join(parts...)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(dir, mode); err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestAccountReachesFolderByModes(t *testing.T) {
	t.Parallel()
	temp := t.TempDir()
	makeFolder(t, 0o755, filepath.Dir(temp))
	makeFolder(t, 0o755, temp)
	uid, gid := uint32(os.Getuid()), uint32(os.Getgid())
	owner, group, other := &account{uid, gid + 1}, &account{uid + 1, gid}, &account{uid + 1, gid + 1}
	for _, test := range []struct {
		mode os.FileMode
		own  *account
		want bool
	}{
		{0o700, nil, true},
		{0o700, owner, true},
		{0o611, owner, false},
		{0o710, group, true},
		{0o701, group, false},
		{0o711, other, true},
		{0o770, other, false},
	} {
		dir := makeFolder(t, test.mode, temp, "parent")
		got, err := test.own.reaches(filepath.Join(dir, "pg"))
		if err != nil {
			t.Fatal(err)
		}
		if got != test.want {
			t.Errorf("account %v reaches through mode %v: %t, want %t", test.own, test.mode, got, test.want)
		}
	}
}

func TestRelocatedClusterIsFoundAgain(t *testing.T) {
	t.Parallel()
	home, root := makeFolder(t, 0o700, t.TempDir(), "home"), filepath.Join(t.TempDir(), "root")
	first, err := relocate(home, root)
	if err != nil {
		t.Fatal(err)
	}
	second, err := relocate(home, root)
	if err != nil {
		t.Fatal(err)
	}
	if first != second || filepath.Dir(first) != root {
		t.Errorf("relocated to %s and then %s, want one folder in %s", first, second, root)
	}
}

func TestLinkOutOfRootIsNotFollowed(t *testing.T) {
	t.Parallel()
	home := t.TempDir()
	if err := os.Symlink("/etc", filepath.Join(home, linkName)); err != nil {
		t.Fatal(err)
	}
	if base, err := relocate(home, t.TempDir()); err == nil {
		t.Errorf("relocated to %s", base)
	}
}

func TestSweepRemovesClusterOfDeletedFolder(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	gone, kept := makeFolder(t, 0o700, t.TempDir(), "gone"), makeFolder(t, 0o700, t.TempDir(), "kept")
	gonePlace, err := relocate(gone, root)
	if err != nil {
		t.Fatal(err)
	}
	keptPlace, err := relocate(kept, root)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(gone); err != nil {
		t.Fatal(err)
	}
	sweep(root)
	if _, err := os.Stat(gonePlace); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("cluster of the deleted folder: %v, want it gone", err)
	}
	if _, err := os.Stat(keptPlace); err != nil {
		t.Errorf("cluster of the other folder: %v, want it kept", err)
	}
}

func TestSocketFolderOfAnotherUserIsRefused(t *testing.T) {
	t.Parallel()
	long := filepath.Join(t.TempDir(), strings.Repeat("long", 30))
	dir, err := socketFolder(long, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.Remove(dir) })
	if len(dir) > longestSocket-len("/"+socketName) {
		t.Errorf("%s is too long", dir)
	}
	// A folder that other users may enter is refused like another user's.
	makeFolder(t, 0o755, dir)
	if _, err := socketFolder(long, nil); err == nil {
		t.Errorf("took %s with mode 0755", dir)
	}
	if err := os.Remove(dir); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(t.TempDir(), dir); err != nil {
		t.Fatal(err)
	}
	if _, err := socketFolder(long, nil); err == nil {
		t.Errorf("took %s, a link", dir)
	}
}
