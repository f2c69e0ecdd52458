package main

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"

	"dossiersync/store"
	"dossiersync/store/embedded"
)

// sizes are of how many records the rows are.
type sizes struct {
	few, some, many int // B2 is about few and many, B5 about some and many, the others about many
	times           int // repetitions
}

var (
	full  = sizes{10_000, 50_000, 200_000, 3}
	quick = sizes{1_000, 2_000, 10_000, 2}
)

// A stage is what the rows are measured on: one PostgreSQL, and a process that
// serves pages.
type stage struct {
	sizes
	dir    string
	bin    string // where the programs are
	pages  string // URL
	server *embedded.Server
	stderr io.Writer
	// profile is a folder for profiles of the worker; empty: none are made.
	profile string
	stops   []func() error
	loaded  map[int]string  // URLs of databases into which so many records were loaded
	served  *portal         // nil: not started yet
	peaks   map[int][]int64 // of resident memory in first loads of so many records, in bytes
}

// settings are those of PostgreSQL: safe, and with room enough for the log that
// no checkpoint falls into a measurement but those that it begins with.
var settings = map[string]string{"shared_buffers": "512MB", "max_wal_size": "8GB", "checkpoint_timeout": "30min"}

func newStage(ctx context.Context, c runCmd, s streams) (st *stage, err error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	st = &stage{sizes: full, bin: filepath.Dir(self), stderr: s.err, profile: c.Profile, loaded: make(map[int]string), peaks: make(map[int][]int64)}
	if c.Quick {
		st.sizes = quick
	}
	if c.Items > 0 {
		st.few, st.some, st.many = c.Items/20, c.Items/4, c.Items
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, st.close())
		}
	}()
	if err := os.MkdirAll(c.Data, 0o755); err != nil { // PostgreSQL's user must get through it
		return st, err
	}
	if st.dir, err = os.MkdirTemp(c.Data, "run-"); err != nil {
		return st, err
	}
	if err := os.Chmod(st.dir, 0o755); err != nil {
		return st, err
	}
	if st.dir, err = filepath.Abs(st.dir); err != nil {
		return st, err
	}
	st.stops = append(st.stops, func() error { return os.RemoveAll(st.dir) })
	if st.server, err = embedded.Start(ctx, filepath.Join(st.dir, "postgres"), embedded.Options{Settings: settings}); err != nil {
		return st, err
	}
	st.stops = append(st.stops, st.server.Close)
	return st, st.startPages(ctx, self)
}

// close ends what was started, the last first.
func (s *stage) close() error {
	var errs []error
	for i := len(s.stops) - 1; i >= 0; i-- {
		errs = append(errs, s.stops[i]())
	}
	return errors.Join(errs...)
}

// startPages starts the process that serves pages, and waits until it does.
func (s *stage) startPages(ctx context.Context, self string) error {
	args := []string{"pages", filepath.Join(s.dir, "pages")}
	for _, n := range []int{s.few, s.some, s.many} {
		args = append(args, strconv.Itoa(n))
	}
	cmd := exec.CommandContext(ctx, self, args...)
	cmd.Stderr = s.stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		return err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	s.stops = append(s.stops, func() error { return errors.Join(in.Close(), cmd.Wait()) })
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		return fmt.Errorf("build the pages: %w", err)
	}
	s.pages = strings.TrimSpace(line)
	return nil
}

// source returns the address of the system that has so many records.
func (s *stage) source(items int) string { return fmt.Sprintf("%s/%d/fhir", s.pages, items) }

// work has a process of its own do a job, so many times, and returns what each
// took.
func (s *stage) work(ctx context.Context, j job) ([]measure, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	if s.profile != "" {
		j.Profile = filepath.Join(s.profile, j.Do+".cpu")
	}
	j.Times = cmp.Or(j.Times, 1)
	text, err := json.Marshal(j)
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, self, "work")
	cmd.Stdin, cmd.Stderr = bytes.NewReader(text), s.stderr
	before := s.databaseCPU()
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", j.Do, err)
	}
	var all []measure
	if err := json.Unmarshal(out, &all); err != nil {
		return nil, fmt.Errorf("read what %s took: %w", j.Do, err)
	}
	if len(all) == 1 {
		all[0].Database = s.databaseCPU() - before
	}
	return all, nil
}

// database returns the URL of a new database with the program's schema.
func (s *stage) database(ctx context.Context, name string) (string, error) {
	admin := s.server.URL("postgres")
	if err := execute(ctx, admin, "DROP DATABASE IF EXISTS "+pgx.Identifier{name}.Sanitize()); err != nil {
		return "", err
	}
	if err := store.EnsureDatabase(ctx, admin, name); err != nil {
		return "", err
	}
	url := s.server.URL(name)
	if _, err := store.Migrate(ctx, url); err != nil {
		return "", err
	}
	return url, execute(ctx, url, "CHECKPOINT")
}

// load loads the system of so many records into a new database, and returns what
// that took.
func (s *stage) load(ctx context.Context, items int) (measure, error) {
	url, err := s.database(ctx, fmt.Sprintf("bench_%d", items))
	if err != nil {
		return measure{}, err
	}
	delete(s.loaded, items)
	all, err := s.work(ctx, job{Do: "sync", Database: url, Source: s.source(items)})
	if err != nil {
		return measure{}, err
	}
	if all[0].Items != int64(items) {
		return measure{}, fmt.Errorf("%d of %d records were loaded", all[0].Items, items)
	}
	s.loaded[items] = url
	return all[0], nil
}

// stored returns the URL of a database into which so many records were loaded,
// in the state in which autovacuum would leave it within a minute.
func (s *stage) stored(ctx context.Context, items int) (string, error) {
	if _, ok := s.loaded[items]; !ok {
		if _, err := s.load(ctx, items); err != nil {
			return "", err
		}
	}
	url := s.loaded[items]
	return url, execute(ctx, url, "VACUUM (ANALYZE)", "CHECKPOINT")
}

func execute(ctx context.Context, url string, statements ...string) error {
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	for _, sql := range statements {
		if _, err := conn.Exec(ctx, sql); err != nil {
			return fmt.Errorf("%s: %w", sql, err)
		}
	}
	return nil
}
