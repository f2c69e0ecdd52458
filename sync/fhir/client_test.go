package fhir

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"dossiersync/store/dossier"
	"dossiersync/sync/source"
)

const emptyBundle = `{"resourceType":"Bundle","type":"searchset"}`

// respond returns an answer as a transport gives it; header is pairs.
func respond(req *http.Request, status int, body string, header ...string) *http.Response {
	h := http.Header{"Content-Type": {"application/fhir+json"}}
	for i := 0; i < len(header); i += 2 {
		h.Set(header[i], header[i+1])
	}
	return &http.Response{StatusCode: status, Header: h, Body: io.NopCloser(strings.NewReader(body)),
		ContentLength: int64(len(body)), Request: req, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1}
}

// script is a transport that gives one answer after another, the last one again
// and again, and remembers when it was asked.
type script struct {
	answers []func(*http.Request) (*http.Response, error)

	mu    sync.Mutex
	asked []time.Time
}

func (s *script) RoundTrip(req *http.Request) (*http.Response, error) {
	s.mu.Lock()
	n := min(len(s.asked), len(s.answers)-1)
	s.asked = append(s.asked, time.Now())
	s.mu.Unlock()
	return s.answers[n](req)
}

func (s *script) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.asked)
}

// says is an answer of a script.
func says(status int, body string, header ...string) func(*http.Request) (*http.Response, error) {
	return func(req *http.Request) (*http.Response, error) { return respond(req, status, body, header...), nil }
}

func fails(err error) func(*http.Request) (*http.Response, error) {
	return func(*http.Request) (*http.Response, error) { return nil, err }
}

// testSource returns a source over transport, and what to search in it.
func testSource(t testing.TB, transport http.RoundTripper, change ...func(*Options)) (*Source, source.Query) {
	t.Helper()
	o := Options{Tenant: "amaris", BaseURL: mustURL("https://ecd.example/fhir"), Transport: transport, Zone: mustZone()}
	for _, c := range change {
		c(&o)
	}
	s, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	typ, _ := s.typeOf(dossier.StreamReports, "DocumentReference")
	return s, source.Query{Type: typ, Client: "geheim-1"}
}

func TestTransientFailuresAreRetried(t *testing.T) {
	t.Parallel()
	ok := says(200, emptyBundle)
	for name, failure := range map[string]func(*http.Request) (*http.Response, error){
		"500":            says(500, "boem"),
		"502":            says(502, "<html>"),
		"503":            says(503, ""),
		"504":            says(504, ""),
		"408":            says(408, ""),
		"connection":     fails(io.ErrUnexpectedEOF),
		"cut off in the": says(200, `{"resourceType":"Bundle","entry":[{"resource":{"a":"`),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := &script{answers: []func(*http.Request) (*http.Response, error){failure, failure, failure, ok}}
				s, q := testSource(t, w)
				if _, err := s.Search(t.Context(), q); err != nil || w.count() != 4 {
					t.Fatalf("%d attempts: %v", w.count(), err)
				}
				if d := w.asked[3].Sub(w.asked[0]); d > 4*time.Second {
					t.Errorf("took %v", d)
				}
			})
		})
	}
}

func TestRetryEnds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := &script{answers: []func(*http.Request) (*http.Response, error){says(502, "boem")}}
		s, q := testSource(t, w)
		_, err := s.Search(t.Context(), q)
		if got, want := errorText(err), "search DocumentReference: the source answers with an error (HTTP 502)"; got != want || w.count() != 4 {
			t.Errorf("%d attempts: got %q, want %q", w.count(), got, want)
		}
	})
}

