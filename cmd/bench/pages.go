package main

import (
	"bufio"
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"dossiersync/cmd/carerecordsim/archive"
	"dossiersync/cmd/carerecordsim/dossiers"
	"dossiersync/cmd/carerecordsim/simulator"
)

// prebuilt holds everything in one care record system, written to files beforehand.
type prebuilt struct {
	dir   string
	lists map[string]*list // by resource type
	// changed holds the lists after one record in a hundred has changed, all of one type.
	changed map[string]*list
	files   map[string][]byte
}

// A list holds the records of one type as entries of a Bundle, in the order of their
// lastUpdated, with commas between them, so that any page is a part of the file.
type list struct {
	path    string
	updated []time.Time
	ends    []int64 // the offset of each entry's end, without the comma
}

// past is the end of the dossiers, long enough ago that nothing in them is new.
var past = time.Date(2026, time.January, 1, 0, 0, 0, 0, time.UTC)

// build generates dossiers with exactly that many records that are pulled, and writes
// them below dir.
func build(items int, dir, base string) (*prebuilt, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	system, err := generate(items)
	if err != nil {
		return nil, err
	}
	s := &prebuilt{dir: dir, lists: make(map[string]*list), files: make(map[string][]byte)}
	surplus := countPulled(system.Counts()) - items
	for name := range system.Counts() {
		records := system.List(name)
		if name == "Binary" {
			for _, v := range records {
				s.files[v.ID] = v.Body
			}
			continue
		}
		slices.SortStableFunc(records, func(a, b *archive.Version) int {
			return cmp.Or(a.LastUpdated.Compare(b.LastUpdated), cmp.Compare(a.ID, b.ID))
		})
		if name == "Observation" {
			records = records[:len(records)-surplus]
		}
		if s.lists[name], err = writeList(filepath.Join(dir, name+".json"), base, records); err != nil {
			return nil, err
		}
	}
	return s, s.change(base, system.List(changedType), items/100)
}

// changedType is the type whose records change.
const changedType = "Observation"

// change makes the lists in which n records of changedType have changed just now, evenly spread over
// the others.
func (s *prebuilt) change(base string, records []*archive.Version, n int) error {
	s.changed = maps.Clone(s.lists)
	if n == 0 || len(records) < n {
		return nil
	}
	slices.SortStableFunc(records, func(a, b *archive.Version) int {
		return cmp.Or(a.LastUpdated.Compare(b.LastUpdated), cmp.Compare(a.ID, b.ID))
	})
	records = records[:len(s.lists[changedType].ends)]
	kept, changed, every := records[:0:0], records[:0:0], len(records)/n
	for i, v := range records {
		if i%every != 0 || len(changed) == n {
			kept = append(kept, v)
			continue
		}
		now, err := changedNow(v)
		if err != nil {
			return err
		}
		changed = append(changed, now)
	}
	var err error
	s.changed[changedType], err = writeList(filepath.Join(s.dir, "changed.json"), base, append(kept, changed...))
	return err
}

// changedNow returns the record with another version and text.
func changedNow(v *archive.Version) (*archive.Version, error) {
	var body map[string]any
	if err := json.Unmarshal(v.Body, &body); err != nil {
		return nil, err
	}
	now := *v
	now.LastUpdated = time.Now().UTC().Truncate(time.Millisecond)
	meta, _ := body["meta"].(map[string]any)
	if meta == nil {
		meta = make(map[string]any)
	}
	meta["versionId"], meta["lastUpdated"] = "changed", now.LastUpdated.Format(time.RFC3339Nano)
	text, _ := body["valueString"].(string)
	body["meta"], body["valueString"] = meta, text+" Aangevuld."
	var err error
	now.Body, err = json.Marshal(body)
	return &now, err
}

// generate returns a system with at least that many records that are pulled, most of them
// Observations.
func generate(items int) (*simulator.Server, error) {
	const perClient = 1000 // about, in two years
	for clients := items/perClient + 1; ; clients += clients/10 + 1 {
		d, err := dossiers.Generate(dossiers.Options{Clients: clients, Years: 2, Seed: 1, Now: past})
		if err != nil {
			return nil, err
		}
		s := simulator.New(simulator.Options{})
		if err := d.Fill(s); err != nil {
			return nil, err
		}
		if counts := s.Counts(); countPulled(counts) >= items && counts["Observation"] > countPulled(counts)-items {
			return s, nil
		}
	}
}

func countPulled(counts map[string]int) int {
	n := 0
	for name, of := range counts {
		if name != "Binary" {
			n += of
		}
	}
	return n
}

func writeList(path, base string, records []*archive.Version) (*list, error) {
	l := &list{path: path}
	return l, l.write(len(records), func(w *bufio.Writer, i int) error {
		v := records[i]
		l.updated = append(l.updated, v.LastUpdated)
		_, err := fmt.Fprintf(w, `{"fullUrl":"%s/%s/%s","resource":%s,"search":{"mode":"match"}}`,
			base, v.Type, v.ID, v.Body)
		return err
	})
}

// write writes n entries.
func (l *list) write(n int, entry func(w *bufio.Writer, i int) error) error {
	f, err := os.Create(l.path)
	if err != nil {
		return err
	}
	defer f.Close()
	at := &counter{}
	w := bufio.NewWriterSize(at.over(f), 1<<16)
	for i := range n {
		if i > 0 {
			w.WriteByte(',') //nolint:errcheck // Flush returns the error
		}
		if err := entry(w, i); err != nil {
			return err
		}
		l.ends = append(l.ends, at.n+int64(w.Buffered()))
	}
	if err := w.Flush(); err != nil {
		return err
	}
	return f.Close()
}

// brief returns the list with only some elements of each record, as for _elements.
func (l *list) brief(elements string) (*list, error) {
	keep := append(strings.Split(elements, ","), "resourceType")
	all, err := os.ReadFile(l.path)
	if err != nil {
		return nil, err
	}
	b := &list{path: l.path + ".brief", updated: l.updated}
	return b, b.write(len(l.ends), func(w *bufio.Writer, i int) error {
		var e struct {
			FullURL  string                     `json:"fullUrl"`
			Resource map[string]json.RawMessage `json:"resource"`
			Search   json.RawMessage            `json:"search"`
		}
		if err := json.Unmarshal(all[l.start(i):l.ends[i]], &e); err != nil {
			return err
		}
		for name := range e.Resource {
			if !slices.Contains(keep, name) {
				delete(e.Resource, name)
			}
		}
		entry, err := json.Marshal(e)
		if err != nil {
			return err
		}
		_, err = w.Write(entry)
		return err
	})
}

// start returns the offset of the i-th entry.
func (l *list) start(i int) int64 {
	if i == 0 {
		return 0
	}
	return l.ends[i-1] + 1
}

// between returns the records in the closed interval. A zero bound is unbounded.
func (l *list) between(from, to time.Time) (first, end int) {
	end = len(l.updated)
	if !from.IsZero() {
		first, _ = slices.BinarySearchFunc(l.updated, from, time.Time.Compare)
	}
	if !to.IsZero() {
		end, _ = slices.BinarySearchFunc(l.updated, to.Add(time.Millisecond), time.Time.Compare)
	}
	return first, max(first, end)
}
