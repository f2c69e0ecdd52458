package simulator

import (
	"cmp"
	"context"
	"errors"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"dossiersync/cmd/carerecordsim/archive"
)

// Layer wraps the handler of all requests.
type Layer func(http.Handler) http.Handler

// Options of a Server; all may be zero.
type Options struct {
	BasePath string           // path of the FHIR base URL; default: /fhir
	Zone     *time.Location   // of lastUpdated, and of searched dates without an offset; default: UTC
	Clock    func() time.Time // default: time.Now
	Token    string           // bearer token, required except for metadata; "": none

	// EqualInstants lets writes within one millisecond of the clock share a lastUpdated. Otherwise
	// each write is at least a millisecond after the one before, if need be ahead of the clock.
	EqualInstants bool

	DefaultCount int // page size without _count; default: 50
	MaxCount     int // largest page size; default: 1000
	Behaviour    Behaviour
	Layers       []Layer // the first is the outermost
}

// Server is an http.Handler. Its methods may be called while it serves.
type Server struct {
	o       Options
	archive *archive.Archive
	handler http.Handler

	writing sync.Mutex // held from reading the clock until a write is stored
	last    time.Time  // the newest lastUpdated taken from the clock
	writes  uint64     // taken from the clock

	mishap   atomic.Pointer[Mishap]
	shuffles atomic.Uint64
	cacheMu  sync.Mutex
	cache    map[string]cachedMoment // of Behaviour.SearchCache, by path and query
}

// cachedMoment is the Seq that equal searches start from for a while.
type cachedMoment struct {
	since time.Time
	asOf  int64
}

// New returns an empty server.
func New(o Options) *Server {
	o.BasePath = strings.TrimSuffix("/"+strings.Trim(cmp.Or(o.BasePath, "fhir"), "/"), "/")
	o.DefaultCount = cmp.Or(o.DefaultCount, 50)
	o.MaxCount = max(cmp.Or(o.MaxCount, 1000), o.DefaultCount)
	if o.Zone == nil {
		o.Zone = time.UTC
	}
	if o.Clock == nil {
		o.Clock = time.Now
	}
	s := &Server{o: o, archive: archive.New(o.Zone), cache: map[string]cachedMoment{}}
	s.handler = http.HandlerFunc(s.serveFHIR)
	for i := len(o.Layers) - 1; i >= 0; i-- {
		s.handler = o.Layers[i](s.handler)
	}
	return s
}

// BasePath returns the path of the FHIR base URL.
func (s *Server) BasePath() string { return s.o.BasePath }

// ServeHTTP answers one request through all layers.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Date", s.o.Clock().UTC().Format(http.TimeFormat))
	s.handler.ServeHTTP(w, r)
}

// Run serves on ln until ctx ends, lets requests in flight finish for at most five seconds, and
// closes ln.
func (s *Server) Run(ctx context.Context, ln net.Listener) error {
	server := &http.Server{
		Handler:           s,
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       time.Minute,
		WriteTimeout:      10 * time.Minute, // a layer may be slow on purpose
		IdleTimeout:       2 * time.Minute,
	}
	served := make(chan error, 1)
	go func() { served <- server.Serve(ln) }()
	select {
	case err := <-served:
		return err
	case <-ctx.Done():
	}
	drain, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	if server.Shutdown(drain) != nil {
		_ = server.Close() // ends requests that did not finish
	}
	if err := <-served; !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}
