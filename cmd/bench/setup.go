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
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"dossiersync/store"
	"dossiersync/store/embedded"
)

// sizes are the numbers of records and repetitions.
type sizes struct {
	few, some, many int // B2 uses few and many, B5 some and many, the others many
	times           int // repetitions
	tenants, each   int // B9: how many tenants, with so many records each
	grown           int // B8: how many items there are after growing, at least 80,000
}

var (
	normal = sizes{10_000, 50_000, 200_000, 3, 60, 1_591, 800_000}
	full   = sizes{10_000, 250_000, 1_000_000, 2, 300, 1_591, 10_000_000}
	quick  = sizes{1_000, 2_000, 4_000, 2, 6, 500, 160_000}
)

// A setup is the PostgreSQL and the process with pages on which the rows are measured.
type setup struct {
	sizes
	dir    string
	self   string // the path of this program
	bin    string // the folder of the programs
	pages  string // URL
	server *embedded.Server
	stderr io.Writer
	// profile is a folder for profiles of the worker; empty: none are made.
	profile string
	stops   []func() error
	made    []string          // databases that rows use again
	idle    map[int][]measure // of runs with nothing new, by the number of records stored
	slots   *slots            // nil: not measured yet
	loaded  map[int]string    // URLs of databases, by the number of records loaded into them
	served  *portal           // nil: not started yet
	peaks   map[int][]int64   // of resident memory in bytes, by the number of records loaded
}

// settings are those of PostgreSQL: durable, and with so much room for its log that the
// only checkpoints are those before a measurement.
var settings = map[string]string{"shared_buffers": "512MB", "max_wal_size": "8GB", "checkpoint_timeout": "30min"}

func newSetup(ctx context.Context, c runCmd, s streams) (st *setup, err error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	st = &setup{
		sizes: normal, self: self, bin: filepath.Dir(self), stderr: s.err, profile: c.Profile,
		loaded: make(map[int]string), peaks: make(map[int][]int64), idle: make(map[int][]measure),
	}
	switch {
	case c.Quick:
		st.sizes = quick
	case c.Full:
		st.sizes = full
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
	data := filepath.Join(st.dir, "postgres")
	if st.server, err = embedded.Start(ctx, data, embedded.Options{Settings: settings}); err != nil {
		return st, err
	}
	st.stops = append(st.stops, st.server.Close)
	args := []string{"pages", filepath.Join(st.dir, "pages")}
	for _, n := range []int{st.few, st.some, st.many, st.each} {
		args = append(args, strconv.Itoa(n))
	}
	st.pages, err = st.startSelf(ctx, args...)
	return st, err
}

// close ends the processes and removes the data, the last first.
func (s *setup) close() error {
	var errs []error
	for _, stop := range slices.Backward(s.stops) {
		errs = append(errs, stop())
	}
	return errors.Join(errs...)
}

// startSelf starts this program as a server, and returns the address that it prints once
// it listens. It serves until its standard input ends, when the setup closes.
func (s *setup) startSelf(ctx context.Context, args ...string) (address string, err error) {
	cmd := exec.CommandContext(ctx, s.self, args...)
	cmd.Stderr = s.stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		return "", err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return "", err
	}
	if err := cmd.Start(); err != nil {
		return "", err
	}
	s.stops = append(s.stops, func() error { return errors.Join(in.Close(), cmd.Wait()) })
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		return "", fmt.Errorf("start bench %s: %w", args[0], err)
	}
	return strings.TrimSpace(line), nil
}

// serve is the other side of startSelf: it prints the listener's address, and serves until
// standard input or ctx ends.
func serve(ctx context.Context, st streams, ln net.Listener, prefix string, handler http.Handler) error {
	server := &http.Server{Handler: handler, ReadHeaderTimeout: 10 * time.Second}
	go func() {
		_, _ = io.Copy(io.Discard, st.in) // ends with the parent process
		_ = server.Close()
	}()
	defer context.AfterFunc(ctx, func() { _ = server.Close() })()
	fmt.Fprintln(st.out, prefix+ln.Addr().String())
	if err := server.Serve(ln); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// source returns the address of the system with that many records.
func (s *setup) source(items int) string { return fmt.Sprintf("%s/%d/fhir", s.pages, items) }

// work does a job in a process of its own, and returns what each time took.
func (s *setup) work(ctx context.Context, j job) ([]measure, error) {
	if s.profile != "" {
		j.Profile = filepath.Join(s.profile, j.Do+".cpu")
	}
	j.Times = cmp.Or(j.Times, 1)
	text, err := json.Marshal(j)
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, s.self, "work")
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
func (s *setup) database(ctx context.Context, name string) (string, error) {
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

// load loads the system with that many records into a new database.
func (s *setup) load(ctx context.Context, items int) (measure, error) {
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

// stored returns the URL of a database with that many records, as autovacuum leaves it a
// minute after the load.
func (s *setup) stored(ctx context.Context, items int) (string, error) {
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
