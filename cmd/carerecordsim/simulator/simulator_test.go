package simulator

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"
)

var noon = time.Date(2025, 3, 3, 12, 0, 0, 0, time.UTC)

// stopped is a clock that does not move.
func stopped() time.Time { return noon }

// response is an answer, with the members of a Bundle that tests read.
type response struct {
	*http.Response
	Body   []byte
	Bundle struct {
		ResourceType, Type string
		Total              *int
		Link               []struct{ Relation, URL string }
		Entry              []struct {
			FullURL  string
			Resource map[string]any
			Search   struct{ Mode string }
			Request  struct{ Method, URL string }
			Response struct{ Status, ETag, LastModified string }
		}
		Issue []struct{ Severity, Code, Diagnostics string }
	}
}

func (r response) link(relation string) string {
	for _, l := range r.Bundle.Link {
		if l.Relation == relation {
			return l.URL
		}
	}
	return ""
}

func (r response) ids() []string {
	var ids []string
	for _, e := range r.Bundle.Entry {
		ids = append(ids, e.Resource["id"].(string))
	}
	return ids
}

// do sends a request without a network; a header is "Name: value".
func do(t *testing.T, s http.Handler, method, target, body string, headers ...string) response {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), method, target, strings.NewReader(body))
	r.Host = "ecd.test:8443"
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		r.Header.Set(name, value)
	}
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	got := response{Response: w.Result()}
	got.Body, _ = io.ReadAll(got.Response.Body)
	if strings.HasPrefix(got.Header.Get("Content-Type"), "application/fhir+json") &&
		got.Header.Get("Content-Encoding") == "" {
		if err := json.Unmarshal(got.Body, &got.Bundle); err != nil {
			t.Fatalf("%s %s: %v in %s", method, target, err, got.Body)
		}
	}
	return got
}

func get(t *testing.T, s http.Handler, target string, headers ...string) response {
	t.Helper()
	return do(t, s, http.MethodGet, target, "", headers...)
}

func wantStatus(t *testing.T, r response, status int) {
	t.Helper()
	if r.StatusCode != status {
		t.Fatalf("status = %d, want %d: %s", r.StatusCode, status, r.Body)
	}
	if status >= 400 && (r.Bundle.ResourceType != "OperationOutcome" || len(r.Bundle.Issue) != 1) {
		t.Fatalf("an error of %d came without an OperationOutcome: %s", status, r.Body)
	}
}

// fill writes n reports about client p, each at its own moment or all at the moment at.
func fill(t *testing.T, s *Server, n int, at time.Time) {
	t.Helper()
	for i := range n {
		raw := fmt.Appendf(nil,
			`{"resourceType":"Observation","id":"o%03d","status":"final","subject":{"reference":"Patient/p"}}`, i)
		var err error
		if at.IsZero() {
			_, err = s.Put(raw)
		} else {
			_, err = s.PutAt(at, raw)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// follow reads all pages from target on.
func follow(t *testing.T, s http.Handler, target string, between func()) (ids []string, pages int) {
	t.Helper()
	for target != "" {
		r := get(t, s, target)
		wantStatus(t, r, http.StatusOK)
		ids = append(ids, r.ids()...)
		pages++
		target = r.link("next")
		if target != "" {
			u, err := url.Parse(target)
			if err != nil || u.Host != "ecd.test:8443" {
				t.Fatalf("next = %q, want an absolute URL under the host the client used", target)
			}
		}
		between()
	}
	return ids, pages
}
