package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// pagesCmd is the process that stands for the care record system. It costs the machine
// next to nothing, because the kernel copies its responses from files.
type pagesCmd struct {
	Dir   string `arg:"" help:"The folder for the pages."`
	Items []int  `arg:"" help:"The number of records of each system."`
}

// Run implements the command. The system of n records is at /n/fhir.
func (c *pagesCmd) Run(ctx context.Context, s streams) error {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	defer ln.Close()
	mux := http.NewServeMux()
	address := "http://" + ln.Addr().String()
	for _, items := range c.Items {
		base := fmt.Sprintf("/%d/fhir", items)
		sh, err := build(items, filepath.Join(c.Dir, strconv.Itoa(items)), address+base)
		if err != nil {
			return fmt.Errorf("build the pages of %d records: %w", items, err)
		}
		system := &system{base: address + base, records: sh, briefs: make(map[string]*list)}
		mux.Handle(base+"/", http.StripPrefix(base, system.handler()))
	}
	return serve(ctx, s, ln, "http://", mux)
}

// A system answers the FHIR R4 searches that dossiersync makes: an interval of
// lastUpdated, in that order, with all or some elements, or the count only. All its
// records match any other filter. It refuses parameters that it does not know.
type system struct {
	base    string
	records *prebuilt

	mu     sync.Mutex
	briefs map[string]*list // by path and elements

	changed atomic.Bool // some records have changed
}

func (s *system) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /metadata", s.metadata)
	mux.HandleFunc("GET /{type}", s.search)
	mux.HandleFunc("POST /changed/{yes}", func(_ http.ResponseWriter, r *http.Request) {
		s.changed.Store(r.PathValue("yes") == "true")
	})
	mux.HandleFunc("GET /{type}/_history", s.history)
	mux.HandleFunc("GET /{type}/{id}", s.read)
	return mux
}

func (s *system) metadata(w http.ResponseWriter, _ *http.Request) {
	type object = map[string]any
	var types []object
	for name := range s.records.lists {
		types = append(types, object{"type": name, "interaction": []object{{"code": "search-type"}, {"code": "history-type"}}})
	}
	w.Header().Set("Content-Type", "application/fhir+json")
	_ = json.NewEncoder(w).Encode(object{"resourceType": "CapabilityStatement", "fhirVersion": "4.0.1",
		"software": object{"name": "bench"}, "rest": []object{{"mode": "server", "resource": types}}})
}

// history answers that nothing was deleted.
func (s *system) history(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/fhir+json")
	//nolint:gosec // a measuring program reads it, no browser
	fmt.Fprintf(w, `{"resourceType":"Bundle","type":"history","total":0,"link":[{"relation":"self","url":%q}]}`,
		s.base+r.URL.String())
}

