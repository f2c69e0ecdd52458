// Package load fills a simulator with FHIR resources from files, unchanged.
//
// A .json file holds one resource or one Bundle, a .ndjson file one of these per line. The
// entries of a Bundle are loaded, unless the Bundle is a document or a message, which is a
// resource itself. versionId and lastUpdated are kept; missing ones are set, with one
// lastUpdated for all.
//
// Transactions and batches are processed as FHIR asks of a server: a resource without an id
// gets the one in its fullUrl, and references to urn:uuid: are rewritten.
package load

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"dossiersync/cmd/carerecordsim/simulator"
)

// Summary counts what was loaded, and lists what was not.
type Summary struct {
	Files     int // read, at least in part
	Resources int // written, including repetitions
	Unread    []Problem
	Repeated  []Repetition
}

// Problem is a file, or a line or entry of one, that could not be loaded.
type Problem struct {
	Where string
	Err   error
}

func (p Problem) String() string { return p.Where + ": " + p.Err.Error() }

// Repetition is a resource that came twice. The later one wins.
type Repetition struct{ Type, ID, Before, Now string }

func (r Repetition) String() string {
	return fmt.Sprintf("%s/%s in %s replaces the one in %s", r.Type, r.ID, r.Now, r.Before)
}

// Into loads all files under dir, in the order of their names. Resources without a lastUpdated get
// at. The error is about dir itself; all other problems are in the summary.
func Into(s *simulator.Server, dir string, at time.Time) (Summary, error) {
	l := loader{server: s, at: at, seen: map[string]string{}}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return Summary{}, fmt.Errorf("load %s: %w", dir, err)
	}
	defer root.Close()
	err = fs.WalkDir(root.FS(), ".", func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil && name == ".":
			return err
		case err != nil:
			l.unread(filepath.Join(dir, name), err)
		case !d.IsDir():
			l.file(root, dir, name)
		}
		return nil
	})
	if err != nil {
		return Summary{}, fmt.Errorf("load %s: %w", dir, err)
	}
	return l.Summary, nil
}

type loader struct {
	Summary
	server *simulator.Server
	at     time.Time
	seen   map[string]string // the place of each Type/id
}

func (l *loader) unread(where string, err error) {
	l.Unread = append(l.Unread, Problem{where, err})
}

func (l *loader) file(root *os.Root, dir, name string) {
	var read func(io.Reader, string) int
	switch strings.ToLower(filepath.Ext(name)) {
	case ".json":
		read = l.single
	case ".ndjson":
		read = l.lines
	default:
		return
	}
	where := filepath.Join(dir, name)
	f, err := root.Open(name)
	if err != nil {
		l.unread(where, err)
		return
	}
	defer f.Close()
	if read(f, where) > 0 {
		l.Files++
	}
}

// single loads a file with one resource, and returns the number of resources.
func (l *loader) single(r io.Reader, where string) int {
	raw, err := io.ReadAll(r)
	if err != nil {
		l.unread(where, err)
		return 0
	}
	return l.document(raw, where)
}

// lines loads a file with a resource per line.
func (l *loader) lines(r io.Reader, where string) int {
	n := 0
	buf := bufio.NewReaderSize(r, 1<<20)
	for number := 1; ; number++ {
		raw, err := buf.ReadBytes('\n')
		if here := fmt.Sprintf("%s:%d", where, number); err != nil && !errors.Is(err, io.EOF) {
			l.unread(here, err)
		} else if len(bytes.TrimSpace(raw)) > 0 {
			n += l.document(raw, here)
		}
		if err != nil {
			return n
		}
	}
}

// document loads a resource or the entries of a Bundle, and returns their number.
func (l *loader) document(raw []byte, where string) int {
	raw = bytes.TrimPrefix(raw, []byte("\ufeff")) // the byte order mark of Windows editors
	entries, err := unpack(raw)
	if err != nil {
		l.unread(where, err)
		return 0
	}
	if entries == nil {
		return l.put(raw, where)
	}
	n := 0
	for i, e := range entries {
		here := fmt.Sprintf("%s, entry %d", where, i+1)
		switch {
		case e.err != nil:
			l.unread(here, e.err)
		case e.deleted:
			if _, err := l.server.DeleteAt(l.at, e.typ, e.id); err != nil {
				l.unread(here, err)
			}
		default:
			n += l.put(e.raw, here)
		}
	}
	return n
}

func (l *loader) put(raw []byte, where string) int {
	v, err := l.server.PutAsIs(l.at, raw)
	if err != nil {
		l.unread(where, err)
		return 0
	}
	l.Resources++
	key := v.Type + "/" + v.ID
	if before, ok := l.seen[key]; ok {
		l.Repeated = append(l.Repeated, Repetition{v.Type, v.ID, before, where})
	}
	l.seen[key] = where
	return 1
}
