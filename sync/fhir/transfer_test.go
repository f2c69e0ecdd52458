package fhir

import (
	"bytes"
	"compress/gzip"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"dossiersync/store/dossier"
	"dossiersync/sync/source"
)

// quick is for tests that talk over sockets, and so cannot fake time.
var quick = func() times {
	t := usual
	t.backoff, t.backoffMost = time.Millisecond, 2*time.Millisecond
	return t
}()

// serve returns a source over a server that h is, and what to search in it.
func serve(t testing.TB, h http.HandlerFunc, change ...func(*Options)) (*Source, source.Query) {
	t.Helper()
	srv := httptest.NewUnstartedServer(h)
	srv.Config.ErrorLog = log.New(io.Discard, "", 0)
	srv.Start()
	t.Cleanup(srv.Close)
	return sourceAt(t, srv.URL+"/fhir", change...)
}

func sourceAt(t testing.TB, base string, change ...func(*Options)) (*Source, source.Query) {
	t.Helper()
	transport := NewTransport(nil)
	t.Cleanup(transport.CloseIdleConnections)
	o := Options{Tenant: "amaris", BaseURL: mustURL(base), Transport: transport, Zone: mustZone(), RequestsPerSecond: 10_000}
	for _, c := range change {
		c(&o)
	}
	s, err := newSource(o, quick)
	if err != nil {
		t.Fatal(err)
	}
	typ, _ := s.typeOf(dossier.StreamReports, "DocumentReference")
	return s, source.Query{Type: typ}
}

func packed(s string) []byte {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	_, _ = io.WriteString(z, s)
	_ = z.Close()
	return b.Bytes()
}

func TestRequestHeaders(t *testing.T) {
	t.Parallel()
	s, q := serve(t, func(w http.ResponseWriter, r *http.Request) {
		for name, want := range map[string]string{"Accept": "application/fhir+json", "Accept-Encoding": "gzip",
			"Cache-Control": "no-cache", "User-Agent": "dossiersync", "Prefer": "handling=strict"} {
			if got := r.Header.Get(name); got != want {
				t.Errorf("%s: got %q, want %q", name, got, want)
			}
		}
		_, _ = io.WriteString(w, emptyBundle)
	})
	if _, err := s.Search(t.Context(), q); err != nil {
		t.Fatal(err)
	}
}

func TestPackedAnswer(t *testing.T) {
	t.Parallel()
	body := packed(strings.Replace(emptyBundle, "{", `{"x":"`+strings.Repeat("y", 100_000)+`",`, 1))
	s, q := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Encoding", "gzip")
		_, _ = w.Write(body)
	})
	p, err := s.Search(t.Context(), q)
	if err != nil || p.Bytes != int64(len(body)) {
		t.Errorf("%d bytes, want %d: %v", p.Bytes, len(body), err)
	}
}

func TestAnswersAreBounded(t *testing.T) {
	t.Parallel()
	bomb := packed(`{"resourceType":"Bundle","x":"` + strings.Repeat(" ", 20<<20) + `"}`)
	for name, h := range map[string]http.HandlerFunc{
		"gzip bomb": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Encoding", "gzip")
			_, _ = w.Write(bomb)
		},
		"announced": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "99999999999")
			w.WriteHeader(200)
		},
		"endless": func(w http.ResponseWriter, _ *http.Request) {
			for err := error(nil); err == nil; {
				_, err = w.Write(make([]byte, 1<<16))
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var asked atomic.Int64
			s, q := serve(t, func(w http.ResponseWriter, r *http.Request) { asked.Add(1); h(w, r) },
				func(o *Options) { o.Limits.Response, o.PageSize = 1<<20, 1 })
			_, err := s.Search(t.Context(), q)
			if got, want := errorText(err), "search DocumentReference: the source's answer cannot be understood (HTTP 200): the answer is larger than the limit"; got != want || asked.Load() != 1 {
				t.Errorf("%d requests: got %q, want %q", asked.Load(), got, want)
			}
		})
	}
}

func TestBrokenAnswersAreRetried(t *testing.T) {
	t.Parallel()
	half := packed(emptyBundle)[:20]
	for name, h := range map[string]http.HandlerFunc{
		"shorter than announced": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "1000")
			_, _ = io.WriteString(w, emptyBundle)
		},
		"aborted": func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, emptyBundle[:10])
			w.(http.Flusher).Flush()
			panic(http.ErrAbortHandler)
		},
		"cut-off gzip": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Encoding", "gzip")
			_, _ = w.Write(half)
		},
		"no gzip at all": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Encoding", "gzip")
			_, _ = io.WriteString(w, emptyBundle)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var asked atomic.Int64
			s, q := serve(t, func(w http.ResponseWriter, r *http.Request) { asked.Add(1); h(w, r) })
			_, err := s.Search(t.Context(), q)
			f, _ := errors.AsType[*source.Failure](err)
			if f == nil || f.Kind != source.Unreachable || f.Err != errBroken || asked.Load() != 4 {
				t.Errorf("%d requests: got %v", asked.Load(), err)
			}
		})
	}
}