// read answers for Binary resources only.
func (s *system) read(w http.ResponseWriter, r *http.Request) {
	body, ok := s.records.files[r.PathValue("id")]
	if !ok || r.PathValue("type") != "Binary" {
		http.NotFound(w, r)
		return
	}
	var file struct {
		ContentType string `json:"contentType"`
		Data        []byte `json:"data"`
	}
	if err := json.Unmarshal(body, &file); err != nil {
		http.Error(w, "the file cannot be read", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", file.ContentType)
	_, _ = w.Write(file.Data)
}

// understood are the parameters of a search. All records of a type match code and type.
var understood = []string{"_lastUpdated", "_sort", "_count", "_total", "_elements", "_summary", "_cursor", "code", "type"}

func (s *system) search(w http.ResponseWriter, r *http.Request) {
	lists := s.records.lists
	if s.changed.Load() {
		lists = s.records.changed
	}
	l, ok := lists[r.PathValue("type")]
	if !ok {
		http.NotFound(w, r)
		return
	}
	q := r.URL.Query()
	for name := range q {
		if !slices.Contains(understood, name) {
			http.Error(w, "unknown parameter", http.StatusBadRequest)
			return
		}
	}
	p, err := partOf(l, q)
	if err != nil {
		http.Error(w, "malformed query", http.StatusBadRequest)
		return
	}
	if p.elements != "" {
		if l, err = s.brief(l, p.elements); err != nil {
			http.Error(w, "the page cannot be made", http.StatusInternalServerError)
			return
		}
	}
	if err := s.send(w, r, l, p); err != nil {
		panic(http.ErrAbortHandler)
	}
}

// A part is the requested page: up to size records, from first and before end.
type part struct {
	total, first, end, size int
	elements                string
}

// cursor returns the query of the link to the next page.
func (p part) cursor() string {
	next := url.Values{"_cursor": {fmt.Sprintf("%d.%d.%d.%d", p.total, p.first+p.size, p.end, p.size)}}
	if p.elements != "" {
		next.Set("_elements", p.elements)
	}
	return next.Encode()
}

func partOf(l *list, q url.Values) (p part, err error) {
	p.elements = q.Get("_elements")
	if c := q.Get("_cursor"); c != "" {
		_, err = fmt.Sscanf(c, "%d.%d.%d.%d", &p.total, &p.first, &p.end, &p.size)
		if err == nil && (p.first < 0 || p.end > len(l.ends) || p.size < 1) {
			err = errors.New("no such page")
		}
		return p, err
	}
	var from, to time.Time
	for _, v := range q["_lastUpdated"] {
		bound := &from
		if strings.HasPrefix(v, "le") {
			bound = &to
		}
		if *bound, err = time.Parse(time.RFC3339Nano, v[min(2, len(v)):]); err != nil {
			return p, err
		}
	}
	p.first, p.end = l.between(from, to)
	p.total = p.end - p.first
	if q.Get("_summary") == "count" {
		return p, nil
	}
	p.size, err = strconv.Atoi(q.Get("_count"))
	return p, err
}

func (s *system) brief(l *list, elements string) (*list, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	key := l.path + " " + elements
	if b, ok := s.briefs[key]; ok {
		return b, nil
	}
	b, err := l.brief(elements)
	s.briefs[key] = b
	return b, err
}

// send writes the page, with its entries from the file.
func (s *system) send(w http.ResponseWriter, r *http.Request, l *list, p part) error {
	last := min(p.first+p.size, p.end)
	here := s.base + "/" + r.PathValue("type")
	head := fmt.Sprintf(`{"resourceType":"Bundle","type":"searchset","total":%d,"link":[{"relation":"self","url":%q}`,
		p.total, s.base+r.URL.String())
	if last < p.end && p.size > 0 {
		head += fmt.Sprintf(`,{"relation":"next","url":%q}`, here+"?"+p.cursor())
	}
	head, tail, n := head+"]", "}", int64(0)
	if last > p.first {
		head, tail, n = head+`,"entry":[`, "]}", l.ends[last-1]-l.start(p.first)
	}
	w.Header().Set("Content-Type", "application/fhir+json")
	w.Header().Set("Content-Length", strconv.FormatInt(int64(len(head)+len(tail))+n, 10))
	if _, err := io.WriteString(w, head); err != nil { //nolint:gosec // likewise
		return err
	}
	if n > 0 {
		f, err := os.Open(l.path)
		if err != nil {
			return err
		}
		defer f.Close()
		if _, err := f.Seek(l.start(p.first), io.SeekStart); err != nil {
			return err
		}
		if _, err := io.CopyN(w, f, n); err != nil {
			return err
		}
	}
	_, err := io.WriteString(w, tail)
	return err
}

// A counter counts what is written through it.
type counter struct {
	n int64
	w io.Writer
}

func (c *counter) over(w io.Writer) *counter {
	c.w = w
	return c
}

// Write implements [io.Writer].
func (c *counter) Write(p []byte) (int, error) {
	n, err := c.w.Write(p)
	c.n += int64(n)
	return n, err
}
