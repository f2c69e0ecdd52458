package simulator

import (
	"compress/gzip"
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestReadCarriesVersionAndTime(t *testing.T) {
	t.Parallel()
	s := New(Options{Clock: stopped})
	fill(t, s, 1, time.Time{})
	r := get(t, s, "/fhir/Observation/o000")
	wantStatus(t, r, http.StatusOK)
	for name, want := range map[string]string{
		"ETag": `W/"1"`, "Last-Modified": "Mon, 03 Mar 2025 12:00:00 GMT", "Date": "Mon, 03 Mar 2025 12:00:00 GMT",
		"Content-Type": "application/fhir+json; charset=utf-8",
	} {
		if got := r.Header.Get(name); got != want {
			t.Errorf("%s = %q, want %q", name, got, want)
		}
	}
}

func TestDeletedIs410AndUnknownIs404(t *testing.T) {
	t.Parallel()
	s := New(Options{})
	fill(t, s, 2, time.Time{})
	wantStatus(t, do(t, s, http.MethodDelete, "/fhir/Observation/o000", ""), http.StatusNoContent)
	wantStatus(t, do(t, s, http.MethodDelete, "/fhir/Observation/o000", ""), http.StatusNoContent)
	wantStatus(t, get(t, s, "/fhir/Observation/o000"), http.StatusGone)
	wantStatus(t, get(t, s, "/fhir/Observation/o999"), http.StatusNotFound)
	wantStatus(t, do(t, s, http.MethodDelete, "/fhir/Observation/o999", ""), http.StatusNotFound)
	if got := get(t, s, "/fhir/Observation").ids(); !slices.Equal(got, []string{"o001"}) {
		t.Errorf("search finds %v, want the one that is left", got)
	}
	back := do(t, s, http.MethodPut, "/fhir/Observation/o000", `{"resourceType":"Observation","id":"o000"}`)
	wantStatus(t, back, http.StatusCreated)
	if got := back.Header.Get("ETag"); got != `W/"3"` {
		t.Errorf("ETag after coming back = %s, want version 3", got)
	}
	wantStatus(t, get(t, s, "/fhir/Observation/o000/_history/1"), http.StatusOK)
	wantStatus(t, get(t, s, "/fhir/Observation/o000/_history/2"), http.StatusGone)
	wantStatus(t, get(t, s, "/fhir/Observation/o000/_history/9"), http.StatusNotFound)
}

func TestCreateGivesAnID(t *testing.T) {
	t.Parallel()
	s := New(Options{})
	r := do(t, s, http.MethodPost, "/fhir/Goal", `{"resourceType":"Goal","id":"mine","lifecycleStatus":"active"}`)
	wantStatus(t, r, http.StatusCreated)
	id := s.List("Goal")[0].ID
	if want := "http://ecd.test:8443/fhir/Goal/" + id + "/_history/1"; id == "mine" ||
		r.Header.Get("Location") != want {
		t.Errorf("Location = %q, want %q", r.Header.Get("Location"), want)
	}
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	s := New(Options{})
	fill(t, s, 1, time.Time{})
	for _, tt := range []struct {
		method, target, body, header string
		status                       int
	}{
		{"GET", "/", "", "", 404},
		{"GET", "/fhir", "", "", 404},
		{"GET", "/fhir/", "", "", 404},
		{"GET", "/fhir/Account", "", "", 404},
		{"GET", "/fhir/Observation/o999/_history", "", "", 404},
		{"GET", "/fhir/Observation/_history/1", "", "", 404},
		{"POST", "/fhir/Observation/o000/_history", "", "", 404},
		{"GET", "/fhir/Observation/_history?_since=gisteren", "", "", 400},
		{"GET", "/fhir/Observation/_history?_at=2025", "", "Prefer: handling=strict", 400},
		{"POST", "/fhir/metadata", "", "", 405},
		{"PATCH", "/fhir/Observation/o000", "{}", "", 405},
		{"PUT", "/fhir/Observation", "{}", "", 405},
		{"PUT", "/fhir/Observation/o000", `{"resourceType":"Goal","id":"o000"}`, "", 400},
		{"PUT", "/fhir/Observation/o000", `{"resourceType":"Observation","id":"other"}`, "", 400},
		{"PUT", "/fhir/Observation/o000", `{"resourceType":`, "", 400},
		{"PUT", "/fhir/Observation/a_b", `{"resourceType":"Observation","id":"a_b"}`, "", 400},
		{"POST", "/fhir/Observation", `[]`, "", 400},
		{"POST", "/fhir/Observation/_search", "status=final", "Content-Type: text/plain", 415},
		{"POST", "/fhir/Observation", `{"x":"` + strings.Repeat("a", maxBody) + `"}`, "", 413},
		{"GET", "/fhir/Observation/o000?_format=xml", "", "", 406},
		{"GET", "/fhir/Observation/o000", "", "Accept: application/fhir+xml", 406},
		{"GET", "/fhir/Observation?a=%zz", "", "", 400},
	} {
		wantStatus(t, do(t, s, tt.method, tt.target, tt.body, tt.header), tt.status)
	}
}

func TestTokenGuardsEverythingButMetadata(t *testing.T) {
	t.Parallel()
	s := New(Options{Token: "geheim"})
	fill(t, s, 1, time.Time{})
	for _, header := range []string{"", "Authorization: Bearer wrong", "Authorization: Basic geheim"} {
		r := get(t, s, "/fhir/Observation/o000", header)
		wantStatus(t, r, http.StatusUnauthorized)
		if r.Header.Get("WWW-Authenticate") != "Bearer" {
			t.Error("401 came without WWW-Authenticate")
		}
	}
	wantStatus(t, get(t, s, "/fhir/Observation/o000", "Authorization: bearer geheim"), http.StatusOK)
	wantStatus(t, get(t, s, "/fhir/metadata"), http.StatusOK)
}

func TestGzipOnlyIfAccepted(t *testing.T) {
	t.Parallel()
	s := New(Options{})
	fill(t, s, 40, time.Time{})
	plain := get(t, s, "/fhir/Observation")
	r := get(t, s, "/fhir/Observation", "Accept-Encoding: gzip")
	if plain.Header.Get("Content-Encoding") != "" || r.Header.Get("Content-Encoding") != "gzip" {
		t.Fatalf("encodings %q and %q", plain.Header.Get("Content-Encoding"), r.Header.Get("Content-Encoding"))
	}
	z, err := gzip.NewReader(strings.NewReader(string(r.Body)))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadAll(z); err != nil {
		t.Error(err)
	}
}

func TestLastUpdatedRisesUnlessEqualInstants(t *testing.T) {
	t.Parallel()
	for equal, want := range map[bool]time.Duration{true: 0, false: time.Millisecond} {
		s := New(Options{Clock: stopped, EqualInstants: equal})
		fill(t, s, 2, time.Time{})
		list := s.List("Observation")
		if got := list[1].LastUpdated.Sub(list[0].LastUpdated); got != want {
			t.Errorf("EqualInstants %v: %v between two writes, want %v", equal, got, want)
		}
	}
}

func TestUpdateKeepsDecimals(t *testing.T) {
	t.Parallel()
	s := New(Options{})
	if _, err := s.Put([]byte(`{"resourceType":"Observation","id":"a","valueQuantity":{"value":1.50}}`)); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Update("Observation", "a", func(r map[string]any) { r["status"] = "final" }); err != nil {
		t.Fatal(err)
	}
	if got := string(s.Resources()["Observation/a"]); !strings.Contains(got, `"value":1.50`) ||
		!strings.Contains(got, `"versionId":"2"`) {
		t.Errorf("after Update: %s", got)
	}
	if _, err := s.Update("Observation", "none", func(map[string]any) {}); err == nil {
		t.Error("Update of nothing succeeded")
	}
}

func TestMetadataNamesTheSearchParameters(t *testing.T) {
	t.Parallel()
	s := New(Options{})
	if _, err := s.Put([]byte(`{"resourceType":"Device","id":"d"}`)); err != nil {
		t.Fatal(err)
	}
	var statement struct {
		FHIRVersion string
		Rest        []struct {
			Resource []struct {
				Type        string
				SearchParam []struct{ Name, Type string }
			}
		}
	}
	if err := json.Unmarshal(get(t, s, "/fhir/metadata").Body, &statement); err != nil {
		t.Fatal(err)
	}
	if statement.FHIRVersion != "4.0.1" {
		t.Errorf("fhirVersion = %q", statement.FHIRVersion)
	}
	values := map[string]string{"date": "2025", "token": "a|b", "reference": "Patient/p"}
	types := []string{}
	for _, resource := range statement.Rest[0].Resource {
		types = append(types, resource.Type)
		for _, p := range resource.SearchParam {
			target := "/fhir/" + resource.Type + "?" + p.Name + "=" + values[p.Type]
			wantStatus(t, get(t, s, target, "Prefer: handling=strict"), http.StatusOK)
		}
	}
	if !slices.Contains(types, "Device") || !slices.Contains(types, "CarePlan") {
		t.Errorf("types = %v, want the listed ones and what was put", types)
	}
}

func TestLayersWrapTheHandlers(t *testing.T) {
	t.Parallel()
	var passed []string
	layer := func(name string) Layer {
		return func(next http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				passed = append(passed, name)
				next.ServeHTTP(w, r)
			})
		}
	}
	get(t, New(Options{Layers: []Layer{layer("outer"), layer("inner")}}), "/fhir/metadata")
	if !slices.Equal(passed, []string{"outer", "inner"}) {
		t.Errorf("passed %v", passed)
	}
}

func TestRunFinishesRequestsInFlight(t *testing.T) {
	t.Parallel()
	arrived := make(chan struct{})
	slow := func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			close(arrived)
			time.Sleep(100 * time.Millisecond) // real time: a real listener cannot be in a bubble
			next.ServeHTTP(w, r)
		})
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	ran, answered := make(chan error, 1), make(chan error, 1)
	go func() { ran <- New(Options{Layers: []Layer{slow}}).Run(ctx, ln) }()
	go func() {
		r, err := http.Get("http://" + ln.Addr().String() + "/fhir/metadata")
		if err == nil {
			err = r.Body.Close()
		}
		answered <- err
	}()
	<-arrived
	stop()
	if err := <-answered; err != nil {
		t.Errorf("request in flight: %v", err)
	}
	if err := <-ran; err != nil {
		t.Errorf("Run = %v, want nil", err)
	}
}