func TestPermanentFailuresAreNotRetried(t *testing.T) {
	t.Parallel()
	outcome := `{"resourceType":"OperationOutcome","issue":[{"code":"not-supported","diagnostics":"Patient geheim-1"}]}`
	for _, test := range []struct {
		name   string
		answer func(*http.Request) (*http.Response, error)
		kind   source.FailureKind
		text   string
	}{
		{"case 63 401", says(401, ""), source.Unauthorized, "the source refuses our credentials (HTTP 401)"},
		{"case 63 403", says(403, outcome), source.Unauthorized, "the source refuses our credentials (HTTP 403): not-supported"},
		{"404", says(404, outcome), source.Unsupported, "the source does not support it (HTTP 404): not-supported"},
		{"405", says(405, ""), source.Unsupported, "the source does not support it (HTTP 405)"},
		{"501", says(501, ""), source.Unsupported, "the source does not support it (HTTP 501)"},
		{"304", says(304, ""), source.Invalid, "the source's answer cannot be understood (HTTP 304)"},
		{"web page", says(200, "<html>geheim-1", "Content-Type", "text/html"), source.Invalid, "the source's answer cannot be understood (HTTP 200): " + string(errWebPage)},
		{"XML", says(200, "<Bundle/>", "Content-Type", "application/fhir+xml"), source.Invalid, "the source's answer cannot be understood (HTTP 200): " + string(errWebPage)},
		{"no JSON", says(200, "geheim-1", "Content-Type", "text/plain"), source.Invalid, "the source's answer cannot be understood (HTTP 200): the answer is not JSON"},
		{"an outcome for a bundle", says(200, outcome), source.Invalid, "the source's answer cannot be understood (HTTP 200): an OperationOutcome instead of a Bundle: not-supported"},
		{"another resource", says(200, `{"resourceType":"Patient","id":"geheim-1"}`), source.Invalid, "the source's answer cannot be understood (HTTP 200): not a Bundle"},
		{"unknown packing", says(200, "{}", "Content-Encoding", "br"), source.Invalid, "the source's answer cannot be understood (HTTP 200): the answer is packed in an unknown way"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := &script{answers: []func(*http.Request) (*http.Response, error){test.answer}}
				s, q := testSource(t, w)
				_, err := s.Search(t.Context(), q)
				if got := errorText(err); got != "search DocumentReference: "+test.text || w.count() != 1 || source.KindOf(err) != test.kind {
					t.Errorf("%d attempts: got %q, want %q", w.count(), got, test.text)
				}
				if strings.Contains(errorText(err), "geheim") {
					t.Error("personal data")
				}
			})
		})
	}
}

func TestPatienceIsObeyed(t *testing.T) { // case 64
	t.Parallel()
	began := time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC) // where synctest's clock begins
	for _, test := range []struct {
		name   string
		status int
		header []string
		wait   time.Duration // 0: the call fails at once
		after  time.Duration
	}{
		{"seconds", 429, []string{"Retry-After", "7"}, 7 * time.Second, 0},
		{"503 with seconds", 503, []string{"Retry-After", "7"}, 7 * time.Second, 0},
		{"a date", 429, []string{"Retry-After", began.Add(9 * time.Second).Format(http.TimeFormat)}, 9 * time.Second, 0},
		{"a date by the source's own clock", 429, []string{"Date", began.Add(time.Hour).Format(http.TimeFormat),
			"Retry-After", began.Add(time.Hour + 9*time.Second).Format(http.TimeFormat)}, 9 * time.Second, 0},
		{"a date in the past", 429, []string{"Retry-After", began.Add(-time.Hour).Format(http.TimeFormat)}, time.Second, 0},
		{"nothing said", 429, nil, 2 * time.Second, 0},
		{"RateLimit", 429, []string{"RateLimit", `"fhir";r=0;t=40, "day";r=900;t=80000`}, 40 * time.Second, 0},
		{"RateLimit with some left", 429, []string{"RateLimit", `"fhir";r=5;t=40`}, 2 * time.Second, 0},
		{"an epoch in milliseconds", 429, []string{"Retry-After", "946684812000"}, 12 * time.Second, 0},
		{"an epoch in milliseconds, years from now", 429, []string{"Retry-After", "1764000000000"}, time.Minute, 0},
		{"nonsense", 429, []string{"Retry-After", "straks"}, time.Minute, 0},
		{"absurd", 429, []string{"Retry-After", "99999999999999999999999"}, time.Minute, 0},
		{"not a number", 429, []string{"Retry-After", "NaN"}, time.Minute, 0},
		{"beyond our patience", 429, []string{"Retry-After", "3600"}, 0, time.Hour},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := &script{answers: []func(*http.Request) (*http.Response, error){says(test.status, "", test.header...), says(200, emptyBundle)}}
				s, q := testSource(t, w)
				_, err := s.Search(t.Context(), q)
				f, _ := errors.AsType[*source.Failure](err)
				switch {
				case test.wait == 0:
					if f == nil || f.Kind != source.Throttled || f.After != test.after || w.count() != 1 {
						t.Errorf("got %v", err)
					}
				case err != nil || w.count() != 2:
					t.Errorf("%d attempts: %v", w.count(), err)
				case w.asked[1].Sub(w.asked[0]) != test.wait:
					t.Errorf("waited %v, want %v", w.asked[1].Sub(w.asked[0]), test.wait)
				}
			})
		})
	}
}

func TestPatienceEnds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := &script{answers: []func(*http.Request) (*http.Response, error){says(429, "", "Retry-After", "25")}}
		s, q := testSource(t, w)
		_, err := s.Search(t.Context(), q)
		if got, want := errorText(err), "search DocumentReference: the source asks for patience (HTTP 429)"; got != want || w.count() != 3 {
			t.Errorf("%d attempts: got %q, want %q", w.count(), got, want)
		}
		// A caller with less time than the source asks for is told at once.
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		if _, err := s.Search(ctx, q); source.KindOf(err) != source.Throttled || w.count() != 3 {
			t.Errorf("%d attempts: %v", w.count(), err)
		}
	})
}

