package app

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"syscall"

	"dossiersync/store"
)

// KeyFile returns the file with the keys of the erasures in file, one per line. It is a
// file of its own so that it can be kept from readers of the erasures, and beside the
// other because a database that is restored may be older than the keys.
func KeyFile(file string) string { return file + ".key" }

// RecordErasure appends e to the file outside the database, after its key, and returns
// once both are on disk.
func RecordErasure(file string, e store.Erasure, key store.ErasureKey) error {
	line, err := json.Marshal(e)
	if err != nil {
		return err
	}
	if err := recordKey(file, key); err != nil {
		return err
	}
	if err := appendLine(file, string(line)); err != nil {
		return fmt.Errorf("record the erasure: %w", err)
	}
	return nil
}

// recordKey adds the key to those beside the erasures file, unless it is there.
func recordKey(file string, key store.ErasureKey) error {
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		return fmt.Errorf("record the key of the erasures: %w", err)
	}
	known, err := ReadErasureKeys(file)
	if err != nil {
		return err
	}
	if slices.Contains(known, key) {
		return nil
	}
	if err := appendLine(KeyFile(file), key.String()); err != nil {
		return fmt.Errorf("record the key of the erasures: %w", err)
	}
	return nil
}

// appendLine adds a line to the file and syncs it. An incomplete last line is ended first.
func appendLine(file, line string) (err error) {
	f, err := os.OpenFile(file, os.O_RDWR|os.O_APPEND|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	end, err := f.Seek(0, io.SeekEnd)
	if err != nil {
		return err
	}
	if end == 0 {
		if err := shareWithFolder(f); err != nil {
			return err
		}
	}
	last := []byte{'\n'}
	if end > 0 {
		if _, err := f.ReadAt(last, end-1); err != nil {
			return err
		}
	}
	if last[0] != '\n' {
		line = "\n" + line
	}
	if _, err := f.WriteString(line + "\n"); err != nil {
		return err
	}
	return f.Sync()
}

// shareWithFolder gives a file that root made to the owner of its folder, so that the service's
// account, which writes to the same file, still can.
func shareWithFolder(f *os.File) error {
	if os.Geteuid() != 0 {
		return nil
	}
	folder, err := os.Stat(filepath.Dir(f.Name()))
	if err != nil {
		return err
	}
	if owner, ok := folder.Sys().(*syscall.Stat_t); ok {
		return f.Chown(int(owner.Uid), int(owner.Gid))
	}
	return nil
}

// ReadErasures returns the erasures in file, and the numbers, from 1, of the lines that
// cannot be read. An erasure that follows an incomplete one on its line is returned too.
func ReadErasures(file string) (list []store.Erasure, unread []int, err error) {
	unread, err = eachLine(file, func(line []byte) error {
		e, err := parseErasure(line)
		if err != nil {
			if e, err2 := parseErasure(line[max(0, bytes.LastIndex(line, []byte(`{"tenant"`))):]); err2 == nil {
				list = append(list, e)
			}
			return err
		}
		list = append(list, e)
		return nil
	})
	return list, unread, err
}

func parseErasure(line []byte) (store.Erasure, error) {
	var e store.Erasure
	err := json.Unmarshal(line, &e)
	if err == nil && (e.Tenant == "" || len(e.Client) != sha256.Size) {
		err = errors.New("it names no client")
	}
	return e, err
}

// ReadErasureKeys reads the keys beside file, or none if there is no such file. Lines
// that cannot be read are skipped, because the erasures show which keys are missing.
func ReadErasureKeys(file string) ([]store.ErasureKey, error) {
	var list []store.ErasureKey
	_, err := eachLine(KeyFile(file), func(line []byte) error {
		k, err := store.ParseErasureKey(string(line))
		if err == nil {
			list = append(list, k)
		}
		return err
	})
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return list, err
}

// eachLine calls f with each line that is not blank, and returns the numbers of the lines
// for which it fails.
func eachLine(file string, f func(line []byte) error) (unread []int, err error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", filepath.Base(file), err)
	}
	n := 0
	for line := range bytes.Lines(text) {
		n++
		if line = bytes.TrimSpace(line); len(line) > 0 && f(line) != nil {
			unread = append(unread, n)
		}
	}
	return unread, nil
}
