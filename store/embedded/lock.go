package embedded

import (
	"context"
	"errors"
	"fmt"
	"os"
	"syscall"
	"time"
)

// A lock is an open file with a flock on it. The kernel releases it when the process ends, also by a
// kill.
type lock struct{ file *os.File }

// acquire waits until it holds the lock on path, syscall.LOCK_SH or LOCK_EX. It polls, because a
// blocking flock cannot be cancelled.
func acquire(ctx context.Context, path string, how int, own *account) (*lock, error) {
	file, err := openLock(path, own)
	if err != nil {
		return nil, fmt.Errorf("open lock: %w", err)
	}
	l := &lock{file}
	for {
		ok, err := l.try(how)
		if ok {
			return l, nil
		}
		if err != nil {
			return nil, errors.Join(err, file.Close())
		}
		select {
		case <-ctx.Done():
			return nil, errors.Join(fmt.Errorf("wait for lock: %w", context.Cause(ctx)), file.Close())
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// try changes the lock to how, or reports false if another process holds it; the lock held before may
// be lost then.
func (l *lock) try(how int) (bool, error) {
	for {
		switch err := syscall.Flock(int(l.file.Fd()), how|syscall.LOCK_NB); {
		case err == nil:
			return true, nil
		case errors.Is(err, syscall.EWOULDBLOCK):
			return false, nil
		case !errors.Is(err, syscall.EINTR):
			return false, fmt.Errorf("lock %s: %w", l.file.Name(), err)
		}
	}
}

// release unlocks and closes the file. Closing alone would not do while a child that is being forked
// has a copy of the file.
func (l *lock) release() error {
	return errors.Join(syscall.Flock(int(l.file.Fd()), syscall.LOCK_UN), l.file.Close())
}

// openLock opens path, and makes it first where needed. It follows no link, because root may do this in
// another user's folder.
func openLock(path string, own *account) (*os.File, error) {
	const flags = os.O_RDWR | syscall.O_NOFOLLOW
	for {
		file, err := os.OpenFile(path, flags, 0)
		if !errors.Is(err, os.ErrNotExist) {
			return file, err
		}
		file, err = os.OpenFile(path, flags|os.O_CREATE|os.O_EXCL, 0o600)
		if errors.Is(err, os.ErrExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		return file, own.take(path)
	}
}