func TestPauseHoldsEverybody(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := &script{answers: []func(*http.Request) (*http.Response, error){says(429, "", "Retry-After", "20"), says(200, emptyBundle)}}
		s, q := testSource(t, w)
		var all sync.WaitGroup
		for i := range 4 {
			all.Go(func() {
				time.Sleep(time.Duration(i) * time.Second)
				if _, err := s.Search(t.Context(), q); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		if w.count() != 5 || w.asked[1].Sub(w.asked[0]) != 20*time.Second {
			t.Errorf("asked at %v", w.asked)
		}
	})
}

func TestBreaker(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var states []string
		w := &script{answers: []func(*http.Request) (*http.Response, error){says(500, "")}}
		s, q := testSource(t, w, func(o *Options) { o.OnBreaker = func(state string) { states = append(states, state) } })
		for range 2 {
			if _, err := s.Search(t.Context(), q); source.KindOf(err) != source.Unreachable {
				t.Fatal(err)
			}
		}
		_, err := s.Search(t.Context(), q) // its second attempt is the tenth failure
		f, _ := errors.AsType[*source.Failure](err)
		if f == nil || f.Kind != source.BreakerOpen || f.After <= 0 || f.After > 30*time.Second || w.count() != 10 {
			t.Fatalf("%d attempts: %v, after %v", w.count(), err, f.After)
		}
		if first := f.First(); first.Kind != source.Unreachable || first.Status != 500 {
			t.Errorf("the circuit was opened by %v", first)
		}
		if _, err := s.Search(t.Context(), q); source.KindOf(err) != source.BreakerOpen || w.count() != 10 {
			t.Fatalf("%d attempts: %v", w.count(), err)
		}
		w.answers = append(w.answers[:0], says(200, emptyBundle))
		time.Sleep(f.After + time.Second)
		if _, err := s.Search(t.Context(), q); err != nil {
			t.Fatal(err)
		}
		if got := strings.Join(states, " "); got != "open half-open closed" {
			t.Errorf("got %s", got)
		}
	})
}

func TestWhatIsNoFailureDoesNotOpenTheBreaker(t *testing.T) {
	t.Parallel()
	for name, answer := range map[string]func(*http.Request) (*http.Response, error){
		"404": says(404, ""), "410": says(410, ""), "401": says(401, ""), "403": says(403, ""), "400": says(400, ""),
		"429": says(429, "", "Retry-After", "1"), "503 with Retry-After": says(503, "", "Retry-After", "1"),
		"cancelled": fails(context.Canceled),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := &script{answers: []func(*http.Request) (*http.Response, error){answer}}
				s, _ := testSource(t, w, func(o *Options) { o.OnBreaker = func(state string) { t.Error(state) } })
				for range 12 {
					ctx, cancel := context.WithCancel(t.Context())
					if name == "cancelled" {
						w.answers[0] = func(*http.Request) (*http.Response, error) { cancel(); return nil, ctx.Err() }
					}
					if _, err := s.Read(ctx, dossier.StreamClients, dossier.Ref{Type: "Patient", ID: "1"}); err == nil {
						t.Error("no error")
					}
					cancel()
				}
				if w.count() < 12 {
					t.Errorf("%d attempts", w.count())
				}
			})
		})
	}
}

// One client for whom the source always fails must not stop the others.
func TestOneFailingClientDoesNotOpenTheBreaker(t *testing.T) { // case 65
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, q := testSource(t, roundTripper(func(req *http.Request) (*http.Response, error) {
			if strings.Contains(req.URL.RawQuery, "pech") {
				return respond(req, 500, ""), nil
			}
			return respond(req, 200, emptyBundle), nil
		}))
		for _, client := range []string{"a", "pech", "b", "pech", "pech", "c"} {
			q.Client = client
			_, err := s.Search(t.Context(), q)
			if got, want := source.KindOf(err) == source.Unreachable, client == "pech"; got != want {
				t.Errorf("%s: %v", client, err)
			}
		}
	})
}

