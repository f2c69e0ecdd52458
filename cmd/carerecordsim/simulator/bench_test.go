package simulator

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// BenchmarkPageOf500 reads pages of 500 reports of a usual size, among 100,000.
func BenchmarkPageOf500(b *testing.B) {
	s := New(Options{})
	text := strings.Repeat("Mevrouw heeft goed geslapen. ", 20)
	for i := range 100_000 {
		raw := fmt.Appendf(nil, `{"resourceType":"Observation","id":"o%d","status":"final",
			"code":{"coding":[{"system":"http://snomed.info/sct","code":"11591000146107"}]},
			"subject":{"reference":"Patient/p%d"},"valueString":%q}`, i, i%80, text)
		if _, err := s.PutAt(noon.Add(time.Duration(i)*time.Second), raw); err != nil {
			b.Fatal(err)
		}
	}
	i := 0
	for b.Loop() {
		from := noon.Add(time.Duration(i%90_000) * time.Second).Format(time.RFC3339)
		i += 7919
		target := "/fhir/Observation?code=http://snomed.info/sct|11591000146107&_sort=_lastUpdated&_count=500&_total=none&_lastUpdated=ge" + from
		w := httptest.NewRecorder()
		s.ServeHTTP(w, httptest.NewRequest(http.MethodGet, target, nil))
		if w.Code != http.StatusOK {
			b.Fatal(w.Body)
		}
		b.SetBytes(int64(w.Body.Len()))
	}
}
