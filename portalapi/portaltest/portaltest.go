// Package portaltest checks answers of an API against its contract. A handler wrapped by [Checked]
// fails the test if openapi.yaml does not allow its answer: an undeclared status, content type,
// parameter or property, or a missing header.
package portaltest

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
)

// Checked returns h, with every answer checked against the portal API's contract.
func Checked(t testing.TB, h http.Handler) http.Handler {
	t.Helper()
	c, err := Contract()
	if err != nil {
		t.Fatalf("portaltest: %v", err)
	}
	return CheckedBy(t, c, h)
}

// CheckedBy returns h, with every answer checked against the contract c.
func CheckedBy(t testing.TB, c *OpenAPI, h http.Handler) http.Handler {
	t.Helper()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		rec := httptest.NewRecorder()
		h.ServeHTTP(rec, r)
		body := rec.Body.Bytes()
		if rec.Header().Get("Content-Encoding") == "gzip" {
			body = decompress(t, body)
		}
		if err := c.Check(r, rec.Code, rec.Header(), body); err != nil {
			t.Errorf("%s %s answers %d against the contract: %v\n%.2000s", r.Method, r.URL, rec.Code, err, body)
		}
		for name, values := range rec.Header() {
			w.Header()[name] = values
		}
		w.WriteHeader(rec.Code)
		_, _ = w.Write(rec.Body.Bytes())
	})
}

// CheckExamples fails the test if an example in the contract does not conform to its own schema, or
// if there are fewer than atLeast examples.
func CheckExamples(t testing.TB, c *OpenAPI, atLeast int) {
	t.Helper()
	n := 0
	var walk func(p pointer, value any)
	walk = func(p pointer, value any) {
		m, ok := value.(map[string]any)
		if !ok {
			return
		}
		if example, ok := m["example"]; ok && m["schema"] != nil {
			n++
			text, err := json.Marshal(example)
			if err == nil {
				err = c.Validate(append(p[:len(p):len(p)], "schema"), text)
			}
			if err != nil {
				t.Errorf("the example at %s: %v", p, err)
			}
		}
		for name, inner := range m {
			walk(append(p[:len(p):len(p)], name), inner)
		}
	}
	walk(nil, c.document)
	if n < atLeast {
		t.Errorf("found %d examples", n)
	}
}

func decompress(t testing.TB, body []byte) []byte {
	t.Helper()
	if len(body) == 0 { // HEAD
		return nil
	}
	r, err := gzip.NewReader(bytes.NewReader(body))
	if err != nil {
		t.Errorf("portaltest: %v", err)
		return nil
	}
	text, err := io.ReadAll(r)
	if err != nil {
		t.Errorf("portaltest: %v", err)
	}
	return text
}
