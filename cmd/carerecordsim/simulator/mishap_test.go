package simulator

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestMishapNarrowsWhatIsSeen(t *testing.T) {
	t.Parallel()
	s := New(Options{})
	for _, r := range []string{
		`{"resourceType":"Patient","id":"a"}`, `{"resourceType":"Patient","id":"b"}`,
		`{"resourceType":"Observation","id":"1","status":"final","subject":{"reference":"Patient/a"},"valueString":"x","meta":{"tag":[{"code":"t"}]}}`,
		`{"resourceType":"Observation","id":"2","status":"final","subject":{"reference":"Patient/b"},"valueString":"y"}`,
	} {
		if _, err := s.Put([]byte(r)); err != nil {
			t.Fatal(err)
		}
	}
	get := func(path string) (int, string) {
		w := httptest.NewRecorder()
		s.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/fhir/"+path, nil))
		return w.Code, w.Body.String()
	}
	for text, want := range map[string]struct {
		observations, clients int // how many are found
		read                  int // the status of Observation/2
		value                 bool
	}{
		"empty":                            {0, 0, 404, false},
		"empty,refused":                    {0, 0, 403, false},
		"unseen=Observation":               {0, 2, 404, false},
		"client=a":                         {1, 1, 404, true},
		"tag=t":                            {1, 0, 404, true},
		"without=valueString":              {2, 2, 200, false},
		"without=meta.tag,without=subject": {2, 2, 200, true},
		"pages=1":                          {1, 1, 200, true},
		"client=a,without=valueString":     {1, 1, 404, false},
	} {
		m, err := ParseMishap(text)
		if err != nil {
			t.Fatal(err)
		}
		s.SetMishap(m)
		_, found := get("Observation?_count=1")
		total := strings.Count(found, `"fullUrl"`)
		if _, next := get("Observation?_count=100"); total == 1 {
			total = strings.Count(next, `"fullUrl"`)
			found = next
		}
		_, clients := get("Patient")
		status, _ := get("Observation/2")
		got := fmt.Sprint(total, strings.Count(clients, `"fullUrl"`), status, strings.Contains(found, "valueString"))
		if w := fmt.Sprint(want.observations, want.clients, want.read, want.value); got != w {
			t.Errorf("%s: got %s, want %s", text, got, w)
		}
	}
	m, _ := ParseMishap("forbidden=Observation")
	s.SetMishap(m)
	for _, path := range []string{"Observation", "Observation/2"} {
		if status, _ := get(path); status != http.StatusForbidden {
			t.Errorf("%s: %d, want 403", path, status)
		}
	}
	s.SetMishap(nil)
	if _, found := get("Observation"); strings.Count(found, `"fullUrl"`) != 2 || !strings.Contains(found, `"tag"`) {
		t.Errorf("after the mishap: %s", found)
	}
	for _, text := range []string{"", "emptyness", "client", "pages=x", "a=b"} {
		if _, err := ParseMishap(text); err == nil {
			t.Errorf("%q: accepted", text)
		}
	}
}
