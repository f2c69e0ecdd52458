package embedded

import (
	"context"
	"errors"
	"fmt"
	"os"
	"syscall"
	"time"
)

// A lock is an open file with a flock on it. The kernel lets go of it when the
// process ends, however it ends.
type lock struct{ file *os.File }

// acquire waits until it holds the lock on path, syscall.LOCK_SH or LOCK_EX. It
// asks again and again, since a blocking flock cannot be called off.
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

// try changes the lock to how, or reports that another holds it, in which case
// even the lock held before may be gone.
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

// release gives the lock up even where a child that is just being forked still
// has a copy of the file.
func (l *lock) release() error {
	return errors.Join(syscall.Flock(int(l.file.Fd()), syscall.LOCK_UN), l.file.Close())
}

// openLock opens path, making it first where needed. It follows no link, since
// root may do this in a folder of somebody else.
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