func TestRedirectsStayUnderTheBase(t *testing.T) {
	t.Parallel()
	var elsewhere atomic.Int64
	other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		elsewhere.Add(1)
		_, _ = io.WriteString(w, emptyBundle)
	}))
	t.Cleanup(other.Close)
	for path, want := range map[string]string{
		"/fhir/moved?geheim":                         "",
		"/moved?geheim":                              "search DocumentReference: the source's answer cannot be understood: " + string(errOutside),
		"/fhir/../moved":                             "search DocumentReference: the source's answer cannot be understood: " + string(errOutside),
		"/fhir/%2e%2e/moved":                         "search DocumentReference: the source's answer cannot be understood: " + string(errOutside),
		other.URL + "/fhir/DocumentReference?geheim": "search DocumentReference: the source's answer cannot be understood: " + string(errOtherOrigin),
		"/fhir/DocumentReference?geheim":             "search DocumentReference: the source's answer cannot be understood: " + string(errRedirects),
	} {
		s, q := serve(t, func(w http.ResponseWriter, r *http.Request) {
			if strings.HasSuffix(r.URL.Path, "/moved") {
				_, _ = io.WriteString(w, emptyBundle)
				return
			}
			http.Redirect(w, r, path, http.StatusFound)
		})
		if _, err := s.Search(t.Context(), q); errorText(err) != want {
			t.Errorf("%s: got %q, want %q", path, err, want)
		}
	}
	if elsewhere.Load() != 0 {
		t.Error("followed to another origin")
	}
}

func TestUnreachable(t *testing.T) {
	t.Parallel()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	gone := ln.Addr().String()
	_ = ln.Close()
	for base, want := range map[string]string{
		"http://" + gone + "/fhir":      "search DocumentReference: the source cannot be reached: connection refused",
		"http://host.invalid.":          "search DocumentReference: the source cannot be reached: host not found",
		"https://" + gone + "/fhir/r4/": "search DocumentReference: the source cannot be reached: connection refused",
	} {
		s, q := sourceAt(t, base)
		_, err := s.Search(t.Context(), q)
		if got := errorText(err); got != want && !strings.Contains(got, "looked up") { // without any resolver
			t.Errorf("%s: got %q, want %q", base, got, want)
		}
	}
}

func TestCertificates(t *testing.T) { // case 75
	t.Parallel()
	srv := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, emptyBundle) }))
	srv.Config.ErrorLog = log.New(io.Discard, "", 0)
	t.Cleanup(srv.Close)
	roots := x509.NewCertPool()
	roots.AddCert(srv.Certificate())
	for _, test := range []struct {
		name, text string
		conf       *tls.Config
	}{
		{"trusted", "", &tls.Config{RootCAs: roots}},
		{"unknown authority", "signed by an unknown authority", &tls.Config{RootCAs: x509.NewCertPool()}},
		{"expired", "expired, or not valid yet", &tls.Config{RootCAs: roots, Time: func() time.Time { return time.Now().AddDate(200, 0, 0) }}},
		{"another host", "for another host", &tls.Config{RootCAs: roots, ServerName: "ecd.elders"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			transport := NewTransport(test.conf)
			t.Cleanup(transport.CloseIdleConnections)
			attempts := 0
			s, q := sourceAt(t, srv.URL, func(o *Options) {
				o.Transport, o.Observe = transport, func(Request) { attempts++ }
			})
			_, err := s.Search(t.Context(), q)
			want := ""
			if test.text != "" {
				want = "search DocumentReference: the source cannot be reached: the source's certificate is not accepted: " + test.text
			}
			if got := errorText(err); got != want || attempts != 1 {
				t.Errorf("%d attempts: got %q, want %q", attempts, got, want)
			}
		})
	}
}

func TestMutualTLSRefused(t *testing.T) {
	t.Parallel()
	srv := httptest.NewUnstartedServer(http.NotFoundHandler())
	srv.Config.ErrorLog = log.New(io.Discard, "", 0)
	srv.TLS = &tls.Config{ClientAuth: tls.RequireAnyClientCert}
	srv.StartTLS()
	t.Cleanup(srv.Close)
	roots := x509.NewCertPool()
	roots.AddCert(srv.Certificate())
	transport := NewTransport(&tls.Config{RootCAs: roots})
	t.Cleanup(transport.CloseIdleConnections)
	s, q := sourceAt(t, srv.URL, func(o *Options) { o.Transport = transport })
	_, err := s.Search(t.Context(), q)
	if got, want := errorText(err), "search DocumentReference: the source cannot be reached: the source refused the TLS connection: "; !strings.HasPrefix(got, want) {
		t.Errorf("got %q, want %q…", got, want)
	}
}
