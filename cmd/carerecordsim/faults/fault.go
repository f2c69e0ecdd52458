package faults

import (
	"bytes"
	"maps"
	"net/http"
	"strconv"
	"sync"
	"time"
)

// Fault is one way of answering wrongly; functions of this package make it. The zero Fault does
// nothing.
type Fault struct {
	name    string
	needs   func(*request) bool // nil: any request
	tracks  bool                // the fault needs page numbers
	kept    *memory
	handler func(next http.Handler, h *occurrence) http.Handler
}

// String returns the fault as in a fault file.
func (f Fault) String() string { return f.name }

func (f *Fault) fits(q *request) bool {
	return f.handler != nil && (f.needs == nil || f.needs(q))
}

func (f *Fault) wrap(next http.Handler, h *occurrence) http.Handler { return f.handler(next, h) }

// memory is what a fault remembers between requests.
type memory struct {
	mu      sync.Mutex
	answers map[string]answer
}

// answer is a response that was not sent yet.
type answer struct {
	status int
	header http.Header
	body   []byte
	at     time.Time
}

// ask returns the answer of next, without compression.
func ask(next http.Handler, r *http.Request) answer {
	r = r.Clone(r.Context())
	r.Header.Del("Accept-Encoding")
	rec := &recorder{answer: answer{status: http.StatusOK, header: http.Header{}}}
	next.ServeHTTP(rec, r)
	rec.answer.body = rec.buf.Bytes()
	return rec.answer
}

// send sends the answer with its Content-Length.
func (a answer) send(w http.ResponseWriter) {
	maps.Copy(w.Header(), a.header)
	w.Header().Set("Content-Length", strconv.Itoa(len(a.body)))
	w.WriteHeader(a.status)
	_, _ = w.Write(a.body) // the client may have left
}

// recorder is the ResponseWriter of ask.
type recorder struct {
	answer answer
	buf    bytes.Buffer
}

func (rec *recorder) Header() http.Header            { return rec.answer.header }
func (rec *recorder) WriteHeader(status int)         { rec.answer.status = status }
func (rec *recorder) Write(body []byte) (int, error) { return rec.buf.Write(body) }

// respond makes a fault from a function that answers in place of next.
func respond(name string, f func(w http.ResponseWriter, r *http.Request, h *occurrence)) Fault {
	return Fault{name: name, handler: func(_ http.Handler, h *occurrence) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { f(w, r, h) })
	}}
}

// alter makes a fault from a function that changes the answer of next.
func alter(name string, f func(a *answer, h *occurrence)) Fault {
	return Fault{name: name, handler: func(next http.Handler, h *occurrence) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			a := ask(next, r)
			f(&a, h)
			a.send(w)
		})
	}}
}
