package faults

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"maps"
	"net/http"
	"strconv"
	"time"
)

// Delay answers after d.
func Delay(d time.Duration) Fault {
	return Fault{name: fmt.Sprintf("delay %s", d), handler: func(next http.Handler, _ *occurrence) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if pause(r.Context(), d) {
				next.ServeHTTP(w, r)
			}
		})
	}}
}

// pause waits, and reports whether the client is still connected.
func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}

// SlowDrip sends the body in pieces of that size, each after a pause.
func SlowDrip(size int, every time.Duration) Fault {
	return Fault{name: fmt.Sprintf("slow-drip of %d bytes every %s", size, every),
		handler: func(next http.Handler, _ *occurrence) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				a := ask(next, r)
				maps.Copy(w.Header(), a.header)
				w.Header().Set("Content-Length", strconv.Itoa(len(a.body)))
				w.WriteHeader(a.status)
				for len(a.body) > 0 && pause(r.Context(), every) {
					n := min(max(size, 1), len(a.body))
					_, _ = w.Write(a.body[:n])
					_ = http.NewResponseController(w).Flush()
					a.body = a.body[n:]
				}
			})
		}}
}

// CutOff sends a part of the body, from 0 to 1, and closes the connection.
func CutOff(part float64) Fault {
	return Fault{name: fmt.Sprintf("cut-off at %g", part),
		handler: func(next http.Handler, _ *occurrence) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				a := ask(next, r)
				maps.Copy(w.Header(), a.header)
				w.Header().Set("Content-Length", strconv.Itoa(len(a.body)))
				w.WriteHeader(a.status)
				_, _ = w.Write(a.body[:int(float64(len(a.body))*part)])
				_ = http.NewResponseController(w).Flush()
				panic(http.ErrAbortHandler) // net/http closes the connection without a log line
			})
		}}
}

// Truncate sends a part of the body as if it were complete.
func Truncate(part float64) Fault {
	return alter(fmt.Sprintf("truncated at %g", part), func(a *answer, _ *occurrence) {
		a.body = a.body[:int(float64(len(a.body))*part)]
	})
}

// Close closes the connection without an answer.
func Close() Fault {
	return respond("close", func(http.ResponseWriter, *http.Request, *occurrence) {
		panic(http.ErrAbortHandler)
	})
}

const bombPart = 1 << 20

// GzipBomb answers with a Bundle that is small when compressed and has that size when unpacked.
func GzipBomb(size int64) Fault {
	var opening, part bytes.Buffer
	pack(&opening, []byte(`{"resourceType":"Bundle","type":"searchset","entry":[`))
	pack(&part, bytes.Repeat([]byte(" "), bombPart))
	return respond(fmt.Sprintf("gzip-bomb of %d bytes", size),
		func(w http.ResponseWriter, _ *http.Request, _ *occurrence) {
			w.Header().Set("Content-Type", fhirJSON)
			w.Header().Set("Content-Encoding", "gzip")
			_, err := w.Write(opening.Bytes())
			for sent := int64(0); sent < size && err == nil; sent += bombPart {
				_, err = w.Write(part.Bytes()) // gzip members in a row are one stream (RFC 1952, 2.2)
			}
		})
}

func pack(to *bytes.Buffer, content []byte) {
	z := gzip.NewWriter(to)
	_, _ = z.Write(content) // a bytes.Buffer never fails
	_ = z.Close()
}

// ClockSkew changes the Date header.
func ClockSkew(d time.Duration) Fault {
	return Fault{name: fmt.Sprintf("clock-skew %s", d), handler: func(next http.Handler, h *occurrence) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Date", h.o.Clock().Add(d).UTC().Format(http.TimeFormat))
			next.ServeHTTP(w, r)
		})
	}}
}

// Cached repeats the earlier answer for the same URL, for that long, even if the request forbids
// it.
func Cached(life time.Duration) Fault {
	return Fault{name: fmt.Sprintf("cached for %s", life), kept: &memory{answers: map[string]answer{}},
		handler: func(next http.Handler, h *occurrence) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				now, key := h.o.Clock(), r.Method+" "+r.URL.String()+" "+r.Header.Get("Accept")
				h.kept.mu.Lock()
				a, ok := h.kept.answers[key]
				h.kept.mu.Unlock()
				if !ok || now.Sub(a.at) >= life {
					a = ask(next, r)
					a.at = now
					h.kept.put(key, a, life)
				}
				a.send(w)
			})
		}}
}

// put stores an answer and removes expired ones.
func (k *memory) put(key string, a answer, life time.Duration) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for old, b := range k.answers {
		if a.at.Sub(b.at) >= life {
			delete(k.answers, old)
		}
	}
	k.answers[key] = a
}