func TestCancelledIsNoFailure(t *testing.T) {
	t.Parallel()
	why := errors.New("the run was stopped")
	synctest.Test(t, func(t *testing.T) {
		for name, answer := range map[string]func(*http.Request) (*http.Response, error){
			"in a request": func(req *http.Request) (*http.Response, error) {
				<-req.Context().Done()
				return nil, req.Context().Err()
			},
			"in a pause":     says(429, "", "Retry-After", "30"),
			"in the backoff": says(500, ""),
		} {
			w := &script{answers: []func(*http.Request) (*http.Response, error){answer}}
			s, q := testSource(t, w)
			ctx, cancel := context.WithCancelCause(t.Context())
			time.AfterFunc(10*time.Millisecond, func() { cancel(why) })
			_, err := s.Search(ctx, q)
			if !errors.Is(err, context.Canceled) || !errors.Is(err, why) || source.KindOf(err) != "" {
				t.Errorf("%s: got %v", name, err)
			}
		}
	})
}

func TestRequestsPerSecond(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := &script{answers: []func(*http.Request) (*http.Response, error){says(200, emptyBundle)}}
		s, q := testSource(t, w, func(o *Options) { o.RequestsPerSecond, o.Concurrency = 10, 2 })
		for range 52 {
			if _, err := s.Search(t.Context(), q); err != nil {
				t.Fatal(err)
			}
		}
		if d := w.asked[51].Sub(w.asked[0]); d < 4900*time.Millisecond || d > 5100*time.Millisecond {
			t.Errorf("took %v, want 5s", d)
		}
	})
}

func TestConcurrency(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var now, most atomic.Int64
		s, q := testSource(t, roundTripper(func(req *http.Request) (*http.Response, error) {
			most.Store(max(most.Load(), now.Add(1)))
			time.Sleep(time.Second)
			now.Add(-1)
			return respond(req, 200, emptyBundle), nil
		}), func(o *Options) { o.Concurrency = 3 })
		var all sync.WaitGroup
		for range 12 {
			all.Go(func() {
				if _, err := s.Search(t.Context(), q); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		if most.Load() != 3 {
			t.Errorf("%d at once, want 3", most.Load())
		}
	})
}

// drip is a body that gives so many bytes each time, until its request ends.
type drip struct {
	ctx   context.Context
	bytes int
	every time.Duration
}

func (d drip) Read(p []byte) (int, error) {
	select {
	case <-d.ctx.Done():
		return 0, d.ctx.Err()
	case <-time.After(d.every):
	}
	n := min(d.bytes, len(p))
	copy(p, strings.Repeat(" ", n))
	return n, nil
}

func (drip) Close() error { return nil }

func TestStalledAnswersEnd(t *testing.T) { // case 66
	t.Parallel()
	dripping := func(bytes int, every time.Duration) func(*http.Request) (*http.Response, error) {
		return func(req *http.Request) (*http.Response, error) {
			resp := respond(req, 200, "")
			resp.ContentLength, resp.Body = -1, drip{req.Context(), bytes, every}
			return resp, nil
		}
	}
	for _, test := range []struct {
		name   string
		answer func(*http.Request) (*http.Response, error)
		text   string
		each   time.Duration
	}{
		{"no answer", func(req *http.Request) (*http.Response, error) {
			<-req.Context().Done()
			return nil, req.Context().Err()
		},
			"timed out waiting for an answer", 30 * time.Second},
		{"slow drip", dripping(1, 50*time.Millisecond), "timed out: the answer came in too slowly", 10 * time.Second},
		{"endless", dripping(1<<10, 100*time.Millisecond), "timed out: the answer took too long", 60 * time.Second},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := &script{answers: []func(*http.Request) (*http.Response, error){test.answer}}
				s, q := testSource(t, w)
				_, err := s.Search(t.Context(), q)
				f, _ := errors.AsType[*source.Failure](err)
				if f == nil || f.Kind != source.Unreachable || f.Err.Error() != test.text || w.count() != 4 {
					t.Fatalf("%d attempts: %v", w.count(), err)
				}
				if d := w.asked[1].Sub(w.asked[0]); d < test.each || d > test.each+time.Second {
					t.Errorf("gave up after %v, want %v", d, test.each)
				}
			})
		})
	}
}

func TestObserve(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var got []string
		w := &script{answers: []func(*http.Request) (*http.Response, error){says(500, ""), says(429, ""), fails(io.EOF), says(200, emptyBundle)}}
		s, q := testSource(t, w, func(o *Options) {
			o.Observe = func(r Request) {
				got = append(got, r.Type+" "+r.Class)
				if r.Class == "2xx" && r.Bytes != int64(len(emptyBundle)) {
					t.Errorf("%d bytes", r.Bytes)
				}
			}
		})
		if _, err := s.Search(t.Context(), q); err != nil {
			t.Fatal(err)
		}
		if got, want := strings.Join(got, ", "), "DocumentReference 5xx, DocumentReference throttled, DocumentReference error, DocumentReference 2xx"; got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	})
}

func errorText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}
