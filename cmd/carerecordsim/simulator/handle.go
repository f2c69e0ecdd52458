package simulator

import (
	"bytes"
	"cmp"
	"compress/gzip"
	"crypto/subtle"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
)

const (
	fhirJSON = "application/fhir+json; charset=utf-8"
	maxBody  = 16 << 20
	gzipFrom = 1 << 10 // smaller answers are not compressed
)

// answer is a successful response.
type answer struct {
	status int
	header http.Header // nil: no extra header
	body   []byte      // nil: none

	contentType string // "": FHIR JSON
}

func (s *Server) serveFHIR(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, maxBody)
	a, err := s.answer(r)
	if err != nil {
		o := toOutcome(err)
		a = answer{status: o.status, body: o.body()}
		if o.status == http.StatusUnauthorized {
			a.header = http.Header{"Www-Authenticate": {"Bearer"}}
		}
	}
	if s.o.Behaviour.ByteOrderMark && a.contentType == "" && a.body != nil {
		a.body = append([]byte("\ufeff"), a.body...)
	}
	a.write(w, r)
}

func (s *Server) answer(r *http.Request) (answer, error) {
	path, ok := strings.CutPrefix(r.URL.Path, s.o.BasePath+"/")
	if !ok {
		return answer{}, &outcome{http.StatusNotFound, "not-found", "FHIR begins at " + s.o.BasePath + "/"}
	}
	if err := acceptable(r); err != nil && !strings.HasPrefix(path, "Binary/") {
		return answer{}, err
	}
	if path == "metadata" {
		return s.metadata(r)
	}
	if !s.authorized(r) {
		return answer{}, &outcome{http.StatusUnauthorized, "login", "a bearer token is required"}
	}
	return s.route(r, strings.Split(path, "/"))
}

// route finds the interaction: https://hl7.org/fhir/R4/http.html#summary
func (s *Server) route(r *http.Request, path []string) (answer, error) {
	typ := path[0]
	if !s.knows(typ) {
		return answer{}, &outcome{http.StatusNotFound, "not-supported", "unknown resource type"}
	}
	method := r.Method
	if method == http.MethodHead {
		method = http.MethodGet
	}
	switch {
	case len(path) == 1 && method == http.MethodGet,
		len(path) == 2 && path[1] == "_search" && method == http.MethodPost:
		return s.search(r, typ)
	case len(path) == 1 && method == http.MethodPost:
		return s.create(r, typ)
	case len(path) == 2 && path[1] == "_history" && method == http.MethodGet:
		return s.history(r, typ, "")
	case len(path) == 2 && typ == "Binary" && method == http.MethodGet:
		return s.readBinary(r, path[1])
	case len(path) == 2 && method == http.MethodGet:
		return s.read(typ, path[1])
	case len(path) == 2 && method == http.MethodPut:
		return s.update(r, typ, path[1])
	case len(path) == 2 && method == http.MethodDelete:
		return s.delete(typ, path[1])
	case len(path) == 3 && path[2] == "_history" && method == http.MethodGet:
		return s.history(r, typ, path[1])
	case len(path) == 4 && path[2] == "_history" && method == http.MethodGet:
		return s.vread(typ, path[1], path[3])
	case len(path) <= 2:
		return answer{}, &outcome{http.StatusMethodNotAllowed, "not-supported", "no such interaction"}
	default:
		return answer{}, &outcome{http.StatusNotFound, "not-supported", "no such interaction"}
	}
}

func (s *Server) authorized(r *http.Request) bool {
	if s.o.Token == "" {
		return true
	}
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	return strings.EqualFold(scheme, "bearer") && subtle.ConstantTimeCompare([]byte(token), []byte(s.o.Token)) == 1
}

// acceptable refuses XML and Turtle. _format wins over the header.
func acceptable(r *http.Request) error {
	want := r.URL.Query().Get("_format")
	if want == "" {
		want = r.Header.Get("Accept")
	}
	if want == "" || strings.Contains(want, "json") || strings.Contains(want, "*/*") ||
		strings.Contains(want, "application/*") {
		return nil
	}
	return &outcome{http.StatusNotAcceptable, "not-supported", "only JSON is spoken here"}
}

func readBody(r *http.Request) ([]byte, error) {
	body, err := io.ReadAll(r.Body)
	if _, large := errors.AsType[*http.MaxBytesError](err); large {
		return nil, &outcome{http.StatusRequestEntityTooLarge, "too-long", "the resource is too large"}
	}
	if err != nil {
		return nil, badRequest("incomplete", "the request could not be read")
	}
	return body, nil
}

var gzipWriters = sync.Pool{New: func() any {
	z, _ := gzip.NewWriterLevel(nil, gzip.BestSpeed) // the level is valid
	return z
}}

func (a answer) write(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	for name, values := range a.header {
		h[name] = values
	}
	h.Add("Vary", "Accept-Encoding")
	body := a.body
	if body == nil {
		w.WriteHeader(a.status)
		return
	}
	h.Set("Content-Type", cmp.Or(a.contentType, fhirJSON))
	if len(body) >= gzipFrom && strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
		h.Set("Content-Encoding", "gzip")
		body = compress(body)
	}
	h.Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(a.status)
	_, _ = w.Write(body) // the client may have left
}

func compress(body []byte) []byte {
	var buf bytes.Buffer
	z := gzipWriters.Get().(*gzip.Writer)
	defer gzipWriters.Put(z)
	z.Reset(&buf)
	_, _ = z.Write(body) // a bytes.Buffer never fails
	_ = z.Close()
	return buf.Bytes()
}
