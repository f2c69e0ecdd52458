package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"dossiersync/store"
)

// keyFile returns where the keys of the erasures in file are, one a line: beside
// it, so that they can be kept from who reads the erasures, and yet are at hand
// where a database is restored that is older than they are.
func keyFile(file string) string { return file + ".key" }

// recordErasure appends to the file outside the database, and makes sure that it
// is on disk, after the key that it is under.
func recordErasure(file string, e store.Erasure, key store.ErasureKey) error {
	line, err := json.Marshal(e)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		return fmt.Errorf("record the erasure: %w", err)
	}
	known, err := readErasureKeys(file)
	if err != nil {
		return err
	}
	if !slices.Contains(known, key) {
		if err := appendLine(keyFile(file), key.String()); err != nil {
			return fmt.Errorf("record the key of the erasure: %w", err)
		}
	}
	if err := appendLine(file, string(line)); err != nil {
		return fmt.Errorf("record the erasure: %w", err)
	}
	return nil
}

func appendLine(file, line string) error {
	f, err := os.OpenFile(file, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	_, err = f.WriteString(line + "\n")
	return errors.Join(err, f.Sync(), f.Close())
}

// readErasures reads what was recorded.
func readErasures(file string) ([]store.Erasure, error) {
	var list []store.Erasure
	return list, eachLine(file, func(line []byte) error {
		var e store.Erasure
		err := json.Unmarshal(line, &e)
		list = append(list, e)
		return err
	})
}

// readErasureKeys reads the keys beside the file: none where there is no such file.
func readErasureKeys(file string) ([]store.ErasureKey, error) {
	var list []store.ErasureKey
	err := eachLine(keyFile(file), func(line []byte) error {
		k, err := store.ParseErasureKey(string(line))
		list = append(list, k)
		return err
	})
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return list, err
}

func eachLine(file string, f func(line []byte) error) error {
	r, err := os.Open(file)
	if err != nil {
		return fmt.Errorf("read the erasures: %w", err)
	}
	defer r.Close()
	lines := bufio.NewScanner(r)
	for n := 1; lines.Scan(); n++ {
		if err := f(lines.Bytes()); err != nil {
			return fmt.Errorf("read the erasures: line %d of %s: %w", n, file, err)
		}
	}
	if err := lines.Err(); err != nil {
		return fmt.Errorf("read the erasures: %w", err)
	}
	return nil
}
